//! Lengths of time as people write them (`90s`, `1h30m`, `2 weeks`, `3mo`) and as programs do (`PT1H30M`).
//!
//! The first form has its own grammar, because units come in any order, and an ambiguous `M` must be refused. jiff
//! reads the second form, in which `M` is not ambiguous: before the `T` it means months, after it minutes.

use super::zone::write_offset;
use super::{DurationError, Timestamp, Zone};
use jiff::tz::Offset;
use std::fmt;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// A number with at most this many digits fits into an integer.
const MOST_DIGITS: usize = 18;

/// A length of time. Months are separate, because their length depends on the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) months: i64,
    pub(super) seconds: i64,
}

/// The reason why a text is not a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpanError {
    NoUnit,
    TooLong,
    Unknown,
}

enum Unit {
    Seconds(i64),
    Months(i64),
}

/// Reads a length of time for flags, such as `60s`, `2h`, `10m`, `1h30m` or `PT1H30M`. Returns seconds.
///
/// # Errors
/// When it is empty, negative, in months or years, too long, or not a duration.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let text = text.trim();
    let input = text.to_owned();
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text.starts_with('-') {
        return Err(DurationError::Negative { input });
    }
    match Span::parse(text) {
        Ok(Span { months: 0, seconds }) => Ok(seconds),
        Ok(_) => Err(DurationError::NotFixed { input }),
        Err(SpanError::NoUnit) => Err(DurationError::NoUnit { input }),
        Err(SpanError::TooLong) => Err(DurationError::TooLong { input }),
        Err(SpanError::Unknown) => Err(DurationError::Unknown { input }),
    }
}

impl Span {
    /// Reads numbers with units, such as `1h30m` or `2 weeks`; `a` and `an` mean one. Also reads the ISO 8601 form.
    pub(super) fn parse(text: &str) -> Result<Self, SpanError> {
        if text.trim().starts_with(['P', 'p']) {
            return Self::parse_iso(text.trim());
        }
        let mut span = Self::default();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Err(SpanError::Unknown);
        }
        while !rest.is_empty() {
            let (amount, after_amount) = amount(rest)?;
            let (unit, after_unit) = unit(after_amount.trim_start())?;
            span = span.plus(amount, &unit).ok_or(SpanError::TooLong)?;
            rest = after_unit.trim_start();
        }
        Ok(span)
    }

    /// Accepts upper and lower case, and whole numbers only.
    fn parse_iso(text: &str) -> Result<Self, SpanError> {
        if !text.chars().all(|it| it.is_ascii_alphanumeric()) {
            return Err(SpanError::Unknown);
        }
        let mut numbers = text.split(|it: char| !it.is_ascii_digit());
        let has_too_many_digits = numbers.any(|digits| digits.len() > MOST_DIGITS);
        let span: jiff::Span = text.parse().map_err(|error: jiff::Error| {
            if has_too_many_digits || error.is_range() {
                SpanError::TooLong
            } else {
                SpanError::Unknown
            }
        })?;
        let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
        let minutes = (days * 24 + i64::from(span.get_hours())) * 60 + span.get_minutes();
        Ok(Self {
            months: i64::from(span.get_years()) * 12 + i64::from(span.get_months()),
            seconds: minutes * 60 + span.get_seconds(),
        })
    }

    fn plus(self, amount: i64, unit: &Unit) -> Option<Self> {
        Some(match unit {
            Unit::Seconds(each) => Self {
                seconds: self.seconds.checked_add(amount.checked_mul(*each)?)?,
                ..self
            },
            Unit::Months(each) => Self {
                months: self.months.checked_add(amount.checked_mul(*each)?)?,
                ..self
            },
        })
    }
}

fn amount(text: &str) -> Result<(i64, &str), SpanError> {
    let (digits, rest) = split_while(text, |character| character.is_ascii_digit());
    if digits.is_empty() {
        let (word, rest) = split_while(text, |character| character.is_ascii_alphabetic());
        let is_article = word.eq_ignore_ascii_case("a") || word.eq_ignore_ascii_case("an");
        return if is_article {
            Ok((1, rest))
        } else {
            Err(SpanError::Unknown)
        };
    }
    // Digits that do not parse are too many digits.
    let amount = digits.parse().map_err(|_| SpanError::TooLong)?;
    Ok((amount, rest))
}

