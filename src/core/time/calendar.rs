//! Recognises dates that begin with the year, and refuses all other dates.
//!
//! `01/04/2021` is the first of April to some and the fourth of January to others. A guess could answer another
//! question than the user asked, so the error says how to write the date instead.

use jiff::civil::Date;

use super::TimeError;

/// The year, month and day at the start of a text, if the text begins with `YYYY-MM-DD`.
pub(super) fn dashed_date(text: &str) -> Option<(i16, i8, i8)> {
    let parts: Vec<&str> = text.get(..10)?.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return None;
    };
    let shaped = (year.len(), month.len(), day.len()) == (4, 2, 2);
    let ended = text
        .get(10..)?
        .starts_with(|next: char| !next.is_ascii_digit())
        || text.len() == 10;
    (shaped && ended && parts.iter().all(|part| is_number(part))).then_some(())?;
    Some((year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))
}

/// The reason why a date in another form than `YYYY-MM-DD` is refused: `01/04/2021`, `1.4.2021`, `2021/04/01`. `None`
/// for a text that is not a date.
pub(super) fn misordered_date(text: &str) -> Option<TimeError> {
    let parts: Vec<&str> = text.split(['/', '.', '-']).collect();
    let [first, second, third] = parts.as_slice() else {
        return None;
    };
    if !parts
        .iter()
        .all(|part| is_number(part) && matches!(part.len(), 1 | 2 | 4))
    {
        return None;
    }
    let input = text.to_owned();
    if parts.iter().all(|part| part.len() <= 2) {
        let readings = vec!["as in 2021-04-01".to_owned()];
        return Some(TimeError::Ambiguous { input, readings });
    }
    let mut readings: Vec<String> = [
        (first, second, third),
        (third, first, second),
        (third, second, first),
    ]
    .into_iter()
    .filter(|(year, ..)| year.len() == 4)
    .filter_map(|(year, month, day)| {
        Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
    })
    .map(|date| date.to_string())
    .collect();
    readings.dedup();
    if readings.is_empty() {
        return Some(TimeError::NoSuchDay { input });
    }
    Some(TimeError::Ambiguous { input, readings })
}

/// True when a text consists of digits only.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_is_not_year_first_is_refused_with_what_it_may_mean() {
        for (given, expected) in [
            ("01/04/2021", vec!["2021-01-04", "2021-04-01"]),
            ("31.12.2021", vec!["2021-12-31"]),
            ("2021/4/1", vec!["2021-04-01"]),
            ("4-4-2021", vec!["2021-04-04"]),
            ("01/04/21", vec!["as in 2021-04-01"]),
        ] {
            let Some(TimeError::Ambiguous { readings, .. }) = misordered_date(given) else {
                panic!("{given}");
            };
            assert_eq!(readings, expected, "{given}");
        }
    }

    #[test]
    fn a_date_that_no_order_makes_a_day_does_not_exist() {
        let input = "2021/13/45".to_owned();
        assert_eq!(
            misordered_date(&input.clone()),
            Some(TimeError::NoSuchDay { input })
        );
    }

    #[test]
    fn only_four_two_and_two_digits_are_a_date_in_order() {
        assert_eq!(dashed_date("2021-04-01"), Some((2021, 4, 1)));
        assert_eq!(dashed_date("2021-04-01T10:00"), Some((2021, 4, 1)));
        for text in [
            "2021-04-011",
            "2021-4-1",
            "2021-4-001",
            "+021-04-01",
            "2021-04-0é",
            "1 week ago",
        ] {
            assert_eq!(dashed_date(text), None, "{text}");
        }
    }
}
