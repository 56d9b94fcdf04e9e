//! `archiver report`: the same question has the same answer wherever its SQL runs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::{Command, Stdio};

use archiver::output::{Heading, RowWriter, Value};
use archiver::report::{Context, Library, Report, run};
use archiver::store::open_read_only;
use archiver::time::{Timestamp, Zone};
use rusqlite::Connection;

use crate::account::cloud;
use crate::sandbox::Sandbox;

fn answer(connection: &Connection, report: &Report, now: Timestamp) -> Vec<String> {
    let zone = Zone::utc();
    let context = Context {
        connection,
        now,
        zone: &zone,
    };
    let bound = report.bind(&BTreeMap::new(), &context).unwrap();
    let mut lines = Lines(Vec::new());
    run(connection, report, &bound, &mut lines).unwrap();
    lines.0
}

/// Takes rows as `sqlite3` prints them.
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

    fn finish(&mut self) -> io::Result<()> {
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

/// The rows that the `sqlite3` of this machine prints; nothing where there is none.
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
    for report in Library::load(None).reports() {
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
