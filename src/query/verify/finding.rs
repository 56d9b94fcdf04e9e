//! A finding of a check: the problem, its size, an example, and the next step.

use crate::archive;
use crate::core::time::Timestamp;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, Row, named_params};
use serde::Serialize;
use std::collections::BTreeSet;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Archiver never leaves an archive in this state.
    Error,
    /// The user should know this; a sound archive may have it.
    Note,
}

impl Severity {
    /// The severity in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Note => "note",
        }
    }
}

/// A finding of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The check, as a word for scripts.
    pub check: &'static str,
    /// The problem in a sentence.
    pub what: String,
    /// The number of affected rows, pages or objects.
    pub rows: u64,
    /// One example: an id or another name.
    pub example: Option<String>,
    /// The next step.
    pub advice: &'static str,
}

impl Finding {
    /// True when the rows can still be checked. Values from damaged pages, or from tables with a wrong schema, are not
    /// reliable.
    pub(super) fn leaves_rows_readable(&self) -> bool {
        self.severity == Severity::Note || !["page", "schema"].contains(&self.check)
    }
}

const RESTORE: &str = "keep the file, and restore a backup: `archiver sync` continues from it; without a backup, \
                       `sqlite3 FILE .recover` may save rows, and a sync into a new file reads again all actions that \
                       the API still lists";

/// Damage of pages or indexes in SQLite's words, with the table or index if known.
pub(super) fn damage(check: &'static str, words: &str, place: Option<&str>) -> Finding {
    let advice = if check == "index" {
        "the rows are intact: copy the file, then use `sqlite3 FILE 'REINDEX'` to rebuild the indexes"
    } else {
        RESTORE
    };
    let place = place.map(|place| format!(" in `{place}`"));
    Finding {
        severity: Severity::Error,
        check,
        what: format!("SQLite finds damage{}: {words}", place.unwrap_or_default()),
        rows: 1,
        example: None,
        advice,
    }
}

/// True when the contents of the file made a statement fail: not a lock, the disk, the memory or a signal.
pub(super) fn is_about_the_file(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OperationInterrupted
                | ErrorCode::OperationAborted
                | ErrorCode::OutOfMemory
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// A read that failed because of the contents of the file.
pub(super) fn unreadable(error: &rusqlite::Error) -> Finding {
    if archive::is_corrupt(error) {
        return damage("page", &error.to_string(), None);
    }
    Finding {
        what: format!("a value cannot be read: {error}"),
        ..damage("value", "", None)
    }
}

pub(super) fn not_checked() -> Finding {
    Finding {
        severity: Severity::Note,
        check: "rows",
        what: "the rows were not checked, because they are not reliable".to_owned(),
        rows: 0,
        example: None,
        advice: "run `archiver verify` again when the errors are fixed",
    }
}

/// A rule about rows.
pub(super) struct Rule {
    pub(super) severity: Severity,
    pub(super) check: &'static str,
    /// The SQL condition that is true for a row that breaks the rule. `:now` is the time.
    pub(super) broken_by: String,
    pub(super) what: String,
    pub(super) advice: &'static str,
}

/// Counts the rows of `table` that break each rule, in one pass. `key` names a row, and `table` may be a join.
pub(super) fn count(
    connection: &Connection,
    table: &str,
    key: &str,
    now: Option<Timestamp>,
    rules: &[Rule],
) -> rusqlite::Result<Vec<Finding>> {
    let columns: Vec<_> = rules
        .iter()
        .map(|rule| {
            let broken = &rule.broken_by;
            format!("count(*) FILTER (WHERE {broken}), min({key}) FILTER (WHERE {broken})")
        })
        .collect();
    // `:now` is always bound, even if no rule uses it.
    let sql = format!("SELECT :now, {} FROM {table}", columns.join(", "));
    let now = now.map(|now| now.to_string());
    connection.query_row(&sql, named_params! { ":now": now }, |row| {
        let mut findings = Vec::new();
        for (number, rule) in rules.iter().enumerate() {
            let rows = row.get::<_, i64>(1 + 2 * number)?.unsigned_abs();
            let example: Value = row.get(2 + 2 * number)?;
            if rows > 0 {
                findings.push(rule.finding(rows, named(example)));
            }
        }
        Ok(findings)
    })
}

impl Rule {
    fn finding(&self, rows: u64, example: Option<String>) -> Finding {
        Finding {
            severity: self.severity,
            check: self.check,
            what: self.what.clone(),
            rows,
            example,
            advice: self.advice,
        }
    }
}

fn named(value: Value) -> Option<String> {
    match value {
        Value::Integer(number) => Some(number.to_string()),
        Value::Real(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
        Value::Null | Value::Blob(_) => None,
    }
}

/// The condition that a column has a value that is not a time in the archive's format.
pub(super) fn is_no_time(column: &str) -> String {
    format!("{column} IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', {column})")
}

/// The condition that a column has a value that is not a JSON object.
pub(super) fn is_no_object(column: &str) -> String {
    format!(
        "{column} IS NOT NULL AND CASE WHEN json_valid({column}) THEN json_type({column}) <> 'object' ELSE 1 END"
    )
}

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// Checks all tables except those in `added`.
pub(super) fn check(
    connection: &Connection,
    added: &BTreeSet<String>,
) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = connection.prepare(TABLES)?;
    // A name that is not text does not belong to the archive.
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

/// The first column of a table, which names a row, and its text columns; all in quotes.
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
