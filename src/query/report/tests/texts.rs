//! Properties of the text of every report: it runs in any SQLite client, with the same meaning.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::fixture::{Archive, NOW, now};
use super::history::filled;
use crate::core::time::Zone;
use crate::query::report::{Bound, Context, Kind, Library, Report};

fn embedded() -> Vec<Report> {
    let library = Library::load(None);
    assert_eq!(library.problems, [""; 0]);
    let reports = library.reports.to_vec();
    assert!(reports.len() >= 13);
    reports
}

fn defaults(report: &Report, connection: &Connection) -> Bound {
    let zone = Zone::utc();
    let context = Context {
        connection,
        now: now(),
        zone: &zone,
        narrow: &|filter| filter,
    };
    report.bind(&BTreeMap::new(), &context).unwrap()
}

/// The rows of a report's unchanged SQL, with these values bound to its parameters.
fn rows(
    connection: &Connection,
    sql: &str,
    values: &[(&str, &str)],
) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    for (name, value) in values {
        statement.raw_bind_parameter(format!(":{name}").as_str(), value)?;
    }
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let cells: Vec<_> = (0..columns)
            .map(|column| format!("{:?}", row.get_ref_unwrap(column)))
            .collect();
        lines.push(cells.join(" "));
    }
    Ok(lines)
}

#[test]
fn every_embedded_report_says_what_it_is() {
    let mut titles = BTreeSet::new();
    for report in embedded() {
        assert_eq!(report.file, None);
        assert!(titles.insert(report.title.clone()), "{}", report.title);
        assert!(report.summary.ends_with('.'), "{}", report.name);
        assert!(report.title.len() <= 30, "{}", report.title);
        for parameter in &report.parameters {
            let what = format!("{} {}", report.name, parameter.name);
            assert!(parameter.default.is_some(), "{what}");
            assert!(!parameter.description.is_empty(), "{what}");
        }
    }
}

#[test]
fn an_answer_is_the_same_with_nothing_bound_empty_texts_and_the_defaults() {
    let archive = filled();
    for report in embedded() {
        let connection = &archive.connection;
        let nothing = rows(connection, &report.sql, &[("now", NOW)]).unwrap();
        let mut empty: Vec<_> = report
            .parameters
            .iter()
            .map(|parameter| (parameter.name.as_str(), ""))
            .collect();
        empty.push(("now", NOW));
        let bound = defaults(&report, connection);
        let texts: Vec<_> = report
            .parameters
            .iter()
            .map(|parameter| {
                (
                    parameter.name.as_str(),
                    bound.text(&parameter.name).unwrap_or_default(),
                )
            })
            .collect();
        let mut chosen: Vec<_> = texts
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        chosen.push(("now", NOW));
        assert_eq!(
            rows(connection, &report.sql, &empty).unwrap(),
            nothing,
            "{}",
            report.name
        );
        assert_eq!(
            rows(connection, &report.sql, &chosen).unwrap(),
            nothing,
            "{}",
            report.name
        );
        let shown = archive.answer(&report.name, &[]);
        assert_eq!(shown.len(), nothing.len(), "{}", report.name);
        assert!(!nothing.is_empty(), "{}", report.name);
    }
}

#[test]
fn without_a_time_a_report_asks_about_now() {
    let archive = filled();
    for report in embedded() {
        rows(&archive.connection, &report.sql, &[]).unwrap_or_else(|error| {
            panic!("{}: {error}", report.name);
        });
    }
}

/// A misread window would give a wrong answer that seems right.
#[test]
fn a_text_that_is_no_time_and_no_number_is_an_error_in_every_tool() {
    let archive = filled();
    let mut tried = 0;
    for report in embedded() {
        for parameter in &report.parameters {
            if matches!(parameter.kind, Kind::Droplets | Kind::Text(_) | Kind::Types) {
                continue;
            }
            tried += 1;
            let values = [("now", NOW), (parameter.name.as_str(), "last week")];
            let error = rows(&archive.connection, &report.sql, &values).unwrap_err();
            assert!(
                error.to_string().contains("malformed JSON"),
                "{} {}: {error}",
                report.name,
                parameter.name
            );
        }
    }
    assert!(tried > 15);
}

#[test]
fn times_may_be_written_as_how_long_ago_in_every_tool() {
    let archive = filled();
    let report = embedded()
        .into_iter()
        .find(|report| report.name == "downtime");
    let sql = report.unwrap().sql;
    let since = |text| rows(&archive.connection, &sql, &[("now", NOW), ("since", text)]).unwrap();
    let ten_days = since("10 days");
    assert!(!ten_days.is_empty() && ten_days.len() < since("").len());
    assert_eq!(ten_days, since("2026-01-22"));
    assert_eq!(ten_days, since("2026-01-22 02:00:00+02:00"));
    assert_eq!(ten_days, since("864000 seconds"));
}

/// Functions and operators that are newer than SQLite 3.37.
const TOO_NEW: [&str; 12] = [
    "unixepoch(",
    "timediff",
    "string_agg",
    "octet_length",
    "jsonb",
    "->",
    "concat(",
    "concat_ws",
    "format(",
    "subsec",
    "right join",
    "full join",
];

#[test]
fn reports_need_nothing_newer_than_sqlite_3_37() {
    for report in embedded() {
        let sql = report.sql.to_lowercase();
        for name in TOO_NEW {
            assert!(!sql.contains(name), "`{name}` in {}", report.name);
        }
    }
}

#[test]
fn every_report_has_an_answer_for_an_empty_archive() {
    let archive = Archive::new();
    for report in embedded() {
        assert!(
            archive.answer(&report.name, &[]).is_empty(),
            "{}",
            report.name
        );
    }
}
