//! The files in `examples/` for other tools agree with the program.

use std::collections::BTreeSet;
use std::path::Path;

use archiver::archive::open_read_only;
use archiver::query::report::{Library, Report};
use rusqlite::{Connection, ToSql};

use crate::account::cloud;
use crate::datasette_metadata as metadata;
use crate::sandbox::Sandbox;

const COMMITTED: &str = include_str!("../../examples/datasette/metadata.yaml");

#[test]
fn the_metadata_of_datasette_has_every_report_as_it_is() {
    assert!(
        COMMITTED == metadata::text(),
        "run `cargo run --example datasette > examples/datasette/metadata.yaml`"
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/query/report/questions");
    let mut reports = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let sql = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            query_in_metadata(name).as_deref(),
            Some(sql.as_str()),
            "{name}"
        );
        reports += 1;
    }
    assert_eq!(reports, Library::load(None).reports.len());
}

/// The SQL of a query in the committed file, read as YAML reads it.
fn query_in_metadata(name: &str) -> Option<String> {
    let (_, entry) = COMMITTED.split_once(&format!("\n      {name}:\n"))?;
    let (_, block) = entry.split_once("\n        sql: |\n")?;
    let lines = block.lines().map_while(|line| {
        line.strip_prefix("          ")
            .or(line.is_empty().then_some(""))
    });
    Some(lines.map(|line| line.to_owned() + "\n").collect())
}

#[test]
fn the_metadata_of_datasette_describes_every_column_there_is() {
    let cloud = cloud(1, 10);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let connection = open_read_only(&sandbox.db()).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT tables.name, columns.name
               FROM sqlite_schema AS tables
               JOIN pragma_table_info(tables.name) AS columns
              WHERE tables.type IN ('table', 'view') AND tables.name NOT LIKE 'sqlite_%'",
        )
        .unwrap();
    let there_are: BTreeSet<(String, String)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(described(), there_are);
}

/// Tables and columns in the committed file. Tables are indented by six spaces, columns by ten.
fn described() -> BTreeSet<(String, String)> {
    let (_, text) = COMMITTED.split_once("\n    tables:\n").unwrap();
    let (text, _) = text.split_once("\n    queries:\n").unwrap();
    let mut table = "";
    let mut described = BTreeSet::new();
    let mut is_below_columns = false;
    for line in text.lines() {
        let content = line.trim_start();
        match line.len() - content.len() {
            6 => table = content.trim_end_matches(':'),
            8 => is_below_columns = content == "columns:",
            10 if is_below_columns => {
                let (column, description) = content.split_once(": ").unwrap();
                assert!(!description.is_empty(), "{line}");
                described.insert((table.to_owned(), column.to_owned()));
            }
            _ => {}
        }
    }
    described
}

#[test]
fn the_defaults_that_datasette_shows_are_those_of_an_empty_field() {
    let cloud = cloud(20, 6_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let connection = open_read_only(&sandbox.db()).unwrap();
    let now: String = connection
        .query_row("SELECT max(started_at) FROM actions", [], |row| row.get(0))
        .unwrap();
    let mut rows = 0;
    for report in &Library::load(None).reports {
        let empty = answer(&connection, report, &now, false);
        assert_eq!(
            answer(&connection, report, &now, true),
            empty,
            "{}",
            report.name
        );
        rows += empty.len();
    }
    assert!(rows > 100, "only {rows} rows");
}

/// The rows of a report. Datasette passes its parameters as texts.
fn answer(connection: &Connection, report: &Report, now: &str, is_typed: bool) -> Vec<String> {
    let mut parameters = vec![(":now".to_owned(), now.to_owned())];
    for parameter in &report.parameters {
        let default = metadata::written_for_sqlite(parameter).filter(|_| is_typed);
        parameters.push((format!(":{}", parameter.name), default.unwrap_or_default()));
    }
    let parameters: Vec<(&str, &dyn ToSql)> = parameters
        .iter()
        // The default of `now` is the current time; the test compares the answers at the given time.
        .map(|(name, value)| {
            (
                name.as_str(),
                if value == "now" {
                    &now as &dyn ToSql
                } else {
                    value
                },
            )
        })
        .collect();
    let mut statement = connection.prepare(&report.sql).unwrap();
    let columns = statement.column_count();
    statement
        .query_map(&*parameters, |row| {
            let cells = (0..columns).map(|column| {
                row.get(column)
                    .map(|it: rusqlite::types::Value| format!("{it:?}"))
            });
            cells
                .collect::<Result<Vec<_>, _>>()
                .map(|cells| cells.join("|"))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect()
}
