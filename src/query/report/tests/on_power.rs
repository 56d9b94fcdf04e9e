//! Downtime, the power state at a time, and reboot loops, on short histories.

use super::fixture::{Archive, Row};

fn archive() -> Archive {
    let archive = Archive::new();
    archive.droplet(1, "web-1", Some("01-01 00:00"), None);
    archive
}

#[test]
fn a_droplet_is_down_from_the_end_of_one_action_to_the_end_of_another() {
    let archive = archive();
    archive.completed(
        1,
        &[
            (10, "power_off", "01-05 12:00", "01-05 12:01"),
            (11, "power_on", "01-05 13:00", "01-05 13:01"),
        ],
    );
    assert_eq!(
        archive.answer("downtime", &[]),
        ["1 web-1 2026-01-05T12:01:00Z power_off 2026-01-05T13:01:00Z power_on 3600 certain"]
    );
}

#[test]
fn turning_off_what_is_off_does_not_begin_a_second_downtime() {
    let archive = archive();
    archive.completed(
        1,
        &[
            (10, "shutdown", "01-05 12:00", "01-05 12:01"),
            (11, "power_off", "01-05 12:05", "01-05 12:06"),
            (12, "snapshot", "01-05 12:10", "01-05 12:20"),
            (13, "power_on", "01-05 12:30", "01-05 12:31"),
            (14, "power_on", "01-05 12:40", "01-05 12:41"),
        ],
    );
    assert_eq!(
        archive.answer("downtime", &[]),
        ["1 web-1 2026-01-05T12:01:00Z shutdown 2026-01-05T12:31:00Z power_on 1800 estimate"]
    );
}

#[test]
fn what_failed_or_still_runs_changed_nothing() {
    let archive = archive();
    for (id, status) in [(10, "errored"), (11, "in-progress")] {
        archive.action(&Row {
            id,
            kind: Some("power_off"),
            status,
            started_at: Some("01-05 12:00"),
            ..Row::default()
        });
    }
    assert!(archive.answer("downtime", &[]).is_empty());
    archive.completed(1, &[(12, "power_off", "01-06 12:00", "01-06 12:00")]);
    archive.action(&Row {
        id: 13,
        kind: Some("power_on"),
        status: "errored",
        started_at: Some("01-06 13:00"),
        completed_at: Some("01-06 13:00"),
        ..Row::default()
    });
    assert_eq!(
        archive.answer("downtime", &[]),
        ["1 web-1 2026-01-06T12:00:00Z power_off - still off 2203200 certain"]
    );
}

#[test]
fn a_downtime_that_lasts_is_counted_until_now() {
    let archive = archive();
    archive.completed(1, &[(10, "power_off", "01-31 23:00", "01-31 23:00")]);
    assert_eq!(
        archive.answer("downtime", &[]),
        ["1 web-1 2026-01-31T23:00:00Z power_off - still off 3600 certain"]
    );
    // It is unknown if a droplet that the API never listed still exists.
    archive.completed(2, &[(20, "power_off", "01-31 23:30", "01-31 23:30")]);
    assert_eq!(
        archive.answer("downtime", &[("droplet", "2")]),
        ["2 - 2026-01-31T23:30:00Z power_off - still off 1800 estimate"]
    );
}

#[test]
fn a_downtime_ends_when_the_droplet_does() {
    let archive = archive();
    archive.droplet(2, "web-2", None, Some("01-09 00:00"));
    archive.completed(
        1,
        &[
            (10, "power_off", "01-05 12:00", "01-05 12:00"),
            (11, "destroy", "01-05 14:00", "01-05 14:00"),
        ],
    );
    archive.completed(2, &[(20, "power_off", "01-08 00:00", "01-08 00:00")]);
    assert_eq!(
        archive.answer("downtime", &[]),
        [
            "1 web-1 2026-01-05T12:00:00Z power_off 2026-01-05T14:00:00Z destroy 7200 certain",
            "2 web-2 2026-01-08T00:00:00Z power_off 2026-01-09T00:00:00Z gone 86400 estimate",
        ]
    );
}

#[test]
fn nothing_ends_before_it_begins_and_nothing_goes_on_after_the_end() {
    let archive = archive();
    archive.completed(
        1,
        &[
            (10, "power_off", "01-05 12:00", "01-05 11:59"),
            (11, "power_off", "01-05 13:00", "01-05 13:20"),
            (12, "power_on", "01-05 13:10", "01-05 13:15"),
            (13, "power_on", "01-05 14:00", "01-05 14:01"),
            (14, "destroy", "01-06 12:00", "01-06 12:01"),
            (15, "power_off", "01-06 11:59", "01-06 12:02"),
        ],
    );
    assert_eq!(
        archive.answer("downtime", &[]),
        [
            "1 web-1 2026-01-05T11:59:00Z power_off 2026-01-05T13:15:00Z power_on 4560 certain",
            "1 web-1 2026-01-05T13:20:00Z power_off 2026-01-05T14:01:00Z power_on 2460 certain",
        ]
    );
    // The droplet is off in the future, by the clock of this machine.
    archive.completed(2, &[(20, "power_off", "02-03 00:00", "02-03 00:00")]);
    archive.droplet(3, "web-3", Some("02-03 00:00"), None);
    assert_eq!(
        archive.answer("downtime", &[("droplet", "2"), ("until", "2026-03-01")]),
        ["2 - 2026-02-03T00:00:00Z power_off - still off 0 estimate"]
    );
    assert_eq!(
        archive.answer("lifetimes", &[("droplet", "3")]),
        ["3 web-3 exists 2026-02-03T00:00:00Z droplet - - 0"]
    );
}

