//! `archiver sql --timeout`: it also works inside one long step of SQLite, and the output so far consists of whole
//! rows.

use std::time::Duration;

use crate::account::cloud;
use crate::process::{Run, Running};
use crate::sandbox::Sandbox;

/// The program gives up a statement within a second and a half. A run of this length hangs.
const FAR_TOO_LONG: Duration = Duration::from_secs(60);

/// One step that compares each of some million places with millions of characters.
const ENDLESS_STEP: &str =
    "instr(printf('%.*c', 16000000, 'a'), printf('%.*c', 8000000, 'a') || 'b')";

fn archived() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud(2, 20), &["--all"]).exits(0);
    sandbox
}

fn start(sandbox: &Sandbox, statement: &str, format: &str) -> Running {
    let arguments = ["sql", "--timeout", "1s", "-o", format, statement];
    Running::start(sandbox.command(&arguments))
}

/// The program gives up with one message, and leaves nothing behind.
#[track_caller]
fn given_up(running: Running, sandbox: &Sandbox) -> Run {
    let run = running.end_within(FAR_TOO_LONG).exits(1);
    assert_eq!(run.stderr.matches("error: ").count(), 1, "{run}");
    let run = run.says("--timeout 1s").says("hint: ");
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
    run
}

#[test]
fn a_statement_is_given_up_whatever_it_does() {
    let sandbox = archived();
    let before = std::fs::read(sandbox.db()).unwrap();
    let statements = [
        format!("SELECT {ENDLESS_STEP}"),
        "SELECT length(replace(printf('%.*c', 16000000, 'a'), printf('%.*c', 8000000, 'a') || 'b', 'c'))".to_owned(),
        // The step would stop at the first character that is not among the others.
        "SELECT length(trim(printf('%.*c', 16000000, 'a'), printf('%.*c', 1000000, 'b') || 'a'))".to_owned(),
        "SELECT sum(printf('%.*c', 16000000, 'a') LIKE '%' || printf('%.*c', 400, 'a') || '_b%' OR i) FROM (SELECT 0 AS i UNION ALL SELECT 1)".to_owned(),
        "SELECT sum(printf('%.*c', 16000000, 'a') GLOB '*' || printf('%.*c', 400, 'a') || '?b*' OR i) FROM (SELECT 0 AS i UNION ALL SELECT 1)".to_owned(),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n".to_owned(),
        "SELECT count(*) FROM json_each('[' || replace(hex(zeroblob(1000000)), '00', '1,') || '1]') AS a,
            json_each('[' || replace(hex(zeroblob(1000000)), '00', '1,') || '1]') AS b WHERE a.value <> b.value".to_owned(),
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT length(group_concat(substr(hex(zeroblob(4000000)), 1, 1), '')) FROM n".to_owned(),
    ];
    // A few at once, because each statement has texts of some megabytes.
    for some in statements.chunks(2) {
        let running: Vec<_> = some.iter().map(|it| start(&sandbox, it, "csv")).collect();
        for running in running {
            given_up(running, &sandbox);
        }
    }
    assert!(std::fs::read(sandbox.db()).unwrap() == before);
}

#[test]
fn what_was_printed_by_then_is_whole_rows_in_every_format() {
    let sandbox = archived();
    let statement = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i, 'the end' AS text, CASE WHEN i < 20000 THEN 'x' ELSE {ENDLESS_STEP} END AS last FROM n"
    );
    for formats in [["csv", "tsv"], ["json", "jsonl"], ["markdown", "table"]] {
        let running = formats.map(|format| start(&sandbox, &statement, format));
        for (running, format) in running.into_iter().zip(formats) {
            let run = given_up(running, &sandbox);
            assert!(run.stdout.len() > 100_000, "{format}: {}", run.stdout.len());
            let last = run.stdout.lines().last().unwrap();
            let end = match format {
                "csv" => ",the end,x",
                "tsv" => "\tthe end\tx",
                "json" | "jsonl" => ",\"text\":\"the end\",\"last\":\"x\"}",
                "markdown" => "| the end | x |",
                _ => "  the end  x",
            };
            let last = last.trim_end().trim_end_matches(',');
            assert!(last.ends_with(end), "{format}: {last}");
        }
    }
}

#[test]
fn a_statement_that_ends_in_time_is_answered_to_its_end() {
    let sandbox = archived();
    let statement =
        "SELECT length(group_concat(extra)) > 0, length(json_group_array(id)) > 20 FROM actions";
    let arguments = [
        "sql",
        "--timeout",
        "1h",
        "-o",
        "csv",
        "--no-header",
        statement,
    ];
    let run = sandbox.run(&arguments).exits(0);
    assert_eq!(run.stdout.lines().count(), 1);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_value_that_is_too_long_is_said_with_its_limit() {
    let sandbox = archived();
    let run = sandbox
        .run(&["sql", "SELECT hex(zeroblob(9000000))"])
        .exits(1);
    assert_eq!(run.stdout, "");
    run.says("too big").says("hint: ").says("16 MiB");
}
