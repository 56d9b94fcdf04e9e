//! Answers on a real terminal: no table is wider than it, long answers go through a pager, and the progress bar goes.

use rusqlite::Connection;
use unicode_width::UnicodeWidthStr;

use crate::account::{cloud, settled_cloud};
use crate::asked::{hold_after, until_held};
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Run, Running, until};
use crate::sandbox::Sandbox;
use crate::terminal::{command_on_a_terminal, has_script, on_a_terminal};

const REPORTS: [&str; 14] = [
    "backup-gaps",
    "busiest",
    "downtime",
    "failures",
    "lifetimes",
    "no-end",
    "power-state",
    "reboot-loops",
    "slow",
    "stale-backups",
    "stuck",
    "unprotected-changes",
    "downtime --since 2000",
    "reboot-loops --since 2000 --within 20d",
];

const OTHERS: [&str; 20] = [
    "query",
    "query --reverse --limit 700",
    "last",
    "last @backup --existing",
    "stats --by droplet",
    "stats --by week,type",
    "stats --durations --by type,region,status",
    "stats --by day",
    "stats --by day,type,region",
    "stats --compare --since 2020 --by type",
    "droplets",
    "droplets --gone --sort actions",
    "show 200000 --sizes",
    "verify",
    "query --type reboot --until 1999",
    "query -v --limit 2 --droplet *-01",
    "timeline 100000",
    "status",
    "report",
    "sql \"SELECT id, type, status, started_at, completed_at, resource_id FROM actions\"",
];

/// A sandbox whose terminal has this size.
fn sized(sandbox: Sandbox, columns: usize, lines: usize) -> Sandbox {
    let sandbox = sandbox.with("COLUMNS", columns.to_string());
    sandbox
        .with("LINES", lines.to_string())
        .with("TERM", "xterm")
}

fn words(line: &str) -> Vec<&str> {
    match line.split_once('"') {
        Some((before, quoted)) => {
            let before = before.split_whitespace();
            before.chain([quoted.trim_end_matches('"')]).collect()
        }
        None => line.split_whitespace().collect(),
    }
}

fn synced(cloud: &Cloud) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sync(cloud, &["--all"]).exits(0);
    sandbox
}

#[test]
fn no_answer_is_wider_than_the_terminal() {
    let cloud = cloud(12, 3_000);
    let sandbox = synced(&cloud);
    let archive = Connection::open(sandbox.db()).unwrap();
    let least = |table: &str| {
        let sql = format!("SELECT min(id) FROM {table}");
        let id = archive.query_row(&sql, [], |row| row.get::<_, i64>(0));
        id.unwrap().to_string()
    };
    let (droplet, action) = (least("droplets"), least("actions"));
    archive
        .execute_batch("UPDATE droplets SET name = name || '.a-long-name.of-a-droplet.example.com'")
        .unwrap();
    drop(archive);
    if !has_script(&sandbox) {
        return;
    }
    for columns in [40, 60, 80, 120, 200] {
        let copy = Sandbox::new().with("ARCHIVER_DB", sandbox.db().to_string_lossy());
        let terminal = sized(copy, columns, 100_000);
        let reports = REPORTS.map(|report| format!("report {report}"));
        for line in reports.iter().map(String::as_str).chain(OTHERS) {
            let line = line.replace("100000", &droplet).replace("200000", &action);
            let shown = on_a_terminal(&terminal, &words(&line));
            let shown = shown.exits(0).stdout;
            assert!(!shown.is_empty(), "{line}");
            // A word stays whole, such as the path of the archive or the name of a droplet.
            let lines = shown.lines().filter(|it| !it.contains("archive.db"));
            let lines = lines.filter(|it| it.trim().contains(' '));
            for each in lines {
                let each = each.trim_end_matches('\r');
                assert!(
                    each.width() <= columns,
                    "{line} in {columns}: {each}\n{shown}"
                );
            }
        }
    }
}

