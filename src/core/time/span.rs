//! Lengths of time as people write them (`90s`, `1h30m`, `2 weeks`, `3mo`) and as programs do (`PT1H30M`).

use super::TimeError;

const DURATIONS: &str = "90s, 10m, 2h, 1h30m, 7d, 2w and PT1H30M work";

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

/// Reads a length of time for flags, such as `60s`, `2h`, `10m`, `1h30m` or `PT1H30M`. Returns seconds.
///
/// # Errors
/// When it is empty, negative, in months or years, too long, or not a duration.
pub fn parse_duration(text: &str) -> Result<i64, TimeError> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(refused(text, "is negative"));
    }
    match Span::parse(text) {
        Ok(Span { months: 0, seconds }) => Ok(seconds),
        Ok(_) => Err(refused(text, "has no fixed length in seconds")),
        Err(SpanError::NoUnit) => Err(refused(text, "has no unit")),
        Err(SpanError::TooLong) => Err(refused(text, "is too long")),
        Err(SpanError::Unknown) => Err(refused(text, "is not valid")),
    }
}

fn refused(text: &str, reason: &str) -> TimeError {
    TimeError(format!("the duration `{text}` {reason}: {DURATIONS}"))
}

impl Span {
    /// Reads numbers with units, such as `1h30m` or `2 weeks`; `a` and `an` mean one. Also reads the ISO 8601 form.
    /// Accepts upper and lower case, and whole numbers only.
    pub(super) fn parse(text: &str) -> Result<Self, SpanError> {
        let text = text.trim();
        let is_iso = text.starts_with(['P', 'p']);
        // jiff also reads signs, fractions and `02:30:00`, which may be meant as a time of day.
        let is_read = |it: char| it.is_ascii_alphanumeric() || (it.is_whitespace() && !is_iso);
        // Without a `T` that tells them apart, `M` means months to some and minutes to others.
        let mut words = text.split(|it: char| !it.is_ascii_alphabetic());
        if !text.chars().all(is_read) || (!is_iso && words.any(|word| word == "M")) {
            return Err(SpanError::Unknown);
        }
        if !is_iso && text.ends_with(|it: char| it.is_ascii_digit()) {
            return Err(SpanError::NoUnit);
        }
        let lower = text.to_ascii_lowercase();
        let span: jiff::Span = match lower.split_once(char::is_whitespace) {
            Some(("a" | "an", unit)) => format!("1 {unit}").parse(),
            _ => lower.parse(),
        }
        .map_err(|error: jiff::Error| {
            let mut numbers = text.split(|it: char| !it.is_ascii_digit());
            let has_too_many_digits = numbers.any(|digits| digits.len() > MOST_DIGITS);
            if has_too_many_digits || error.is_range() {
                SpanError::TooLong
            } else {
                SpanError::Unknown
            }
        })?;
        let below_seconds =
            span.get_milliseconds() + span.get_microseconds() + span.get_nanoseconds();
        // `7d ago` is negative.
        if span.is_negative() || below_seconds != 0 {
            return Err(SpanError::Unknown);
        }
        let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
        let minutes = (days * 24 + i64::from(span.get_hours())) * 60 + span.get_minutes();
        Ok(Self {
            months: i64::from(span.get_years()) * 12 + i64::from(span.get_months()),
            seconds: minutes * 60 + span.get_seconds(),
        })
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
        for (reason, texts) in [
            ("has no unit", &["60", "1h30"][..]),
            ("has no fixed length", &["3mo", "2 years 1h", "P1M", "P2Y"]),
            ("is negative", &["-5m", "-P7D"]),
            (
                "is too long",
                &[
                    "99999999999999999999s",
                    "9223372036854775807d",
                    "99999999999d",
                ],
            ),
            (
                "is not valid",
                &["10 m é", "2h ago", "3M", "12:00:00", "5ms", "1h 2h"],
            ),
        ] {
            for text in texts {
                let error = parse_duration(text).unwrap_err().to_string();
                assert!(
                    error.starts_with(&format!("the duration `{text}` {reason}")),
                    "{error}"
                );
            }
        }
        assert!(parse_duration("  ").is_err());
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
        fn a_shown_length_reads_back_as_no_more_and_nearly_as_much(seconds in 0_i64..=100_000_000_000) {
            let read = super::super::parse_duration(&duration_text(seconds)).unwrap();
            let unit = if seconds < 3_600 { 1 } else if seconds < 86_400 { 60 } else { 3_600 };
            prop_assert!(read <= seconds && seconds - read < unit, "{}", read);
        }
    }
}
