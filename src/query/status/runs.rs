//! What the log of syncs says.

use rusqlite::{Connection, Row};
use serde::Serialize;

use super::scope::ACCOUNT_SCOPE;
use crate::archive::{LockState, RunId};

/// How many syncs are shown.
const SHOWN: u32 = 5;
/// How many are looked at for the last complete one. Further back, it does not matter which.
const LOOKED_AT: u32 = 10_000;

/// How a sync ended, or that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Everything that its scope listed when it began is archived.
    Complete,
    /// Something is missing.
    Partial,
    /// Nothing could be archived.
    Failed,
    /// It was told to stop.
    Interrupted,
    /// It is at work.
    Running,
    /// It ended without a word.
    Killed,
    /// It is at work where this machine cannot see it, or was killed.
    Unfinished,
}

/// One sync.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// When it began.
    pub started_at: String,
    /// When it ended; nothing for one that runs or was killed.
    pub finished_at: Option<String>,
    /// How.
    pub outcome: RunState,
    /// What was asked for: `account`, or droplets and tags as JSON.
    pub scope: String,
    /// HTTP requests sent, retries included.
    pub requests: i64,
    /// Actions that were new.
    pub inserted: i64,
    /// Actions about which something more became known.
    pub updated: i64,
    /// Rows that could not be archived.
    pub rejected: i64,
    /// What is missing, in words.
    pub message: Option<String>,
    /// Of archiver.
    pub version: String,
}

impl RunState {
    /// In one word.
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
            (Some("complete"), _) => Self::Complete,
            (Some("failed"), _) => Self::Failed,
            (Some("interrupted"), _) => Self::Interrupted,
            (Some(_), _) => Self::Partial,
            // One sync runs at a time: it can only be the last.
            (None, LockState::Held { .. }) if is_last => Self::Running,
            (None, LockState::Left { .. }) if is_last => Self::Unfinished,
            (None, _) => Self::Killed,
        }
    }
}

const RUNS: &str = "
SELECT id, started_at, finished_at, scope, outcome, requests, inserted, updated, rejected, message, version,
       id = (SELECT max(id) FROM sync_runs) AS is_last
  FROM sync_runs
 ORDER BY id DESC
 LIMIT ?1";

/// The last few, newest first.
pub(super) fn last(connection: &Connection, lock: &LockState) -> rusqlite::Result<Vec<Run>> {
    connection
        .prepare(RUNS)?
        .query_map([SHOWN], |row| run(row, lock))?
        .collect()
}

/// Those of the last one's scope, newest first, back to one that was complete. What a sync of the whole account found
/// holds for its droplets too.
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
