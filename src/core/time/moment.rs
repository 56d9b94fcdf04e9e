//! Parses a text that names a part of the calendar, a time of day, an instant, or a length of time.
//!
//! All flags share one grammar. A part of the calendar means the whole part, down to the hour: a window "since" it
//! starts at its beginning, and a window "until" it ends at its end. Any other time is one instant. When the
//! clocks skip a time, the instant is as far after the skip. A time that they show twice is refused, because it is two
//! instants; an hour that they show twice is both.

use super::calendar_period::{CalendarPeriod, CalendarUnit, is_ambiguous_date};
use super::span::{Span, SpanError};
use super::{TimeError, Timestamp, Zone, has_shape, is_number};
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Time};

const FORMS: &str = "2026-09-01, 2026-09, 2026-Q3, 2026-W40, 2026, 2021-04-01 19:37, \
    2021-04-01T19:37:30+02:00, 2021-04-01T19 (the hour), 7d, 1h30m, 3mo (months), 2 weeks ago, last 7 days, today, \
    yesterday 02:00, monday, last month, now and @1617219450 work";

const PERIODS: &str = "2026-09-01, 2026-09-01T14, 2026-09, 2026-Q3, 2026-W40, 2026, today, monday, \
    last month, 7d (until now) and 2026-09-01..2026-09-15 work";

/// The meaning of a text.
struct Moment {
    /// The first second of a window since this moment.
    since: Timestamp,
    /// The first second after a window until this moment.
    until: Timestamp,
    /// The first second after the period that the text names; `None` for one instant. A length of time such as `7d` lies
    /// that long ago, and is a period until now.
    end: Option<Timestamp>,
}

/// `None` lies outside the years 0000 to 9999.
type Parsed = Result<Option<Moment>, TimeError>;

impl Moment {
    fn instant(timestamp: Timestamp) -> Self {
        Self {
            since: timestamp,
            until: timestamp,
            end: None,
        }
    }

    fn period(since: Option<Timestamp>, until: Option<Timestamp>) -> Option<Self> {
        let (since, until) = since.zip(until)?;
        Some(Self {
            since,
            until,
            end: Some(until),
        })
    }

    fn calendar(period: CalendarPeriod, zone: &Zone) -> Option<Self> {
        let start = |date| zone.start_of_day(date);
        Self::period(start(period.first), period.end().and_then(start))
    }

    fn parse(text: &str, now: Timestamp, zone: &Zone) -> Result<Self, TimeError> {
        let text = text.trim();
        let outside = || TimeError(format!("`{text}` lies outside the years 0000 to 9999"));
        Self::read(text, now, zone)?.ok_or_else(outside)
    }

    /// Reads all valid forms. Guesses nothing.
    fn read(text: &str, now: Timestamp, zone: &Zone) -> Parsed {
        if text.contains("..") {
            let what = "is a range, and one time is needed here, such as 2026-09-01, 2026-09 or 7d";
            return refused(text, what);
        }
        if text.eq_ignore_ascii_case("now") {
            return Ok(Some(Self::instant(now)));
        }
        if let Some(seconds) = text.strip_prefix('@') {
            return epoch(seconds, text);
        }
        let today = zone.civil(now).date();
        if let Some(period) = CalendarPeriod::spoken(text, today) {
            return Ok(Self::calendar(period, zone));
        }
        if let Some((day, clock)) = spoken_day(text, today) {
            return at_clock(day, clock, text, zone);
        }
        if let Some(period) = CalendarPeriod::written(text)? {
            return Ok(Self::calendar(period, zone));
        }
        if let Some((day, rest)) = written_day(text) {
            return dated(day, rest, text, zone);
        }
        if is_ambiguous_date(text) {
            return refused(
                text,
                "is ambiguous: write the date year first, as in 2021-04-01",
            );
        }
        length(text, now, zone)
    }
}

/// The instant at which the clocks show a time. `text` is its original text.
fn at(datetime: DateTime, text: &str, zone: &Zone) -> Parsed {
    match zone.first(datetime).zip(zone.last(datetime)) {
        Some((first, last)) if first != last => {
            let [first, last] = [first, last].map(|instant| instant.in_zone(zone));
            Err(TimeError(format!(
                "the clocks show `{text}` twice: write {first} or {last}"
            )))
        }
        both => Ok(both.map(|(instant, _)| Moment::instant(instant))),
    }
}

