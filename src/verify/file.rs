//! What SQLite says of the file: pages, indexes, constraints, references.

use std::collections::BTreeMap;

use rusqlite::{Connection, ErrorCode, named_params};

use super::Depth;
use super::finding::{Finding, Severity, damage};

/// So many complaints of SQLite are enough to know what to do.
const MOST_COMPLAINTS: usize = 20;

pub(super) fn check(connection: &Connection, depth: Depth) -> rusqlite::Result<Vec<Finding>> {
    let complaints = complaints(connection, depth)?;
    let roots = roots(connection).unwrap_or_default();
    let mut findings: Vec<Finding> = Vec::new();
    for words in complaints {
        let (check, place) = read_complaint(&words, &roots);
        let place = place.map(str::to_owned);
        let same = |known: &&mut Finding| known.check == check && known.example == place;
        // The first complaint of each place is enough; the others are counted.
        match findings.iter_mut().find(same) {
            Some(known) => known.rows += 1,
            None => findings.push(Finding {
                example: place.clone(),
                ..damage(check, &words, place.as_deref())
            }),
        }
    }
    if findings.is_empty() && depth == Depth::Full {
        findings.extend(dangling(connection)?);
    }
    Ok(findings)
}

/// Whether an error says that the file is damaged.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// What SQLite complains about, a complaint each; nothing when all is well. Where damage ends the check, what it said
/// until then tells more than the error.
fn complaints(connection: &Connection, depth: Depth) -> rusqlite::Result<Vec<String>> {
    let pragma = match depth {
        Depth::Full => "integrity_check",
        Depth::Quick => "quick_check",
    };
    let mut statement = connection.prepare(&format!("PRAGMA {pragma}({MOST_COMPLAINTS})"))?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut complaints = Vec::new();
    for text in rows {
        // Complaints about one tree come in one row, a line each, below the name of the database.
        let text = match text {
            Err(error) if is_damage(&error) && !complaints.is_empty() => break,
            Err(error) if is_damage(&error) => error.to_string(),
            text => text?,
        };
        let lines = text.lines().filter(|line| !line.starts_with("*** in "));
        complaints.extend(lines.filter(|line| *line != "ok").map(str::to_owned));
    }
    Ok(complaints)
}

/// The table or index at each root page.
fn roots(connection: &Connection) -> rusqlite::Result<BTreeMap<u64, String>> {
    let mut statement =
        connection.prepare("SELECT rootpage, name FROM sqlite_schema WHERE rootpage > 0")?;
    let roots = statement.query_map([], |row| {
        Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
    })?;
    roots.collect()
}

/// What a complaint is about: pages, an index, or a value; and the table or index, as far as the words tell
/// (<https://www.sqlite.org/pragma.html#pragma_integrity_check>).
fn read_complaint<'a>(
    words: &'a str,
    roots: &'a BTreeMap<u64, String>,
) -> (&'static str, Option<&'a str>) {
    let after = |mark: &str| words.split_once(mark).map(|(_, rest)| rest);
    if let Some(tree) = words.strip_prefix("Tree ") {
        let number = tree.split(' ').next().and_then(|it| it.parse().ok());
        let root = number.and_then(|number: u64| roots.get(&number));
        return ("page", root.map(String::as_str));
    }
    if let Some(index) = after("missing from index ").or(after("wrong # of entries in index ")) {
        return ("index", Some(index));
    }
    if let Some(index) = after("non-unique entry in index ") {
        return ("index", Some(index));
    }
    let column = ["NULL value in ", "value in ", "CHECK constraint failed in "];
    match column.iter().find_map(|mark| after(mark)) {
        Some(place) => ("value", place.split('.').next()),
        None => ("page", None),
    }
}

const DANGLING: &str = "
SELECT \"table\", parent, count(*) AS row_count, min(rowid) AS example
  FROM pragma_foreign_key_check
 GROUP BY \"table\", parent";

/// References to rows that are not there.
fn dangling(connection: &Connection) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = connection.prepare(DANGLING)?;
    let findings = statement.query_map(named_params! {}, |row| {
        let (table, parent): (String, String) = (row.get("table")?, row.get("parent")?);
        let rows: i64 = row.get("row_count")?;
        let example: Option<i64> = row.get("example")?;
        Ok(Finding {
            severity: Severity::Error,
            check: "reference",
            what: format!("rows of `{table}` name rows of `{parent}` that are not there"),
            rows: rows.unsigned_abs(),
            example: example.map(|id| format!("{table} {id}")),
            advice: "something else than archiver took rows away: go back to a backup, or bring back what the API still \
                     lists with `archiver sync --full`",
        })
    })?;
    findings.collect()
}
