//! Whether indexes over a part of a table hold no more than that part.
//!
//! SQLite's own check finds each row in them that has to be there; that there are others besides, it looks for in whole
//! indexes alone (`sqlite3Pragma` in <https://sqlite.org/src/file/src/pragma.c>). A question that is answered from such an
//! index would tell of rows that do not fulfil its condition. The conditions are those of the migrations: the file's own
//! statements mean the same, but may have comments in them that would be SQL where they are read.

use rusqlite::Connection;

use super::finding::{Finding, damage};
use crate::archive::PartialIndex;

/// Counts the entries of those of these indexes that the archive has.
pub(super) fn check(
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
