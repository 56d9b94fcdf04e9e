//! `archiver sql`: it answers any question, and no statement changes a byte.

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use crate::account::cloud;
use crate::cloud::Cloud;
use crate::process::Run;
use crate::sandbox::Sandbox;

/// An account of three droplets and 300 actions, and its archive.
fn archived() -> (Cloud, Sandbox) {
    let cloud = cloud(3, 300);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

fn sql(sandbox: &Sandbox, flags: &[&str]) -> Run {
    sandbox.run(&[&["sql"], flags].concat())
}

/// Runs `sql` with a text on stdin.
fn piped(sandbox: &Sandbox, flags: &[&str], text: &str) -> Output {
    let mut command = sandbox.command(&[&["sql"], flags].concat());
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// Counts without end.
const FOR_EVER: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";

#[test]
fn a_question_is_answered_in_every_format() {
    let (cloud, sandbox) = archived();
    let question =
        "SELECT type, count(*) AS actions FROM actions WHERE type = 'reboot' GROUP BY type";
    let reboots = cloud.actions().into_iter();
    let reboots = reboots
        .filter(|action| action.kind.as_deref() == Some("reboot"))
        .count();
    assert!(reboots > 0);
    for (format, expected) in [
        ("table", format!("TYPE    ACTIONS\nreboot  {reboots:7}\n")),
        (
            "json",
            format!("[\n{{\"type\":\"reboot\",\"actions\":{reboots}}}\n]\n"),
        ),
        (
            "jsonl",
            format!("{{\"type\":\"reboot\",\"actions\":{reboots}}}\n"),
        ),
        ("csv", format!("type,actions\nreboot,{reboots}\n")),
        ("tsv", format!("type\tactions\nreboot\t{reboots}\n")),
    ] {
        let run = sql(&sandbox, &["-o", format, question]).exits(0);
        assert_eq!(run.stdout, expected, "{format}");
        assert_eq!(run.stderr, "");
    }
    let some = sql(
        &sandbox,
        &["--columns", "actions", "--no-header", "-o", "csv", question],
    );
    assert_eq!(some.exits(0).stdout, format!("{reboots}\n"));
}

#[test]
fn the_statement_comes_from_an_argument_a_pipe_or_a_file() {
    let (_cloud, sandbox) = archived();
    let question = "-- how many?\nSELECT count(*) AS n FROM actions;\n";
    let file = sandbox.folder().join("question.sql");
    fs::write(&file, question).unwrap();
    let from_file = sql(&sandbox, &["-o", "jsonl", "--file", file.to_str().unwrap()]);
    let from_argument = sql(&sandbox, &["-o", "jsonl", "--", question]);
    assert_eq!(from_file.exits(0).stdout, "{\"n\":300}\n");
    assert_eq!(from_argument.exits(0).stdout, "{\"n\":300}\n");
    for flags in [&["-o", "jsonl"][..], &["-o", "jsonl", "-"]] {
        let output = piped(&sandbox, flags, question);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "{\"n\":300}\n");
        assert_eq!(output.status.code(), Some(0));
    }
    sql(&sandbox, &["--file", "nowhere.sql"])
        .exits(2)
        .says("nowhere.sql");
    sql(&sandbox, &["-"]).exits(2).says("no SQL statement");
}

#[test]
fn exit_code_10_says_that_there_are_rows() {
    let (_cloud, sandbox) = archived();
    sql(&sandbox, &["--exit-code", "SELECT 1"]).exits(10);
    sql(&sandbox, &["--exit-code", "SELECT 1 WHERE 0"]).exits(0);
}

#[test]
fn parameters_are_values_and_never_sql() {
    let (cloud, sandbox) = archived();
    let action = cloud.actions().remove(7);
    let question = "SELECT id FROM actions WHERE id = :id AND type IS :type";
    let id = format!("id={}", action.id);
    let kind = format!("type={}", action.kind.clone().unwrap());
    let run = sql(
        &sandbox,
        &["-o", "jsonl", question, "--param", &id, "--param", &kind],
    );
    assert_eq!(run.exits(0).stdout, format!("{{\"id\":{}}}\n", action.id));
    let run = sql(
        &sandbox,
        &[
            "-o",
            "csv",
            "SELECT :x AS x",
            "--param",
            "x=1 OR 1; DROP TABLE actions",
        ],
    );
    assert_eq!(run.exits(0).stdout, "x\n1 OR 1; DROP TABLE actions\n");
    sql(&sandbox, &[question]).exits(2).says("--param id=");
    sql(&sandbox, &["SELECT 1", "--param", "x"])
        .exits(2)
        .says("NAME=VALUE");
}

#[test]
fn every_attempt_to_write_is_refused_in_words_and_changes_no_byte() {
    let (_cloud, sandbox) = archived();
    let before = fs::read(sandbox.db()).unwrap();
    let elsewhere = sandbox.folder().join("elsewhere.db");
    let path = elsewhere.to_str().unwrap();
    for attempt in [
        "INSERT INTO actions (id, first_seen_run) VALUES (1, 1)",
        "insert or replace into regions (slug) values ('x')",
        "REPLACE INTO actions (id, first_seen_run) VALUES (1, 1)",
        "UPDATE actions SET type = 'x'",
        "DELETE FROM actions",
        "DELETE FROM actions RETURNING id",
        "WITH gone AS (SELECT id FROM actions) DELETE FROM actions WHERE id IN gone",
        "WITH x AS (SELECT 1) INSERT INTO coverage SELECT 1, 2, 3 FROM x",
        "/* SELECT */ -- SELECT\n DELETE FROM actions",
        "EXPLAIN DELETE FROM actions",
        "CREATE TABLE x (y)",
        "CREATE TABLE x AS SELECT * FROM actions",
        "CREATE TEMP TABLE x (y)",
        "CREATE TEMP VIEW x AS SELECT 1",
        "CREATE VIRTUAL TABLE x USING fts5 (y)",
        "CREATE INDEX x ON actions (extra)",
        "CREATE VIEW x AS SELECT 1",
        "CREATE TRIGGER x AFTER INSERT ON actions BEGIN DELETE FROM actions; END",
        "DROP TABLE actions",
        "DROP VIEW droplet_actions",
        "DROP INDEX actions_by_time",
        "ALTER TABLE actions RENAME TO x",
        "ALTER TABLE actions ADD COLUMN x TEXT",
        "ALTER TABLE actions DROP COLUMN extra",
        "REINDEX",
        "REINDEX actions_by_time",
        "ANALYZE",
        "VACUUM",
        &format!("VACUUM INTO '{path}'"),
        &format!("ATTACH '{path}' AS other"),
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "END",
        "ROLLBACK",
        "SAVEPOINT x",
        "RELEASE x",
        "UPDATE sqlite_schema SET sql = 'x'",
        "INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, '')",
        "PRAGMA user_version = 99",
        "PRAGMA user_version(99)",
        "PRAGMA main.user_version = 99",
        "PRAGMA application_id = 1",
        "PRAGMA journal_mode = wal",
        "PRAGMA journal_mode = delete",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA incremental_vacuum",
        "PRAGMA optimize",
        "PRAGMA schema_version = 1",
        "PRAGMA trusted_schema = 1",
        "PRAGMA hard_heap_limit = 0",
        "PRAGMA temp_store_directory = '/'",
        "PRAGMA temp_store = file",
        "PRAGMA locking_mode = exclusive",
        "PRAGMA secure_delete = on",
        "PRAGMA shrink_memory",
        "SELECT load_extension('x.so')",
        "SELECT fts3_tokenizer('simple', x'00')",
    ] {
        let run = sql(&sandbox, &[attempt]).exits(2);
        assert_eq!(run.stdout, "", "{attempt}");
        run.says("is refused: the archive is only read here")
            .says("hint: only `archiver sync` writes to the archive");
        assert!(fs::read(sandbox.db()).unwrap() == before, "{attempt}");
        assert_eq!(sandbox.files_at_rest(), ["archive.db"], "{attempt}");
    }
    for attempt in [
        "SELECT 1; DELETE FROM actions",
        "SELECT 1; SELECT 2",
        "PRAGMA user_version; PRAGMA user_version = 9",
        "SELECT writefile('x', 'y')",
        "SELECT readfile('/etc/passwd')",
        "SELECT edit('x')",
        "INTO actions",
        ".shell touch x",
    ] {
        let run = sql(&sandbox, &[attempt]).exits(2);
        assert_eq!(run.stdout, "", "{attempt}");
        run.says("error: ");
        assert!(fs::read(sandbox.db()).unwrap() == before, "{attempt}");
    }
    assert!(!elsewhere.exists());
    sandbox.archive();
}

#[test]
fn a_slip_is_said_with_its_place_and_what_was_meant() {
    let (_cloud, sandbox) = archived();
    sql(&sandbox, &["SELECT tpye FROM actions"])
        .exits(2)
        .says("error: no such column: tpye\n  SELECT tpye FROM actions\n         ^\n")
        .says("hint: did you mean type?");
    sql(&sandbox, &["SELECT 1 FROM dropletts"])
        .exits(2)
        .says("no such table: dropletts")
        .says("did you mean droplets");
    sql(&sandbox, &["SELECT 1,\n  FROM actions"])
        .exits(2)
        .says("line 2:   FROM actions");
    sql(&sandbox, &["SELECT '\u{1b}[31m' FROMM actions"])
        .exits(2)
        .never_says("\u{1b}");
}

#[test]
fn a_statement_that_does_not_end_is_stopped_with_the_limit_named() {
    let (_cloud, sandbox) = archived();
    let question = format!("{FOR_EVER} SELECT max(i) FROM n");
    let run = sql(&sandbox, &["--timeout", "1s", &question]).exits(1);
    assert_eq!(run.stdout, "");
    run.says("--timeout 1s").says("hint: ");
    sql(&sandbox, &["--timeout", "soon", "SELECT 1"])
        .exits(2)
        .says("--timeout: ");
    let run = sql(
        &sandbox,
        &["--timeout", "1h", "-o", "csv", "SELECT 1 AS one"],
    );
    assert_eq!(run.exits(0).stdout, "one\n1\n");
}

#[test]
fn a_statement_that_wants_all_memory_is_told_the_limit() {
    let (_cloud, sandbox) = archived();
    let question = format!("{FOR_EVER} SELECT i, zeroblob(1000000) FROM n ORDER BY i DESC");
    let run = sql(&sandbox, &[&question]).exits(1);
    assert_eq!(run.stdout, "");
    run.says("MiB of memory").says("hint: ");
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_statement_without_end() {
    let (_cloud, sandbox) = archived();
    for format in ["table", "json", "jsonl", "csv", "tsv", "markdown"] {
        let question = format!("{FOR_EVER} SELECT i FROM n");
        sandbox.is_read_for_one_line(&["sql", "-o", format, &question]);
    }
}

#[test]
fn what_the_file_itself_says_of_its_state_can_be_asked() {
    let (_cloud, sandbox) = archived();
    for (question, expected) in [
        ("PRAGMA integrity_check", "integrity_check\nok\n"),
        ("PRAGMA journal_mode", "journal_mode\ndelete\n"),
        (
            "SELECT name FROM pragma_table_info('account') LIMIT 1",
            "name\nid\n",
        ),
        ("SELECT value FROM json_each('[7]')", "value\n7\n"),
    ] {
        let run = sql(&sandbox, &["-o", "csv", question]).exits(0);
        assert_eq!(run.stdout, expected, "{question}");
    }
}

#[test]
fn no_archive_is_said_with_how_to_get_one() {
    sql(&Sandbox::new(), &["SELECT 1"])
        .exits(6)
        .says("there is no archive at");
}

#[test]
fn a_parameter_is_a_number_where_it_is_written_as_one() {
    let (_cloud, sandbox) = archived();
    for (text, expected) in [
        ("90", "integer"),
        ("-7", "integer"),
        ("0.50", "real"),
        ("1e3", "real"),
        ("007", "text"),
        ("inf", "text"),
        ("", "text"),
    ] {
        let parameter = format!("x={text}");
        let flags = [
            "SELECT typeof(:x)",
            "--param",
            &parameter,
            "-o",
            "tsv",
            "--no-header",
        ];
        let run = sql(&sandbox, &flags).exits(0);
        assert_eq!(run.stdout.trim(), expected, "{text}");
    }
}

#[test]
fn a_name_that_json_would_lose_is_refused() {
    let (_cloud, sandbox) = archived();
    for format in ["json", "jsonl"] {
        let run = sql(&sandbox, &["SELECT 1 AS a, 2 AS a", "-o", format]).exits(2);
        assert_eq!(run.stdout, "");
        run.says("two columns are called `a`");
    }
    let run = sql(&sandbox, &["SELECT 1 AS a, 2 AS a", "-o", "csv"]).exits(0);
    assert_eq!(run.stdout, "a,a\n1,2\n");
}
