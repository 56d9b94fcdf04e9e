//! Why a time or a duration that someone wrote is not understood, and what to write instead.
//!
//! A wrong window gives a wrong answer that looks right. So nothing is guessed, and every refusal says which
//! forms work.

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

const FORMS: &str = "2021-04-01, 2021-04-01 19:37 (UTC), 2021-04-01T19:37:30+02:00, 7d, 12h, 1h30m, \
                     3mo (months), 2 weeks ago, today, yesterday, now and @1617219450 work";

const DURATIONS: &str = "90s, 10m, 2h, 1h30m, 7d and 2w work";
