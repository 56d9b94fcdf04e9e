//! Why a time, a duration or a time zone that someone wrote is not understood, and what to write instead.
//!
//! A wrong window gives a wrong answer that looks right. So nothing is guessed, and every refusal says which
//! forms work.

use super::Timestamp;

/// A time that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// There was no text.
    #[error("the time is empty: {FORMS}")]
    Empty,
    /// A date that is not written year first, and so reads differently in different countries.
    #[error("the date `{input}` is ambiguous: write it year first, {}", .readings.join(" or "))]
    Ambiguous {
        /// What was written.
        input: String,
        /// What it may mean, year first; an example when it can mean nothing.
        readings: Vec<String>,
    },
    /// A date that no calendar has, such as 2020-02-30.
    #[error("`{input}` is no day of the calendar")]
    NoSuchDay {
        /// What was written.
        input: String,
    },
    /// A month, quarter or week that its year does not have.
    #[error("`{input}` does not exist: {possible}")]
    NoSuchPeriod {
        /// What was written.
        input: String,
        /// Which ones there are.
        possible: String,
    },
    /// A time of day that no clock shows, or one that is not written as such.
    #[error(
        "`{input}` has no valid time of day: 2021-04-01 19:37, 2021-04-01T19:37:30Z and 2021-04-01T19:37:30+02:00 work"
    )]
    NoSuchTime {
        /// What was written.
        input: String,
    },
    /// A duration with a minus sign.
    #[error("`{input}` is negative: a duration already means that long ago, as in 7d")]
    Negative {
        /// What was written.
        input: String,
    },
    /// A number that says neither days nor seconds.
    #[error(
        "`{input}` has no unit: write {input}d for days ago, or @{input} for seconds since 1970"
    )]
    NoUnit {
        /// What was written.
        input: String,
    },
    /// A range where one time is needed.
    #[error("`{input}` is a range, and one time is needed here, such as 2026-09-01, 2026-09 or 7d")]
    Range {
        /// What was written.
        input: String,
    },
    /// A range that lacks its beginning or its end.
    #[error("`{input}` is half a range: write both ends, as in 2026-09-01..2026-09-15 or 7d..now")]
    HalfRange {
        /// What was written.
        input: String,
    },
    /// One instant where a period is needed.
    #[error("`{input}` is one instant and no period: {PERIODS}")]
    NotAPeriod {
        /// What was written.
        input: String,
    },
    /// A period that ends where it begins, or before.
    #[error("nothing can lie in `{input}`: it begins at {since} and ends at {until}")]
    EmptyPeriod {
        /// What was written.
        input: String,
        /// Where it begins.
        since: Timestamp,
        /// Where it ends.
        until: Timestamp,
    },
    /// A time before the year 0000 or after 9999.
    #[error("`{input}` lies outside the years 0000 to 9999")]
    OutOfRange {
        /// What was written.
        input: String,
    },
    /// None of the forms that work.
    #[error("`{input}` is not a time: {FORMS}")]
    Unknown {
        /// What was written.
        input: String,
    },
}

/// A duration that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There was no text.
    #[error("the duration is empty: {DURATIONS}")]
    Empty,
    /// A number without its unit.
    #[error("the duration `{input}` has no unit: {DURATIONS}")]
    NoUnit {
        /// What was written.
        input: String,
    },
    /// Months and years, which have no fixed length.
    #[error("the duration `{input}` has no fixed length in seconds: {DURATIONS}")]
    NotFixed {
        /// What was written.
        input: String,
    },
    /// A duration with a minus sign.
    #[error("the duration `{input}` is negative: {DURATIONS}")]
    Negative {
        /// What was written.
        input: String,
    },
    /// More seconds than can be counted.
    #[error("the duration `{input}` is too long")]
    TooLong {
        /// What was written.
        input: String,
    },
    /// None of the forms that work.
    #[error("`{input}` is not a duration: {DURATIONS}")]
    Unknown {
        /// What was written.
        input: String,
    },
}

/// A time zone that cannot be understood, or found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// There was no text.
    #[error("the time zone is empty: {ZONES}")]
    Empty,
    /// The zone of the system, which does not say.
    #[error("the system's time zone is not known ({reason}): set TZ, or name the zone; {ZONES}")]
    NoLocal {
        /// What was looked for.
        reason: String,
    },
    /// An offset that no clock has, or one that is not written as such.
    #[error("`{input}` is not an offset from UTC: +02:00, -0530 and +2 work, up to 23:59")]
    NotAnOffset {
        /// What was written.
        input: String,
    },
    /// A name that is not in the IANA time zone database.
    #[error("`{input}` is not a time zone: {}{ZONES}", did_you_mean(.near))]
    Unknown {
        /// What was written.
        input: String,
        /// Names that are written much alike.
        near: Vec<String>,
    },
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        near => format!("did you mean {}? ", near.join(", ")),
    }
}

const FORMS: &str = "2026-09-01, 2026-09, 2026-Q3, 2026-W40, 2026, 2021-04-01 19:37, 2021-04-01T19:37:30+02:00, \
                     7d, 1h30m, 3mo (months), 2 weeks ago, today, yesterday, last month, now and @1617219450 work";

const PERIODS: &str = "2026-09-01, 2026-09, 2026-Q3, 2026-W40, 2026, today, last month, 7d (until now) and \
                       2026-09-01..2026-09-15 work";

const DURATIONS: &str = "90s, 10m, 2h, 1h30m, 7d, 2w and PT1H30M work";

const ZONES: &str = "UTC, local, names such as Europe/Berlin and offsets such as +02:00 work";