#[test]
fn a_droplet_whose_name_is_anothers_id_is_alone_in_its_report() {
    let archive = archive();
    archive.droplet(77, "web-77", None, None);
    archive.droplet(2, "77", None, None);
    archive.droplet(3, "88", None, None);
    let found = |chosen: &str| -> Vec<String> {
        let rows = archive.answer("lifetimes", &[("droplet", chosen)]);
        rows.iter().map(|row| row[..2].trim().to_owned()).collect()
    };
    assert_eq!(found("web-77,web-1"), ["77", "1"]);
    assert_eq!(found("88"), ["3"]);
    let error = archive.try_answer("lifetimes", &[("droplet", "77")]);
    assert!(error.unwrap_err().to_string().contains("droplet"));
}

#[test]
fn a_restart_is_no_downtime_and_ends_one() {
    let archive = archive();
    archive.completed(
        1,
        &[
            (10, "reboot", "01-05 12:00", "01-05 12:01"),
            (11, "power_cycle", "01-05 13:00", "01-05 13:01"),
            (12, "power_off", "01-05 14:00", "01-05 14:00"),
            (13, "power_cycle", "01-05 15:00", "01-05 15:00"),
        ],
    );
    assert_eq!(
        archive.answer("downtime", &[]),
        ["1 web-1 2026-01-05T14:00:00Z power_off 2026-01-05T15:00:00Z power_cycle 3600 certain"]
    );
}

#[test]
fn a_window_counts_the_part_of_a_downtime_that_lies_in_it() {
    let archive = archive();
    for day in ["05", "10", "15"] {
        let id = day.parse::<i64>().unwrap() * 10;
        let (off, on) = (format!("01-{day} 00:00"), format!("01-{day} 12:00"));
        archive.completed(
            1,
            &[
                (id, "power_off", &off, &off),
                (id + 1, "power_on", &on, &on),
            ],
        );
    }
    let found = |chosen: &[(&str, &str)]| -> Vec<String> {
        let rows = archive.answer("downtime", chosen);
        rows.iter().map(|row| row[16..18].to_owned()).collect()
    };
    assert_eq!(found(&[]), ["05", "10", "15"]);
    assert_eq!(found(&[("since", "2026-01-10 06:00")]), ["10", "15"]);
    assert_eq!(found(&[("since", "2026-01-10 12:00")]), ["15"]);
    assert_eq!(found(&[("until", "2026-01-10 00:00")]), ["05"]);
    assert_eq!(found(&[("until", "2026-01-10")]), ["05", "10"]);
    assert_eq!(
        archive.answer(
            "downtime",
            &[("since", "2026-01-10 06:00"), ("until", "2026-01-15 01:00")]
        ),
        [
            "1 web-1 2026-01-10T00:00:00Z power_off 2026-01-10T12:00:00Z power_on 21600 certain",
            "1 web-1 2026-01-15T00:00:00Z power_off 2026-01-15T12:00:00Z power_on 3600 certain",
        ]
    );
    assert_eq!(found(&[("min_duration", "12h")]), ["05", "10", "15"]);
    assert!(found(&[("min_duration", "12h1s")]).is_empty());
}

#[test]
fn an_action_counts_where_its_own_droplet_listed_it() {
    let archive = archive();
    for (id, kind, at, resource_type) in [
        (10, "power_off", "01-05 12:00", None),
        (11, "power_on", "01-05 13:00", None),
        (12, "destroy", "01-05 12:30", Some("volume")),
    ] {
        archive.action(&Row {
            id,
            kind: Some(kind),
            started_at: Some(at),
            completed_at: Some(at),
            resource_id: None,
            resource_type,
            ..Row::default()
        });
        archive.listed(1, id);
    }
    assert_eq!(
        archive.answer("downtime", &[]),
        ["1 web-1 2026-01-05T12:00:00Z power_off 2026-01-05T13:00:00Z power_on 3600 certain"]
    );
}

