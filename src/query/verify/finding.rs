//! What is wrong with an archive, in words: what, how much of it, an example, and what to do.

use crate::archive;
use crate::core::time::Timestamp;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, ErrorCode, Row, named_params};
use serde::Serialize;
use std::collections::BTreeSet;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Archiver never leaves an archive like this.
    Error,
    /// To be known; it may be true of a sound archive.
    Note,
}

impl Severity {
    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Note => "note",
        }
    }
}

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Which check found it; a word for scripts.
    pub check: &'static str,
    /// What is wrong, in a sentence.
    pub what: String,
    /// How many rows it concerns; pages or objects where it is about these.
    pub rows: u64,
    /// One of them: an id, or what else names it.
    pub example: Option<String>,
    /// What to do about it.
    pub advice: &'static str,
}

impl Finding {
    /// Whether rows can be checked all the same: what is read from damaged pages, or of tables that are not what they
    /// should be, says nothing.
    pub(super) fn leaves_rows_readable(&self) -> bool {
        self.severity == Severity::Note || !["page", "schema"].contains(&self.check)
    }
}

const RESTORE: &str = "keep the file, and go back to a backup: `archiver sync` goes on from there; without one, \
                       `sqlite3 FILE .recover` may save rows, and a sync into a new file reads again what the API \
                       still lists";

/// Damage of pages or indexes, as SQLite words it, and the table or index where it knows.
pub(super) fn damage(check: &'static str, words: &str, place: Option<&str>) -> Finding {
    let advice = if check == "index" {
        "the rows are there: `sqlite3 FILE 'REINDEX'` makes the indexes anew; make a copy of the file first"
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

/// Whether a statement failed because of what is in the file: not because of a lock, the disk, the memory or a signal.
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

/// What cannot be read because of what is in the file.
pub(super) fn unreadable(error: &rusqlite::Error) -> Finding {
    if archive::is_corrupt(error) {
        return damage("page", &error.to_string(), None);
    }
    Finding {
        what: format!("something cannot be read as it should be: {error}"),
        ..damage("value", "", None)
    }
}

pub(super) fn not_checked() -> Finding {
    Finding {
        severity: Severity::Note,
        check: "rows",
        what: "what the rows say was not checked, since they cannot be relied on".to_owned(),
        rows: 0,
        example: None,
        advice: "verify again once the errors are mended",
    }
}

/// What must not be true of a row.
pub(super) struct Rule {
    pub(super) severity: Severity,
    pub(super) check: &'static str,
    /// The condition, in SQL, that a row which breaks the rule fulfils. `:now` is the time.
    pub(super) broken_by: String,
    pub(super) what: String,
    pub(super) advice: &'static str,
}

/// Counts the rows of `table` that break each rule, in one pass; `key` names a row. `table` may be a join.
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
    // `:now` is always there, whether a rule needs it or not.
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

/// The condition that a column holds something that is not a time as the archive writes them.
pub(super) fn is_no_time(column: &str) -> String {
    format!("{column} IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', {column})")
}

/// The condition that a column holds something that is no JSON object.
pub(super) fn is_no_object(column: &str) -> String {
    format!(
        "{column} IS NOT NULL AND CASE WHEN json_valid({column}) THEN json_type({column}) <> 'object' ELSE 1 END"
    )
}

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
