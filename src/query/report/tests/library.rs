//! The user's own reports are found, refused with a reason, and can only read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::fixture::{Archive, Lines, NOW, now};
use crate::core::time::Zone;
use crate::output::{Heading, RowWriter, Value};
use crate::query::report::{Context, Error, Library, Report, run};

const HEADER: &str = "-- title: Mine\n-- summary: What I ask.\n";

fn library(files: &[(&str, &str)]) -> (tempfile::TempDir, Library) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let library = Library::load(Some(folder.path()));
    (folder, library)
}

fn report(sql: &str) -> Report {
    let (_folder, library) = library(&[("mine.sql", &format!("{HEADER}{sql}"))]);
    library.get("mine").unwrap().clone()
}

fn ask(archive: &Archive, report: &Report, chosen: &[(&str, &str)]) -> Result<Vec<String>, Error> {
    let zone = "Europe/Berlin".parse::<Zone>().unwrap();
    let context = Context {
        connection: &archive.connection,
        now: now(),
        zone: &zone,
        narrow: &|filter| filter,
    };
    let chosen: BTreeMap<String, String> = chosen
        .iter()
        .map(|(name, text)| (name.to_string(), text.to_string()))
        .collect();
    let bound = report.bind(&chosen, &context)?;
    let mut lines = Lines::default();
    run(&archive.connection, report, &bound, &mut lines)?;
    Ok(lines.rows)
}

#[test]
fn files_of_the_user_are_reports_in_the_order_of_their_names() {
    let sql = format!("{HEADER}\nSELECT 1 AS one;\n-- that was it\n");
    let (folder, library) = library(&[
        ("b.sql", &sql),
        ("a-2.sql", &sql),
        ("notes.txt", "no report"),
    ]);
    assert_eq!(library.problems, [""; 0]);
    let own: Vec<_> = library
        .reports
        .iter()
        .filter(|report| report.file.is_some())
        .collect();
    assert_eq!(own.len(), 2);
    assert_eq!(own[0].name, "a-2");
    assert_eq!(own[1].file, Some(folder.path().join("b.sql")));
    assert_eq!(ask(&Archive::new(), own[1], &[]).unwrap(), ["1"]);
}

#[test]
fn a_folder_that_is_not_there_holds_no_reports() {
    let embedded = Library::load(None).reports.len();
    let library = Library::load(Some(&PathBuf::from("/nowhere/reports")));
    assert_eq!(library.problems, [""; 0]);
    assert_eq!(library.reports.len(), embedded);
}

#[test]
fn a_file_that_is_no_report_is_told_with_its_line_and_stops_no_other() {
    let sql = format!("{HEADER}SELECT 1;");
    let (folder, library) = library(&[
        ("bad.sql", "-- title: T\n-- sumary: S\nSELECT 1;"),
        ("Big.sql", &sql),
        ("downtime.sql", &sql),
        ("good.sql", &sql),
    ]);
    let told = &library.problems;
    let path = |name: &str| folder.path().join(name).display().to_string();
    assert!(told[0].starts_with(&format!("{}: a report is named with", path("Big.sql"))));
    assert!(told[1].starts_with(&format!("{}:2: `sumary` is not a", path("bad.sql"))));
    assert!(told[2].starts_with(&format!("{}: `downtime` is a report", path("downtime.sql"))));
    assert_eq!(told.len(), 3);
    assert_eq!(library.get("downtime").unwrap().file, None);
    assert!(library.get("good").is_ok());
    assert!(library.get("bad").is_err());
}

#[test]
fn a_file_that_is_no_text_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("odd.sql"), b"-- title: \xff\n").unwrap();
    let library = Library::load(Some(folder.path()));
    assert_eq!(library.problems.len(), 1);
    assert!(library.get("odd").is_err());
}