fn epoch(seconds: &str, text: &str) -> Parsed {
    let digits = seconds.strip_prefix('-').unwrap_or(seconds);
    if !is_number(digits) {
        return Err(unknown(text));
    }
    let seconds = seconds.parse().ok();
    let instant = seconds.and_then(|it| Timestamp::from_epoch_seconds(it).ok());
    Ok(instant.map(Moment::instant))
}

/// The day and the rest of a text that begins with `YYYY-MM-DD`.
fn written_day(text: &str) -> Option<(&str, &str)> {
    let (day, rest) = text.split_at_checked(10)?;
    let is_whole = !rest.starts_with(|next: char| next.is_ascii_digit());
    (is_whole && has_shape(day, "0000-00-00")).then_some((day, rest))
}

fn dated(day: &str, rest: &str, text: &str, zone: &Zone) -> Parsed {
    let Ok(date) = day.parse::<Date>() else {
        return refused(text, "is not a day of the calendar");
    };
    if rest.is_empty() {
        let day = CalendarPeriod::containing(date, CalendarUnit::Day);
        return Ok(Moment::calendar(day, zone));
    }
    let Some(clock) = rest.strip_prefix(['T', 't', ' ']) else {
        return Err(unknown(text));
    };
    if clock
        .chars()
        .all(|character| matches!(character, '0'..='9' | ':' | '.'))
    {
        return at_clock(date, clock, text, zone);
    }
    match text.parse() {
        Ok(instant) => Ok(Some(Moment::instant(instant))),
        Err(_) => Err(no_such_time(text)),
    }
}

/// The day and the clock of `yesterday 02:00`, `monday at 9:30` or `today 14`; `None` when the text does not begin with
/// a day in words.
fn spoken_day(text: &str, today: Date) -> Option<(Date, &str)> {
    let (day, clock) = text.rsplit_once(char::is_whitespace)?;
    let day = day.trim_end();
    let day = day.strip_suffix(" at").unwrap_or(day);
    let day = CalendarPeriod::spoken(day, today)?;
    (day.unit == CalendarUnit::Day).then_some((day.first, clock))
}

/// A time of day, such as `02:00`, `9:30` or `02:00:15.5`. Two digits mean the whole hour.
fn at_clock(date: Date, clock: &str, text: &str, zone: &Zone) -> Parsed {
    let is_hour = has_shape(clock, "00");
    let whole = match clock.split_once(':') {
        Some((hour, _)) if hour.len() == 1 => format!("0{clock}"),
        Some(_) => clock.to_owned(),
        None if is_hour => format!("{clock}:00"),
        None => return Err(no_such_time(text)),
    };
    let time: Time = whole.parse().map_err(|_| no_such_time(text))?;
    let start = date.at(time.hour(), time.minute(), time.second(), 0);
    if !is_hour {
        return at(start, text, zone);
    }
    let end = start.checked_add(1.hour()).ok();
    let until = end.and_then(|end| zone.first(end));
    Ok(Moment::period(zone.first(start), until))
}

/// `7d`, `-7d` and `last 7 days`, which end now when they are a period; `7d ago`, which is an instant.
fn length(text: &str, now: Timestamp, zone: &Zone) -> Parsed {
    let is_recent =
        |first: &str| first.eq_ignore_ascii_case("last") || first.eq_ignore_ascii_case("past");
    let is_blank = char::is_whitespace;
    let (amount, end) = match (text.split_once(is_blank), text.rsplit_once(is_blank)) {
        (Some((first, amount)), _) if is_recent(first) => (amount.trim_start(), Some(now)),
        (_, Some((amount, last))) if last.eq_ignore_ascii_case("ago") => (amount, None),
        _ => (text.strip_prefix('-').unwrap_or(text), Some(now)),
    };
    let span = match Span::parse(amount) {
        Ok(span) => span,
        Err(SpanError::TooLong) => return Ok(None),
        Err(SpanError::NoUnit) if is_number(amount) => {
            return Err(TimeError(format!(
                "`{amount}` has no unit: write {amount}d for days ago, or @{amount} for seconds since 1970"
            )));
        }
        Err(SpanError::NoUnit | SpanError::Unknown) => return Err(unknown(text)),
    };
    let ends = [Zone::first, Zone::last].map(|instant| before(now, span, zone, instant));
    let [Some(since), Some(until)] = ends else {
        return Ok(None);
    };
    Ok(Some(Moment { since, until, end }))
}

