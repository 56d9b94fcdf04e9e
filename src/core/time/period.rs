//! The periods people write after `--during`: a part of the calendar, a length of time up to now, or a range.

use super::moment::Moment;
use super::{TimeError, Timestamp, Zone, parse_since, parse_until};

/// A stretch of time with its first second, and without its end: `since <= t < until`. It is never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first second that belongs to it.
    pub since: Timestamp,
    /// The first second after it.
    pub until: Timestamp,
}

/// Reads a period: a day, week, month, quarter or year, a length of time such as `7d`, which ends now, or a range
/// `A..B` from the beginning of A to the end of B. What has no offset is meant in `zone`.
///
/// # Errors
/// When `text` is no period, such as a single instant, when it is empty, or when it can mean more than one; the
/// message says which forms work.
pub fn parse_period(text: &str, now: Timestamp, zone: &Zone) -> Result<Period, TimeError> {
    let text = text.trim();
    let input = || text.to_owned();
    let (since, until) = if let Some((from, to)) = text.split_once("..") {
        if from.trim().is_empty() || to.trim().is_empty() {
            return Err(TimeError::HalfRange { input: input() });
        }
        (parse_since(from, now, zone)?, parse_until(to, now, zone)?)
    } else {
        match Moment::parse(text, now, zone)? {
            moment @ Moment::Calendar(_) => (
                moment.since(text, now, zone)?,
                moment.until(text, now, zone)?,
            ),
            moment @ Moment::Length(_) => (moment.since(text, now, zone)?, now),
            _ => return Err(TimeError::NotAPeriod { input: input() }),
        }
    };
    if since >= until {
        return Err(TimeError::EmptyPeriod {
            input: input(),
            since,
            until,
        });
    }
    Ok(Period { since, until })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        "2021-03-31T12:34:56Z".parse().unwrap()
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
            // It is already April there.
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
            let input = text.to_owned();
            assert_eq!(error, TimeError::NotAPeriod { input });
            let message = error.to_string();
            assert!(
                message.contains("7d (until now)") && message.contains(".."),
                "{message}"
            );
        }
    }

    #[test]
    fn a_period_that_holds_nothing_is_refused() {
        for (text, zone) in [
            ("2020-03..2020-02", "UTC"),
            ("now..now", "UTC"),
            ("now..7d", "UTC"),
            ("0d", "UTC"),
            ("2020-07-20 19:37..2020-07-20 19:37", "UTC"),
            ("2011-12-30", "Pacific/Apia"),
        ] {
            let error = refusal(text, zone);
            assert!(
                matches!(error, TimeError::EmptyPeriod { .. }),
                "{text}: {error}"
            );
        }
        assert_eq!(
            refusal("2020-03..2020-01", "UTC").to_string(),
            "nothing can lie in `2020-03..2020-01`: it begins at 2020-03-01T00:00:00Z and ends at 2020-02-01T00:00:00Z"
        );
    }

    #[test]
    fn a_range_needs_both_ends_and_each_to_be_a_time() {
        for text in ["..", "2020-01..", "..2020-01", " .. now"] {
            let input = text.trim().to_owned();
            assert_eq!(refusal(text, "UTC"), TimeError::HalfRange { input });
        }
        let input = |text: &str| text.to_owned();
        assert_eq!(
            refusal("soon..now", "UTC"),
            TimeError::Unknown {
                input: input("soon")
            }
        );
        assert_eq!(
            refusal("2020..2021..2022", "UTC"),
            TimeError::Range {
                input: input("2021..2022")
            }
        );
        assert_eq!(refusal("", "UTC"), TimeError::Empty);
        assert_eq!(
            refusal("9999-12", "UTC"),
            TimeError::OutOfRange {
                input: input("9999-12")
            }
        );
    }

    /// The day, counted from 1970-01-01, with which an ISO year begins: the Monday of the week with 4 January.
    /// Leap years are counted here, so that nothing of the calendar above is used.
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
                "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}",
                "P?T?([0-9]{1,20} ?(mo|[smhdwyYMWDHS])){1,3}( ago)?",
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
