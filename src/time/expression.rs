//! The times people write after `--since` and `--until`.
//!
//! Everything without an offset is UTC, so that a terminal and cron agree. A date is a whole day: `--until` with
//! a date ends where that day ends, while an instant is where the window ends.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;

use super::calendar::{dashed_date, is_number, misordered_date};
use super::span::{Span, SpanError};
use super::{TimeError, Timestamp};

/// What a text names: a whole day, or one instant.
enum Moment {
    Day(Date),
    Instant(Timestamp),
}

/// The instant at which the time that `text` names begins. Fractions of a second are cut off.
///
/// # Errors
/// When `text` is not a time, or can mean more than one; the message says which forms work.
pub fn parse_since(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let text = text.trim();
    match moment(text, now)? {
        Moment::Day(date) => instant(date.at(0, 0, 0, 0), text),
        Moment::Instant(timestamp) => Ok(timestamp),
    }
}

/// The first instant after the time that `text` names: for a date the next midnight, so that the whole day
/// belongs to the window; otherwise the instant itself.
///
/// # Errors
/// When `text` is not a time, or can mean more than one; the message says which forms work.
pub fn parse_until(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let text = text.trim();
    match moment(text, now)? {
        Moment::Day(date) => {
            let next = date.tomorrow().map_err(|_| out_of_range(text))?;
            instant(next.at(0, 0, 0, 0), text)
        }
        Moment::Instant(timestamp) => Ok(timestamp),
    }
}

fn moment(text: &str, now: Timestamp) -> Result<Moment, TimeError> {
    if text.is_empty() {
        return Err(TimeError::Empty);
    }
    if text.eq_ignore_ascii_case("now") {
        return Ok(Moment::Instant(now));
    }
    if text.eq_ignore_ascii_case("today") {
        return Ok(Moment::Day(civil(now, text)?.date()));
    }
    if text.eq_ignore_ascii_case("yesterday") {
        let today = civil(now, text)?.date();
        return today
            .yesterday()
            .map(Moment::Day)
            .map_err(|_| out_of_range(text));
    }
    if let Some(seconds) = text.strip_prefix('@') {
        return epoch(seconds, text).map(Moment::Instant);
    }
    if let Some(numbers) = dashed_date(text) {
        return dated(numbers, text);
    }
    if let Some(error) = misordered_date(text) {
        return Err(error);
    }
    ago(text, now).map(Moment::Instant)
}

fn epoch(seconds: &str, text: &str) -> Result<Timestamp, TimeError> {
    let digits = seconds.strip_prefix('-').unwrap_or(seconds);
    if !is_number(digits) {
        return Err(TimeError::Unknown {
            input: text.to_owned(),
        });
    }
    let seconds = seconds.parse().map_err(|_| out_of_range(text))?;
    Timestamp::from_epoch_seconds(seconds).map_err(|_| out_of_range(text))
}

fn dated((year, month, day): (i16, i8, i8), text: &str) -> Result<Moment, TimeError> {
    let input = || text.to_owned();
    let date = Date::new(year, month, day).map_err(|_| TimeError::NoSuchDay { input: input() })?;
    let Some(rest) = text.get(10..).filter(|rest| !rest.is_empty()) else {
        return Ok(Moment::Day(date));
    };
    let Some(clock) = rest.strip_prefix(['T', 't', ' ']) else {
        return Err(TimeError::Unknown { input: input() });
    };
    if clock
        .chars()
        .all(|character| matches!(character, '0'..='9' | ':' | '.'))
    {
        let time: Time = clock
            .contains(':')
            .then(|| clock.parse().ok())
            .flatten()
            .ok_or_else(|| TimeError::NoSuchTime { input: input() })?;
        return instant(date.to_datetime(time), text).map(Moment::Instant);
    }
    text.parse()
        .map(Moment::Instant)
        .map_err(|_| TimeError::NoSuchTime { input: input() })
}

