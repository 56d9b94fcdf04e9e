//! Every command line of the README and of `examples/` runs, or says why it does not: in a comment before its block
//! (`<!-- not run: it needs a cluster -->`), or in a list here.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::account::cloud;
use crate::cloud::Cloud;
use crate::process::{Run, Running, SOON, listens_to_signals, until};
use crate::sandbox::{Sandbox, files_below};

/// The beginnings of command lines that do not run, and why.
const NOT_RUN: [(&str, &str); 8] = [
    (
        "cargo run --release --example demo",
        "tests/it/demo.rs runs it",
    ),
    ("cargo ", "it builds this program again"),
    ("ARCHIVER_CHAOS_SEEDS=500 cargo ", "it takes an hour"),
    (
        "source <(archiver completions zsh)",
        "tests/it/completions.rs runs it in zsh",
    ),
    (
        "archiver completions fish | source",
        "tests/it/completions.rs runs it in fish",
    ),
    (
        "archiver query --type power_off,shutdown --droplet web-01 --limit 3",
        "tests/it/demo.rs compares its answer",
    ),
    ("duckdb -c ", "tests/it/export.rs asks DuckDB, from Python"),
    ("export DIGITALOCEAN_TOKEN=", "the token is a placeholder"),
];

/// What a page says about a machine, and what it is in a sandbox.
const MOVED: [(&str, &str); 8] = [
    ("/backup/", "backup/"),
    ("/data/", "data/"),
    ("/srv/", "srv/"),
    ("https://hc-ping.com/…", "http://127.0.0.1:1/check"),
    ("--listen 127.0.0.1:9184", "--listen 127.0.0.1:0"),
    ("--listen 8080", "--listen 0"),
    ("archiver serve ", "archiver serve --color never "),
    ("~/.cargo/bin/archiver", "archiver"),
];

/// The start of a comment that says why a block does not run.
const MARK: &str = "<!-- not run: ";

/// A command line, and where it is.
struct Line {
    place: String,
    text: String,
}

/// The command lines of a page that are not marked.
fn lines_of(path: &Path) -> Vec<Line> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines: Vec<Line> = Vec::new();
    let (mut language, mut is_marked, mut is_open) = ("", false, false);
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", path.display(), number + 1);
        if let Some(fence) = line.strip_prefix("```") {
            let is_end = !language.is_empty();
            let of_commands = ["sh", "console", "crontab"].contains(&fence);
            assert!(
                is_end || of_commands || !is_marked,
                "{place}: nothing to run"
            );
            language = if is_end {
                ""
            } else if fence.is_empty() {
                "text"
            } else {
                fence
            };
            is_marked &= !is_end;
            continue;
        }
        if language.is_empty() {
            let reason = line.strip_prefix(MARK);
            assert!(
                reason.is_none_or(|reason| reason.len() > 20),
                "{place}: why?"
            );
            is_marked = reason.is_some();
            continue;
        }
        let command = match language {
            _ if is_marked => None,
            "sh" => Some(line),
            "console" => line.strip_prefix("$ "),
            "crontab" => command_of_cron(line, 5),
            _ => None,
        };
        match (command, lines.last_mut()) {
            (Some(more), Some(last)) if is_open => last.text.push_str(&format!("\n{more}")),
            (Some(text), _) => lines.push(Line {
                place,
                text: text.to_owned(),
            }),
            (None, _) => continue,
        }
        is_open = lines.last().is_some_and(|line| is_unfinished(&line.text));
    }
    lines
}

/// True for a command that goes on in the next line.
fn is_unfinished(text: &str) -> bool {
    let mut quotation = None;
    for character in text.chars() {
        match quotation {
            None if ['\'', '"', '#'].contains(&character) => quotation = Some(character),
            Some('#') if character == '\n' => quotation = None,
            Some(mark) if mark == character && mark != '#' => quotation = None,
            _ => {}
        }
    }
    quotation.is_some_and(|mark| mark != '#') || text.ends_with('\\') || text.ends_with("&&")
}

/// The command of a line of a crontab, which has this many fields before it.
fn command_of_cron(line: &str, fields: usize) -> Option<&str> {
    let is_schedule = line.starts_with(|first: char| first.is_ascii_digit() || first == '*');
    let mut rest = line;
    for _ in 0..fields {
        rest = rest.split_once(' ')?.1.trim_start();
    }
    is_schedule.then_some(rest)
}

/// Every command line, in the order of the pages.
fn every_line() -> Vec<Line> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut pages = files_below(&root.join("examples"));
    pages.retain(|path| path.extension().is_some_and(|it| it == "md"));
    pages.push(root.join("README.md"));
    pages.sort();
    let mut lines: Vec<Line> = pages.iter().flat_map(|page| lines_of(page)).collect();
    for (name, fields) in [("archiver.crontab", 5), ("archiver.cron.d", 6)] {
        let path = root.join("examples/cron").join(name);
        let text = fs::read_to_string(&path).unwrap();
        let commands = text
            .lines()
            .filter_map(|line| command_of_cron(line, fields));
        lines.extend(commands.map(|text| Line {
            place: path.display().to_string(),
            text: text.to_owned(),
        }));
    }
    lines
}

