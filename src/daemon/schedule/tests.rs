//! Expressions and their mistakes, and schedules on days with clock changes.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(expression: &str, zone: &str) -> Schedule {
    let now = at("2000-01-01T00:00:00Z");
    Schedule::new(expression, zone.parse().unwrap(), now).unwrap()
}

/// The first instants after `after`, as text.
#[track_caller]
fn comes(expression: &str, zone: &str, after: &str, expected: &[&str]) {
    let found = schedule(expression, zone);
    let found = found.after(at(after)).take(expected.len());
    let found: Vec<_> = found.map(|tick| tick.to_string()).collect();
    assert_eq!(found, expected, "{expression} in {zone}");
}

#[test]
fn in_utc_it_is_what_it_says() {
    comes(
        "*/20 * * * *",
        "UTC",
        "2026-01-01T00:00:00Z",
        &[
            "2026-01-01T00:20:00Z",
            "2026-01-01T00:40:00Z",
            "2026-01-01T01:00:00Z",
        ],
    );
    comes(
        "*/2 * * * * *",
        "UTC",
        "2026-12-31T23:59:57Z",
        &["2026-12-31T23:59:58Z", "2027-01-01T00:00:00Z"],
    );
    comes(
        "0 0 29 2 *",
        "UTC",
        "2096-03-01T00:00:00Z",
        &["2104-02-29T00:00:00Z"],
    );
}

#[test]
fn a_day_has_one_run_at_its_hour_before_and_after_the_clocks_change() {
    // Clocks go forward on 2026-03-29 at 01:00 UTC in Dublin, and back on 2026-10-25 at 01:00 UTC.
    comes(
        "0 9 * * *",
        "Europe/Dublin",
        "2026-03-28T00:00:00Z",
        &[
            "2026-03-28T09:00:00Z",
            "2026-03-29T08:00:00Z",
            "2026-03-30T08:00:00Z",
        ],
    );
    comes(
        "0 9 * * *",
        "Europe/Dublin",
        "2026-10-24T00:00:00Z",
        &[
            "2026-10-24T08:00:00Z",
            "2026-10-25T09:00:00Z",
            "2026-10-26T09:00:00Z",
        ],
    );
    // 2026-03-08 at 07:00 UTC in New York, and back on 2026-11-01 at 06:00 UTC.
    comes(
        "0 9 * * *",
        "America/New_York",
        "2026-03-07T00:00:00Z",
        &[
            "2026-03-07T14:00:00Z",
            "2026-03-08T13:00:00Z",
            "2026-03-09T13:00:00Z",
        ],
    );
    comes(
        "0 9 * * *",
        "America/New_York",
        "2026-10-31T00:00:00Z",
        &[
            "2026-10-31T13:00:00Z",
            "2026-11-01T14:00:00Z",
            "2026-11-02T14:00:00Z",
        ],
    );
}

#[test]
fn an_hour_that_the_clocks_skip_is_made_up_for_at_once() {
    comes(
        "30 1 * * *",
        "Europe/Dublin",
        "2026-03-28T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
    );
    comes(
        "30 2 * * *",
        "America/New_York",
        "2026-03-07T12:00:00Z",
        &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    );
    // Several ticks in the skipped hour become one.
    comes(
        "*/10 2,3 * * *",
        "America/New_York",
        "2026-03-08T06:59:59Z",
        &["2026-03-08T07:00:00Z", "2026-03-08T07:10:00Z"],
    );
}

#[test]
fn an_hour_that_is_shown_twice_has_one_run_where_hours_are_named() {
    comes(
        "30 1 * * *",
        "Europe/Dublin",
        "2026-10-24T12:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
    );
    comes(
        "30 1 * * *",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    );
    // This also holds for a start in the second of the two hours.
    comes(
        "30 1 * * *",
        "America/New_York",
        "2026-11-01T06:10:00Z",
        &["2026-11-02T06:30:00Z"],
    );
    comes(
        "0 2 * * *",
        "America/New_York",
        "2026-11-01T05:59:59Z",
        &["2026-11-01T07:00:00Z"],
    );
}

#[test]
fn every_quarter_of_an_hour_stays_one() {
    for (zone, change) in [
        ("Europe/Dublin", "2026-03-29T00:20:00Z"),
        ("Europe/Dublin", "2026-10-25T00:20:00Z"),
        ("America/New_York", "2026-03-08T06:20:00Z"),
        ("America/New_York", "2026-11-01T05:20:00Z"),
        ("Australia/Lord_Howe", "2026-04-04T14:20:00Z"),
    ] {
        let schedule = schedule("*/15 * * * *", zone);
        let first = at(change).epoch_seconds() + 10 * 60;
        for (number, tick) in (0..12).zip(schedule.after(at(change))) {
            assert_eq!(tick.epoch_seconds(), first + number * 900, "{zone}");
        }
    }
}

#[test]
fn a_day_that_a_zone_left_out_is_made_up_for() {
    // Samoa had no 30 December 2011 (<https://www.iana.org/time-zones>, file australasia).
    comes(
        "0 12 30 12 *",
        "Pacific/Apia",
        "2011-12-01T00:00:00Z",
        &["2011-12-30T10:00:00Z", "2012-12-29T22:00:00Z"],
    );
}

