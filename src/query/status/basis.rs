//! The basis of an answer: whether the scope is complete, and since when.
//!
//! Every question reads it, so it costs one row of the sync log when the last sync run was complete.

use rusqlite::Connection;

use super::scope::Scope;
use super::verdict::Evidence;
use super::{Error, RunState, facts, runs};
use crate::archive::LockState;
use crate::core::time::Timestamp;

/// What an answer is based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The missing part of the scope in one line, with the next step; `None` when the scope is complete.
    pub missing: Option<String>,
    /// True when the scope is the whole account.
    pub is_of_account: bool,
    /// The start of the last complete sync run.
    pub fresh_at: Option<Timestamp>,
}

/// The basis of answers from this archive. `lock` tells if a sync runs.
///
/// # Errors
/// When the archive cannot be read.
pub fn basis(connection: &Connection, lock: &LockState, now: Timestamp) -> Result<Basis, Error> {
    let tx = connection.unchecked_transaction()?;
    let runs = runs::since_complete(&tx, lock)?;
    let is_harmless = |state| matches!(state, RunState::Failed | RunState::Running);
    let [later @ .., complete] = runs.as_slice() else {
        return Ok(Basis::of(&runs, &[], now));
    };
    let listings = if complete.outcome == RunState::Complete
        && later.iter().all(|run| is_harmless(run.outcome))
    {
        Vec::new()
    } else {
        facts::read_listings(&tx)?
    };
    Ok(Basis::of(&runs, &listings, now))
}

impl Basis {
    fn of(runs: &[super::Run], listings: &[super::ListingStatus], now: Timestamp) -> Self {
        let evidence = Evidence {
            runs,
            listings,
            actions: 0,
            now,
            max_age_seconds: None,
        };
        let complete = evidence.last_complete();
        Self {
            missing: evidence.missing(),
            is_of_account: evidence.scope() == Scope::Account,
            fresh_at: complete.and_then(|run| run.started_at.parse().ok()),
        }
    }
}