#[test]
fn a_note_names_the_hidden_columns_and_columns_that_were_asked_for_stay() {
    let sandbox = synced(&settled_cloud(3, 200));
    if !has_script(&sandbox) {
        return;
    }
    let sandbox = sized(sandbox, 60, 100_000);
    let shown = on_a_terminal(&sandbox, &["query"]).exits(0).stdout;
    assert!(shown.contains("note: hidden: id"), "{shown}");
    assert!(shown.contains("; use --columns or -o csv"), "{shown}");
    assert!(!shown.contains("REGION"), "{shown}");
    let chosen = [
        "query",
        "--columns",
        "id,started,type,status,resource,region,completed",
    ];
    let shown = on_a_terminal(&sandbox, &chosen).exits(0).stdout;
    assert!(
        shown.contains("REGION") && !shown.contains("hidden"),
        "{shown}"
    );
    let csv = on_a_terminal(&sandbox, &["query", "-o", "csv"]).exits(0);
    assert!(
        csv.stdout
            .contains("region_slug,droplet_name,duration_seconds"),
        "{csv}"
    );
}

/// A sandbox with 700 actions, a terminal of 20 lines, and this pager.
fn paged(pager: &str) -> Option<Sandbox> {
    let sandbox = synced(&settled_cloud(3, 700));
    let sandbox = sized(sandbox, 80, 20).with("ARCHIVER_PAGER", pager);
    has_script(&sandbox).then_some(sandbox)
}

fn read(sandbox: &Sandbox, arguments: &[&str]) -> (Run, Option<String>) {
    let run = on_a_terminal(sandbox, arguments).exits(0);
    let text = std::fs::read_to_string(sandbox.folder().join("paged"));
    let _ = std::fs::remove_file(sandbox.folder().join("paged"));
    (run, text.ok())
}

#[test]
fn an_answer_that_is_longer_than_the_screen_goes_through_the_pager() {
    let Some(sandbox) = paged("cat > paged") else {
        return;
    };
    let (run, text) = read(&sandbox, &["query"]);
    let text = text.expect("a pager was started");
    assert_eq!(text.lines().count(), 701, "{run}");
    assert!(!run.stdout.contains("completed"), "{run}");
    for long in [
        &["schema"][..],
        &["report", "downtime", "--show-sql"],
        &["status", "-o", "json"],
    ] {
        assert!(read(&sandbox, long).1.is_some(), "{long:?}");
    }
    for arguments in [
        &["query", "--limit", "18"][..],
        &["query", "--no-pager"],
        &["--no-pager", "schema"],
    ] {
        let (run, text) = read(&sandbox, arguments);
        assert_eq!(text, None, "{arguments:?}");
        assert!(!run.stdout.is_empty(), "{arguments:?}");
    }
    let piped = sandbox.run(&["query"]).exits(0);
    assert_eq!(piped.stdout.lines().count(), 701);
}

#[test]
fn an_empty_pager_and_cat_are_none_and_one_that_is_missing_hides_nothing() {
    for pager in ["", "cat", "no-such-pager-exists"] {
        let Some(sandbox) = paged(pager) else {
            return;
        };
        let shown = on_a_terminal(&sandbox, &["query"]).exits(0).stdout;
        assert!(shown.lines().count() >= 701, "{pager}: {shown}");
    }
}

#[test]
fn a_pager_that_is_left_early_is_no_error() {
    let Some(sandbox) = paged("head -n 2") else {
        return;
    };
    let run = on_a_terminal(&sandbox, &["query"]).exits(0);
    assert!(
        run.stdout.contains("STARTED") && !run.stdout.contains("error"),
        "{run}"
    );
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
    on_a_terminal(&sandbox, &["sql", sql]).exits(0);
    on_a_terminal(&sandbox, &["query", "--exit-code"]).exits(10);
}

