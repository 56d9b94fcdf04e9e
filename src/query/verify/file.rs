//! What SQLite says of the file: pages, indexes, constraints, references.

use super::Depth;
use super::finding::{Finding, Severity, damage};
use crate::archive::{AlterationKind, PartialIndex, SchemaDrift, is_corrupt};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// So many complaints of SQLite are enough to know what to do.
const MOST_COMPLAINTS: usize = 20;

/// Looks at the whole file; `added` are the names of what is not archiver's.
pub(super) fn check(
    connection: &Connection,
    depth: Depth,
    added: &BTreeSet<String>,
) -> rusqlite::Result<Vec<Finding>> {
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
        findings.extend(dangling(connection, added)?);
    }
    Ok(findings)
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
            Err(error) if is_corrupt(&error) && !complaints.is_empty() => break,
            Err(error) if is_corrupt(&error) => error.to_string(),
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

/// References to rows that are not there. The statement, and not the table-valued function: that a view can stand before.
fn dangling(connection: &Connection, added: &BTreeSet<String>) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    let mut found: BTreeMap<(String, String), (u64, Option<i64>)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let places = (row.get("table")?, row.get("parent")?);
        let (count, example) = found.entry(places).or_default();
        *count += 1;
        let row_id: Option<i64> = row.get("rowid")?;
        *example = example.map_or(row_id, |least| row_id.map(|row_id| row_id.min(least)));
    }
    let findings = found.into_iter().map(|((table, parent), (rows, example))| {
        let is_ours = !added.contains(&table.to_ascii_lowercase());
        Finding {
            severity: if is_ours {
                Severity::Error
            } else {
                Severity::Note
            },
            check: "reference",
            what: format!("rows of `{table}` name rows of `{parent}` that are not there"),
            rows,
            example: example.map(|id| format!("{table} {id}")),
            advice: if is_ours { LOST } else { NOT_OURS },
        }
    });
    Ok(findings.collect())
}

const LOST: &str = "something else than archiver took rows away: go back to a backup, or bring back what the API still \
                    lists with `archiver sync --full`";
const NOT_OURS: &str = "nothing for archiver, which does not use that table";

/// The names, in lower case, of what is not archiver's.
pub(super) fn added(schema_drift: &[SchemaDrift]) -> BTreeSet<String> {
    let is_ours = |kind| {
        use AlterationKind::{Changed, Missing, MissingIndex, PutOff};
        matches!(kind, Changed | Missing | MissingIndex | PutOff)
    };
    let added = schema_drift.iter().filter(|it| !is_ours(it.kind));
    added.map(|it| it.name.to_ascii_lowercase()).collect()
}

/// What a difference from the schema of the migrations means.
pub(super) fn finding(alteration: &SchemaDrift) -> Finding {
    let (severity, check, advice) = match alteration.kind {
        AlterationKind::Trigger => (
            Severity::Error,
            "trigger",
            "no sync writes while it is there: if you know it, DROP TRIGGER with sqlite3; if not, go back to a backup",
        ),
        AlterationKind::Refusing | AlterationKind::Shadowing => (
            Severity::Error,
            "foreign",
            "no sync writes while it is there: take it away with sqlite3, or give it another name",
        ),
        AlterationKind::Missing | AlterationKind::Changed => (
            Severity::Error,
            "schema",
            "no sync writes to it: go back to a backup; `archiver schema` shows how it should be",
        ),
        AlterationKind::MissingIndex => (
            Severity::Error,
            "missing_index",
            "some questions need it: `archiver schema` prints the statement that makes it, for sqlite3",
        ),
        AlterationKind::PutOff => (
            Severity::Note,
            "put_off",
            "the next sync makes it; until then some questions take longer",
        ),
        AlterationKind::Added => (
            Severity::Note,
            "added",
            "nothing, if you know it: archiver does not use it",
        ),
    };
    Finding {
        severity,
        check,
        what: alteration.to_string(),
        rows: 1,
        example: Some(alteration.name.clone()),
        advice,
    }
}

/// Counts the entries of those of these indexes that the archive has.
pub(super) fn check_indexes(
    connection: &Connection,
    indexes: &[PartialIndex],
) -> rusqlite::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for index in indexes {
        if is_there(connection, &index.name)? {
            findings.extend(check_index(connection, index)?);
        }
    }
    Ok(findings)
}

/// As SQLite takes kinds and names: in any case.
fn is_there(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema
                WHERE type = 'index' COLLATE NOCASE AND name = :name COLLATE NOCASE";
    connection.query_row(sql, [name], |row| row.get(0))
}

fn check_index(connection: &Connection, index: &PartialIndex) -> rusqlite::Result<Option<Finding>> {
    let PartialIndex {
        name,
        table,
        condition,
    } = index;
    let sql = format!(
        "SELECT (SELECT count(*) FROM {table} INDEXED BY {name} WHERE {condition}),
                (SELECT count(*) FROM {table} NOT INDEXED WHERE {condition})"
    );
    let (entries, rows): (i64, i64) =
        connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let words = format!("it has {entries} entries for {rows} rows");
    Ok((entries != rows).then(|| Finding {
        rows: entries.abs_diff(rows),
        example: Some(name.clone()),
        ..damage("index", &words, Some(name))
    }))
}
