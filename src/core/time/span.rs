//! Lengths of time as people write them: `90s`, `1h30m`, `2 weeks`, `3mo`, and `PT1H30M` as programs do.
//!
//! Own grammar for the first, because units come in any order, and an ambiguous `M` has to be refused. jiff reads the
//! second, where `M` is no trap: before the `T` it means months, after it minutes.

use super::DurationError;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;

/// Any number of so many digits can be counted.
const MOST_DIGITS: usize = 18;

/// A length of time. Months are kept apart, because their length depends on where they are counted from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) months: i64,
    pub(super) seconds: i64,
}

/// Why a text is no length of time.
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

/// Reads a length of time that flags take, such as `60s`, `2h`, `10m`, `1h30m` or `PT1H30M`, as seconds.
///
/// # Errors
/// When it is empty, negative, in months or years, too long, or not a duration at all.
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
    /// Reads numbers with their units, such as `1h30m` or `2 weeks`, where `a` and `an` count as one; or the same as
    /// ISO 8601 writes it.
    pub(super) fn parse(text: &str) -> Result<Self, SpanError> {
        if text.trim().starts_with(['P', 'p']) {
            return Self::parse_iso(text.trim());
        }
        let mut span = Self::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (amount, after_amount) = amount(rest)?;
            let (unit, after_unit) = unit(after_amount.trim_start())?;
            span = span.plus(amount, &unit).ok_or(SpanError::TooLong)?;
            rest = after_unit.trim_start();
        }
        Ok(span)
    }

    /// In any case, whole numbers only.
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
    // Digits that are no number are too many of them.
    let amount = digits.parse().map_err(|_| SpanError::TooLong)?;
    Ok((amount, rest))
}

fn unit(text: &str) -> Result<(Unit, &str), SpanError> {
    if text.is_empty() {
        return Err(SpanError::NoUnit);
    }
    let (word, rest) = split_while(text, |character| character.is_ascii_alphabetic());
    // `M` is months to some and minutes to others.
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
