//! What a text names: a part of the calendar, a time of day, an instant, or a length of time.
//!
//! One grammar for all flags. A part of the calendar is meant as a whole: a window since it begins where it does, a
//! window until it ends where it ends. Any other time is one instant. Where clocks skip a time, the instant is as far
//! after the skip; where they show it twice, a window begins at the first and ends at the second, so that nothing
//! that may be meant is left out.

use jiff::civil::{Date, DateTime, Time};

use super::calendar::{dashed_date, is_number, misordered_date};
use super::calendar_period::{CalendarPeriod, Unit};
use super::span::{Span, SpanError};
use super::zone::Fold;
use super::{TimeError, Timestamp, Zone};

/// What a text names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// A whole day, week, month, quarter or year.
    Calendar(CalendarPeriod),
    /// What the clocks of the zone show, to the second.
    Clock(DateTime),
    /// One instant, in any zone.
    Instant(Timestamp),
    /// A length of time, `7d`.
    Length(Span),
    /// The instant that long ago, `7d ago`.
    Ago(Span),
}

impl Moment {
    /// Reads any of the forms. Nothing is guessed.
    pub(super) fn parse(text: &str, now: Timestamp, zone: &Zone) -> Result<Self, TimeError> {
        let input = || text.to_owned();
        if text.is_empty() {
            return Err(TimeError::Empty);
        }
        if text.contains("..") {
            return Err(TimeError::Range { input: input() });
        }
        if text.eq_ignore_ascii_case("now") {
            return Ok(Self::Instant(now));
        }
        if let Some(seconds) = text.strip_prefix('@') {
            return epoch(seconds, text).map(Self::Instant);
        }
        if let Some(period) = CalendarPeriod::spoken(text, zone.civil(now).date()) {
            return Ok(Self::Calendar(period));
        }
        if let Some(period) = CalendarPeriod::written(text)? {
            return Ok(Self::Calendar(period));
        }
        if let Some(numbers) = dashed_date(text) {
            return dated(numbers, text);
        }
        match misordered_date(text) {
            Some(error) => Err(error),
            None => length(text),
        }
    }

    /// The instant at which a window begins that this, written as `text`, is the beginning of.
    pub(super) fn since(
        self,
        text: &str,
        now: Timestamp,
        zone: &Zone,
    ) -> Result<Timestamp, TimeError> {
        match self {
            Self::Calendar(period) => zone.start_of_day(period.first),
            Self::Clock(datetime) => zone.instant(datetime, Fold::Earlier),
            Self::Instant(timestamp) => Some(timestamp),
            Self::Length(span) | Self::Ago(span) => before(now, span, zone, Fold::Earlier),
        }
        .ok_or_else(|| out_of_range(text))
    }

    /// The first instant after a window that this, written as `text`, is the end of.
    pub(super) fn until(
        self,
        text: &str,
        now: Timestamp,
        zone: &Zone,
    ) -> Result<Timestamp, TimeError> {
        match self {
            Self::Calendar(period) => period.end().and_then(|end| zone.start_of_day(end)),
            Self::Clock(datetime) => zone.instant(datetime, Fold::Later),
            Self::Instant(timestamp) => Some(timestamp),
            Self::Length(span) | Self::Ago(span) => before(now, span, zone, Fold::Later),
        }
        .ok_or_else(|| out_of_range(text))
    }
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
        let day = CalendarPeriod::containing(date, Unit::Day);
        return Ok(Moment::Calendar(day));
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
        let whole = date.at(time.hour(), time.minute(), time.second(), 0);
        return Ok(Moment::Clock(whole));
    }
    text.parse()
        .map(Moment::Instant)
        .map_err(|_| TimeError::NoSuchTime { input: input() })
}

fn length(text: &str) -> Result<Moment, TimeError> {
    let input = || text.to_owned();
    if text.starts_with('-') && text.contains(|character: char| character.is_ascii_digit()) {
        return Err(TimeError::Negative { input: input() });
    }
    let before_ago = text
        .rsplit_once(char::is_whitespace)
        .filter(|(_, last)| last.eq_ignore_ascii_case("ago"))
        .map(|(length, _)| length);
    let span = Span::parse(before_ago.unwrap_or(text)).map_err(|error| match error {
        SpanError::NoUnit if is_number(text) => TimeError::NoUnit { input: input() },
        SpanError::NoUnit | SpanError::Unknown => TimeError::Unknown { input: input() },
        SpanError::TooLong => out_of_range(text),
    })?;
    Ok(match before_ago {
        Some(_) => Moment::Ago(span),
        None => Moment::Length(span),
    })
}

/// The instant a length of time before `now`. Days have 24 hours; months are those of the zone's calendar, and come
/// first, as a calendar is read: a day that the earlier month lacks becomes its last.
fn before(now: Timestamp, span: Span, zone: &Zone, fold: Fold) -> Option<Timestamp> {
    let from = if span.months == 0 {
        now
    } else {
        let months = jiff::Span::new().try_months(span.months).ok()?;
        zone.instant(zone.civil(now).checked_sub(months).ok()?, fold)?
    };
    let seconds = from.epoch_seconds().checked_sub(span.seconds)?;
    Timestamp::from_epoch_seconds(seconds).ok()
}

fn out_of_range(text: &str) -> TimeError {
    TimeError::OutOfRange {
        input: text.to_owned(),
    }
}