fn ago(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let input = || text.to_owned();
    if text.starts_with('-') && text.contains(|character: char| character.is_ascii_digit()) {
        return Err(TimeError::Negative { input: input() });
    }
    let span = Span::parse(without_ago(text)).map_err(|error| match error {
        SpanError::NoUnit if is_number(text) => TimeError::NoUnit { input: input() },
        SpanError::NoUnit | SpanError::Unknown => TimeError::Unknown { input: input() },
        SpanError::TooLong => out_of_range(text),
    })?;
    let months = jiff::Span::new()
        .try_months(span.months)
        .map_err(|_| out_of_range(text))?;
    // Months first, as a calendar is read: a day that the earlier month lacks becomes its last.
    let datetime = civil(now, text)?
        .checked_sub(months)
        .map_err(|_| out_of_range(text))?;
    let seconds = utc(datetime).and_then(|from| from.checked_sub(span.seconds));
    seconds
        .and_then(|seconds| Timestamp::from_epoch_seconds(seconds).ok())
        .ok_or_else(|| out_of_range(text))
}

/// The text before a last word `ago`; all of it when that is the only word, so that it is refused.
fn without_ago(text: &str) -> &str {
    text.rsplit_once(char::is_whitespace)
        .filter(|(_, last)| last.eq_ignore_ascii_case("ago"))
        .map_or(text, |(span, _)| span)
}

fn civil(timestamp: Timestamp, text: &str) -> Result<DateTime, TimeError> {
    jiff::Timestamp::from_second(timestamp.epoch_seconds())
        .map(|instant| Offset::UTC.to_datetime(instant))
        .map_err(|_| out_of_range(text))
}

fn utc(datetime: DateTime) -> Option<i64> {
    let timestamp = Offset::UTC.to_timestamp(datetime).ok()?;
    Some(timestamp.as_second())
}

fn instant(datetime: DateTime, text: &str) -> Result<Timestamp, TimeError> {
    let whole = datetime
        .date()
        .at(datetime.hour(), datetime.minute(), datetime.second(), 0);
    utc(whole)
        .and_then(|seconds| Timestamp::from_epoch_seconds(seconds).ok())
        .ok_or_else(|| out_of_range(text))
}

