//! The schedule: a cron expression in a time zone, as instants.
//!
//! `croner` reads the expression and finds its next match on a calendar without clock changes. This module decides
//! about matches near a clock change, by the rule of cron(8) in Debian:
//!
//! - A schedule that names its hours (`30 1 * * *`) runs once for each. A match in a skipped hour runs at the moment of
//!   the change, and a match in a repeated hour runs only the first time.
//! - A schedule of every hour or every few (`*/15 * * * *`, `0 */2 * * *`) follows the clock. A skipped hour has no
//!   runs, and a repeated hour has twice as many.
//!
//! `tokio-cron-scheduler` would keep the offset that the zone has when a job is made
//! (<https://github.com/mvniekerk/tokio-cron-scheduler/issues/107>), so it gets no zones here.
//!
//! `expression` reads a cron expression and finds the place of a mistake. This file handles the clock changes.

mod expression;

use expression::Expression;
pub use expression::ScheduleError;

use crate::core::time::{Timestamp, Zone};

/// A cron expression in a time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    expression: Expression,
    zone: Zone,
}

/// The clock changes that one search passes. Zones change twice a year, and an expression that matches only in leap
/// years waits for at most eight years.
const MOST_CHANGES: usize = 1_000;
/// Longer than the clocks of any zone were ever set back.
const LONGEST_FOLD_SECONDS: i64 = 26 * 3_600;

impl Schedule {
    /// Reads a cron expression of five fields (minute, hour, day of the month, month, day of the week) or six (second
    /// first), or a name such as `@hourly`. The fields are in local time of `zone`.
    ///
    /// # Errors
    /// When the expression is invalid, with the place of the mistake, or when no time after `now` matches it.
    pub fn new(text: &str, zone: Zone, now: Timestamp) -> Result<Self, ScheduleError> {
        let expression = Expression::parse(text)?;
        let schedule = Self { expression, zone };
        match schedule.next_after(now) {
            Some(_) => Ok(schedule),
            None => Err(expression::never(text.trim())),
        }
    }

    /// The time zone.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.expression.text
    }

    /// The first instant after `after`; `None` when there is none before the year 5000.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let names_hours = self.expression.names_hours;
        let mut since = after;
        let mut offset = i64::from(self.zone.offset_seconds_at(after));
        // The local time, as seconds of a calendar without zones. The search begins at this second.
        let mut shown = after.epoch_seconds() + offset + 1;
        if names_hours {
            shown = shown.max(self.end_of_repetition(after).unwrap_or(shown));
        }
        for _ in 0..MOST_CHANGES {
            let matched = self.expression.first_from(shown)?;
            let candidate = Timestamp::from_epoch_seconds(matched - offset).ok()?;
            let until = candidate.saturating_add_seconds(1);
            let changes = self.zone.transitions_between(since, until);
            let Some(change) = changes.first() else {
                return Some(candidate);
            };
            let at = change.at.epoch_seconds();
            let (before, behind) = (at + offset, at + i64::from(change.offset_seconds));
            if names_hours && (before..behind).contains(&matched) {
                return Some(change.at);
            }
            shown = if names_hours {
                before.max(behind)
            } else {
                behind
            };
            since = change.at;
            offset = i64::from(change.offset_seconds);
        }
        None
    }

    /// The instants after `after`.
    pub fn after(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(after), |tick| self.next_after(*tick))
    }

    /// The seconds between two instants, for each instant after `after`.
    pub fn gaps(&self, after: Timestamp) -> impl Iterator<Item = i64> {
        let gap = |tick| Some(self.next_after(tick)?.epoch_seconds() - tick.epoch_seconds());
        self.after(after).map_while(gap)
    }

    /// If the local time at `at` is a repetition after a change, the local time when it ends.
    fn end_of_repetition(&self, at: Timestamp) -> Option<i64> {
        let since = at.saturating_add_seconds(-LONGEST_FOLD_SECONDS);
        let until = at.saturating_add_seconds(1);
        let mut offset = self.zone.offset_seconds_at(since);
        let mut end = None;
        for change in self.zone.transitions_between(since, until) {
            if change.offset_seconds < offset {
                end = Some(change.at.epoch_seconds() + i64::from(offset));
            }
            offset = change.offset_seconds;
        }
        end
    }
}

#[cfg(test)]
mod tests;
