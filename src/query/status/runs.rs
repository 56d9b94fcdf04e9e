//! Reads the log of sync runs, and the scope of each.

use std::collections::BTreeSet;

use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

use super::ListingStatus;
use crate::archive::{LockState, RunId};
use crate::core::model::DropletId;

/// The number of sync runs to show.
const SHOWN: u32 = 5;
/// The number of sync runs to search for the last complete one. Older ones do not matter.
const LOOKED_AT: u32 = 10_000;

/// The outcome of a sync run, or its state without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Every action that the scope listed at the start is archived.
    Complete,
    /// Some actions are missing.
    Partial,
    /// Nothing could be archived.
    Failed,
    /// The sync run was told to stop.
    Interrupted,
    /// The sync run is at work.
    Running,
    /// The sync run ended without an outcome.
    Killed,
    /// The sync run is at work where this machine cannot see it, or was killed.
    Unfinished,
}

/// One sync run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// The number.
    pub id: RunId,
    /// The start time.
    pub started_at: String,
    /// The end time; `None` when the sync run is at work or was killed.
    pub finished_at: Option<String>,
    /// The outcome.
    pub outcome: RunState,
    /// The scope: `account`, or droplets and tags as JSON.
    pub scope: String,
    /// The number of HTTP requests, including retries.
    pub requests: i64,
    /// The number of new actions.
    pub inserted: i64,
    /// The number of actions that changed.
    pub updated: i64,
    /// The number of rows that could not be archived.
    pub rejected: i64,
    /// The missing part, in words.
    pub message: Option<String>,
    /// The version of archiver.
    pub version: String,
}

impl RunState {
    /// The state in one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Running => "running",
            Self::Killed => "killed",
            Self::Unfinished => "unfinished",
        }
    }

    fn of(outcome: Option<&str>, is_last: bool, lock: &LockState) -> Self {
        match (outcome, lock) {
            // Only one sync runs at a time, so this can only be the last one.
            (None, LockState::Held { .. }) if is_last => Self::Running,
            (None, LockState::Left { .. }) if is_last => Self::Unfinished,
            _ => Self::ended(outcome),
        }
    }

    /// The state of a sync run that is not at work any more. An unknown word from a later version counts as partial,
    /// which promises the least.
    pub(crate) fn ended(outcome: Option<&str>) -> Self {
        match outcome {
            Some("complete") => Self::Complete,
            Some("failed") => Self::Failed,
            Some("interrupted") => Self::Interrupted,
            Some(_) => Self::Partial,
            None => Self::Killed,
        }
    }
}

const RUNS: &str = "
SELECT id, started_at, finished_at, scope, outcome, requests, inserted, updated, rejected, message, version,
       id = (SELECT max(id) FROM sync_runs) AS is_last
  FROM sync_runs
 ORDER BY id DESC
 LIMIT ?1";

/// The last few sync runs, newest first.
pub(super) fn last(connection: &Connection, lock: &LockState) -> rusqlite::Result<Vec<Run>> {
    connection
        .prepare(RUNS)?
        .query_map([SHOWN], |row| run(row, lock))?
        .collect()
}

/// The sync runs with the scope of the last one, newest first, back to the last complete one. A sync run of the whole
/// account counts for its droplets too.
pub(super) fn since_complete(
    connection: &Connection,
    lock: &LockState,
) -> rusqlite::Result<Vec<Run>> {
    let mut statement = connection.prepare(RUNS)?;
    let mut rows = statement.query([LOOKED_AT])?;
    let mut runs: Vec<Run> = Vec::new();
    while let Some(row) = rows.next()? {
        let run = run(row, lock)?;
        let is_meant = runs.first().is_none_or(|last| last.scope == run.scope);
        let is_complete = run.outcome == RunState::Complete;
        if is_meant || (is_complete && run.scope == ACCOUNT_SCOPE) {
            runs.push(run);
            if is_complete {
                break;
            }
        }
    }
    Ok(runs)
}

fn run(row: &Row<'_>, lock: &LockState) -> rusqlite::Result<Run> {
    let outcome: Option<String> = row.get("outcome")?;
    Ok(Run {
        id: row.get("id")?,
        started_at: row.get("started_at")?,
        finished_at: row.get("finished_at")?,
        outcome: RunState::of(outcome.as_deref(), row.get("is_last")?, lock),
        scope: row.get("scope")?,
        requests: row.get("requests")?,
        inserted: row.get("inserted")?,
        updated: row.get("updated")?,
        rejected: row.get("rejected")?,
        message: row.get("message")?,
        version: row.get("version")?,
    })
}

/// The name of the whole account in the log of sync runs.
pub const ACCOUNT_SCOPE: &str = "account";

/// The scope of a sync run of some droplets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Scope {
    /// The droplets chosen by id.
    pub(super) droplets: BTreeSet<DropletId>,
    /// The tags that choose others.
    pub(super) tags: Vec<String>,
}

impl Scope {
    /// Reads the scope of a sync run. `None` is the whole account: an unknown text, as from a later version, counts as
    /// the largest scope.
    pub(super) fn of(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// True when a sync of this scope reads the listing.
pub(super) fn reads(scope: Option<&Scope>, listing: &ListingStatus) -> bool {
    match (scope, listing.droplet_id) {
        (None, _) => listing.is_of_account(),
        (Some(_), None) => !listing.is_of_account(),
        (Some(scope), Some(id)) => !scope.tags.is_empty() || scope.droplets.contains(&id),
    }
}
