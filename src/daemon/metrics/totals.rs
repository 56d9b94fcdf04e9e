//! The log of syncs, added up. Each row is read once.
//!
//! A row that has its outcome never changes again, and one without it that is not the last was killed. Both are
//! *settled*. The last one without an outcome may still be at work; it is left for the next time. So an update reads
//! what was settled since, however long the log is.

use super::exposition::Histogram;
use crate::archive::{Outcome, RunId};
use crate::core::time::Timestamp;
use crate::query::status::ACCOUNT_SCOPE;
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use std::collections::BTreeMap;

/// What all syncs together came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Syncs, in the order of [`Ending::ALL`].
    runs: [u64; Ending::ALL.len()],
    /// Actions that were new in the archive. What a killed sync archived is not among them.
    pub inserted: u64,
    /// Actions about which something more became known.
    pub updated: u64,
    /// Rows that could not be archived: no integer id, or larger than anybody sends.
    pub rejected: u64,
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Requests that came to nothing through the network or the server.
    pub faults: u64,
    /// How long syncs took, those that came to an end.
    pub durations: Histogram,
    /// The last sync that ended.
    pub last_run: Option<LastRun>,
    /// What the token had left when the last sync that heard of it ended.
    pub quota: Option<Quota>,
    /// What the last sync was asked for, whether or not it has ended.
    scope: Option<String>,
    /// The last complete sync of each scope.
    complete: BTreeMap<String, (RunId, Option<Timestamp>)>,
    /// The last row that was added, by its number and its beginning: an archive that does not have it is another one.
    settled: Option<(RunId, String)>,
}

/// A sync that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// How.
    pub ending: Ending,
    /// When it began; nothing where the archive holds no time that can be read.
    pub started_at: Option<Timestamp>,
    /// When it ended; nothing for one that was killed.
    pub finished_at: Option<Timestamp>,
}

/// What a token may still ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests that were left of the hour's.
    pub remaining: u64,
    /// When that was.
    pub at: Option<Timestamp>,
}

/// What an update found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Syncs that were settled since the last update.
    pub settled: u64,
    /// Whether one of them archived actions, or may have without saying so.
    pub may_have_archived: bool,
}

/// A row of the log.
struct Run {
    id: RunId,
    started_at: String,
    finished_at: Option<String>,
    scope: String,
    outcome: Option<String>,
    requests: u64,
    retries: u64,
    faults: u64,
    inserted: u64,
    updated: u64,
    rejected: u64,
    ratelimit_remaining: Option<u64>,
}

pub(super) const RUNS: &str = "
SELECT id, started_at, finished_at, scope, outcome, requests, retries, faults, inserted, updated, rejected,
       ratelimit_remaining
  FROM sync_runs
 WHERE id > :after
 ORDER BY id";

pub(super) const STARTED_AT: &str = "SELECT started_at FROM sync_runs WHERE id = :id";

impl Totals {
    /// Adds the syncs that were settled since the last update. An archive that is not the one of before is added up
    /// from its beginning.
    ///
    /// # Errors
    /// When the archive cannot be read. The totals are then those of before.
    pub fn update(&mut self, connection: &Connection) -> rusqlite::Result<Changes> {
        let is_known = self.is_of(connection)?;
        let mut totals = if is_known {
            self.clone()
        } else {
            Self::default()
        };
        let mut changes = Changes {
            settled: 0,
            may_have_archived: !is_known,
        };
        let mut last: Option<Run> = None;
        let mut statement = connection.prepare_cached(RUNS)?;
        let after = totals.settled.as_ref().map_or(RunId::MIN, |(id, _)| *id);
        let mut rows = statement.query(named_params! { ":after": after })?;
        while let Some(row) = rows.next()? {
            if let Some(run) = last.replace(Run::read(row)?) {
                totals.add(run, &mut changes);
            }
        }
        if let Some(run) = last {
            totals.scope = Some(run.scope.clone());
            if run.outcome.is_some() {
                totals.add(run, &mut changes);
            }
        }
        *self = totals;
        Ok(changes)
    }

    /// How many syncs ended like this.
    #[must_use]
    pub fn runs(&self, ending: Ending) -> u64 {
        self.runs[ending as usize]
    }

    /// When the last complete sync began: what the API listed then of what the last sync was asked for is archived. What a
    /// sync of the whole account found holds for every scope.
    #[must_use]
    pub fn fresh_at(&self) -> Option<Timestamp> {
        let of_scope = self.complete.get(self.scope());
        let of_account = self.complete.get(ACCOUNT_SCOPE);
        of_scope.max(of_account).and_then(|(_, began)| *began)
    }