fn unit(text: &str) -> Result<(Unit, &str), SpanError> {
    if text.is_empty() {
        return Err(SpanError::NoUnit);
    }
    let (word, rest) = split_while(text, |character| character.is_ascii_alphabetic());
    // `M` means months to some and minutes to others.
    if word == "M" {
        return Err(SpanError::Unknown);
    }
    let unit = match word.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Seconds(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Seconds(MINUTE),
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Seconds(HOUR),
        "d" | "day" | "days" => Unit::Seconds(DAY),
        "w" | "week" | "weeks" => Unit::Seconds(WEEK),
        "mo" | "month" | "months" => Unit::Months(1),
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Months(12),
        _ => return Err(SpanError::Unknown),
    };
    Ok((unit, rest))
}

fn split_while(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(
        text.find(|character| !belongs(character))
            .unwrap_or(text.len()),
    )
}

/// A timestamp on the clocks of a zone. Its text is RFC 3339, to the second: `2020-07-20T19:37:30Z` in UTC,
/// `2020-07-20T21:37:30+02:00` elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct InZone<'a> {
    timestamp: Timestamp,
    zone: &'a Zone,
}

impl Timestamp {
    /// This instant, for display on the clocks of a zone.
    #[must_use]
    pub fn in_zone(self, zone: &Zone) -> InZone<'_> {
        InZone {
            timestamp: self,
            zone,
        }
    }
}

impl fmt::Display for InZone<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { timestamp, zone } = *self;
        // Before standard time, offsets had seconds, which RFC 3339 cannot express. The offset is then cut to whole
        // minutes and the clock is shown accordingly, so that the text stays the exact instant.
        let seconds = zone.offset_seconds_at(timestamp) / 60 * 60;
        let offset = Offset::from_seconds(seconds).unwrap_or(Offset::UTC);
        let datetime = offset.to_datetime(timestamp.instant());
        // RFC 3339 has no year before 0000.
        if zone.is_utc() || datetime.year() < 0 {
            return timestamp.fmt(formatter);
        }
        datetime.fmt(formatter)?;
        write_offset(formatter, offset)
    }
}

