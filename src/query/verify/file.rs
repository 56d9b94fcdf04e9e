//! Checks of the file: SQLite's own ones of pages, indexes, constraints and references, the schema, and the texts.

use super::{Depth, Finding, Severity, damage, shown};
use crate::archive::{DriftKind, Object, SchemaDrift, is_corrupt};
use crate::query::rows;
use rusqlite::Connection;
use rusqlite::types::ValueRef;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The maximum number of complaints of SQLite. More are not needed to decide the next step.
const MOST_COMPLAINTS: usize = 20;

/// Checks the whole file. `added` has the names of objects that are not archiver's.
pub(super) fn check(
    connection: &Connection,
    depth: Depth,
    added: &BTreeSet<String>,
) -> rusqlite::Result<Vec<Finding>> {
    let complaints = complaints(connection, depth)?;
    let roots = rows::pairs(connection, ROOTS).unwrap_or_default();
    let mut findings: Vec<Finding> = Vec::new();
    for words in complaints {
        let (check, place) = read_complaint(&words, &roots);
        let place = place.map(str::to_owned);
        let same = |known: &&mut Finding| known.check == check && known.example == place;
        // The first complaint about each place is reported; the others are counted.
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

/// The complaints of SQLite, one per item; empty when all is well. When damage ends the check, the complaints until
/// then say more than the error.
fn complaints(connection: &Connection, depth: Depth) -> rusqlite::Result<Vec<String>> {
    let pragma = match depth {
        Depth::Full => "integrity_check",
        Depth::Quick => "quick_check",
    };
    let mut statement = connection.prepare(&format!("PRAGMA {pragma}({MOST_COMPLAINTS})"))?;
    let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
    let mut complaints = Vec::new();
    for text in rows {
        // Complaints about one tree come in one row, one per line, below the name of the database.
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
const ROOTS: &str = "SELECT rootpage, name FROM sqlite_schema WHERE rootpage > 0";

/// The words before the place of a complaint, and its subject.
const MARKS: [(&str, &str); 6] = [
    ("missing from index ", "index"),
    ("wrong # of entries in index ", "index"),
    ("non-unique entry in index ", "index"),
    ("NULL value in ", "value"),
    ("value in ", "value"),
    ("CHECK constraint failed in ", "value"),
];

/// The subject of a complaint: pages, an index, or a value; and the table or index, if the text names it
/// (<https://www.sqlite.org/pragma.html#pragma_integrity_check>).
fn read_complaint<'a>(
    words: &'a str,
    roots: &'a HashMap<i64, String>,
) -> (&'static str, Option<&'a str>) {
    if let Some(tree) = words.strip_prefix("Tree ") {
        let number = tree.split(' ').next().and_then(|it| it.parse().ok());
        let root = number.and_then(|number: i64| roots.get(&number));
        return ("page", root.map(String::as_str));
    }
    let after = |mark: &str| words.split_once(mark).map(|(_, rest)| rest);
    let mut marks = MARKS.iter();
    match marks.find_map(|(mark, check)| Some((*check, after(mark)?))) {
        Some(("value", column)) => ("value", column.split('.').next()),
        Some((check, place)) => (check, Some(place)),
        None => ("page", None),
    }
}

/// References to missing rows. Uses the PRAGMA statement, because a view can hide the table-valued function.
fn dangling(connection: &Connection, added: &BTreeSet<String>) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    let mut found: BTreeMap<(String, String), (u64, Option<i64>)> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let places = (row.get("table")?, row.get("parent")?);
        let row_id = row.get("rowid")?;
        let (count, _) = found.entry(places).or_insert((0, row_id));
        *count += 1;
    }
    let findings = found.into_iter().map(|((table, parent), (rows, example))| {
        let is_ours = !added.contains(&table.to_ascii_lowercase());
        let (severity, advice) = match is_ours {
            true => (Severity::Error, LOST),
            false => (Severity::Note, NOT_OURS),
        };
        let what = format!("rows of `{table}` refer to missing rows of `{parent}`");
        Finding {
            rows,
            example: example.map(|id| format!("{table} {id}")),
            ..Finding::new(severity, "reference", what, advice)
        }
    });
    Ok(findings.collect())
}

const LOST: &str = "another program removed rows: restore a backup, or use `archiver sync --full` to read again all \
                    actions that the API still lists";
const NOT_OURS: &str = "nothing to do: archiver does not use this table";

/// The names, in lower case, of objects that are not archiver's.
pub(super) fn added(schema_drift: &[SchemaDrift]) -> BTreeSet<String> {
    use DriftKind::{Added, Refusing, Shadowing, Trigger};
    let added = schema_drift
        .iter()
        .filter(|it| matches!(it.kind, Added | Refusing | Shadowing | Trigger));
    added.map(|it| it.object.name.clone()).collect()
}

/// The finding for a difference from the schema of the migrations.
pub(super) fn finding(alteration: &SchemaDrift) -> Finding {
    use DriftKind::{Added, Changed, Missing, MissingIndex, PutOff, Refusing, Shadowing, Trigger};
    let (check, advice) = match alteration.kind {
        Trigger => (
            "trigger",
            "no sync writes while it exists: if you know it, use DROP TRIGGER with sqlite3; if not, restore a backup",
        ),
        Refusing | Shadowing => (
            "foreign",
            "no sync writes while it exists: use sqlite3 to remove or rename it",
        ),
        Missing | Changed => (
            "schema",
            "no sync writes to it: restore a backup; `archiver schema` shows the correct schema",
        ),
        MissingIndex => (
            "missing_index",
            "some questions need it: use sqlite3 to create it; `archiver schema` prints the statement",
        ),
        PutOff => (
            "put_off",
            "the next sync creates it; until then some questions take longer",
        ),
        Added => (
            "added",
            "nothing to do if you know it: archiver does not use it",
        ),
    };
    let severity = match alteration.kind {
        PutOff | Added => Severity::Note,
        _ => Severity::Error,
    };
    Finding {
        example: Some(alteration.object.name.clone()),
        ..Finding::new(severity, check, alteration.to_string(), advice)
    }
}

const IS_THERE: &str = "
    SELECT count(*) FROM sqlite_schema WHERE type = 'index' COLLATE NOCASE AND name = ?1 COLLATE NOCASE";

/// Counts the entries of these indexes, as far as they exist: SQLite does not notice an entry too many.
pub(super) fn check_indexes(
    connection: &Connection,
    indexes: &[(Object, String)],
) -> rusqlite::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (Object { name, table, .. }, condition) in indexes {
        if !connection.query_row(IS_THERE, [name], |row| row.get(0))? {
            continue;
        }
        let sql = format!(
            "SELECT (SELECT count(*) FROM {table} INDEXED BY {name} WHERE {condition}),
                    (SELECT count(*) FROM {table} NOT INDEXED WHERE {condition})"
        );
        let counts = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (entries, rows): (i64, i64) = counts?;
        if entries != rows {
            let words = format!("it has {entries} entries for {rows} rows");
            findings.push(Finding {
                rows: entries.abs_diff(rows),
                example: Some(name.clone()),
                ..damage("index", &words, Some(name))
            });
        }
    }
    Ok(findings)
}

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// Checks the texts of all tables except those in `added`.
pub(super) fn check_texts(
    connection: &Connection,
    added: &BTreeSet<String>,
) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = connection.prepare(TABLES)?;
    // A name that is not text does not belong to the archive.
    let tables = statement.query_map([], |row| {
        Ok(row.get_ref(0)?.as_str().unwrap_or_default().to_owned())
    })?;
    let mut findings = Vec::new();
    for table in tables {
        let table = table?;
        if !table.is_empty() && !added.contains(&table.to_ascii_lowercase()) {
            findings.extend(check_table(connection, &table)?);
        }
    }
    Ok(findings)
}

fn check_table(connection: &Connection, table: &str) -> rusqlite::Result<Option<Finding>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let (mut broken, mut example) = (0, None);
    while let Some(row) = rows.next()? {
        let is_broken = |column| match row.get_ref(column) {
            Ok(ValueRef::Text(bytes)) => std::str::from_utf8(bytes).is_err(),
            _ => false,
        };
        if (0..columns).any(is_broken) {
            broken += 1;
            example = example.or(shown(row.get_ref(0)?));
        }
    }
    Ok((broken > 0).then(|| Finding {
        what: format!("rows of `{table}` have a text that is not UTF-8"),
        rows: broken,
        example,
        ..damage("value", "", None)
    }))
}