#[test]
fn what_never_comes_is_refused() {
    let now = at("2026-01-01T00:00:00Z");
    for text in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        let error = Schedule::new(text, Zone::utc(), now).unwrap_err();
        assert!(error.to_string().contains("never matches"), "{text}");
    }
}

/// All instants of an hourly schedule, found by counting seconds as a wall clock does.
fn by_the_clock(zone: &Zone, after: Timestamp, minute: i64, count: usize) -> Vec<Timestamp> {
    (1..)
        .map(|seconds| after.saturating_add_seconds(seconds))
        .filter(|at| {
            let shown = at.epoch_seconds() + i64::from(zone.offset_seconds_at(*at));
            shown.rem_euclid(3_600) == minute * 60
        })
        .take(count)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_hourly_schedule_is_what_a_clock_on_the_wall_shows(
        zone in prop::sample::select(vec![
            "Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
        ]),
        minute in 0_i64..60,
        hours in 0_i64..24 * 365,
    ) {
        let after = at("2026-01-01T00:00:00Z").saturating_add_seconds(hours * 3_600);
        let schedule = schedule(&format!("{minute} * * * *"), zone);
        let expected = by_the_clock(&schedule.zone, after, minute, 4);
        prop_assert_eq!(schedule.after(after).take(4).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn instants_only_go_forward_and_are_the_same_from_wherever_the_search_begins(
        expression in prop::sample::select(vec![
            "30 1 * * *", "*/7 1-3 * * *", "0 2 * * *", "15 */5 * * *", "0 0 * * 0", "59 59 1 * * *",
        ]),
        zone in prop::sample::select(vec!["Europe/Dublin", "America/New_York", "UTC"]),
        seconds in 0_i64..365 * 86_400,
        step in 1_i64..7_200,
    ) {
        let after = at("2026-01-01T00:00:00Z").saturating_add_seconds(seconds);
        let schedule = schedule(expression, zone);
        let next = schedule.next_after(after).unwrap();
        prop_assert!(next > after);
        let later = after.saturating_add_seconds(step);
        if later < next {
            prop_assert_eq!(schedule.next_after(later), Some(next));
        } else {
            prop_assert!(schedule.next_after(later).unwrap() > later);
        }
    }
}

#[track_caller]
fn refused(text: &str) -> String {
    Schedule::parse(text, Zone::utc()).unwrap_err().to_string()
}

#[test]
fn the_place_of_a_mistake_is_named() {
    for (text, said) in [
        (
            "61 * * * *",
            "`61`, character 1 of `61 * * * *`, is not a valid minute: 0 to 59",
        ),
        (
            "0 0 24 * * *",
            "`24`, character 5 of `0 0 24 * * *`, is not a valid hour",
        ),
        ("0,30,75 * * * *", "`75`, character 6"),
        ("0 9 * * MON-FRY", "`MON-FRY`, character 9"),
        (
            "JAN * * * *",
            "`JAN`, character 1 of `JAN * * * *`, is not a valid minute",
        ),
        (
            "0 0 1 MON *",
            "`MON`, character 7 of `0 0 1 MON *`, is not a valid month",
        ),
        ("0 0 32 * *", "is not a valid day of the month"),
        ("*/x * * * *", "`*/x`"),
        ("1,,2 * * * *", "``, character 3"),
        ("5-1 * * * *", "`5-1`"),
        ("*/0 * * * *", "`*/0`"),
        ("0 ä * * *", "`ä`, character 3"),
    ] {
        let message = refused(text);
        assert!(message.contains(said), "{text}: {message}");
    }
}

#[test]
fn an_expression_has_five_fields_or_six() {
    for text in ["*", "* * * *", "0 0 0 1 1 * 2027", "hourly"] {
        assert!(refused(text).contains("five"), "{text}");
    }
    assert_eq!(refused("  "), "the cron expression is empty");
    assert!(refused("@reboot").contains("@hourly"));
    assert!(refused("@every 5m").contains("`@every 5m`"));
}

#[test]
fn what_crontab_takes_is_taken() {
    for text in [
        "* * * * *",
        "*/15 * * * *",
        "0,15,30,45 * * * *",
        "0-59/7 8-18 1,15 * MON-FRI",
        "30 2 * * sun",
        "*/2 * * * * *",
        "0 0 L * *",
        "0 0 * * 7",
        "0 0 * JAN,jul *",
        "0 9 * * 5#2",
        "0 9 ? * 5L",
        "@hourly",
        "@Daily",
        "@midnight",
    ] {
        let parsed = Schedule::parse(text, Zone::utc());
        assert!(parsed.is_ok(), "{text}: {parsed:?}");
    }
}

#[test]
fn a_day_of_the_month_and_one_of_the_week_are_alternatives() {
    // 2026-11-01 is a Sunday.
    let start = 1_793_491_200;
    let both = Schedule::parse("0 0 13 * FRI", Zone::utc()).unwrap();
    let day = |seconds: i64| (seconds - start) / 86_400 + 1;
    let first = both.first_from(start).unwrap();
    let second = both.first_from(first + 1).unwrap();
    assert_eq!((day(first), day(second)), (6, 13));
    let third = both.first_from(second + 1).unwrap();
    assert_eq!(day(third), 20);
}
