//! The soundness of an archive: the file, its schema, and the truth of its records about its rows.
//!
//! SQLite checks pages, indexes and references. It cannot find covered positions without rows, invalid times, or a
//! trigger of another program; the other checks do. Every check counts in one pass of SQL, so memory does not grow with
//! the archive. All checks see one snapshot, even while a sync writes.
//!
//! An error is a state that archiver never leaves behind: another program changed the file, the disk lost data, or
//! archiver has a defect. A note is a state of real histories, such as an action that ends before it begins, or the
//! remains of a killed sync run until the next one.
//!
//! The files: `file` runs SQLite's checks, compares the schema and the indexes, and checks the texts; `rules` checks rows
//! against rules, and coverage against rows.

mod file;
mod rules;

use std::collections::BTreeSet;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};
use serde::Serialize;

use super::Error;
use crate::archive;
use crate::core::time::Timestamp;

/// The depth of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// Reads the whole file, and compares every index with its table.
    Full,
    /// Reads all pages, but does not compare indexes with tables, nor check references.
    Quick,
}

/// The result of a check of an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// True when no finding is an error.
    pub is_sound: bool,
    /// The depth of the check.
    pub depth: Depth,
    /// The number of actions, if it can be counted.
    pub actions: Option<u64>,
    /// The number of listings with coverage.
    pub listings: Option<u64>,
    /// The number of sync runs in the log.
    pub syncs: Option<u64>,
    /// The findings, errors first.
    pub findings: Vec<Finding>,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Archiver never leaves an archive in this state.
    Error,
    /// The user should know this; a sound archive may have it.
    Note,
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
    fn new(
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
    fn leaves_rows_readable(&self) -> bool {
        self.severity == Severity::Note || !["page", "schema"].contains(&self.check)
    }
}

/// Checks an archive in one snapshot, and writes nothing. Times later than `now` are in the future.
///
/// # Errors
/// When the archive cannot be read for another reason than damage.
pub fn verify(
    connection: &Connection,
    depth: Depth,
    now: Timestamp,
) -> Result<Verification, Error> {
    let tx = connection.unchecked_transaction()?;
    let mut findings = Vec::new();
    let added = match archive::schema_drift(&tx) {
        Ok(schema_drift) => {
            findings.extend(schema_drift.iter().map(file::finding));
            file::added(&schema_drift)
        }
        Err(archive::Error::Sqlite { source, .. }) => {
            take(&mut findings, Err(source))?;
            BTreeSet::new()
        }
        Err(error) => return Err(error.into()),
    };
    take(&mut findings, file::check(&tx, depth, &added))?;
    let is_readable = findings.iter().all(Finding::leaves_rows_readable);
    let counts = if is_readable {
        check_rows(&tx, depth, now, &added, &mut findings)?
    } else {
        let what = "the rows were not checked, because they are not reliable";
        let advice = "run `archiver verify` again when the errors are fixed";
        let not_checked = Finding::new(Severity::Note, "rows", what, advice);
        findings.push(Finding {
            rows: 0,
            ..not_checked
        });
        None
    };
    findings.sort_by_key(|finding| finding.severity);
    Ok(Verification {
        is_sound: !findings.iter().any(|it| it.severity == Severity::Error),
        depth,
        actions: counts.map(|counts| counts[0]),
        listings: counts.map(|counts| counts[1]),
        syncs: counts.map(|counts| counts[2]),
        findings,
    })
}

const COUNTS: &str = "
SELECT (SELECT count(*) FROM actions) AS actions,
       (SELECT count(DISTINCT listing_id) FROM coverage) AS listings,
       (SELECT count(*) FROM sync_runs) AS syncs";

/// Checks the rows against the rules. Returns the numbers of actions, listings and sync runs, if they can be counted.
fn check_rows(
    connection: &Connection,
    depth: Depth,
    now: Timestamp,
    added: &BTreeSet<String>,
    findings: &mut Vec<Finding>,
) -> Result<Option<[u64; 3]>, Error> {
    if depth == Depth::Full {
        take(findings, file::check_texts(connection, added))?;
        let indexes = archive::partial_indexes()?;
        take(findings, file::check_indexes(connection, &indexes))?;
    }
    take(findings, rules::check_actions(connection, now))?;
    take(findings, rules::check_coverage(connection, now))?;
    take(findings, rules::check_other_tables(connection, now))?;
    let counts = connection.query_row(COUNTS, [], |row| {
        let count = |name: &str| row.get(name).map(i64::unsigned_abs);
        Ok([count("actions")?, count("listings")?, count("syncs")?])
    });
    match counts {
        Ok(counts) => Ok(Some(counts)),
        Err(error) => take(findings, Err(error)).map(|()| None),
    }
}

/// Adds the findings of a check. A statement that fails because of the contents of the file is a finding too; the other
/// checks still run.
fn take(findings: &mut Vec<Finding>, outcome: rusqlite::Result<Vec<Finding>>) -> Result<(), Error> {
    match outcome {
        Ok(found) => findings.extend(found),
        Err(error) if is_about_the_file(&error) => findings.push(unreadable(&error)),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

const RESTORE: &str = "keep the file, and restore a backup: `archiver sync` continues from it; without a backup, \
                       `sqlite3 FILE .recover` may save rows, and a sync into a new file reads again all actions that \
                       the API still lists";

/// Damage of pages or indexes in SQLite's words, with the table or index if known.
fn damage(check: &'static str, words: &str, place: Option<&str>) -> Finding {
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
fn is_about_the_file(error: &rusqlite::Error) -> bool {
    use ErrorCode::{TooBig, TypeMismatch, Unknown};
    archive::is_damage(error)
        || matches!(
            error.sqlite_error_code(),
            Some(Unknown | TooBig | TypeMismatch)
        )
}

/// A read that failed because of the contents of the file.
fn unreadable(error: &rusqlite::Error) -> Finding {
    if archive::is_corrupt(error) {
        return damage("page", &error.to_string(), None);
    }
    Finding {
        what: format!("a value cannot be read: {error}"),
        ..damage("value", "", None)
    }
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

#[cfg(test)]
mod tests;
#[cfg(test)]
mod value_tests;