#[test]
fn what_was_chosen_reaches_the_sql_as_it_was_meant() {
    let report = report(
        "-- parameter since (time) = 7d: from\n\
         -- parameter until (end) = now: to\n\
         -- parameter age (duration) = 1h: age\n\
         -- parameter top (number) = 3: top\n\
         -- parameter type (text) = a, b: types\n\
         -- parameter region (text) = : regions\n\
         -- parameter droplet (droplets) = *: droplets\n\
         SELECT :since, :until, :age, :top, :type, :region, :droplet, :now;",
    );
    let archive = Archive::new();
    archive.droplet(7, "web-7", None, None);
    assert_eq!(
        ask(&archive, &report, &[]).unwrap(),
        [format!(
            "2026-01-25T00:00:00Z {NOW} 3600 seconds 3 [\"a\",\"b\"] - * {NOW}"
        )]
    );
    let chosen = [
        ("since", "2026-01-10"),
        ("until", "2026-01-10"),
        ("age", "1d 2h"),
        ("top", "1.5"),
        ("type", "it's \"x\""),
        ("region", "nyc3"),
        ("droplet", "web-*, 9"),
    ];
    assert_eq!(
        ask(&archive, &report, &chosen).unwrap(),
        [format!(
            "2026-01-09T23:00:00Z 2026-01-10T23:00:00Z 93600 seconds 1.5 [\"it's \\\"x\\\"\"] [\"nyc3\"] \
             [7,9] {NOW}"
        )]
    );
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_parameter_and_the_text() {
    let report = report(
        "-- parameter since (time) = 7d: from\n\
         -- parameter age (duration) = 1h: age\n\
         -- parameter top (number): how many\n\
         -- parameter droplet (droplets) = *: droplets\n\
         SELECT :since, :age, :top, :droplet;",
    );
    let archive = Archive::new();
    for (chosen, part) in [
        (vec![], "`mine` needs a value for --top: how many"),
        (vec![("top", " ")], "`mine` needs a value for --top"),
        (vec![("top", "ten")], "--top: `ten` is not a number"),
        (vec![("top", "inf")], "--top: `inf` is not a number"),
        (
            vec![("top", "1"), ("since", "soon")],
            "--since: `soon` is not a time",
        ),
        (
            vec![("top", "1"), ("age", "3mo")],
            "--age: the duration `3mo`",
        ),
        (
            vec![("top", "1"), ("droplet", "nobody")],
            "--droplet: no archived droplet is or was named `nobody`",
        ),
    ] {
        let message = ask(&archive, &report, &chosen).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_report_only_asks() {
    let archive = Archive::new();
    archive.droplet(1, "web-1", None, None);
    for sql in [
        "",
        "DELETE FROM droplets;",
        "INSERT INTO droplets (id, first_seen_at) VALUES (2, '') RETURNING id;",
        "SELECT 1; SELECT 2;",
        "SELECT 1; DELETE FROM droplets;",
        "ATTACH ':memory:' AS other;",
        "VACUUM;",
        "BEGIN;",
    ] {
        let error = ask(&archive, &report(sql), &[]).unwrap_err();
        assert!(
            error.to_string().contains("one statement"),
            "{sql}: {error}"
        );
    }
    assert_eq!(archive.answer("lifetimes", &[]).len(), 1);
}

#[test]
fn a_parameter_is_declared_and_used_or_the_report_is_refused() {
    let archive = Archive::new();
    for sql in ["SELECT :top;", "SELECT ?1;", "SELECT @now;"] {
        let error = ask(&archive, &report(sql), &[]).unwrap_err();
        assert!(error.to_string().contains("not declare"), "{sql}: {error}");
    }
    let error = ask(
        &archive,
        &report("-- parameter top (number) = 1: top\nSELECT 1;"),
        &[],
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("does not use it"), "{error}");
}

#[test]
fn sql_that_is_not_understood_is_told_with_its_line() {
    let sql = format!("{HEADER}\nSELECT 1\n  FROM FROM;");
    let (folder, library) = library(&[("mine.sql", &sql)]);
    let error = ask(&Archive::new(), library.get("mine").unwrap(), &[]).unwrap_err();
    let path = folder.path().join("mine.sql");
    let expected = format!("{}:5: near \"FROM\": syntax error", path.display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn sql_that_fails_says_what_sqlite_says() {
    for (sql, expected) in [
        ("SELECT id FROM nowhere;", "no such table: nowhere"),
        (
            "SELECT json(value) FROM json_each('[1,\"x\"]');",
            "malformed JSON",
        ),
    ] {
        let error = ask(&Archive::new(), &report(sql), &[]).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(expected), "{source}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_answer() {
    let archive = Archive::new();
    let report = report("SELECT value FROM json_each('[1,2,3]');");
    let zone = Zone::utc();
    let context = Context {
        connection: &archive.connection,
        now: now(),
        zone: &zone,
        narrow: &|filter| filter,
    };
    let bound = report.bind(&BTreeMap::new(), &context).unwrap();
    let mut reader = Closed(0);
    let closed = run(&archive.connection, &report, &bound, &mut reader);
    let Err(Error::Write(error)) = closed else {
        panic!("{closed:?}")
    };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!(reader.0, 1);
}

/// Counts rows, and refuses to take them.
struct Closed(usize);

impl RowWriter for Closed {
    fn header(&mut self, _: &[Heading<'_>]) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, _: &[Value<'_>]) -> io::Result<()> {
        self.0 += 1;
        Err(io::ErrorKind::BrokenPipe.into())
    }
}
