//! Texts of other users on a terminal: the output has nothing that a terminal would act on.

use std::process::{Command, Stdio};

use rusqlite::Connection;

use crate::account::cloud;
use crate::process::{Run, Running};
use crate::sandbox::Sandbox;

/// Sets the window title, clears the window, reverses text direction, hides characters.
const HOSTILE: &str = "\u{1b}]0;x\u{7}\u{1b}[2J\u{9b}31m\u{9d}0;y\u{9c}\u{8}\u{7f}\u{202e}abc\u{2066}\u{200b}\u{feff}";

/// The archive of an account in which every text is hostile.
fn hostile() -> Sandbox {
    let cloud = cloud(2, 40);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let archive = Connection::open(sandbox.db()).unwrap();
    for sql in [
        "UPDATE actions SET type = type || ?1, extra = json_object('note', ?1)",
        "UPDATE droplets SET name = name || ?1",
        "UPDATE regions SET name = ?1",
        "UPDATE sync_runs SET message = ?1, outcome = 'partial'",
        "UPDATE account SET uuid = ?1",
    ] {
        archive.execute(sql, [HOSTILE]).unwrap();
    }
    drop(archive);
    let sandbox = sandbox.configured("");
    let report = format!(
        "-- title: Mine {HOSTILE}\n-- summary: {HOSTILE}\n-- estimate: {HOSTILE}\n\
         -- parameter t (text) = {HOSTILE}: x {HOSTILE}\nSELECT :t AS t, '{HOSTILE}' AS x\n"
    );
    let path = sandbox.config_file().with_file_name("mine.sql");
    std::fs::write(path, report).unwrap();
    sandbox
}

/// Runs the program on a terminal, with `script(1)`.
pub(crate) fn on_a_terminal(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    Running::start(command_on_a_terminal(sandbox, arguments)).end()
}

pub(crate) fn command_on_a_terminal(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let quoted = |argument: &&str| format!("'{argument}'");
    let arguments: Vec<_> = arguments.iter().map(quoted).collect();
    let command = format!(
        "'{}' --color never {}",
        env!("CARGO_BIN_EXE_archiver"),
        arguments.join(" ")
    );
    sandbox.command_of("script", &["-qec", &command, "/dev/null"])
}

/// False where a test on a terminal is skipped: there is no `script` of util-linux, which makes one.
pub(crate) fn has_script(sandbox: &Sandbox) -> bool {
    let mut command = sandbox.command_of("script", &["-qec", "true", "/dev/null"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let ended = command.status();
    ended.is_ok_and(|status| status.success())
}

fn acts_on_a_terminal(character: char) -> bool {
    let is_layout = matches!(character, '\n' | '\r' | '\t');
    character.is_control() && !is_layout || HOSTILE.contains(character) && !character.is_ascii()
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[test]
fn no_answer_hands_a_terminal_anything_to_act_on() {
    let sandbox = hostile();
    if !has_script(&sandbox) {
        eprintln!("skipped: there is no `script` of util-linux, which makes a terminal");
        return;
    }
    let id = sandbox.archive().number("SELECT min(id) FROM actions");
    let id = id.to_string();
    let rows = ["table", "csv", "tsv", "json", "jsonl", "markdown"];
    let rows = rows.iter().flat_map(|format| {
        [
            vec!["query", "-o", format],
            vec!["last", "-o", format],
            vec!["stats", "-o", format],
            vec!["droplets", "-o", format],
            vec![
                "sql",
                "SELECT *, type AS \"a\u{1b}b\" FROM actions",
                "-o",
                format,
            ],
            vec!["sql", "SELECT * FROM regions", "-o", format],
        ]
    });
    let others = [
        vec!["show", id.as_str()],
        vec!["show", id.as_str(), "-o", "json"],
        vec!["status"],
        vec!["status", "-o", "json"],
        vec!["verify"],
        vec!["report"],
        vec!["report", "--help"],
        vec!["report", "mine"],
        vec!["report", "mine", "--help"],
        vec!["report", "mine", "--show-sql"],
    ];
    for arguments in rows.chain(others) {
        let shown = on_a_terminal(&sandbox, &arguments).exits(0).stdout;
        let found = shown.chars().find(|it| acts_on_a_terminal(*it));
        assert_eq!(found, None, "{arguments:?}: {shown:?}");
        assert!(!shown.is_empty(), "{arguments:?}");
    }
    let exact = sandbox.run(&["query", "-o", "csv"]).exits(0).stdout;
    assert!(
        exact.contains("\u{1b}]0;x\u{7}"),
        "a file is given what is there"
    );
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[test]
fn a_table_says_when_the_archive_is_old() {
    let cloud = cloud(2, 40);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    if !has_script(&sandbox) {
        eprintln!("skipped: there is no `script` of util-linux, which makes a terminal");
        return;
    }
    let age = |hours: u32| {
        let archive = Connection::open(sandbox.db()).unwrap();
        let sql = "UPDATE sync_runs SET started_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', ?1)";
        archive.execute(sql, [format!("-{hours} hours")]).unwrap();
    };
    let said = "note: the last complete sync began 2 days ago";
    age(23);
    on_a_terminal(&sandbox, &["query"])
        .exits(0)
        .never_says("last complete sync");
    age(50);
    for question in [
        &["query"][..],
        &["last"],
        &["stats"],
        &["report", "busiest"],
        &["sql", "SELECT 1"],
    ] {
        let shown = on_a_terminal(&sandbox, question).exits(0).stdout;
        assert!(shown.contains(said), "{question:?}: {shown}");
        let quiet = [question, &["-q"]].concat();
        on_a_terminal(&sandbox, &quiet).exits(0).never_says(said);
        let csv = [question, &["-o", "csv"]].concat();
        on_a_terminal(&sandbox, &csv).exits(0).never_says(said);
        sandbox.run(question).exits(0).never_says(said);
    }
}
