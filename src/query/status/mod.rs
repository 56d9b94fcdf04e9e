//! The freshness and completeness of the archive: a verdict, and its facts.
//!
//! A complete sync run is a guarantee: every action that its scope listed at its start is archived, and later events do
//! not change that. So the archive is as fresh as the start of the last complete sync run, whatever failed later. The
//! archive is incomplete when a later sync run archived only a part of the new actions.
//!
//! The files: `runs` reads the log of sync runs, with their scopes, `facts` reads the rest of the archive, and `verdict`
//! judges.

mod facts;
mod runs;
mod verdict;

use rusqlite::Connection;
use serde::Serialize;

pub use crate::output::{counted, grouped};
pub use facts::{Facts, ListingStatus, OpenAction, Proof, Quota};
pub use runs::{ACCOUNT_SCOPE, Run, RunState};
pub use verdict::{State, Verdict, ago};

use super::{Error, rows};
use crate::archive::{LATEST_VERSION, LockState};
use crate::core::time::Timestamp;
use runs::Scope;
use verdict::Evidence;

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
    let verdict = verdict::judge(&Evidence {
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
    let scope = Scope::of(scope);
    let mut listings = facts::read_listings(connection)?;
    listings.retain(|it| runs::reads(scope.as_ref(), it) && !it.is_untouched());
    Ok(listings)
}

/// The basis of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The missing part of the scope in one line, with the next step; `None` when the scope is complete.
    pub missing: Option<String>,
    /// True when the scope is the whole account.
    pub is_of_account: bool,
    /// The start of the last complete sync run.
    pub fresh_at: Option<Timestamp>,
}

const TAGGED: &str = "
SELECT id
  FROM droplets
 WHERE gone_at IS NULL
   AND id IN (SELECT droplet_id FROM droplet_tags
               WHERE gone_at IS NULL
                 AND tag IN (SELECT value FROM json_each(iif(json_valid(?1), ?1, '{}'), '$.tags')))";

/// The basis of answers from this archive. `lock` tells if a sync runs. Every question reads it, so it costs one row of
/// the sync log when the last sync run was complete.
///
/// # Errors
/// When the archive cannot be read.
pub fn basis(connection: &Connection, lock: &LockState, now: Timestamp) -> Result<Basis, Error> {
    let tx = connection.unchecked_transaction()?;
    let runs = runs::since_complete(&tx, lock)?;
    let (mut listings, mut tagged) = (Vec::new(), Vec::new());
    if may_miss_actions(&runs) {
        listings = facts::read_listings(&tx)?;
        tagged = rows::first_column(&tx, TAGGED, [runs.first().map(|run| &run.scope)])?;
    }
    let has_actions = "SELECT EXISTS (SELECT 1 FROM actions)";
    let is_imported = runs.is_empty() && tx.query_row(has_actions, [], |row| row.get(0))?;
    let evidence = Evidence {
        runs: &runs,
        listings: &listings,
        tagged: &tagged,
        actions: u64::from(is_imported),
        now,
        max_age_seconds: None,
    };
    let complete = evidence.last_complete();
    Ok(Basis {
        missing: evidence.missing(),
        is_of_account: evidence.scope().is_none(),
        fresh_at: complete.and_then(|run| run.started_at.parse().ok()),
    })
}

/// False when the sync runs alone show that the scope is complete.
fn may_miss_actions(runs: &[Run]) -> bool {
    let is_harmless = |run: &Run| matches!(run.outcome, RunState::Failed | RunState::Running);
    match runs {
        [later @ .., last] if last.outcome == RunState::Complete => !later.iter().all(is_harmless),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