/// A machine with an archive, dumps and programs of other people, as the pages take for granted.
fn machine(cloud: &Cloud) -> Sandbox {
    let sandbox = Sandbox::new();
    let bin = sandbox.folder().join("bin");
    let binary = Path::new(env!("CARGO_BIN_EXE_archiver")).parent().unwrap();
    let path = format!(
        "{}:{}:/usr/local/bin:/usr/bin:/bin",
        bin.display(),
        binary.display()
    );
    let sandbox = sandbox
        .with("PATH", path)
        .with("ARCHIVER_DB", "")
        .with("DIGITALOCEAN_API_URL", cloud.url())
        .with("DIGITALOCEAN_TOKEN", cloud.token());
    sandbox.run(&["sync"]).exits(0);
    let folder = sandbox.folder().to_owned();
    for name in ["bin", "backup", "data", "srv", "old"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    sandbox.run(&["backup", "old/archive.db"]).exits(0);
    sandbox.run(&["backup", "srv/archive.db"]).exits(0);
    let dump = sandbox.query(&["-o", "json", "-n", "5"]).exits(0).stdout;
    for name in ["dump.json", "actions-2019.json.gz"] {
        fs::write(folder.join(name), &dump).unwrap();
    }
    let doctl = bin.join("doctl");
    fs::write(&doctl, "#!/bin/sh\ncat dump.json\n").unwrap();
    fs::set_permissions(&doctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let archive = folder.join("home/.local/share/archiver/archive.db");
    std::os::unix::fs::symlink(&archive, folder.join("archive.db")).unwrap();
    // What the examples name.
    Connection::open(archive)
        .unwrap()
        .execute_batch(
            "INSERT INTO droplets (id, name, first_seen_at, gone_at) VALUES (3164444, 'old', '2020-01-01T00:00:00Z', '2020-01-02T00:00:00Z');
             INSERT INTO droplet_tags (droplet_id, tag, first_seen_at) VALUES (3164444, 'production', '2020-01-01T00:00:00Z'), (3164444, 'prod', '2020-01-01T00:00:00Z');
             INSERT INTO actions (id, status, type, started_at, first_seen_run) VALUES
                (2598691052, 'completed', 'power_off', '2026-10-29T19:07:51Z', 1);",
        )
        .unwrap();
    sandbox
}

/// The same with two accounts.
fn machine_of_accounts(cloud: &Cloud) -> Sandbox {
    let text = "[accounts.private]\ntoken_file = 'a'\n[accounts.company]\ntoken_file = 'b'\n[schedule]\ncron = '@yearly'\n";
    let binary = Path::new(env!("CARGO_BIN_EXE_archiver")).parent().unwrap();
    let sandbox = Sandbox::new()
        .with("PATH", format!("{}:/usr/bin:/bin", binary.display()))
        .with("ARCHIVER_DB", "")
        .with("DIGITALOCEAN_API_URL", cloud.url())
        .configured(text);
    for name in ["a", "b"] {
        let path = sandbox.config_file().with_file_name(name);
        fs::write(&path, cloud.token()).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    sandbox
}

/// Runs a command line. One that goes on until it is stopped is stopped as soon as it can be.
fn run(sandbox: &Sandbox, text: &str) -> Run {
    let is_endless = ["archiver daemon", "archiver serve"]
        .iter()
        .any(|start| text.starts_with(start));
    let script = if is_endless {
        format!("exec {text}")
    } else {
        format!("alert() {{ :; }}; set -o pipefail; {text}")
    };
    let running = Running::start(sandbox.command_of("bash", &["-c", &script]));
    if !is_endless {
        return running.end();
    }
    until("it can be stopped", || listens_to_signals(running.id()));
    running.signal("TERM");
    running.end_within(SOON)
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn every_command_line_of_the_pages_runs_or_says_why_it_does_not() {
    let cloud = cloud(20, 2_000);
    let (machine, of_accounts) = (machine(&cloud), machine_of_accounts(&cloud));
    let has_sqlite3 = Path::new("/usr/bin/sqlite3").exists();
    let mut unused: Vec<&str> = NOT_RUN.map(|(start, _)| start).to_vec();
    let (mut ran, mut problems) = (0, Vec::new());
    for Line { place, text } in every_line() {
        if text.trim().is_empty() || text.starts_with('#') {
            continue;
        }
        if let Some((start, _)) = NOT_RUN.iter().find(|(start, _)| text.starts_with(start)) {
            unused.retain(|other| other != start);
            continue;
        }
        if text.contains("sqlite3 ") && !has_sqlite3 {
            eprintln!("skipped: there is no sqlite3 for {place}");
            continue;
        }
        let moved = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
        let text = MOVED.iter().fold(text.clone(), moved);
        let sandbox = if text.contains("account") {
            &of_accounts
        } else {
            &machine
        };
        let done = run(sandbox, &text);
        let status = done.status.code();
        let is_good = status == Some(0)
            || text.contains("--exit-code") && [Some(3), Some(10)].contains(&status);
        if !is_good {
            problems.push(format!("{place}\n{text}\n{done}"));
        }
        ran += 1;
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    assert_eq!(unused, [""; 0], "these are nowhere");
    assert!(ran > 45, "only {ran} lines");
}
