//! Whether an archive is sound: the file, its schema, and whether what it says of itself is true of its rows.
//!
//! SQLite checks pages, indexes and references. It cannot know that positions are covered whose rows are gone, that a
//! time is not one, or that somebody put a trigger there; that is what the rest is for. Every check counts in one pass of
//! SQL, so memory does not grow with the archive; all see one moment of it, whatever a sync writes meanwhile.
//!
//! An error is what archiver never leaves behind: something else changed the file, the disk lost something, or archiver
//! has a defect. A note is what real histories hold, such as an action that ends before it begins, or what a sync that
//! was killed leaves until the next one.
//!
//! What each file is for: `file` asks SQLite, `schema` looks for what was added or changed, `text` and `indexes` look where
//! SQLite's own check does not, `actions`, `coverage` and `ledger` hold rows against rules, `rule` counts the rows that
//! break one, `finding` says what is wrong.

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

/// How much of the file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Depth {
    /// All of it, and every index is held against its table.
    Full,
    /// All pages, but not whether indexes agree with their tables and references lead somewhere.
    Quick,
}

/// What a check of an archive came to.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// Whether there is no error.
    pub is_sound: bool,
    /// How thorough the check was.
    pub depth: Depth,
    /// Actions, as far as they can be counted.
    pub actions: Option<u64>,
    /// Listings of which something is covered.
    pub listings: Option<u64>,
    /// Syncs in the log.
    pub syncs: Option<u64>,
    /// Errors first.
    pub findings: Vec<Finding>,
}

/// What kept the check from coming to an end. Damage does not: it is a finding.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("cannot read the archive")]
    Read(#[from] rusqlite::Error),
    /// What a store knows how to read.
    #[error(transparent)]
    Store(#[from] archive::Error),
}

/// Checks an archive, all of it as of one moment. Nothing is written. Times later than `now` are in the future.
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

/// Holds the rows against their rules. The numbers of actions, listings and syncs, where they can be counted.
fn check_rows(
    connection: &Connection,
    depth: Depth,
    now: Timestamp,
    added: &BTreeSet<String>,
    findings: &mut Vec<Finding>,
) -> Result<Option<[u64; 3]>, Error> {
    if depth == Depth::Full {
        take(findings, finding::check(connection, added))?;
        take(
            findings,
            file::check_indexes(connection, &archive::partial_indexes()?),
        )?;
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

/// Adds what a check found. A statement that fails because of what is in the file is a finding too, and no reason not to
/// look at the rest.
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
