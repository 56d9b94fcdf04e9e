//! Lengths of time as ISO 8601 writes them: `P7D`, `PT1H30M`, `P1Y2M`.
//!
//! `M` is no trap here: before the `T` it means months, after it minutes.

use super::calendar::is_number;
use super::span::{DAY, HOUR, MINUTE, Span, SpanError, Unit, WEEK};

/// The designators in the order in which they may come, each once.
const OF_DATES: [(char, Unit); 4] = [
    ('Y', Unit::Months(12)),
    ('M', Unit::Months(1)),
    ('W', Unit::Seconds(WEEK)),
    ('D', Unit::Seconds(DAY)),
];
const OF_TIMES: [(char, Unit); 3] = [
    ('H', Unit::Seconds(HOUR)),
    ('M', Unit::Seconds(MINUTE)),
    ('S', Unit::Seconds(1)),
];

/// Reads what follows the `P`, in any case: whole numbers only.
pub(super) fn after_designator(text: &str) -> Result<Span, SpanError> {
    let text = text.to_ascii_uppercase();
    let (dates, times) = match text.split_once('T') {
        Some((_, "")) => return Err(SpanError::Unknown),
        Some((dates, times)) => (dates, times),
        None if text.is_empty() => return Err(SpanError::Unknown),
        None => (text.as_str(), ""),
    };
    let span = plus(Span::default(), dates, &OF_DATES)?;
    plus(span, times, &OF_TIMES)
}

fn plus(mut span: Span, text: &str, units: &[(char, Unit)]) -> Result<Span, SpanError> {
    let mut rest = text;
    for (designator, unit) in units {
        let Some((digits, after)) = rest.split_once(*designator) else {
            continue;
        };
        if !is_number(digits) {
            return Err(SpanError::Unknown);
        }
        // Digits that are no number are too many of them.
        let amount = digits.parse().map_err(|_| SpanError::TooLong)?;
        span = span.plus(amount, unit).ok_or(SpanError::TooLong)?;
        rest = after;
    }
    if rest.is_empty() {
        Ok(span)
    } else {
        Err(SpanError::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(
                after_designator(text.strip_prefix('P').unwrap_or(text)) == Err(SpanError::Unknown),
                "{text}"
            );
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