#[test]
fn the_archive_is_free_while_the_pager_waits() {
    let waiting = "touch waiting; while [ ! -e go ]; do sleep 0.01; done; cat > paged";
    let Some(sandbox) = paged(waiting) else {
        return;
    };
    let running = Running::start(command_on_a_terminal(&sandbox, &["query"]));
    until("the pager waits", || {
        sandbox.folder().join("waiting").exists()
    });
    let archive = Connection::open(sandbox.db()).unwrap();
    until("the archive is free", || {
        archive.execute_batch("BEGIN EXCLUSIVE; ROLLBACK").is_ok()
    });
    std::fs::write(sandbox.folder().join("go"), "").unwrap();
    running.end().exits(0);
    let text = std::fs::read_to_string(sandbox.folder().join("paged")).unwrap();
    assert_eq!(text.lines().count(), 701);
}

/// The process below `parent` whose program is the binary.
fn binary_below(parent: u32) -> Option<String> {
    let children =
        std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.split_whitespace().find_map(|child| {
        let program = std::fs::read_link(format!("/proc/{child}/exe")).ok()?;
        if program.as_os_str() == env!("CARGO_BIN_EXE_archiver") {
            return Some(child.to_owned());
        }
        binary_below(child.parse().ok()?)
    })
}

fn sync_on_a_terminal(sandbox: &Sandbox, cloud: &Cloud) -> Running {
    sync_with(sandbox, cloud, "--all")
}

fn sync_with(sandbox: &Sandbox, cloud: &Cloud, flag: &str) -> Running {
    let mut command = command_on_a_terminal(sandbox, &["sync", flag]);
    command.env("DIGITALOCEAN_API_URL", cloud.url());
    command.env("DIGITALOCEAN_TOKEN", cloud.token());
    Running::start(command)
}

#[test]
fn ctrl_c_is_acknowledged_at_once_and_leaves_no_bar() {
    let cloud = settled_cloud(5, 3_000);
    let sandbox = sized(Sandbox::new(), 80, 24);
    if !has_script(&sandbox) {
        return;
    }
    hold_after(&cloud, 4);
    let sync = sync_on_a_terminal(&sandbox, &cloud);
    until_held(&cloud, 4);
    until("the bar shows pages", || {
        sync.heard().contains("of 3,000 actions")
    });
    let id = binary_below(sync.id()).expect("the sync runs below script");
    let sent = std::process::Command::new("kill")
        .args(["-s", "INT", &id])
        .status();
    assert!(sent.unwrap().success());
    until("it says that it stops", || {
        sync.heard().contains("stopping: ")
    });
    cloud.release();
    let run = sync.end().exits(3);
    let (_, end) = run.stdout.rsplit_once("stopping: ").unwrap();
    let (bar, messages) = end.split_once("interrupted: ").expect("it sums up");
    assert!(bar.ends_with("\u{1b}[2K"), "the bar stays: {run}");
    assert!(!messages.contains("of 3,000 actions"), "{run}");
}

#[test]
fn a_forecast_stands_alone_on_its_line() {
    let cloud = settled_cloud(2, 300);
    let sandbox = sized(Sandbox::new(), 60, 24);
    if !has_script(&sandbox) {
        return;
    }
    let run = sync_with(&sandbox, &cloud, "--dry-run").end().exits(0);
    let (before, after) = run.stdout.rsplit_once("300 actions").unwrap();
    let is_alone = before.is_empty() || before.ends_with("\u{1b}[2K");
    assert!(is_alone && !after.contains("\u{1b}[2K"), "{run}");
    assert!(after.contains("less\r\n  than a minute"), "{run}");
}

#[test]
fn the_bar_says_that_it_connects_and_tries_again() {
    let cloud = settled_cloud(2, 300);
    let sandbox = sized(Sandbox::new(), 120, 24);
    if !has_script(&sandbox) {
        return;
    }
    cloud.break_with(FaultRule::new(Fault::HtmlError(502)).times(2));
    let run = sync_on_a_terminal(&sandbox, &cloud).end().exits(0);
    for words in ["connecting to the API", "trying again at ", "502"] {
        assert!(run.stdout.contains(words), "{words}: {run}");
    }
    assert!(!run.stdout.contains("0 of 0"), "{run}");
}
