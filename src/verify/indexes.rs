//! Whether indexes over a part of a table hold no more than that part.
//!
//! SQLite's own check finds each row in them that has to be there; that there are others besides, it looks for in whole
//! indexes alone (`sqlite3Pragma` in <https://sqlite.org/src/file/src/pragma.c>). A question that is answered from such an
//! index would tell of rows that do not fulfil its condition.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row};

use super::finding::{Finding, damage};

const INDEXES: &str =
    "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";

/// Counts the entries of every partial index but those that were `added`.
pub(super) fn check(
    connection: &Connection,
    added: &BTreeSet<String>,
) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = connection.prepare(INDEXES)?;
    // What is no text is none of the archive's.
    let indexes = statement.query_map([], |row| Ok([0, 1, 2].map(|column| text(row, column))))?;
    let mut findings = Vec::new();
    for index in indexes {
        let [Ok(name), Ok(table), Ok(sql)] = index? else {
            continue;
        };
        let condition = sql.split_once(" WHERE ").map(|(_, condition)| condition);
        let condition = condition.filter(|_| !added.contains(&name.to_ascii_lowercase()));
        if let Some(condition) = condition {
            findings.extend(check_index(connection, &name, &table, condition)?);
        }
    }
    Ok(findings)
}

fn check_index(
    connection: &Connection,
    name: &str,
    table: &str,
    condition: &str,
) -> rusqlite::Result<Option<Finding>> {
    let sql = format!(
        "SELECT (SELECT count(*) FROM {table} INDEXED BY {name} WHERE {condition}),
                (SELECT count(*) FROM {table} NOT INDEXED WHERE {condition})"
    );
    let (entries, rows): (i64, i64) =
        connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let words = format!("it has {entries} entries for {rows} rows");
    Ok((entries != rows).then(|| Finding {
        rows: entries.abs_diff(rows),
        example: Some(name.to_owned()),
        ..damage("index", &words, Some(name))
    }))
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    let text = row.get_ref(column)?.as_str();
    Ok(text.map(str::to_owned)?)
}
