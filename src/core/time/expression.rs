//! The times people write after `--since` and `--until`.

use super::moment::Moment;
use super::{TimeError, Timestamp, Zone};

/// The instant at which the time that `text` names begins: a day at its midnight, a month with its first day. What has
/// no offset is meant in `zone`; of a clock time that is shown twice, it is the first. Fractions of a second are cut
/// off.
///
/// # Errors
/// When `text` is not a time, or can mean more than one; the message says which forms work.
pub fn parse_since(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, TimeError> {
    let text = text.trim();
    Moment::parse(text, now, zone)?.since(text, now, zone)
}

/// The first instant after the time that `text` names: for a day the next midnight, for a month the first of the
/// next, so that all of it belongs to the window; otherwise the instant itself. What has no offset is meant in `zone`;
/// of a clock time that is shown twice, it is the second.
///
/// # Errors
/// When `text` is not a time, or can mean more than one; the message says which forms work.
pub fn parse_until(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, TimeError> {
    let text = text.trim();
    Moment::parse(text, now, zone)?.until(text, now, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            // The clocks were set forward on the 28th: days have 24 hours, months those of the calendar.
            ("7d", "2021-03-24T12:34:56Z", "2021-03-24T12:34:56Z"),
            ("1mo", "2021-02-28T13:34:56Z", "2021-02-28T13:34:56Z"),
        ] {
            let found = [parse_since, parse_until]
                .map(|parse| parse(given, now(), &zone).unwrap().to_string());
            assert_eq!(found, [first, end], "{given}");
        }
    }

    #[test]
    fn a_clock_time_that_is_skipped_or_shown_twice_is_an_instant_all_the_same() {
        for (zone, given, first, end) in [
            (
                "Europe/Berlin",
                "2020-03-29 02:30",
                "2020-03-29T01:30:00Z",
                "2020-03-29T01:30:00Z",
            ),
            (
                "Europe/Berlin",
                "2020-10-25 02:30",
                "2020-10-25T00:30:00Z",
                "2020-10-25T01:30:00Z",
            ),
            (
                "America/New_York",
                "2020-03-08T02:00",
                "2020-03-08T07:00:00Z",
                "2020-03-08T07:00:00Z",
            ),
            (
                "America/New_York",
                "2020-11-01T01:59:59",
                "2020-11-01T05:59:59Z",
                "2020-11-01T06:59:59Z",
            ),
        ] {
            let zone: Zone = zone.parse().unwrap();
            let found = [parse_since, parse_until]
                .map(|parse| parse(given, now(), &zone).unwrap().to_string());
            assert_eq!(found, [first, end], "{given}");
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

    fn assert_refused(expected: fn(String) -> TimeError, texts: &[&str]) {
        for text in texts {
            assert_eq!(
                parse_since(text, now(), &Zone::utc()),
                Err(expected((*text).to_owned()))
            );
            assert_eq!(
                parse_until(text, now(), &Zone::utc()),
                Err(expected((*text).to_owned()))
            );
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
        assert_refused(
            |input| TimeError::NoUnit { input },
            &["7", "30", "3600", "1595273850"],
        );
        let unknown = |input| TimeError::Unknown { input };
        assert_refused(
            unknown,
            &["soon", "ago", "1.5h", "3M", "@", "@now", "7d later", "1h30"],
        );
        assert_refused(
            unknown,
            &["2020-07-201", "2020-07-20Z", "2020-07-2é", "12:00"],
        );
        assert_refused(
            |input| TimeError::Range { input },
            &["2020..2021", "7d..now"],
        );
        assert_eq!(parse_until(" ", now(), &Zone::utc()), Err(TimeError::Empty));
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
            "the date `01/04/2021` is ambiguous: write it year first, 2021-01-04 or 2021-04-01"
        );
    }
}
