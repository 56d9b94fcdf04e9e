//! The basis of an answer: whether the scope is complete, and since when.
//!
//! Every question reads it, so it costs one row of the sync log when the last sync run was complete.

use rusqlite::Connection;

use super::scope::Scope;
use super::verdict::Evidence;
use super::{Error, Run, RunState, facts, runs};
use crate::archive::LockState;
use crate::core::model::DropletId;
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

const TAGGED: &str = "
SELECT id
  FROM droplets
 WHERE gone_at IS NULL
   AND id IN (SELECT droplet_id FROM droplet_tags
               WHERE gone_at IS NULL AND tag IN (SELECT value FROM json_each(?1, '$.tags')))";

/// The basis of answers from this archive. `lock` tells if a sync runs.
///
/// # Errors
/// When the archive cannot be read.
pub fn basis(connection: &Connection, lock: &LockState, now: Timestamp) -> Result<Basis, Error> {
    let tx = connection.unchecked_transaction()?;
    let runs = runs::since_complete(&tx, lock)?;
    let (mut listings, mut tagged) = (Vec::new(), Vec::new());
    if may_miss_actions(&runs) {
        listings = facts::read_listings(&tx)?;
        tagged = read_tagged(&tx, &runs)?;
    }
    let has_actions = "SELECT EXISTS (SELECT 1 FROM actions)";
    let actions = match runs.is_empty() {
        true => tx.query_row(has_actions, [], |row| row.get::<_, i64>(0))?,
        false => 0,
    };
    let evidence = Evidence {
        runs: &runs,
        listings: &listings,
        tagged: &tagged,
        actions: actions.unsigned_abs(),
        now,
        max_age_seconds: None,
    };
    let complete = evidence.last_complete();
    Ok(Basis {
        missing: evidence.missing(),
        is_of_account: evidence.scope() == Scope::Account,
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

fn read_tagged(connection: &Connection, runs: &[Run]) -> Result<Vec<DropletId>, Error> {
    let Some(run) = runs.first().filter(|run| Scope::of(&run.scope).has_tags()) else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare(TAGGED)?;
    let ids = statement.query_map([&run.scope], |row| row.get("id"))?;
    Ok(ids.collect::<Result<_, _>>()?)
}