/// The instant a length of time before `now`. Days have 24 hours. Months follow the zone's calendar and are subtracted
/// first. A day that the earlier month does not have becomes its last day.
fn before(
    now: Timestamp,
    span: Span,
    zone: &Zone,
    instant: fn(&Zone, DateTime) -> Option<Timestamp>,
) -> Option<Timestamp> {
    let from = if span.months == 0 {
        now
    } else {
        let months = jiff::Span::new().try_months(span.months).ok()?;
        instant(zone, zone.civil(now).checked_sub(months).ok()?)?
    };
    let seconds = from.epoch_seconds().checked_sub(span.seconds)?;
    Timestamp::from_epoch_seconds(seconds).ok()
}

fn refused<T>(text: &str, reason: &str) -> Result<T, TimeError> {
    Err(TimeError(format!("`{text}` {reason}")))
}

fn unknown(text: &str) -> TimeError {
    TimeError(format!("`{text}` is not a time: {FORMS}"))
}

fn no_such_time(text: &str) -> TimeError {
    let forms = "2021-04-01 19:37, 2021-04-01T19 (the hour), 2021-04-01T19:37:30Z, 2021-04-01T19:37:30+02:00 and \
                 yesterday 19:37 work";
    TimeError(format!("`{text}` has no valid time of day: {forms}"))
}

