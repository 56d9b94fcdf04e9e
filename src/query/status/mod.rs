//! How fresh and complete the archive is: a verdict, and the facts it stands on.
//!
//! A sync that was complete is a promise: whatever its scope listed when it began is archived, and nothing takes that
//! away again. So the archive is as fresh as the beginning of the last complete sync, whatever failed since; and
//! something is missing of it when a later sync archived a part of what is new.
//!
//! What each file is for: `listings`, `runs` and `facts` read, `scope` tells whose actions are meant, `verdict` judges,
//! `proof` says since when the history is proven, `words` words it.

mod facts;
mod runs;
mod scope;
mod verdict;

use rusqlite::Connection;
use serde::Serialize;

pub use facts::ListingStatus;
pub use facts::Proof;
pub use facts::{Facts, OpenAction, Quota};
pub use runs::{Run, RunState};
pub use scope::ACCOUNT_SCOPE;
pub use scope::{ago, counted, grouped};
pub use verdict::{State, Verdict};

use crate::archive::{self, LATEST_VERSION, LockState};
use crate::core::time::Timestamp;

/// What there is to say about an archive.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// In one word, and in a line.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// The migrations that were applied.
    pub schema_version: i64,
    /// What is archived, in numbers.
    #[serde(flatten)]
    pub facts: Facts,
    /// How well it is proven.
    #[serde(flatten)]
    pub proof: Proof,
    /// Each listing that was read.
    pub listings: Vec<ListingStatus>,
    /// The last syncs, newest first.
    pub runs: Vec<Run>,
}

/// What could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive.
    #[error("cannot read the archive")]
    Read(#[from] rusqlite::Error),
    /// What a store knows how to read.
    #[error(transparent)]
    Store(#[from] archive::Error),
}

/// The status of an archive at `now`, all of it as of one moment.
///
/// `lock` tells whether a sync runs. With `max_age_seconds`, an archive whose last complete sync began earlier is stale.
///
/// # Errors
/// When the archive cannot be read.
pub fn read(
    connection: &Connection,
    lock: &LockState,
    now: Timestamp,
    max_age_seconds: Option<i64>,
) -> Result<Status, Error> {
    // Several statements see one archive, whatever a sync writes meanwhile.
    let tx = connection.unchecked_transaction()?;
    let facts = facts::read(&tx)?;
    let mut listings = facts::read_listings(&tx)?;
    let verdict = verdict::judge(&verdict::Evidence {
        runs: &runs::since_complete(&tx, lock)?,
        listings: &listings,
        facts: &facts,
        now,
        max_age_seconds,
    });
    if listings.iter().any(|listing| listing.droplet_id.is_some()) {
        listings.retain(|listing| !listing.is_untouched());
    }
    Ok(Status {
        verdict,
        schema_version: LATEST_VERSION,
        proof: Proof::of(&listings, facts.actions),
        facts,
        listings,
        runs: runs::last(&tx, lock)?,
    })
}

/// The listings that a sync of this scope reads, as far as one ever did. The scope is written as in the log of syncs.
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
