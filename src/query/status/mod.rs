//! The freshness and completeness of the archive: a verdict, and its facts.
//!
//! A complete sync run is a guarantee: every action that its scope listed at its start is archived, and later events do
//! not change that. So the archive is as fresh as the start of the last complete sync run, whatever failed later. The
//! archive is incomplete when a later sync run archived only a part of the new actions.
//!
//! The files: `runs` and `facts` read the archive, `scope` describes the scope of the last sync run, `verdict` judges,
//! and `basis` tells what answers are based on.

mod basis;
mod facts;
mod runs;
mod scope;
mod verdict;

use rusqlite::Connection;
use serde::Serialize;

pub use crate::output::{counted, grouped};
pub use basis::{Basis, basis};
pub use facts::ListingStatus;
pub use facts::Proof;
pub use facts::{Facts, OpenAction, Quota};
pub use runs::{Run, RunState};
pub use scope::ACCOUNT_SCOPE;
pub use scope::ago;
pub use verdict::{State, Verdict};

use crate::archive::{self, LATEST_VERSION, LockState};
use crate::core::time::Timestamp;

/// The status of an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// The verdict: one word, and one line.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The applied migrations.
    pub schema_version: i64,
    /// The contents of the archive in numbers.
    #[serde(flatten)]
    pub facts: Facts,
    /// The proof of the history.
    #[serde(flatten)]
    pub proof: Proof,
    /// Each listing that was read.
    pub listings: Vec<ListingStatus>,
    /// The last sync runs, newest first.
    pub runs: Vec<Run>,
}

/// A read that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive could not be read.
    #[error("cannot read the archive")]
    Read(#[from] rusqlite::Error),
    /// An archive function failed.
    #[error(transparent)]
    Store(#[from] archive::Error),
}

/// The status of an archive at `now`, from one consistent snapshot.
///
/// `lock` tells if a sync runs. With `max_age_seconds`, an archive is stale when its last complete sync run began
/// earlier.
///
/// # Errors
/// When the archive cannot be read.
pub fn read(
    connection: &Connection,
    lock: &LockState,
    now: Timestamp,
    max_age_seconds: Option<i64>,
) -> Result<Status, Error> {
    // All statements see the same archive, even while a sync writes.
    let tx = connection.unchecked_transaction()?;
    let facts = facts::read(&tx)?;
    let mut listings = facts::read_listings(&tx)?;
    let verdict = verdict::judge(&verdict::Evidence {
        runs: &runs::since_complete(&tx, lock)?,
        listings: &listings,
        tagged: &[],
        actions: facts.actions,
        now,
        max_age_seconds,
    });
    if listings.iter().any(|listing| listing.droplet_id.is_some()) {
        listings.retain(|listing| !listing.is_untouched());
    }
    Ok(Status {
        verdict,
        schema_version: LATEST_VERSION,
        proof: Proof::of(&listings, facts.actions - facts.actions_only_imported),
        facts,
        listings,
        runs: runs::last(&tx, lock)?,
    })
}

/// The listings that a sync of this scope reads, as far as they were ever read. The scope has the format of the sync
/// log.
///
/// # Errors
/// When the archive cannot be read.
pub fn listings_of_scope(
    connection: &Connection,
    scope: &str,
) -> Result<Vec<ListingStatus>, Error> {
    let scope = scope::Scope::of(scope);
    let mut listings = facts::read_listings(connection)?;
    listings.retain(|listing| scope.includes(listing) && !listing.is_untouched());
    Ok(listings)
}

#[cfg(test)]
mod tests;
