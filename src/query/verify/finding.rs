//! A finding of a check: the problem, its size, an example, and the next step.

use crate::archive;
use crate::core::time::Timestamp;
use rusqlite::types::ValueRef;
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
    /// A finding of one row.
    pub(super) fn new(
        severity: Severity,
        check: &'static str,
        what: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self {
            severity,
            check,
            what: what.into(),
            rows: 1,
            example: None,
            advice,
        }
    }

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
    let what = format!("SQLite finds damage{}: {words}", place.unwrap_or_default());
    Finding::new(Severity::Error, check, what, advice)
}

/// True when the contents of the file made a statement fail: not a lock, the disk, the memory or a signal.
pub(super) fn is_about_the_file(error: &rusqlite::Error) -> bool {
    use ErrorCode::{TooBig, TypeMismatch, Unknown};
    archive::is_damage(error)
        || matches!(
            error.sqlite_error_code(),
            Some(Unknown | TooBig | TypeMismatch)
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
    let what = "the rows were not checked, because they are not reliable";
    let advice = "run `archiver verify` again when the errors are fixed";
    Finding {
        rows: 0,
        ..Finding::new(Severity::Note, "rows", what, advice)
    }
}

/// A rule about rows.
pub(super) struct Rule {
    /// The SQL condition that is true for a row that breaks the rule. `:now` is the time.
    broken_by: String,
    finding: Finding,
}

/// A rule that archiver never breaks.
pub(super) fn error(
    check: &'static str,
    broken_by: impl Into<String>,
    what: impl Into<String>,
    advice: &'static str,
) -> Rule {
    Rule {
        broken_by: broken_by.into(),
        finding: Finding::new(Severity::Error, check, what, advice),
    }
}

/// A rule that the rows of a sound archive may break.
pub(super) fn note(
    check: &'static str,
    broken_by: impl Into<String>,
    what: impl Into<String>,
    advice: &'static str,
) -> Rule {
    Rule {
        broken_by: broken_by.into(),
        finding: Finding::new(Severity::Note, check, what, advice),
    }
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
            if rows > 0 {
                findings.push(Finding {
                    rows,
                    example: shown(row.get_ref(2 + 2 * number)?),
                    ..rule.finding.clone()
                });
            }
        }
        Ok(findings)
    })
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
        if !is_text(row, columns)? {
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

/// The value that names a row.
fn shown(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}
