//! The totals of the log of syncs. Each row is read once.
//!
//! A row with an outcome never changes again. A row without one that is not the last belongs to a killed sync. Both are
//! *settled*. The last row without an outcome may still be running, so it is left for the next update. An update reads
//! only the rows that were settled since the last one, however long the log is.

use crate::archive::RunId;
use crate::core::time::Timestamp;
use crate::query::status::{ACCOUNT_SCOPE, RunState};
use rusqlite::{Connection, OptionalExtension, Row, named_params};
use std::collections::BTreeMap;

/// The endings of a sync, in the order of display.
pub(super) const ENDINGS: [RunState; 5] = [
    RunState::Complete,
    RunState::Partial,
    RunState::Failed,
    RunState::Interrupted,
    RunState::Killed,
];

/// The totals of all syncs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The number of syncs by the word for their ending.
    runs: BTreeMap<&'static str, u64>,
    /// Actions that were new in the archive, except those of killed syncs.
    pub inserted: u64,
    /// Actions that were updated.
    pub updated: u64,
    /// Rows that could not be archived: they have no integer id, or are larger than any real row.
    pub rejected: u64,
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// Requests that were sent again.
    pub retries: u64,
    /// Requests that failed because of the network or the server.
    pub faults: u64,
    /// The durations of the syncs that ended.
    pub durations: Histogram,
    /// The last sync that ended.
    pub last_run: Option<LastRun>,
    /// The start of the last sync that ended and was not killed: missed ticks are counted from there.
    pub last_ended_at: Option<Timestamp>,
    /// The requests that the token had left at the end of the last sync that knows it.
    pub quota: Option<Quota>,
    /// The scope of the last sync, even if it has not ended.
    scope: Option<String>,
    /// The last complete sync of each scope.
    complete: BTreeMap<String, (RunId, Option<Timestamp>)>,
    /// The id and start of the last added row. An archive without this row is another archive.
    settled: Option<(RunId, String)>,
}

/// A sync that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// The kind of end.
    pub ending: RunState,
    /// The start; `None` when the time in the archive cannot be read.
    pub started_at: Option<Timestamp>,
}

/// The remaining requests of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The remaining requests of the hour.
    pub remaining: u64,
    /// The time of this value.
    pub at: Option<Timestamp>,
}

pub(super) const RUNS: &str = "
SELECT id, started_at, finished_at, scope, outcome, requests, retries, faults, inserted, updated, rejected,
       ratelimit_remaining
  FROM sync_runs
 WHERE id > :after
 ORDER BY id";

/// The last sync, which may still be running.
const LAST: &str = "SELECT id, scope FROM sync_runs ORDER BY id DESC LIMIT 1";

pub(super) const STARTED_AT: &str = "SELECT started_at FROM sync_runs WHERE id = :id";

impl Totals {
    /// Adds the syncs that were settled since the last update. Starts from the beginning when this is another archive
    /// than before.
    ///
    /// # Errors
    /// When the archive cannot be read. A part of it may have been added then.
    pub(super) fn update(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.is_of(connection)? {
            *self = Self::default();
        }
        let last = connection
            .prepare_cached(LAST)?
            .query_row([], |row| Ok((row.get("id")?, row.get("scope")?)))
            .optional()?;
        let (last, scope): (Option<RunId>, _) = last.unzip();
        self.scope = scope;
        let mut statement = connection.prepare_cached(RUNS)?;
        let after = self.settled.as_ref().map_or(RunId::MIN, |(id, _)| *id);
        let mut rows = statement.query(named_params! { ":after": after })?;
        while let Some(row) = rows.next()? {
            let id = row.get("id")?;
            let outcome: Option<String> = row.get("outcome")?;
            if outcome.is_some() || last != Some(id) {
                self.add(id, outcome.as_deref(), row)?;
            }
        }
        Ok(())
    }

    /// The number of syncs with this ending.
    #[must_use]
    pub fn runs(&self, ending: RunState) -> u64 {
        self.runs.get(ending.as_str()).copied().unwrap_or(0)
    }

    /// The start of the last complete sync: all actions that the API listed then, in the scope of the last sync, are
    /// archived. A complete sync of the whole account counts for every scope.
    #[must_use]
    pub fn fresh_at(&self) -> Option<Timestamp> {
        let of_scope = self.complete.get(self.scope());
        let of_account = self.complete.get(ACCOUNT_SCOPE);
        of_scope.max(of_account).and_then(|(_, began)| *began)
    }