/// Formats seconds in the two largest units: `45s`, `2m 5s`, `1h 3m`, `3d 4h`. Smaller units are cut off, and a second
/// unit of zero is left out.
#[must_use]
pub fn duration_text(seconds: i64) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let sign = if seconds < 0 { "-" } else { "" };
    let total = seconds.unsigned_abs();
    let Some(largest) = UNITS.iter().position(|(length, _)| total >= *length) else {
        return "0s".to_owned();
    };
    let (length, name) = UNITS[largest];
    let first = format!("{sign}{}{name}", total / length);
    match UNITS.get(largest + 1) {
        Some((smaller, name)) if total % length >= *smaller => {
            format!("{first} {}{name}", total % length / smaller)
        }
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_seconds() {
        for (given, expected) in [
            ("60s", 60),
            ("0s", 0),
            ("10m", 600),
            ("2h", 7_200),
            ("1h30m", 5_400),
            ("1h 30m", 5_400),
            ("7d", 604_800),
            ("2W", 1_209_600),
            ("90 seconds", 90),
            (" an hour ", 3_600),
            ("1 day 2 hours", 93_600),
            ("PT1H30M", 5_400),
            ("P7D", 604_800),
        ] {
            assert_eq!(parse_duration(given), Ok(expected), "{given}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_forms_that_work() {
        for text in [
            "", "h", "1.5h", "1x", "2h ago", "soon", "3M", "1h30", "-5m", "60", "1mo", "2y", "P1M",
            "PT", "-P7D",
        ] {
            let message = parse_duration(text).unwrap_err().to_string();
            assert!(message.contains("1h30m"), "{text}: {message}");
        }
    }

    #[test]
    fn each_refusal_has_its_reason() {
        fn assert_refused(expected: fn(String) -> DurationError, texts: &[&str]) {
            for text in texts {
                assert_eq!(parse_duration(text), Err(expected((*text).to_owned())));
            }
        }
        assert_eq!(parse_duration("  "), Err(DurationError::Empty));
        assert_refused(|input| DurationError::NoUnit { input }, &["60", "1h30"]);
        assert_refused(
            |input| DurationError::NotFixed { input },
            &["3mo", "1h 2 years", "P1M", "P2Y"],
        );
        assert_refused(|input| DurationError::Negative { input }, &["-5m", "-P7D"]);
        let too_long = |input| DurationError::TooLong { input };
        assert_refused(too_long, &["99999999999999999999s", "9223372036854775807d"]);
        assert_refused(
            |input| DurationError::Unknown { input },
            &["10 m é", "2h ago", "3M"],
        );
    }

    #[test]
    fn each_designator_has_its_unit() {
        for (given, months, seconds) in [
            ("P7D", 0, 604_800),
            ("PT1H30M", 0, 5_400),
            ("pt90s", 0, 90),
            ("P2W", 0, 1_209_600),
            ("P1M", 1, 0),
            ("PT1M", 0, 60),
            ("P1Y2M3W4DT5H6M7S", 14, 2_178_367),
            ("P0D", 0, 0),
        ] {
            assert_eq!(Span::parse(given), Ok(Span { months, seconds }), "{given}");
        }
    }

    #[test]
    fn what_the_standard_does_not_have_is_refused() {
        for text in [
            "P", "PT", "P7", "P7DT", "P1H", "PT7D", "P1D1Y", "P1D1D", "P 7D", "P7D ago", "P1.5D",
            "P-7D", "P+7D", "PT1H30", "7D1H1P", "PTT1H", "P1é",
        ] {
            assert_eq!(Span::parse(text), Err(SpanError::Unknown), "{text}");
        }
        assert_eq!(
            Span::parse("P99999999999999999999D"),
            Err(SpanError::TooLong)
        );
        assert_eq!(
            Span::parse("P9223372036854775807W"),
            Err(SpanError::TooLong)
        );
    }

    fn shown(seconds: i64, zone: &str) -> String {
        let timestamp = Timestamp::from_epoch_seconds(seconds).unwrap();
        timestamp.in_zone(&zone.parse().unwrap()).to_string()
    }

    #[test]
    fn a_time_is_shown_as_the_clocks_of_the_zone_do() {
        let summer = 1_595_273_850;
        for (zone, expected) in [
            ("UTC", "2020-07-20T19:37:30Z"),
            ("+00:00", "2020-07-20T19:37:30Z"),
            ("Europe/Berlin", "2020-07-20T21:37:30+02:00"),
            ("America/New_York", "2020-07-20T15:37:30-04:00"),
            ("Africa/Abidjan", "2020-07-20T19:37:30+00:00"),
            ("Asia/Kathmandu", "2020-07-21T01:22:30+05:45"),
            ("-0530", "2020-07-20T14:07:30-05:30"),
        ] {
            assert_eq!(shown(summer, zone), expected, "{zone}");
        }
        assert_eq!(
            shown(1_579_549_050, "Europe/London"),
            "2020-01-20T19:37:30+00:00"
        );
    }

    #[test]
    fn what_rfc_3339_cannot_express_stays_the_same_instant() {
        // Until April 1893, Berlin was 53 minutes and 28 seconds ahead.
        assert_eq!(
            shown(-2_500_000_000, "Europe/Berlin"),
            "1890-10-11T20:26:20+00:53"
        );
        assert_eq!(shown(-62_167_219_200, "-5"), "0000-01-01T00:00:00Z");
        assert_eq!(
            shown(253_402_207_200, "+23:59"),
            "9999-12-31T21:59:00+23:59"
        );
    }

    #[test]
    fn a_length_of_time_is_told_in_its_two_largest_units() {
        for (seconds, expected) in [
            (0, "0s"),
            (1, "1s"),
            (45, "45s"),
            (59, "59s"),
            (60, "1m"),
            (125, "2m 5s"),
            (3_599, "59m 59s"),
            (3_600, "1h"),
            (3_605, "1h"),
            (3_780, "1h 3m"),
            (86_399, "23h 59m"),
            (86_400, "1d"),
            (273_600, "3d 4h"),
            (273_600 + 3_599, "3d 4h"),
            (86_400 + 59 * 60, "1d"),
            (-45, "-45s"),
            (-125, "-2m 5s"),
            (i64::MAX, "106751991167300d 15h"),
            (i64::MIN, "-106751991167300d 15h"),
        ] {
            assert_eq!(duration_text(seconds), expected, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn a_shown_time_reads_back_as_the_same_instant(
            seconds in -62_167_219_200_i64..=253_402_207_200,
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Monrovia", "+05:45", "-23:59",
            ]),
        ) {
            let read: Timestamp = shown(seconds, zone).parse().unwrap();
            prop_assert_eq!(read.epoch_seconds(), seconds);
        }

        #[test]
        fn a_shown_length_reads_back_as_no_more_and_nearly_as_much(seconds in 0_i64..=100_000_000_000) {
            let read = super::super::parse_duration(&duration_text(seconds)).unwrap();
            let unit = if seconds < 3_600 { 1 } else if seconds < 86_400 { 60 } else { 3_600 };
            prop_assert!(read <= seconds && seconds - read < unit, "{}", read);
        }
    }
}