#[test]
fn the_power_is_what_the_last_action_before_made_it() {
    let archive = archive();
    archive.completed(
        1,
        &[
            (10, "create", "01-01 00:00", "01-01 00:01"),
            (11, "shutdown", "01-05 12:00", "01-05 12:05"),
            (12, "power_on", "01-06 12:00", "01-06 12:05"),
        ],
    );
    for (at, answer) in [
        (
            "2026-01-05 12:04:59",
            "1 web-1 on 2026-01-01T00:01:00Z create 10 certain",
        ),
        (
            "2026-01-05 12:05:00",
            "1 web-1 off 2026-01-05T12:05:00Z shutdown 11 estimate",
        ),
        (
            "2026-01-07",
            "1 web-1 on 2026-01-06T12:05:00Z power_on 12 certain",
        ),
    ] {
        assert_eq!(
            archive.answer("power-state", &[("at", at)]),
            [answer],
            "{at}"
        );
    }
}

#[test]
fn a_droplet_that_does_not_exist_then_is_shown_when_asked_for() {
    let archive = archive();
    archive.droplet(2, "gone", Some("01-02 00:00"), Some("01-10 00:00"));
    archive.completed(3, &[(30, "rename", "01-03 00:00", "01-03 00:00")]);
    archive.completed(
        4,
        &[
            (40, "create", "01-03 00:00", "01-03 00:00"),
            (41, "destroy", "01-04 00:00", "01-04 00:00"),
        ],
    );
    let at = |at: &str| -> Vec<String> {
        let all: Vec<_> = ["1", "2", "3", "4"]
            .iter()
            .flat_map(|id| archive.answer("power-state", &[("at", at), ("droplet", id)]))
            .collect();
        all
    };
    assert_eq!(
        archive.answer("power-state", &[]),
        ["1 web-1 unknown - - - -"]
    );
    assert_eq!(
        at("2026-01-01"),
        [
            "1 web-1 unknown - - - -",
            "2 gone not created - - - -",
            "3 - unknown - - - -",
            "4 - not created - - - -"
        ]
    );
    assert_eq!(
        at("2026-01-10"),
        [
            "1 web-1 unknown - - - -",
            "2 gone gone - - - -",
            "3 - unknown - - - -",
            "4 - gone 2026-01-04T00:00:00Z destroy 41 -"
        ]
    );
}

#[test]
fn an_unlisted_droplet_has_a_power_as_long_as_something_happens_to_it() {
    let archive = archive();
    archive.completed(
        2,
        &[
            (20, "create", "01-02 00:00", "01-02 00:00"),
            (21, "backup", "01-09 00:00", "01-09 00:10"),
        ],
    );
    assert_eq!(
        archive.answer("power-state", &[("at", "2026-01-08"), ("droplet", "2")]),
        ["2 - on 2026-01-02T00:00:00Z create 20 certain"]
    );
    let at = |at: &str| archive.answer("power-state", &[("at", at), ("droplet", "2")]);
    assert_eq!(
        at("2026-01-09 00:00"),
        ["2 - on 2026-01-02T00:00:00Z create 20 certain"]
    );
    assert_eq!(
        at("2026-01-09 00:01"),
        ["2 - unknown 2026-01-02T00:00:00Z create 20 -"]
    );
}

#[test]
fn restarts_that_follow_each_other_are_one_loop() {
    let archive = archive();
    archive.completed(
        1,
        &[
            (10, "reboot", "01-05 12:00", "01-05 12:01"),
            (11, "power_cycle", "01-05 13:00", "01-05 13:01"),
            (12, "reboot", "01-05 13:30", "01-05 13:31"),
            (13, "reboot", "01-05 14:31", "01-05 14:32"),
            (14, "reboot", "01-09 00:00", "01-09 00:01"),
        ],
    );
    archive.action(&Row {
        id: 15,
        status: "errored",
        started_at: Some("01-09 00:10"),
        ..Row::default()
    });
    archive.completed(2, &[(20, "reboot", "01-09 00:20", "01-09 00:21")]);
    let loops = |chosen: &[(&str, &str)]| archive.answer("reboot-loops", chosen);
    let whole = "1 web-1 2026-01-05T12:00:00Z 2026-01-05T13:30:00Z 3 2 1 5400";
    assert_eq!(loops(&[]), [whole]);
    assert_eq!(loops(&[("times", "3")]), [whole]);
    assert!(loops(&[("times", "4")]).is_empty());
    assert_eq!(loops(&[("since", "2026-01-05 13:30")]), [whole]);
    assert!(loops(&[("since", "2026-01-05 13:31")]).is_empty());
    assert_eq!(loops(&[("until", "2026-01-05 12:01")]), [whole]);
    assert!(loops(&[("until", "2026-01-05T12:00:00Z")]).is_empty());
    assert_eq!(
        loops(&[("within", "61m")]),
        ["1 web-1 2026-01-05T12:00:00Z 2026-01-05T14:31:00Z 4 3 1 9060"]
    );
    assert_eq!(
        loops(&[("within", "30m")]),
        ["1 web-1 2026-01-05T13:00:00Z 2026-01-05T13:30:00Z 2 1 1 1800"]
    );
}
