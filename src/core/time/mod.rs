//! Time: instants as the archive stores them, and the text forms that people write.
//!
//! The archive keeps every time as text, `YYYY-MM-DDTHH:MM:SSZ` in UTC, because the file is an interface: such texts
//! sort, compare and read the same in every tool. [`Timestamp`] is that text as a value.
//!
//! People write and read times in a [`Zone`], which is UTC by default. All flags share one grammar: [`parse_since`] and
//! [`parse_until`] read the two ends of a window, and [`parse_period`] reads both at once. A wrong window gives a wrong
//! answer that seems right. So archiver guesses nothing, and each [`TimeError`] lists the valid forms.

mod calendar_period;
mod moment;
mod span;
mod zone;

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

pub use calendar_period::CalendarUnit;
pub use moment::{Period, parse_period, parse_since, parse_until};
pub use span::{duration_text, parse_duration};
pub use zone::{Transition, Zone};

/// An invalid time, duration or time zone. The text names the input and says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimeError(String);

/// An instant in UTC, to the second, between the years 0000 and 9999.
///
/// Its text always has the 20 characters `YYYY-MM-DDTHH:MM:SSZ`, so texts sort like the instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// 0000-01-01T00:00:00Z, in seconds since 1970.
const FIRST_SECOND: i64 = -62_167_219_200;
/// 9999-12-30T22:00:00Z, in seconds since 1970: the last instant that `jiff` can express in every time zone.
const LAST_SECOND: i64 = 253_402_207_200;

/// The largest difference between the clocks of two machines that share an archive.
const CLOCKS_DIFFER_SECONDS: i64 = 60;

impl Timestamp {
    /// The system clock. Only the outermost layer calls this; all other code receives the time as an argument.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one clock")]
    pub fn now() -> Self {
        Self::from_instant(jiff::Timestamp::now()).unwrap_or(Self(jiff::Timestamp::UNIX_EPOCH))
    }

    /// The instant `seconds` after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// When it lies outside the years 0000 to 9999.
    pub fn from_epoch_seconds(seconds: i64) -> Result<Self, TimeError> {
        let is_possible = (FIRST_SECOND..=LAST_SECOND).contains(&seconds);
        let instant = jiff::Timestamp::from_second(seconds).ok();
        let possible = instant.filter(|_| is_possible).map(Self);
        possible.ok_or_else(|| no_timestamp(&seconds))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn epoch_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// The instant `seconds` later, or earlier when negative. Stops at the first or last representable second.
    #[must_use]
    pub fn saturating_add_seconds(self, seconds: i64) -> Self {
        let seconds = self
            .epoch_seconds()
            .saturating_add(seconds)
            .clamp(FIRST_SECOND, LAST_SECOND);
        Self(jiff::Timestamp::from_second(seconds).unwrap_or(self.0))
    }

    /// Its age at `now`, in seconds. `None` when it lies in the future: a wrong clock wrote it, so it does not prove
    /// that anything happened recently.
    #[must_use]
    pub fn age_at(self, now: Self) -> Option<i64> {
        let age = now.epoch_seconds() - self.epoch_seconds();
        (age >= -CLOCKS_DIFFER_SECONDS).then_some(age.max(0))
    }

    /// The second of an instant; `None` outside the years 0000 to 9999.
    fn from_instant(instant: jiff::Timestamp) -> Option<Self> {
        // Rounds down, also before 1970, where the fraction of a jiff timestamp is negative.
        let below = i64::from(instant.subsec_nanosecond() < 0);
        Self::from_epoch_seconds(instant.as_second() - below).ok()
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    /// Reads RFC 3339, with any offset; fractions of a second are cut off.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let instant = text.parse().ok().and_then(Self::from_instant);
        instant.ok_or_else(|| no_timestamp(&text))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The error for a text or a number that is not an instant in the range of the archive.
fn no_timestamp(input: &dyn fmt::Display) -> TimeError {
    TimeError(format!(
        "`{input}` is not a time between the years 0000 and 9999"
    ))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// True when a text consists of digits only.
fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// True when a text has a digit for each `0` of a shape such as `0000-00`, and all else as it is there, in either case.
fn has_shape(text: &str, shape: &str) -> bool {
    let is_alike = |(byte, shape): (u8, u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        shape => byte.eq_ignore_ascii_case(&shape),
    };
    text.len() == shape.len() && text.bytes().zip(shape.bytes()).all(is_alike)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_twenty_characters_of_utc() {
        for (given, expected) in [
            ("2020-07-20T19:37:30Z", "2020-07-20T19:37:30Z"),
            ("2020-07-20T21:37:30+02:00", "2020-07-20T19:37:30Z"),
            ("2020-07-20T19:37:30.999Z", "2020-07-20T19:37:30Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z"),
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00Z"),
        ] {
            assert_eq!(
                given.parse::<Timestamp>().unwrap().to_string(),
                expected,
                "{given}"
            );
        }
    }

    #[test]
    fn what_is_no_instant_is_refused_with_its_text() {
        for text in [
            "",
            "soon",
            "2020-07-20",
            "2020-13-01T00:00:00Z",
            "2021-02-29T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "-000001-12-31T00:00:00Z",
        ] {
            let error = text.parse::<Timestamp>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{text}`")), "{error}");
        }
        assert!(Timestamp::from_epoch_seconds(i64::MAX).is_err());
    }

    #[test]
    fn arithmetic_stays_inside_the_representable_years() {
        let now = Timestamp::from_epoch_seconds(1_600_000_000).unwrap();
        assert_eq!(
            now.saturating_add_seconds(-60).epoch_seconds(),
            1_599_999_940
        );
        assert_eq!(
            now.saturating_add_seconds(i64::MIN).to_string(),
            "0000-01-01T00:00:00Z"
        );
    }
}
