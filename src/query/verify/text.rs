//! Whether what should be text is text.
//!
//! SQLite stores any bytes as text, and its own check lets them pass; a program that reads them fails, at the first such
//! row, with an answer that ends in the middle. So every text of the archive is looked at.

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::finding::{Finding, damage};

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// Looks at all tables but those that were `added`.
pub(super) fn check(
    connection: &Connection,
    added: &BTreeSet<String>,
) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = connection.prepare(TABLES)?;
    // A name that is no text is none of the archive's.
    let tables = statement.query_map([], |row| {
        Ok(row.get_ref(0)?.as_str().ok().map(str::to_owned))
    })?;
    let mut findings = Vec::new();
    for table in tables {
        let table = table?.unwrap_or_default();
        if !table.is_empty() && !added.contains(&table.to_ascii_lowercase()) {
            findings.extend(check_table(connection, &table)?);
        }
    }
    Ok(findings)
}

fn check_table(connection: &Connection, table: &str) -> rusqlite::Result<Option<Finding>> {
    let columns = columns(connection, table)?;
    let sql = format!("SELECT {} FROM \"{table}\"", columns.join(", "));
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let (mut broken, mut example) = (0, None);
    while let Some(row) = rows.next()? {
        if !is_text(row, columns.len())? {
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

/// The first column of a table, which names a row, and those that hold text; in quotes.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut columns = Vec::new();
    connection.pragma(None, "table_info", table, |row| {
        let (name, kind): (String, String) = (row.get("name")?, row.get("type")?);
        if columns.is_empty() || kind == "TEXT" {
            columns.push(format!("\"{name}\""));
        }
        Ok(())
    })?;
    Ok(columns)
}

fn is_text(row: &Row<'_>, columns: usize) -> rusqlite::Result<bool> {
    for column in 0..columns {
        if let ValueRef::Text(bytes) = row.get_ref(column)?
            && std::str::from_utf8(bytes).is_err()
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn shown(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}
