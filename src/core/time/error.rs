//! The reason why the text of a time, a duration or a time zone is invalid, and how to write it instead.
//!
//! A wrong window gives a wrong answer that seems right. So archiver guesses nothing, and every error lists the valid
//! forms.

use super::Timestamp;

/// An invalid time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The text was empty.
    #[error("the time is empty: {FORMS}")]
    Empty,
    /// A date that does not begin with the year. Its meaning differs between countries.
    #[error("the date `{input}` is ambiguous: write it year first, {}", .readings.join(" or "))]
    Ambiguous {
        /// The input.
        input: String,
        /// The possible meanings, year first; an example when no meaning is possible.
        readings: Vec<String>,
    },
    /// A date that does not exist, such as 2020-02-30.
    #[error("`{input}` is not a day of the calendar")]
    NoSuchDay {
        /// The input.
        input: String,
    },
    /// A month, quarter or week that its year does not have.
    #[error("`{input}` does not exist: {possible}")]
    NoSuchPeriod {
        /// The input.
        input: String,
        /// The valid ones.
        possible: String,
    },
    /// An invalid time of day.
    #[error(
        "`{input}` has no valid time of day: 2021-04-01 19:37, 2021-04-01T19 (the hour), 2021-04-01T19:37:30Z, \
         2021-04-01T19:37:30+02:00 and yesterday 19:37 work"
    )]
    NoSuchTime {
        /// The input.
        input: String,
    },
    /// A time that the clocks show twice, when they are set back.
    #[error("the clocks show `{input}` twice: write {}", .meanings.join(" or "))]
    ShownTwice {
        /// The input.
        input: String,
        /// The two instants, with their offsets.
        meanings: [String; 2],
    },
    /// A number without a unit, such as days or seconds.
    #[error(
        "`{input}` has no unit: write {input}d for days ago, or @{input} for seconds since 1970"
    )]
    NoUnit {
        /// The input.
        input: String,
    },
    /// A range where one time is needed.
    #[error("`{input}` is a range, and one time is needed here, such as 2026-09-01, 2026-09 or 7d")]
    Range {
        /// The input.
        input: String,
    },
    /// A range without its beginning or its end.
    #[error("`{input}` is half a range: write both ends, as in 2026-09-01..2026-09-15 or 7d..now")]
    HalfRange {
        /// The input.
        input: String,
    },
    /// One instant where a period is needed.
    #[error("`{input}` is one instant, not a period: {PERIODS}")]
    NotAPeriod {
        /// The input.
        input: String,
    },
    /// A period that ends at its beginning.
    #[error("the period `{input}` is empty: it begins and ends at {at}")]
    EmptyPeriod {
        /// The input.
        input: String,
        /// The beginning and the end.
        at: Timestamp,
    },
    /// A range whose end comes first.
    #[error("the period `{input}` ends before it begins: did you mean `{forwards}`?")]
    Backwards {
        /// The input.
        input: String,
        /// The range from the earlier end to the later one.
        forwards: String,
    },
    /// A time before the year 0000 or after 9999.
    #[error("`{input}` lies outside the years 0000 to 9999")]
    OutOfRange {
        /// The input.
        input: String,
    },
    /// None of the valid forms.
    #[error("`{input}` is not a time: {FORMS}")]
    Unknown {
        /// The input.
        input: String,
    },
}

/// An invalid duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text was empty.
    #[error("the duration is empty: {DURATIONS}")]
    Empty,
    /// A number without its unit.
    #[error("the duration `{input}` has no unit: {DURATIONS}")]
    NoUnit {
        /// The input.
        input: String,
    },
    /// Months and years, which have no fixed length.
    #[error("the duration `{input}` has no fixed length in seconds: {DURATIONS}")]
    NotFixed {
        /// The input.
        input: String,
    },
    /// A duration with a minus sign.
    #[error("the duration `{input}` is negative: {DURATIONS}")]
    Negative {
        /// The input.
        input: String,
    },
    /// More seconds than a number can hold.
    #[error("the duration `{input}` is too long")]
    TooLong {
        /// The input.
        input: String,
    },
    /// None of the valid forms.
    #[error("`{input}` is not a duration: {DURATIONS}")]
    Unknown {
        /// The input.
        input: String,
    },
}

/// An invalid or unknown time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// The text was empty.
    #[error("the time zone is empty: {ZONES}")]
    Empty,
    /// The zone of the system is unknown.
    #[error("the system's time zone is unknown ({reason}): set TZ, or name the zone; {ZONES}")]
    NoLocal {
        /// The reason.
        reason: String,
    },
    /// An invalid offset.
    #[error("`{input}` is not an offset from UTC: +02:00, -0530 and +2 work, up to 23:59")]
    NotAnOffset {
        /// The input.
        input: String,
    },
    /// A name that is not in the IANA time zone database.
    #[error("`{input}` is not a time zone: {}{ZONES}", did_you_mean(.near))]
    Unknown {
        /// The input.
        input: String,
        /// Names with a similar spelling.
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
                     2021-04-01T19 (the hour), 7d, 1h30m, 3mo (months), 2 weeks ago, last 7 days, today, \
                     yesterday 02:00, monday, last month, now and @1617219450 work";

const PERIODS: &str = "2026-09-01, 2026-09-01T14, 2026-09, 2026-Q3, 2026-W40, 2026, today, monday, last month, \
                       7d (until now) and 2026-09-01..2026-09-15 work";

const DURATIONS: &str = "90s, 10m, 2h, 1h30m, 7d, 2w and PT1H30M work";

const ZONES: &str = "UTC, local, names such as Europe/Berlin and offsets such as +02:00 work";