    /// What the last sync was asked for, as it stands in the log.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or(ACCOUNT_SCOPE)
    }

    /// Whether the archive is the one that was added up so far, or nothing was yet.
    fn is_of(&self, connection: &Connection) -> rusqlite::Result<bool> {
        let Some((id, started_at)) = &self.settled else {
            return Ok(true);
        };
        let found: Option<String> = connection
            .prepare_cached(STARTED_AT)?
            .query_row(named_params! { ":id": id }, |row| row.get(0))
            .optional()?;
        Ok(found.as_ref() == Some(started_at))
    }

    fn add(&mut self, run: Run, changes: &mut Changes) {
        let ending = Ending::of(run.outcome.as_deref());
        self.runs[ending as usize] += 1;
        for (sum, number) in [
            (&mut self.inserted, run.inserted),
            (&mut self.updated, run.updated),
            (&mut self.rejected, run.rejected),
            (&mut self.requests, run.requests),
            (&mut self.retries, run.retries),
            (&mut self.faults, run.faults),
        ] {
            *sum = sum.saturating_add(number);
        }
        changes.settled += 1;
        // A failed one may have failed to write after some pages, and then notes none of them.
        changes.may_have_archived |=
            run.inserted > 0 || matches!(ending, Ending::Killed | Ending::Failed);
        let started_at: Option<Timestamp> = run.started_at.parse().ok();
        let finished_at: Option<Timestamp> = run.finished_at.and_then(|text| text.parse().ok());
        if let (Some(began), Some(ended)) = (started_at, finished_at) {
            // A clock that was set back meanwhile makes no negative length.
            let seconds = ended.epoch_seconds() - began.epoch_seconds();
            self.durations.add(u64::try_from(seconds).unwrap_or(0));
        }
        self.last_run = Some(LastRun {
            ending,
            started_at,
            finished_at,
        });
        if let Some(remaining) = run.ratelimit_remaining {
            let at = finished_at;
            self.quota = Some(Quota { remaining, at });
        }
        if ending == Ending::Complete {
            self.complete.insert(run.scope, (run.id, started_at));
        }
        self.settled = Some((run.id, run.started_at));
    }
}

impl Run {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        // Nobody counts below zero; a file may hold anything.
        let count = |name: &str| {
            let number: Option<i64> = row.get(name)?;
            Ok::<_, rusqlite::Error>(number.and_then(|number| u64::try_from(number).ok()))
        };
        Ok(Self {
            id: row.get("id")?,
            started_at: row.get("started_at")?,
            finished_at: row.get("finished_at")?,
            scope: row.get("scope")?,
            outcome: row.get("outcome")?,
            requests: count("requests")?.unwrap_or(0),
            retries: count("retries")?.unwrap_or(0),
            faults: count("faults")?.unwrap_or(0),
            inserted: count("inserted")?.unwrap_or(0),
            updated: count("updated")?.unwrap_or(0),
            rejected: count("rejected")?.unwrap_or(0),
            ratelimit_remaining: count("ratelimit_remaining")?,
        })
    }
}

/// How a sync ended, by itself or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything that its scope listed when it began is archived.
    Complete,
    /// Something is missing.
    Partial,
    /// Nothing could be archived.
    Failed,
    /// It was told to stop.
    Interrupted,
    /// It ended without a word.
    Killed,
}

impl Ending {
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::Complete,
        Self::Partial,
        Self::Failed,
        Self::Interrupted,
        Self::Killed,
    ];

    /// As metrics call it, and the archive where it has a word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => Outcome::Complete.as_str(),
            Self::Partial => Outcome::Partial.as_str(),
            Self::Failed => Outcome::Failed.as_str(),
            Self::Interrupted => Outcome::Interrupted.as_str(),
            Self::Killed => "killed",
        }
    }

    /// Of a sync that does not run any more, by what it noted. A word that only a later version knows is taken for
    /// partial, which promises the least of what was archived.
    pub(super) fn of(outcome: Option<&str>) -> Self {
        let Some(outcome) = outcome else {
            return Self::Killed;
        };
        let known = Self::ALL.into_iter().find(|it| it.as_str() == outcome);
        known.unwrap_or(Self::Partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_word_and_is_known_by_it() {
        for ending in Ending::ALL {
            assert_eq!(Ending::of(Some(ending.as_str())), ending);
        }
        assert_eq!(Ending::of(None), Ending::Killed);
        assert_eq!(Ending::of(Some("suspended")), Ending::Partial);
    }
}
