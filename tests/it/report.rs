//! `archiver report`: a question has the same answer wherever its SQL runs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use archiver::archive::open_read_only;
use archiver::core::time::{Timestamp, Zone};
use archiver::output::{Heading, RowWriter, Value};
use archiver::query::report::{Context, Library, Report, run};
use rusqlite::Connection;

use crate::account::cloud;
use crate::sandbox::Sandbox;

fn answer(connection: &Connection, report: &Report, now: Timestamp) -> Vec<String> {
    let zone = Zone::utc();
    let context = Context {
        connection,
        now,
        zone: &zone,
        narrow: &|filter| filter,
    };
    let bound = report.bind(&BTreeMap::new(), &context).unwrap();
    let mut lines = Lines(Vec::new());
    run(connection, report, &bound, &mut lines).unwrap();
    lines.0
}

/// Rows as `sqlite3` prints them.
struct Lines(Vec<String>);

impl RowWriter for Lines {
    fn header(&mut self, _: &[Heading<'_>]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let cells: Vec<_> = values.iter().map(cell).collect();
        self.0.push(cells.join("|"));
        Ok(())
    }
}

fn cell(value: &Value<'_>) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => format!("{number:?}"),
        Value::Text(text) | Value::Json(text) => (*text).to_owned(),
    }
}

