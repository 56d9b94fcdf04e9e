//! `archiver man`: a manual page for each command, with what its help says.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::sandbox::{Sandbox, files_below};

/// The names of the pages, and their texts.
fn pages(sandbox: &Sandbox) -> BTreeMap<String, String> {
    sandbox.run(&["man", "pages/man1"]).exits(0).silently();
    let files = files_below(&sandbox.folder().join("pages/man1")).into_iter();
    let page = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        (name.to_owned(), std::fs::read_to_string(&path).unwrap())
    };
    files.map(page).collect()
}

/// The commands in the help of a command.
pub(crate) fn commands(sandbox: &Sandbox, path: &[&str]) -> Vec<String> {
    let help = sandbox.run(&[path, &["--help"]].concat()).exits(0).stdout;
    let is_heading = |line: &str| {
        [
            "Archive:",
            "Ask:",
            "Maintain:",
            "Set up:",
            "Commands:",
            "Reports:",
        ]
        .contains(&line)
    };
    let mut is_below = false;
    let mut found = Vec::new();
    for line in help.lines() {
        is_below = is_heading(line) || is_below && line.starts_with(' ');
        let name = line
            .strip_prefix("  ")
            .filter(|name| is_below && !name.starts_with(' '));
        found.extend(
            name.and_then(|name| name.split(' ').next())
                .map(str::to_owned),
        );
    }
    found.retain(|name| name != "help");
    found
}

#[test]
fn every_command_has_a_page_with_the_same_sections() {
    let sandbox = Sandbox::new();
    let pages = pages(&sandbox);
    let mut expected = vec!["archiver.1".to_owned()];
    for command in commands(&sandbox, &[]) {
        expected.push(format!("archiver-{command}.1"));
        if ["report", "auth", "config"].contains(&command.as_str()) {
            let below = commands(&sandbox, &[&command]);
            expected.extend(
                below
                    .iter()
                    .map(|name| format!("archiver-{command}-{name}.1")),
            );
        }
    }
    expected.sort();
    assert!(expected.len() > 30, "{expected:?}");
    assert_eq!(pages.keys().cloned().collect::<Vec<_>>(), expected);
    for (name, text) in &pages {
        let mut sections = vec![
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "\"EXIT STATUS\"",
            "FILES",
            "ENVIRONMENT",
        ];
        // The page of all reports has the examples.
        if !name.starts_with("archiver-report-") {
            sections.push("EXAMPLES");
        }
        for section in sections {
            let heading = format!("\n.SH {section}\n");
            assert_eq!(
                text.matches(&heading).count(),
                1,
                "{name}: {section}\n{text}"
            );
        }
    }
}

#[test]
fn a_page_says_what_the_help_says_and_is_the_same_each_time() {
    let sandbox = Sandbox::new().with("COLUMNS", "100");
    let pages = pages(&sandbox);
    let query = &pages["archiver-query.1"];
    for said in [
        r"\fB\-\-max\-duration\fR \fI<DURATION>\fR",
        "Took at most this long",
        "archiver query \\-\\-type reboot",
        "switched it on, off, or both",
        "\\fBARCHIVER_DB\\fR",
        "another sync is running",
    ] {
        assert!(query.contains(said), "{said}\n{query}");
    }
    assert!(!query.contains("doctl\\-context"), "{query}");
    assert!(pages["archiver.1"].contains("doctl\\-context"));
    let slow = &pages["archiver-report-slow.1"];
    assert!(slow.contains("factor"));
    let see =
        ".SH \"SEE ALSO\"\n\\fBarchiver\\-report\\fR(1),\n\\fBarchiver\\fR(1), which has the flags";
    assert!(slow.contains(see), "{slow}");
    let other = Sandbox::new()
        .with("COLUMNS", "40")
        .with("HOME", "/nowhere");
    assert_eq!(self::pages(&other), pages);
}

#[test]
fn a_table_fits_on_a_page_of_80_columns() {
    let pages = pages(&Sandbox::new());
    let mut tables = 0;
    for (name, page) in &pages {
        let (page, _) = page.split_once(".SH EXAMPLES").unwrap_or((page, ""));
        for table in page.split("\n.nf\n").skip(1) {
            let (table, _) = table.split_once("\n.fi\n").unwrap();
            tables += 1;
            for line in table.lines() {
                let line = line.replace("\\-", "-").replace("\\&", "");
                assert!(line.len() <= 69, "{name}: {line}");
            }
        }
    }
    assert!(tables > 3, "{tables}");
}

#[test]
fn a_folder_in_the_home_is_found_where_no_shell_expands_its_name() {
    let sandbox = Sandbox::new();
    sandbox.run(&["man", "~/pages"]).exits(0).silently();
    assert!(sandbox.folder().join("home/pages/archiver.1").exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.folder().join("file"), "").unwrap();
    let run = sandbox.run(&["man", "file"]).exits(1);
    run.says("cannot write file: ");
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn the_pages_are_valid() {
    if !Path::new("/usr/bin/mandoc").exists() {
        eprintln!("skipped: there is no mandoc");
        return;
    }
    let sandbox = Sandbox::new();
    pages(&sandbox);
    let files = files_below(&sandbox.folder().join("pages/man1"));
    let linted = Command::new("mandoc")
        .args(["-T", "lint", "-W", "warning"])
        .args(files)
        .output();
    let problems = String::from_utf8(linted.unwrap().stdout).unwrap();
    let problems: Vec<_> = problems
        .lines()
        .filter(|line| !line.contains("missing date"))
        .collect();
    assert_eq!(problems, [""; 0]);
}

/// The names in upper case that the sources ask an environment for.
fn variables() -> Vec<String> {
    let sources = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let mut found = Vec::new();
    for path in sources {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for asked in ["text(", "path(", "text_or_refused(", "xdg_home(", "secret("] {
            for rest in code.split(&format!(".{asked}\"")).skip(1) {
                found.push(rest.split('"').next().unwrap().to_owned());
            }
        }
    }
    found.retain(|name| name.chars().all(|it| it.is_ascii_uppercase() || it == '_'));
    found
}

#[test]
fn every_variable_that_is_read_is_on_the_pages() {
    let page = &pages(&Sandbox::new())["archiver.1"];
    let (_, list) = page.split_once(".SH ENVIRONMENT").unwrap();
    let variables = variables();
    assert!(
        variables.contains(&"ARCHIVER_DB".to_owned()),
        "{variables:?}"
    );
    for name in variables {
        assert!(list.contains(&name), "{name}");
    }
}
