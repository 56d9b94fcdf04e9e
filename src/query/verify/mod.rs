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
//! The files: `file` runs SQLite's checks and compares the schema and the indexes, `actions` and `ledger` check rows
//! against rules, and `finding` describes findings, counts broken rules and checks the texts.

mod actions;
mod file;
mod finding;
mod ledger;

use std::collections::BTreeSet;

use rusqlite::Connection;
use serde::Serialize;

pub use finding::{Finding, Severity};

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

/// The reason why the check did not finish. Damage is not one: it is a finding.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("cannot read the archive")]
    Read(#[from] rusqlite::Error),
    /// An archive function failed.
    #[error(transparent)]
    Store(#[from] archive::Error),
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
        findings.push(finding::not_checked());
        None
    };
    findings.sort_by_key(|finding| finding.severity);
    let is_sound = findings
        .iter()
        .all(|finding| finding.severity != Severity::Error);
    Ok(Verification {
        is_sound,
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
        take(findings, finding::check(connection, added))?;
        let indexes = archive::partial_indexes()?;
        take(findings, file::check_indexes(connection, &indexes))?;
    }
    take(findings, actions::check_values(connection, now))?;
    take(findings, actions::check_coverage(connection))?;
    take(findings, ledger::check(connection, now))?;
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
        Err(error) if finding::is_about_the_file(&error) => {
            findings.push(finding::unreadable(&error));
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod value_tests;