fn out_of_range(text: &str) -> TimeError {
    TimeError::OutOfRange {
        input: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2021-03-31T12:34:56Z".parse().unwrap()
    }

    fn since(text: &str) -> String {
        parse_since(text, now())
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .to_string()
    }

    fn until(text: &str) -> String {
        parse_until(text, now())
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .to_string()
    }

    #[test]
    fn every_written_form_is_one_instant() {
        for (given, expected) in [
            ("2020-07-20T19:37:30Z", "2020-07-20T19:37:30Z"),
            ("2020-07-20t19:37:30z", "2020-07-20T19:37:30Z"),
            ("2020-07-20 19:37:30Z", "2020-07-20T19:37:30Z"),
            ("2020-07-20T21:37:30+02:00", "2020-07-20T19:37:30Z"),
            ("2020-07-20T19:37:30.999Z", "2020-07-20T19:37:30Z"),
            ("2020-07-20 19:37", "2020-07-20T19:37:00Z"),
            ("2020-07-20T19:37:30", "2020-07-20T19:37:30Z"),
            ("1969-12-31T23:59:59.5", "1969-12-31T23:59:59Z"),
            ("  2020-07-20\n", "2020-07-20T00:00:00Z"),
            ("@1595273850", "2020-07-20T19:37:30Z"),
            ("@-1", "1969-12-31T23:59:59Z"),
            ("now", "2021-03-31T12:34:56Z"),
            ("Today", "2021-03-31T00:00:00Z"),
            ("yesterday", "2021-03-30T00:00:00Z"),
        ] {
            assert_eq!(since(given), expected, "{given}");
        }
    }

    #[test]
    fn a_duration_is_that_long_ago() {
        for (given, expected) in [
            ("7d", "2021-03-24T12:34:56Z"),
            ("12h", "2021-03-31T00:34:56Z"),
            ("30m", "2021-03-31T12:04:56Z"),
            ("90s", "2021-03-31T12:33:26Z"),
            ("2w", "2021-03-17T12:34:56Z"),
            ("1h30m", "2021-03-31T11:04:56Z"),
            ("2 weeks ago", "2021-03-17T12:34:56Z"),
            ("2 weeks", "2021-03-17T12:34:56Z"),
            ("an hour ago", "2021-03-31T11:34:56Z"),
            ("1 Hour  Ago", "2021-03-31T11:34:56Z"),
            ("1d 2h ago", "2021-03-30T10:34:56Z"),
            ("1y", "2020-03-31T12:34:56Z"),
        ] {
            assert_eq!(since(given), expected, "{given}");
            assert_eq!(
                until(given),
                expected,
                "an instant ends the window: {given}"
            );
        }
    }

    #[test]
    fn a_month_ago_is_the_last_day_of_a_month_that_has_no_such_day() {
        assert_eq!(since("1mo"), "2021-02-28T12:34:56Z");
        assert_eq!(since("13 months ago"), "2020-02-29T12:34:56Z");
        assert_eq!(since("1mo1d"), "2021-02-27T12:34:56Z");
    }

    #[test]
    fn a_date_that_ends_a_window_belongs_to_it() {
        for (given, expected) in [
            ("2020-02-28", "2020-02-29T00:00:00Z"),
            ("2020-12-31", "2021-01-01T00:00:00Z"),
            ("today", "2021-04-01T00:00:00Z"),
            ("yesterday", "2021-03-31T00:00:00Z"),
            ("2020-02-28T00:00", "2020-02-28T00:00:00Z"),
            ("now", "2021-03-31T12:34:56Z"),
        ] {
            assert_eq!(until(given), expected, "{given}");
        }
    }

    fn assert_refused(expected: fn(String) -> TimeError, texts: &[&str]) {
        for text in texts {
            assert_eq!(parse_since(text, now()), Err(expected((*text).to_owned())));
            assert_eq!(parse_until(text, now()), Err(expected((*text).to_owned())));
        }
    }

    #[test]
    fn what_no_calendar_and_no_clock_has_is_refused() {
        assert_refused(
            |input| TimeError::NoSuchDay { input },
            &[
                "2020-02-30",
                "2020-13-01T00:00:00Z",
                "2021-02-29 10:00",
                "2021/13/45",
            ],
        );
        assert_refused(
            |input| TimeError::NoSuchTime { input },
            &[
                "2020-07-20T",
                "2020-07-20 25:00",
                "2020-07-20 12",
                "2020-07-20 noon",
            ],
        );
        assert_refused(
            |input| TimeError::NoSuchTime { input },
            &[
                "2020-07-20 12:00[Europe/Berlin]",
                "2020-07-20T12:00:00+99:00",
            ],
        );
    }

    #[test]
    fn what_lies_outside_of_the_archive_is_refused() {
        assert_refused(
            |input| TimeError::OutOfRange { input },
            &[
                "99999999999d",
                "99999999999999999999d",
                "99999mo",
                "3000y",
                "9999-12-31",
            ],
        );
        assert_refused(
            |input| TimeError::OutOfRange { input },
            &["@99999999999999999999", "@253402300800"],
        );
    }

    #[test]
    fn what_is_no_known_form_is_refused_and_not_guessed() {
        assert_refused(|input| TimeError::Negative { input }, &["-7d", "-1 hour"]);
        assert_refused(|input| TimeError::NoUnit { input }, &["7", "1595273850"]);
        let unknown = |input| TimeError::Unknown { input };
        assert_refused(
            unknown,
            &["soon", "ago", "1.5h", "3M", "@", "@now", "7d later", "1h30"],
        );
        assert_refused(
            unknown,
            &[
                "2020-07",
                "2020-07-201",
                "2020-07-20Z",
                "2020-07-2é",
                "12:00",
            ],
        );
        assert_eq!(parse_until(" ", now()), Err(TimeError::Empty));
    }

    #[test]
    fn a_refusal_says_which_forms_work() {
        for text in ["", "soon", "3M"] {
            let message = parse_since(text, now()).unwrap_err().to_string();
            assert!(
                message.contains("2021-04-01") && message.contains("3mo (months)"),
                "{message}"
            );
        }
        assert_eq!(
            parse_since("01/04/2021", now()).unwrap_err().to_string(),
            "the date `01/04/2021` is ambiguous: write it year first, 2021-01-04 or 2021-04-01"
        );
    }
}
