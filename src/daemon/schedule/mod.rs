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
//! `croner` reports only that an expression is wrong, and accepts names in any field (`JAN` as a minute). For this
//! reason each part of each field is checked alone, first here and then with `croner`.

use chrono::{DateTime, Utc};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use crate::core::time::{Timestamp, Zone};

/// A cron expression in a time zone.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The expression as it was written.
    pub text: String,
    cron: Cron,
    /// True when the expression names hours, instead of every hour or every few.
    names_hours: bool,
    /// The time zone.
    pub zone: Zone,
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
        let schedule = Self::parse(text, zone)?;
        match schedule.next_after(now) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError {
                message: format!(
                    "`{}` never matches: no future date has that month and day",
                    schedule.text
                ),
                hint: "check the day of the month against the month",
            }),
        }
    }

    fn parse(text: &str, zone: Zone) -> Result<Self, ScheduleError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(invalid("the cron expression is empty".to_owned()));
        }
        let written = meaning_of(text)?;
        let fields: Vec<_> = written.split_whitespace().collect();
        let count = fields.len();
        let wrong_count = || {
            let fields = if count == 1 { "field" } else { "fields" };
            invalid(format!(
                "`{text}` has {count} {fields}, and a cron expression has five (minute, hour, day of the month, \
                 month, day of the week) or six (second first)"
            ))
        };
        if !matches!(count, 5 | 6) {
            return Err(wrong_count());
        }
        for (place, field) in (FIELDS.len() - count..).zip(&fields) {
            check(place, field, written)?;
        }
        Ok(Self {
            text: text.to_owned(),
            // Parts that are valid alone are valid together too.
            cron: read(&fields.join(" ")).ok_or_else(wrong_count)?,
            names_hours: !fields[count - 4].contains('*'),
            zone,
        })
    }

    /// The first instant after `after`; `None` when there is none before the year 5000.
    #[must_use]
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let mut since = after;
        let mut offset = i64::from(self.zone.offset_seconds_at(after));
        // The local time, as seconds of a calendar without zones. The search begins at this second.
        let mut shown = after.epoch_seconds() + offset + 1;
        if self.names_hours {
            shown = shown.max(self.end_of_repetition(after).unwrap_or(shown));
        }
        for _ in 0..MOST_CHANGES {
            let matched = self.first_from(shown)?;
            let candidate = Timestamp::from_epoch_seconds(matched - offset).ok()?;
            let until = candidate.saturating_add_seconds(1);
            let changes = self.zone.transitions_between(since, until);
            let Some(change) = changes.first() else {
                return Some(candidate);
            };
            let at = change.at.epoch_seconds();
            let (before, behind) = (at + offset, at + i64::from(change.offset_seconds));
            if self.names_hours && (before..behind).contains(&matched) {
                return Some(change.at);
            }
            shown = match self.names_hours {
                true => before.max(behind),
                false => behind,
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

    /// The first match at or after a second of a calendar without zones, both counted from 1970.
    fn first_from(&self, second: i64) -> Option<i64> {
        let from: DateTime<Utc> = DateTime::from_timestamp(second, 0)?;
        let found = self.cron.find_next_occurrence(&from, true).ok()?;
        Some(found.timestamp())
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

/// Each field: its name, what it allows, and the words among that.
const FIELDS: [(&str, &str, &str); 6] = [
    ("second", "0 to 59, with * , - /", ""),
    ("minute", "0 to 59, with * , - /", ""),
    ("hour", "0 to 23, with * , - /", ""),
    (
        "day of the month",
        "1 to 31, L for the last, 15W for the weekday nearest to the 15th, with * , - /",
        "L W",
    ),
    (
        "month",
        "1 to 12 or JAN to DEC, with * , - /",
        "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC",
    ),
    (
        "day of the week",
        "0 to 7 or SUN to SAT (0 and 7 are Sunday), 5L for the last Friday, 5#2 for the second, with * , - /",
        "SUN MON TUE WED THU FRI SAT L",
    ),
];

/// The expression that a name means, as in crontab(5); a text that is no name means itself.
fn meaning_of(text: &str) -> Result<&str, ScheduleError> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        name if name.starts_with('@') => {
            return Err(invalid(format!(
                "`{text}` is unknown: use @hourly, @daily, @weekly, @monthly or @yearly"
            )));
        }
        _ => text,
    })
}

/// Checks each part of a list in the field at this place of [`FIELDS`].
fn check(place: usize, field: &str, expression: &str) -> Result<(), ScheduleError> {
    let (name, allowed, words) = FIELDS[place];
    let is_word = |word: &str| {
        words
            .split(' ')
            .any(|known| known.eq_ignore_ascii_case(word))
    };
    for part in field.split(',') {
        let mut named = part.split(|character: char| !character.is_ascii_alphabetic());
        let mut alone = ["*"; FIELDS.len()];
        alone[place] = part;
        let is_known = named.all(|word| word.is_empty() || is_word(word));
        if part.is_empty() || !is_known || read(&alone.join(" ")).is_none() {
            let before = part.as_ptr().addr() - expression.as_ptr().addr();
            let character = expression[..before].chars().count() + 1;
            return Err(invalid(format!(
                "`{part}`, character {character} of `{expression}`, is not a valid {name}: {allowed}"
            )));
        }
    }
    Ok(())
}

/// Days of the month and of the week are alternatives when both are named, as in crontab(5).
fn read(text: &str) -> Option<Cron> {
    CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .dom_and_dow(false)
        .build()
        .parse(text)
        .ok()
}

/// The reason why a schedule cannot be used, and the next step for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScheduleError {
    message: String,
    /// The next step.
    pub hint: &'static str,
}

fn invalid(message: String) -> ScheduleError {
    let hint = "for example '*/15 * * * *' for every quarter of an hour, '30 2 * * *' for 02:30, or @hourly";
    ScheduleError { message, hint }
}

#[cfg(test)]
mod tests;