    /// The scope of the last sync, as it is in the log.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or(ACCOUNT_SCOPE)
    }

    /// True when this is the archive of the previous updates, or there was none yet.
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

    /// Adds a row of the log.
    fn add(&mut self, id: RunId, outcome: Option<&str>, row: &Row<'_>) -> rusqlite::Result<()> {
        // archiver never writes a negative count, but a file may hold one.
        let count = |name: &str| {
            let number: Option<i64> = row.get(name)?;
            Ok::<_, rusqlite::Error>(number.and_then(|number| u64::try_from(number).ok()))
        };
        for (sum, name) in [
            (&mut self.inserted, "inserted"),
            (&mut self.updated, "updated"),
            (&mut self.rejected, "rejected"),
            (&mut self.requests, "requests"),
            (&mut self.retries, "retries"),
            (&mut self.faults, "faults"),
        ] {
            *sum = sum.saturating_add(count(name)?.unwrap_or(0));
        }
        let ending = RunState::ended(outcome);
        *self.runs.entry(ending.as_str()).or_default() += 1;
        let started: String = row.get("started_at")?;
        let finished: Option<String> = row.get("finished_at")?;
        let started_at: Option<Timestamp> = started.parse().ok();
        if finished.is_some() {
            self.last_ended_at = started_at;
        }
        let finished_at: Option<Timestamp> = finished.and_then(|text| text.parse().ok());
        if let (Some(began), Some(ended)) = (started_at, finished_at) {
            // A clock that was set back must not make a negative duration.
            let seconds = ended.epoch_seconds() - began.epoch_seconds();
            self.durations.add(u64::try_from(seconds).unwrap_or(0));
        }
        self.last_run = Some(LastRun { ending, started_at });
        if let Some(remaining) = count("ratelimit_remaining")? {
            let at = finished_at;
            self.quota = Some(Quota { remaining, at });
        }
        if ending == RunState::Complete {
            self.complete.insert(row.get("scope")?, (id, started_at));
        }
        self.settled = Some((id, started));
        Ok(())
    }
}

/// Seconds, counted in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The number of durations up to each bound.
    cumulative: [u64; Self::BOUNDS.len()],
    /// The number of all durations.
    pub count: u64,
    /// The sum of the durations, in seconds.
    pub sum_seconds: u64,
}

impl Histogram {
    /// The bounds, in seconds.
    pub const BOUNDS: [u64; 12] = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];

    /// Counts one duration.
    pub(super) fn add(&mut self, seconds: u64) {
        for (bound, count) in Self::BOUNDS.iter().zip(&mut self.cumulative) {
            *count += u64::from(seconds <= *bound);
        }
        self.count += 1;
        self.sum_seconds = self.sum_seconds.saturating_add(seconds);
    }

    /// Each bound, in seconds, and the number of durations up to it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        Self::BOUNDS.into_iter().zip(self.cumulative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_counts_what_took_no_longer_than_its_bound() {
        let mut histogram = Histogram::default();
        for seconds in [0, 1, 2, 3, 60, 61, 7_200, 7_201, 1_000_000] {
            histogram.add(seconds);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(
            cumulative,
            [
                (1, 2),
                (2, 3),
                (5, 4),
                (10, 4),
                (30, 4),
                (60, 5),
                (120, 6),
                (300, 6),
                (600, 6),
                (1_800, 6),
                (3_600, 6),
                (7_200, 7),
            ]
        );
        assert_eq!((histogram.count, histogram.sum_seconds), (9, 1_014_528));
    }

    #[test]
    fn an_absurd_length_does_not_overflow() {
        let mut histogram = Histogram::default();
        histogram.add(u64::MAX);
        histogram.add(u64::MAX);
        assert_eq!((histogram.count, histogram.sum_seconds), (2, u64::MAX));
    }

    #[test]
    fn each_has_a_word_and_is_known_by_it() {
        let [recorded @ .., killed] = ENDINGS;
        for ending in recorded {
            assert_eq!(RunState::ended(Some(ending.as_str())), ending);
        }
        assert_eq!(RunState::ended(None), killed);
        assert_eq!(RunState::ended(Some("suspended")), RunState::Partial);
    }
}