/// The instant at which the time in `text` begins: a day at its midnight, a month with its first day, an hour. A time
/// without an offset is in `zone`. Fractions of a second are cut off.
///
/// # Errors
/// When `text` is not a time, or is ambiguous; the message lists the valid forms.
pub fn parse_since(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, TimeError> {
    Ok(Moment::parse(text, now, zone)?.since)
}

/// The first instant after the time in `text`: for a day the next midnight, for a month the first day of the next
/// month, for an hour the next one, so that the window contains all of it. Otherwise the instant itself. A time without
/// an offset is in `zone`.
///
/// # Errors
/// When `text` is not a time, or is ambiguous; the message lists the valid forms.
pub fn parse_until(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, TimeError> {
    Ok(Moment::parse(text, now, zone)?.until)
}

/// A stretch of time that includes its first second and excludes its end: `since <= t < until`. It is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first second inside.
    pub since: Timestamp,
    /// The first second after it.
    pub until: Timestamp,
}

/// Reads a period: an hour, day, week, month, quarter or year, a length of time such as `7d`, which ends now, or a range
/// `A..B` from the beginning of A to the end of B. A time without an offset is in `zone`.
///
/// # Errors
/// When `text` is not a period, such as a single instant, when it is empty, or when it is ambiguous. The message lists
/// the valid forms.
pub fn parse_period(text: &str, now: Timestamp, zone: &Zone) -> Result<Period, TimeError> {
    let text = text.trim();
    let ends = text.split_once("..");
    let ends = ends.map(|(from, to)| (from.trim(), to.trim()));
    let (since, until) = match ends {
        Some((from, to)) if from.is_empty() || to.is_empty() => {
            let what = "is half a range: write both ends, as in 2026-09-01..2026-09-15 or 7d..now";
            return refused(text, what);
        }
        Some((from, to)) => (parse_since(from, now, zone)?, parse_until(to, now, zone)?),
        None => {
            let Moment { since, end, .. } = Moment::parse(text, now, zone)?;
            let Some(until) = end else {
                return refused(text, &format!("is one instant, not a period: {PERIODS}"));
            };
            (since, until)
        }
    };
    if since < until {
        return Ok(Period { since, until });
    }
    let backwards = ends.filter(|(_, to)| parse_since(to, now, zone) != Ok(since));
    Err(TimeError(match backwards {
        Some((from, to)) => {
            format!("the period `{text}` ends before it begins: did you mean `{to}..{from}`?")
        }
        None => format!("the period `{text}` is empty: it begins and ends at {since}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn now() -> Timestamp {
        "2021-03-31T12:34:56Z".parse().unwrap()
    }

    fn since(text: &str) -> String {
        parse_since(text, now(), &Zone::utc())
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .to_string()
    }

    fn until(text: &str) -> String {
        parse_until(text, now(), &Zone::utc())
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
            ("-7d", "2021-03-24T12:34:56Z"),
            ("-1 hour", "2021-03-31T11:34:56Z"),
            ("-P7D", "2021-03-24T12:34:56Z"),
            ("last 7 days", "2021-03-24T12:34:56Z"),
            ("Past 24h", "2021-03-30T12:34:56Z"),
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
    fn a_duration_as_programs_write_it_is_that_long_ago() {
        for (given, expected) in [
            ("P7D", "2021-03-24T12:34:56Z"),
            ("PT1H30M", "2021-03-31T11:04:56Z"),
            ("P1M", "2021-02-28T12:34:56Z"),
            ("p1y ago", "2020-03-31T12:34:56Z"),
        ] {
            assert_eq!(since(given), expected, "{given}");
            assert_eq!(until(given), expected, "{given}");
        }
    }

    #[test]
    fn a_part_of_the_calendar_is_meant_as_a_whole() {
        for (given, first, end) in [
            ("2020", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"),
            ("2020-02", "2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"),
            ("2020-q4", "2020-10-01T00:00:00Z", "2021-01-01T00:00:00Z"),
            ("2020-W1", "2019-12-30T00:00:00Z", "2020-01-06T00:00:00Z"),
            ("last week", "2021-03-22T00:00:00Z", "2021-03-29T00:00:00Z"),
            ("this year", "2021-01-01T00:00:00Z", "2022-01-01T00:00:00Z"),
            ("tomorrow", "2021-04-01T00:00:00Z", "2021-04-02T00:00:00Z"),
        ] {
            assert_eq!(
                (since(given), until(given)),
                (first.to_owned(), end.to_owned())
            );
        }
    }

    #[test]
    fn a_day_in_words_may_have_a_time_of_day() {
        // A Wednesday.
        for (given, expected) in [
            ("yesterday 02:00", "2021-03-30T02:00:00Z"),
            ("today at 9:30", "2021-03-31T09:30:00Z"),
            ("Monday 14:00:15.5", "2021-03-29T14:00:15Z"),
            ("last tue 23:59", "2021-03-30T23:59:00Z"),
        ] {
            assert_eq!(
                (since(given).as_str(), until(given).as_str()),
                (expected, expected)
            );
        }
        for (given, expected) in [
            ("mon", "2021-03-29T00:00:00Z"),
            ("wednesday", "2021-03-24T00:00:00Z"),
            ("Last Thursday", "2021-03-25T00:00:00Z"),
        ] {
            assert_eq!(since(given), expected, "a day before today: {given}");
        }
    }

    #[test]
    fn an_hour_without_minutes_is_the_whole_hour() {
        for (given, first, end) in [
            (
                "2020-07-20T14",
                "2020-07-20T14:00:00Z",
                "2020-07-20T15:00:00Z",
            ),
            (
                "2020-12-31 23",
                "2020-12-31T23:00:00Z",
                "2021-01-01T00:00:00Z",
            ),
            (
                "yesterday 02",
                "2021-03-30T02:00:00Z",
                "2021-03-30T03:00:00Z",
            ),
        ] {
            assert_eq!(
                (since(given).as_str(), until(given).as_str()),
                (first, end),
                "{given}"
            );
        }
        let hours = ["00", "01", "02", "03"].map(|hour| {
            let (since, until) = period(&format!("2020-10-25T{hour}"), "Europe/Berlin");
            (since[11..16].to_owned(), until[11..16].to_owned())
        });
        let hours = hours
            .each_ref()
            .map(|(one, other)| (one.as_str(), other.as_str()));
        // The clocks show the hour from two to three twice.
        let expected = [
            ("22:00", "23:00"),
            ("23:00", "00:00"),
            ("00:00", "02:00"),
            ("02:00", "03:00"),
        ];
        assert_eq!(hours, expected);
        let skipped = refusal("2020-03-29T02", "Europe/Berlin");
        assert!(skipped.to_string().contains("is empty"), "{skipped}");
        let beyond = parse_until("9999-12-31T23", now(), &Zone::utc());
        assert!(
            beyond
                .unwrap_err()
                .to_string()
                .contains("outside the years")
        );
    }

    #[test]
    fn what_has_no_offset_is_meant_in_the_zone() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        for (given, first, end) in [
            (
                "2020-07-20 21:37:30",
                "2020-07-20T19:37:30Z",
                "2020-07-20T19:37:30Z",
            ),
            (
                "2020-07-20T21:37:30Z",
                "2020-07-20T21:37:30Z",
                "2020-07-20T21:37:30Z",
            ),
            (
                "2020-07-20T21:37:30-05:00",
                "2020-07-21T02:37:30Z",
                "2020-07-21T02:37:30Z",
            ),
            (
                "@1595273850",
                "2020-07-20T19:37:30Z",
                "2020-07-20T19:37:30Z",
            ),
            ("2020-07-20", "2020-07-19T22:00:00Z", "2020-07-20T22:00:00Z"),
            ("today", "2021-03-30T22:00:00Z", "2021-03-31T22:00:00Z"),
            // The clocks were set forward on the 28th. Days have 24 hours, and months follow the calendar.
            ("7d", "2021-03-24T12:34:56Z", "2021-03-24T12:34:56Z"),
            ("1mo", "2021-02-28T13:34:56Z", "2021-02-28T13:34:56Z"),
        ] {
            let found = [parse_since, parse_until]
                .map(|parse| parse(given, now(), &zone).unwrap().to_string());
            assert_eq!(found, [first, end], "{given}");
        }
    }

    #[test]
    fn a_clock_time_that_is_skipped_is_the_instant_as_long_after_the_skip() {
        for (zone, given, expected) in [
            ("Europe/Berlin", "2020-03-29 02:30", "2020-03-29T01:30:00Z"),
            (
                "America/New_York",
                "2020-03-08T02:00",
                "2020-03-08T07:00:00Z",
            ),
        ] {
            let zone: Zone = zone.parse().unwrap();
            let found = [parse_since, parse_until]
                .map(|parse| parse(given, now(), &zone).unwrap().to_string());
            assert_eq!(found, [expected; 2], "{given}");
        }
    }

    #[test]
    fn a_clock_time_that_is_shown_twice_is_refused_with_both_instants() {
        for (zone, given, first, second) in [
            (
                "Europe/Berlin",
                "2020-10-25 02:30",
                "2020-10-25T02:30:00+02:00",
                "2020-10-25T02:30:00+01:00",
            ),
            (
                "America/New_York",
                "2020-11-01T01:59:59",
                "2020-11-01T01:59:59-04:00",
                "2020-11-01T01:59:59-05:00",
            ),
            (
                "Australia/Lord_Howe",
                "2020-04-05 01:45",
                "2020-04-05T01:45:00+11:00",
                "2020-04-05T01:45:00+10:30",
            ),
        ] {
            let zone: Zone = zone.parse().unwrap();
            for parse in [parse_since, parse_until] {
                let error = parse(given, now(), &zone).unwrap_err();
                assert_eq!(
                    error.to_string(),
                    format!("the clocks show `{given}` twice: write {first} or {second}")
                );
                let read = |text| parse(text, now(), &zone).unwrap();
                assert!(read(first) < read(second));
            }
            let range = format!("{given}..now");
            let error = parse_period(&range, now(), &zone).unwrap_err();
            assert!(error.to_string().contains("twice"), "{error}");
        }
    }

    #[test]
    fn a_day_that_begins_at_a_time_that_is_shown_twice_or_skipped_is_a_day() {
        // At midnight, the clocks of Havana were set back to eleven, and forward to one.
        for (given, since, until) in [
            ("2020-11-01", "2020-11-01T04:00:00Z", "2020-11-02T05:00:00Z"),
            ("2020-03-08", "2020-03-08T05:00:00Z", "2020-03-09T04:00:00Z"),
            ("2020-11", "2020-11-01T04:00:00Z", "2020-12-01T05:00:00Z"),
        ] {
            let expected = (since.to_owned(), until.to_owned());
            assert_eq!(period(given, "America/Havana"), expected, "{given}");
        }
    }

    #[test]
    fn a_duration_is_as_long_when_the_clocks_show_now_twice() {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        for now in ["2020-10-25T00:45:00Z", "2020-10-25T01:45:00Z"] {
            let now: Timestamp = now.parse().unwrap();
            let expected = Ok(now.saturating_add_seconds(-300));
            assert_eq!(parse_since("5m", now, &zone), expected);
            assert_eq!(parse_until("5m", now, &zone), expected);
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

    fn assert_refused(reason: &str, texts: &[&str]) {
        for text in texts {
            for parse in [parse_since, parse_until] {
                let error = parse(text, now(), &Zone::utc()).unwrap_err().to_string();
                assert!(error.starts_with(&format!("`{text}` {reason}")), "{error}");
            }
        }
    }

    #[test]
    fn what_no_calendar_and_no_clock_has_is_refused() {
        assert_refused(
            "is not a day of the calendar",
            &["2020-02-30", "2020-13-01T00:00:00Z", "2021-02-29 10:00"],
        );
        assert_refused(
            "has no valid time of day",
            &[
                "2020-07-20T",
                "2020-07-20 25:00",
                "2020-07-20T24",
                "2020-07-20 9",
                "2020-07-20 noon",
                "yesterday 25:00",
                "yesterday noon",
                "monday 7d",
            ],
        );
        assert_refused(
            "has no valid time of day",
            &[
                "2020-07-20 12:00[Europe/Berlin]",
                "2020-07-20T12:00:00+99:00",
            ],
        );
    }

    #[test]
    fn what_lies_outside_of_the_archive_is_refused() {
        assert_refused(
            "lies outside the years",
            &[
                "99999999999d",
                "99999999999999999999d",
                "99999mo",
                "3000y",
                "9999-12-31",
            ],
        );
        assert_refused(
            "lies outside the years",
            &["@99999999999999999999", "@253402300800"],
        );
    }

    #[test]
    fn what_is_no_known_form_is_refused_and_not_guessed() {
        assert_refused("has no unit", &["7", "30", "3600", "1595273850"]);
        let error = parse_since("-7", now(), &Zone::utc()).unwrap_err();
        assert!(error.to_string().starts_with("`7` has no unit"), "{error}");
        let unknown = "is not a time";
        assert_refused(
            unknown,
            &["soon", "ago", "1.5h", "3M", "@", "@now", "7d later", "1h30"],
        );
        assert_refused(
            unknown,
            &["2020-07-201", "2020-07-20Z", "2020-07-2é", "12:00"],
        );
        assert_refused(
            unknown,
            &[
                "-",
                "--7d",
                "-7d ago",
                "last 7 days ago",
                "last",
                "last hour",
                "mond",
                "next monday",
            ],
        );
        assert_refused("is a range", &["2020..2021", "7d..now"]);
        assert_refused("is not a time", &[""]);
    }

    #[test]
    fn a_refusal_says_which_forms_work() {
        for text in ["", "soon", "3M"] {
            let message = parse_since(text, now(), &Zone::utc())
                .unwrap_err()
                .to_string();
            assert!(
                message.contains("2026-Q3") && message.contains("3mo (months)"),
                "{message}"
            );
        }
        assert_eq!(
            parse_since("01/04/2021", now(), &Zone::utc())
                .unwrap_err()
                .to_string(),
            "`01/04/2021` is ambiguous: write the date year first, as in 2021-04-01"
        );
    }

    fn period(text: &str, zone: &str) -> (String, String) {
        let period = parse_period(text, now(), &zone.parse().unwrap())
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        (period.since.to_string(), period.until.to_string())
    }

    fn refusal(text: &str, zone: &str) -> TimeError {
        parse_period(text, now(), &zone.parse().unwrap()).unwrap_err()
    }

    #[test]
    fn every_written_form_has_two_ends() {
        for (given, since, until) in [
            ("2020-02-28", "2020-02-28T00:00:00Z", "2020-02-29T00:00:00Z"),
            ("2020-02", "2020-02-01T00:00:00Z", "2020-03-01T00:00:00Z"),
            ("2020-Q1", "2020-01-01T00:00:00Z", "2020-04-01T00:00:00Z"),
            ("2020-W53", "2020-12-28T00:00:00Z", "2021-01-04T00:00:00Z"),
            (" 2020 ", "2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z"),
            ("today", "2021-03-31T00:00:00Z", "2021-04-01T00:00:00Z"),
            ("last month", "2021-02-01T00:00:00Z", "2021-03-01T00:00:00Z"),
            ("7d", "2021-03-24T12:34:56Z", "2021-03-31T12:34:56Z"),
            ("1mo", "2021-02-28T12:34:56Z", "2021-03-31T12:34:56Z"),
            ("PT1H30M", "2021-03-31T11:04:56Z", "2021-03-31T12:34:56Z"),
            (
                "2020-01..2020-03",
                "2020-01-01T00:00:00Z",
                "2020-04-01T00:00:00Z",
            ),
            (
                "2020-01-01 .. 2020",
                "2020-01-01T00:00:00Z",
                "2021-01-01T00:00:00Z",
            ),
            ("14d..7d", "2021-03-17T12:34:56Z", "2021-03-24T12:34:56Z"),
            (
                "last week..now",
                "2021-03-22T00:00:00Z",
                "2021-03-31T12:34:56Z",
            ),
            (
                "@0..2020-07-20 19:37",
                "1970-01-01T00:00:00Z",
                "2020-07-20T19:37:00Z",
            ),
        ] {
            let expected = (since.to_owned(), until.to_owned());
            assert_eq!(period(given, "UTC"), expected, "{given}");
        }
    }

    #[test]
    fn a_period_is_one_of_the_zone() {
        for (given, zone, since, until) in [
            (
                "2020-03-29",
                "Europe/Berlin",
                "2020-03-28T23:00:00Z",
                "2020-03-29T22:00:00Z",
            ),
            (
                "2020",
                "America/New_York",
                "2020-01-01T05:00:00Z",
                "2021-01-01T05:00:00Z",
            ),
            (
                "2020-Q3",
                "+05:30",
                "2020-06-30T18:30:00Z",
                "2020-09-30T18:30:00Z",
            ),
            // In this zone it is already April.
            (
                "today",
                "+12",
                "2021-03-31T12:00:00Z",
                "2021-04-01T12:00:00Z",
            ),
            (
                "last month",
                "+12",
                "2021-02-28T12:00:00Z",
                "2021-03-31T12:00:00Z",
            ),
        ] {
            let expected = (since.to_owned(), until.to_owned());
            assert_eq!(period(given, zone), expected, "{given} {zone}");
        }
    }

    #[test]
    fn one_instant_is_no_period() {
        for text in [
            "2020-07-20T19:37:30Z",
            "2020-07-20 19:37",
            "now",
            "@0",
            "7d ago",
            "2 weeks ago",
        ] {
            let error = refusal(text, "UTC");
            let message = error.to_string();
            assert!(
                message.starts_with(&format!("`{text}` is one instant")),
                "{message}"
            );
            assert!(
                message.contains("7d (until now)") && message.contains(".."),
                "{message}"
            );
        }
    }

    #[test]
    fn a_period_that_holds_nothing_is_refused() {
        for (text, zone) in [
            ("now..now", "UTC"),
            ("0d", "UTC"),
            ("2020-07-20 19:37..2020-07-20 19:37", "UTC"),
            ("2011-12-30", "Pacific/Apia"),
        ] {
            let error = refusal(text, zone);
            assert!(error.to_string().contains("is empty"), "{text}: {error}");
        }
        for (text, forwards) in [
            ("2020-03..2020-01", "2020-01..2020-03"),
            ("2020-03 .. 2020-02", "2020-02..2020-03"),
            ("now..7d", "7d..now"),
        ] {
            assert_eq!(
                refusal(text, "UTC").to_string(),
                format!("the period `{text}` ends before it begins: did you mean `{forwards}`?")
            );
        }
    }

    #[test]
    fn a_range_needs_both_ends_and_each_to_be_a_time() {
        for text in ["..", "2020-01..", "..2020-01", " .. now"] {
            let expected = format!("`{}` is half a range", text.trim());
            assert!(refusal(text, "UTC").to_string().starts_with(&expected));
        }
        for (text, expected) in [
            ("soon..now", "`soon` is not a time"),
            ("2020..2021..2022", "`2021..2022` is a range"),
            ("", "`` is not a time"),
            ("9999-12", "`9999-12` lies outside the years"),
        ] {
            let error = refusal(text, "UTC").to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    /// The day, counted from 1970-01-01, on which an ISO year begins: the Monday of the week with 4 January. Leap years
    /// are counted here, independent of the calendar code above.
    fn first_monday(year: i64) -> i64 {
        let leap_years = |year: i64| year / 4 - year / 100 + year / 400;
        let new_year = (year - 1970) * 365 + leap_years(year - 1) - leap_years(1969);
        let fourth = new_year + 3;
        // 1970-01-01 was a Thursday.
        fourth - (fourth + 3).rem_euclid(7)
    }

    #[test]
    fn every_second_of_a_year_belongs_to_exactly_one_iso_week() {
        let utc = Zone::utc();
        for year in 1900..=2099 {
            let mut covered_to = first_monday(year) * 86_400;
            let weeks = (first_monday(year + 1) - first_monday(year)) / 7;
            assert!(matches!(weeks, 52 | 53));
            for week in 1..=weeks {
                let period = parse_period(&format!("{year}-W{week:02}"), now(), &utc).unwrap();
                assert_eq!(period.since.epoch_seconds(), covered_to, "{year}-W{week}");
                covered_to += 7 * 86_400;
                assert_eq!(period.until.epoch_seconds(), covered_to, "{year}-W{week}");
            }
            let beyond = format!("{year}-W{}", weeks + 1);
            assert!(parse_period(&beyond, now(), &utc).is_err(), "{beyond}");
        }
    }

    #[test]
    fn the_parts_of_a_year_follow_each_other_without_a_gap_in_every_zone() {
        for zone in [
            "UTC",
            "Europe/Berlin",
            "America/Sao_Paulo",
            "America/Havana",
            "-07:00",
        ] {
            let zone: Zone = zone.parse().unwrap();
            for year in 2005..2025 {
                let whole = parse_period(&year.to_string(), now(), &zone).unwrap();
                let months = (1..=12).map(|month| format!("{year}-{month:02}"));
                let quarters = (1..=4).map(|quarter| format!("{year}-Q{quarter}"));
                for parts in [months.collect::<Vec<_>>(), quarters.collect()] {
                    let mut covered_to = whole.since;
                    for part in parts {
                        let part = parse_period(&part, now(), &zone).unwrap();
                        assert_eq!(part.since, covered_to);
                        covered_to = part.until;
                    }
                    assert_eq!(covered_to, whole.until);
                }
            }
        }
    }

    const ZONES: [&str; 6] = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Sao_Paulo",
        "Pacific/Apia",
        "-09:30",
    ];

    proptest! {
        #[test]
        fn a_period_begins_before_it_ends_and_is_what_its_two_ends_say(
            text in prop_oneof![
                "(19|20)[0-9]{2}(-(0[1-9]|1[0-2]|Q[1-4]|W[1-4][0-9]))?",
                "(19|20)[0-9]{2}-(0[1-9]|1[0-2])-[0-2][1-8]",
                "(this|last) (week|month|quarter|year)|today|yesterday|tomorrow",
                "(last )?(mon|tuesday|wed|Thursday|fri|saturday|SUN)",
            ],
            now in -2_000_000_000_i64..4_000_000_000,
            zone in prop::sample::select(&ZONES[..]),
        ) {
            let now = Timestamp::from_epoch_seconds(now).unwrap();
            let zone: Zone = zone.parse().unwrap();
            let period = parse_period(&text, now, &zone).unwrap();
            prop_assert!(period.since < period.until);
            prop_assert_eq!(parse_since(&text, now, &zone), Ok(period.since));
            prop_assert_eq!(parse_until(&text, now, &zone), Ok(period.until));
            let range = parse_period(&format!("{text}..{text}"), now, &zone);
            prop_assert_eq!(range, Ok(period));
        }

        #[test]
        fn this_period_holds_now_and_the_last_one_ends_where_it_begins(
            now in -2_000_000_000_i64..4_000_000_000,
            unit in prop::sample::select(vec!["week", "month", "quarter", "year"]),
            zone in prop::sample::select(&ZONES[..]),
        ) {
            let now = Timestamp::from_epoch_seconds(now).unwrap();
            let zone: Zone = zone.parse().unwrap();
            let this = parse_period(&format!("this {unit}"), now, &zone).unwrap();
            let last = parse_period(&format!("last {unit}"), now, &zone).unwrap();
            prop_assert!(this.since <= now && now < this.until);
            prop_assert_eq!(last.until, this.since);
        }

        #[test]
        fn no_text_ends_before_it_begins_or_brings_anything_down(
            text in prop_oneof![
                "\\PC{0,24}",
                "[0-9]{1,5}-?[QWqw]?[0-9é]{0,3}",
                "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{1,2}(:[0-9]{1,2}){0,2}",
                "(last )?(mon|tuesday|yesterday|today|é)( at)? ?[0-9é]{0,3}:?[0-9é]{0,2}",
                "(-|last |past )?P?T?([0-9]{1,20} ?(mo|[smhdwyYMWDHS])){1,3}( ago)?",
                "@-?[0-9]{1,12}(\\.\\.(now|[0-9]{4}))?",
            ],
            now in -62_167_219_200_i64..=253_402_207_200,
            zone in prop::sample::select(&ZONES[..]),
        ) {
            let now = Timestamp::from_epoch_seconds(now).unwrap();
            let zone: Zone = zone.parse().unwrap();
            let since = parse_since(&text, now, &zone);
            let until = parse_until(&text, now, &zone);
            if let (Ok(since), Ok(until)) = (since, until) {
                prop_assert!(since <= until, "{} {}", since, until);
            }
            if let Ok(period) = parse_period(&text, now, &zone) {
                prop_assert!(period.since < period.until);
            }
        }
    }
}