/// The rows that the `sqlite3` of this machine prints; `None` without `sqlite3`.
fn sqlite3(mut command: Command, script: &str) -> Option<Vec<String>> {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(script.as_bytes()).unwrap();
    drop(stdin);
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}");
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn the_sqlite3_of_the_system_gives_every_report_the_same_answer() {
    let cloud = cloud(20, 6_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let connection = open_read_only(&sandbox.db()).unwrap();
    let latest: String = connection
        .query_row("SELECT max(started_at) FROM actions", [], |row| row.get(0))
        .unwrap();
    let now: Timestamp = latest.parse().unwrap();
    let now = now.saturating_add_seconds(7_200);
    let mut answered = 0;
    for report in &Library::load(None).reports {
        let path = sandbox.db().display().to_string();
        let command = sandbox.command_of("sqlite3", &["-batch", "-bail", "-readonly", &path]);
        let script = format!(
            ".mode list\n.parameter set :now \"'{now}'\"\n{}\n",
            report.sql
        );
        let Some(rows) = sqlite3(command, &script) else {
            eprintln!("skipped: there is no sqlite3 on this machine");
            return;
        };
        assert_eq!(rows, answer(&connection, report, now), "{}", report.name);
        answered += usize::from(!rows.is_empty());
    }
    assert!(answered >= 8, "only {answered} reports had an answer");
}

/// An archive with some history.
fn archived() -> Sandbox {
    let cloud = cloud(10, 1_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox
}

const OWN: &str = "\
-- title: Counts
-- summary: How many actions of a type there are.
-- parameter type (text) = reboot: of these types

SELECT type, count(*) AS actions
  FROM actions
 WHERE type IN (SELECT value FROM json_each(:type))
 GROUP BY type
 ORDER BY type;
";

#[test]
fn the_reports_are_listed_and_each_says_what_can_be_chosen() {
    let sandbox = Sandbox::new();
    let list = sandbox.run(&["report", "-o", "csv"]).exits(0).stdout;
    for report in &Library::load(None).reports {
        assert!(list.contains(&report.title), "{}", report.name);
        let help = sandbox.run(&["report", &report.name, "--help"]).exits(0);
        for parameter in &report.parameters {
            let flag = format!("--{}", parameter.name.replace('_', "-"));
            assert!(help.stdout.contains(&flag), "{} {flag}", report.name);
        }
        let sql = sandbox
            .run(&["report", &report.name, "--show-sql"])
            .exits(0);
        assert_eq!(sql.stdout, report.sql);
    }
    sandbox
        .run(&["report", "downtme"])
        .exits(2)
        .says("downtime");
}

#[test]
fn what_is_chosen_is_what_the_report_answers() {
    let sandbox = archived();
    let rows = |arguments: &[&str]| {
        let run = sandbox.run(
            &[
                &["report", "lifetimes", "-o", "csv", "--no-header"],
                arguments,
            ]
            .concat(),
        );
        run.exits(0).stdout.lines().count()
    };
    let all = rows(&[]);
    assert!(all >= 10);
    let one = sandbox.run(&[
        "report",
        "lifetimes",
        "--columns",
        "droplet_id",
        "-o",
        "csv",
        "--no-header",
    ]);
    let id = one.stdout.lines().next().unwrap().to_owned();
    assert_eq!(rows(&["--droplet", &id]), 1);
    for (arguments, words) in [
        (
            ["report", "downtime", "--since", "01/04/2021"],
            "year first",
        ),
        (["report", "stuck", "--older-than", "soon"], "1h30m"),
        (["report", "slow", "--factor", "much"], "is not a number"),
        (["report", "downtime", "--droplet", "nobody"], "nobody"),
        (
            ["report", "downtime", "--columns", "colour"],
            "use droplet_id",
        ),
    ] {
        let run = sandbox.run(&arguments).exits(2);
        assert_eq!(run.stdout, "");
        run.says(words);
    }
}

#[test]
fn a_report_is_a_check() {
    let sandbox = archived();
    let check =
        |flags: &[&str]| sandbox.run(&[&["report", "lifetimes", "--exit-code"], flags].concat());
    check(&[]).exits(10);
    check(&["--state", "unknown"]).exits(0);
    let run = check(&["--droplet", "1"]).exits(2);
    run.says("the archive has no action with the droplet `1`");
}

#[test]
fn a_line_about_each_report_is_a_check() {
    let sandbox = archived();
    let run = sandbox.run(&["report", "--all"]).exits(0);
    let lines: Vec<_> = run.stdout.lines().collect();
    let library = Library::load(None);
    assert_eq!(lines.len(), library.reports.len(), "{lines:?}");
    for (line, report) in lines.iter().zip(&library.reports) {
        assert!(line.starts_with(&format!("{}: ", report.name)), "{line}");
    }
    let rows = |name: &str| {
        let run = sandbox.run(&["report", name, "-o", "csv", "--no-header"]);
        run.exits(0).stdout.lines().count()
    };
    let lifetimes = format!("lifetimes: {} droplets", rows("lifetimes"));
    assert!(lines.contains(&lifetimes.as_str()), "{lines:?}");
    assert!(
        lines.contains(&"reboot-loops: none in 90 days"),
        "{lines:?}"
    );
    let has_findings = library
        .reports
        .iter()
        .any(|report| report.is_check && rows(&report.name) > 0);
    let status = if has_findings { 10 } else { 0 };
    sandbox
        .run(&["report", "--all", "--exit-code"])
        .exits(status);
    let json = sandbox.run(&["report", "--all", "-o", "json"]).exits(0);
    assert!(json.stdout.contains("\"found\""), "{}", json.stdout);
}

#[test]
fn a_report_on_uptime_has_a_line_for_the_fleet_and_its_definition() {
    let sandbox = archived();
    let run = sandbox.run(&["report", "uptime", "--by", "all"]).exits(0);
    let last = run.stdout.lines().last().unwrap();
    assert!(last.contains("fleet"), "{last}");
    let chosen = |columns: &str| {
        let flags = ["report", "uptime", "--by", "all", "--columns", columns];
        let shown = sandbox.run(&flags).exits(0).stdout;
        shown.lines().last().unwrap().to_owned()
    };
    // The total is labelled in another column, or left out.
    assert!(chosen("period,seconds").starts_with("fleet"));
    assert!(!chosen("seconds").contains('-'));
    run.says("counts as off for the minimum");
    let rows = sandbox
        .run(&["report", "uptime", "--by", "all", "-o", "csv"])
        .exits(0)
        .stdout;
    let mut rows = rows.lines();
    assert_eq!(
        rows.next(),
        Some(
            "droplet_id,droplet_name,period,seconds,up_seconds_min,up_seconds_max,uptime_min_percent,\
             uptime_max_percent"
        )
    );
    assert!(rows.all(|row| row.contains(",all,")));
}

#[test]
fn nothing_is_said_about_backups_of_droplets_whose_history_is_not_archived() {
    let cloud = cloud(10, 1_000);
    let sandbox = Sandbox::new();
    let chosen = cloud.droplets()[0].id.to_string();
    sandbox.sync(&cloud, &["--droplet", &chosen]).exits(0);
    for report in ["lifetimes", "stale-backups"] {
        let run = sandbox.run(&[
            "report",
            report,
            "-o",
            "csv",
            "--no-header",
            "--columns",
            "droplet_id",
        ]);
        let rows = run.exits(0).stdout;
        assert!(rows.lines().all(|id| id == chosen), "{report} {rows}");
    }
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let run = sandbox.run(&["report", "lifetimes", "-o", "csv", "--no-header"]);
    assert!(run.exits(0).stdout.lines().count() >= 10);
}

#[test]
fn files_beside_the_configuration_are_reports_and_a_broken_one_harms_no_other() {
    let sandbox = archived().configured("");
    let folder = sandbox.config_file().parent().unwrap().to_owned();
    std::fs::write(folder.join("counts.sql"), OWN).unwrap();
    std::fs::write(folder.join("broken.sql"), "SELECT 1").unwrap();
    std::fs::write(
        folder.join("taken.sql"),
        OWN.replace("type (text)", "output (text)"),
    )
    .unwrap();
    let list = sandbox.run(&["report"]).exits(0);
    assert!(list.stdout.contains("counts"));
    list.says("broken.sql").says("taken.sql");
    let run = sandbox.run(&["report", "counts", "--type", "reboot,snapshot", "-o", "csv"]);
    let lines: Vec<_> = run.exits(0).stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    let writing = OWN
        .replace("SELECT type, count(*) AS actions", "DELETE")
        .replace("GROUP BY type\n ORDER BY type", "RETURNING type");
    std::fs::write(folder.join("writing.sql"), writing).unwrap();
    sandbox
        .run(&["report", "writing"])
        .exits(2)
        .says("only reads");
}

#[test]
fn a_type_that_nobody_has_seen_is_no_check_that_passes() {
    let sandbox = archived();
    let report = |kind: &str| sandbox.run(&["report", "backup-gaps", "--type", kind]);
    report("rebot").exits(2).says("did you mean reboot");
    report("@nothing").exits(2).says("@backup");
    let group = report("@backup").exits(0);
    assert_eq!(group.stdout, report("backup,snapshot").exits(0).stdout);
}

#[test]
fn rows_are_sorted_and_limited_after_the_report() {
    let sandbox = archived();
    let column = |flags: &[&str], column: &str| {
        let fixed = [
            "report",
            "failures",
            "--since",
            "@0",
            "-o",
            "csv",
            "--no-header",
            "--columns",
            column,
        ];
        let run = sandbox.run(&[&fixed[..], flags].concat()).exits(0);
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = column(&[], "ended");
    assert!(all.len() > 3, "{all:?}");
    assert_eq!(column(&["-n", "2"], "ended"), all[..2]);
    let mut numbers: Vec<i64> = all.iter().map(|number| number.parse().unwrap()).collect();
    numbers.sort_unstable_by_key(|number| std::cmp::Reverse(*number));
    let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
    assert_eq!(column(&["--sort", "ended"], "ended"), numbers);
    assert_eq!(
        column(&["--sort", "ended", "-n", "3"], "ended"),
        numbers[..3]
    );
    let mut types = column(&[], "type");
    types.sort();
    assert_eq!(column(&["--sort", "Type"], "type"), types);
    let mut times = column(&[], "last_errored_at");
    times.sort();
    times.reverse();
    assert_eq!(
        column(&["--sort", "last_errored_at"], "last_errored_at"),
        times
    );
    let run = sandbox
        .run(&["report", "failures", "--sort", "size"])
        .exits(2);
    run.says("--sort: `size` is not a column: use type, ");
}

#[test]
fn a_period_is_both_ends_of_a_window() {
    let sandbox = archived();
    let answer = |flags: &[&str]| {
        let fixed = ["report", "busiest", "-o", "csv"];
        sandbox.run(&[&fixed[..], flags].concat()).exits(0).stdout
    };
    let year = answer(&["--during", "2024"]);
    assert!(year.lines().count() > 2, "{year}");
    assert_eq!(
        year,
        answer(&["--since", "2024-01-01", "--until", "2024-12-31"])
    );
    assert_ne!(year, answer(&["--during", "2023"]));
    let none = sandbox.run(&["report", "busiest", "--during", "1999"]);
    none.exits(0).never_says("the last 90 days");
    let both = ["report", "busiest", "--during", "2024", "--since", "2023"];
    sandbox
        .run(&both)
        .exits(2)
        .says("--during and --since exclude each other");
    let run = sandbox
        .run(&["report", "busiest", "--during", "now"])
        .exits(2);
    run.says("--during: `now` is one instant");
    let library = Library::load(None);
    let has_since = |report: &&Report| report.parameter("since").is_some();
    for report in library.reports.iter().filter(has_since) {
        sandbox
            .run(&["report", &report.name, "--during", "2024"])
            .exits(0);
        sandbox
            .run(&["report", &report.name, "--since", "soon"])
            .exits(2)
            .says("error: --since: `soon` is not a time");
    }
}
