//! Actions that failed, are stuck, slow, without an end, or come in bursts, on short histories.

use super::fixture::{Archive, Row};

fn archive() -> Archive {
    let archive = Archive::new();
    archive.droplet(1, "web-1", None, None);
    archive
}

#[test]
fn what_is_in_progress_for_too_long_is_stuck() {
    let archive = archive();
    for (id, status, started_at) in [
        (10, "in-progress", Some("01-31 23:00")),
        (11, "in-progress", Some("01-31 23:01")),
        (12, "completed", Some("01-01 00:00")),
        (13, "in-progress", None),
    ] {
        let kind = Some("resize");
        archive.action(&Row {
            id,
            kind,
            status,
            started_at,
            ..Row::default()
        });
    }
    archive.action(&Row {
        id: 14,
        kind: None,
        status: "in-progress",
        started_at: Some("01-31 22:00"),
        resource_type: Some("volume"),
        ..Row::default()
    });
    assert_eq!(
        archive.answer("stuck", &[]),
        [
            "13 resize droplet 1 web-1 - - 2678400",
            "14 - volume 1 - - 2026-01-31T22:00:00Z 7200",
            "10 resize droplet 1 web-1 - 2026-01-31T23:00:00Z 3600",
        ]
    );
    assert_eq!(archive.answer("stuck", &[("older_than", "59m")]).len(), 4);
    for (parameter, value, found) in [
        ("droplet", "web-1", 2),
        ("droplet", "2", 0),
        ("type", "resize", 2),
        ("type", "@power", 0),
    ] {
        let found_now = archive.answer("stuck", &[(parameter, value)]).len();
        assert_eq!(found_now, found, "{parameter} {value}");
    }
}

#[test]
fn failures_are_counted_by_resource_and_type_and_compared_with_all_others() {
    let archive = archive();
    archive.droplet(2, "web-2", None, None);
    for (id, droplet, kind, status) in [
        (10, 1, "snapshot", "errored"),
        (11, 1, "snapshot", "completed"),
        (12, 1, "snapshot", "errored"),
        (13, 2, "snapshot", "completed"),
        (14, 2, "reboot", "errored"),
        (15, 2, "reboot", "in-progress"),
        (16, 2, "rename", "completed"),
    ] {
        let at = format!("01-10 00:{id}");
        archive.action(&Row {
            id,
            kind: Some(kind),
            status,
            started_at: Some(&at),
            resource_id: Some(droplet),
            ..Row::default()
        });
    }
    let snapshots = "snapshot droplet 1 web-1 2 3 66.7 50 2026-01-10T00:12:00Z";
    let reboots = "reboot droplet 2 web-2 1 1 100 100 2026-01-10T00:14:00Z";
    assert_eq!(archive.answer("failures", &[]), [snapshots, reboots]);
    assert_eq!(
        archive.answer("failures", &[("droplet", "web-2")]),
        [reboots]
    );
    assert_eq!(
        archive.answer("failures", &[("since", "2026-01-10 00:13")]),
        [reboots]
    );
    assert_eq!(archive.answer("failures", &[("type", "@power")]), [reboots]);
    assert_eq!(
        archive.answer("failures", &[("type", "snapshot,rename")]),
        [snapshots]
    );
    assert_eq!(
        archive.answer("failures", &[("until", "2026-01-10 00:11")]),
        ["snapshot droplet 1 web-1 1 1 100 100 2026-01-10T00:10:00Z"]
    );
}

/// Twenty actions of a type that take 1 to 20 seconds, and one that takes `last`.
fn series(archive: &Archive, from: i64, kind: &str, last: i64) {
    for seconds in (1..=19).chain([last]) {
        let id = from + seconds;
        let completed_at = format!("2026-01-05T{:02}:{:02}:00Z", seconds / 60, seconds % 60);
        archive.action(&Row {
            id,
            kind: Some(kind),
            started_at: Some("2026-01-05T00:00:00Z"),
            completed_at: Some(&completed_at),
            ..Row::default()
        });
    }
}

#[test]
fn what_takes_several_times_as_long_as_usual_is_slow() {
    let archive = archive();
    series(&archive, 1_000, "resize", 58);
    series(&archive, 2_000, "rebuild", 57);
    // The 19th of 20 takes 19 minutes. Three times that is 57; 58 is more.
    let slow = "1058 resize droplet 1 web-1 2026-01-05T00:00:00Z 3480 600 1140";
    assert_eq!(archive.answer("slow", &[]), [slow]);
    assert_eq!(archive.answer("slow", &[("factor", "2.9")]).len(), 2);
    assert!(archive.answer("slow", &[("samples", "21")]).is_empty());
    assert!(
        archive
            .answer("slow", &[("since", "2026-01-06")])
            .is_empty()
    );
    assert!(
        archive
            .answer("slow", &[("until", "2026-01-04")])
            .is_empty()
    );
    assert!(archive.answer("slow", &[("droplet", "7")]).is_empty());
    let of_types = |types: &str| archive.answer("slow", &[("type", types), ("factor", "2.9")]);
    assert_eq!(of_types("resize,rebuild").len(), 2);
    assert_eq!(of_types("rebuild").len(), 1);
}

#[test]
fn a_second_is_not_slow_for_a_type_that_takes_no_time() {
    let archive = archive();
    for id in 100..140 {
        archive.completed(1, &[(id, "rename", "01-05 00:00", "01-05 00:00")]);
    }
    let mut slow = Row {
        id: 1,
        kind: Some("rename"),
        started_at: Some("2026-01-05T00:00:00Z"),
        completed_at: Some("2026-01-05T00:00:03Z"),
        ..Row::default()
    };
    archive.action(&slow);
    assert!(archive.answer("slow", &[]).is_empty());
    slow.id = 2;
    slow.completed_at = Some("2026-01-05T00:00:04Z");
    archive.action(&slow);
    assert_eq!(
        archive.answer("slow", &[]),
        ["2 rename droplet 1 web-1 2026-01-05T00:00:00Z 4 0 0"]
    );
}

#[test]
fn an_action_on_an_unknown_resource_can_be_slow() {
    let archive = archive();
    for id in 100..140 {
        let is_last = id == 139;
        archive.action(&Row {
            id,
            kind: None,
            started_at: Some("01-05 00:00"),
            completed_at: Some(if is_last {
                "01-05 00:04"
            } else {
                "01-05 00:01"
            }),
            resource_id: None,
            resource_type: None,
            ..Row::default()
        });
    }
    assert_eq!(
        archive.answer("slow", &[]),
        ["139 - - - - 2026-01-05T00:00:00Z 240 60 60"]
    );
}

#[test]
fn the_busiest_hours_come_first() {
    let archive = archive();
    archive.completed(
        1,
        &[
            (10, "reboot", "01-05 12:00", "01-05 12:01"),
            (11, "snapshot", "01-05 12:59", "01-05 13:01"),
            (12, "reboot", "01-05 13:00", "01-05 13:01"),
        ],
    );
    archive.action(&Row {
        id: 13,
        status: "errored",
        started_at: Some("01-05 12:30"),
        resource_id: Some(2),
        ..Row::default()
    });
    let noon = "2026-01-05T12:00:00Z 3 1 2 2";
    let one = "2026-01-05T13:00:00Z 1 0 1 1";
    assert_eq!(archive.answer("busiest", &[]), [noon, one]);
    assert_eq!(archive.answer("busiest", &[("top", "1")]), [noon]);
    assert_eq!(
        archive.answer("busiest", &[("droplet", "2")]),
        ["2026-01-05T12:00:00Z 1 1 1 1"]
    );
    assert_eq!(
        archive.answer("busiest", &[("type", "snapshot")]),
        ["2026-01-05T12:00:00Z 1 0 1 1"]
    );
    assert_eq!(
        archive.answer("busiest", &[("since", "2026-01-05 13:00")]),
        [one]
    );
    assert_eq!(
        archive.answer("busiest", &[("until", "2026-01-05 12:01")]),
        ["2026-01-05T12:00:00Z 1 0 1 1"]
    );
}

#[test]
fn what_is_over_without_an_end_says_whether_it_was_asked_for() {
    let archive = archive();
    for (id, status, started_at, completed_at) in [
        (10, "completed", Some("01-05 00:00"), None),
        (11, "errored", None, None),
        (12, "in-progress", Some("01-05 00:00"), None),
        (13, "completed", Some("01-05 00:00"), Some("01-05 00:01")),
    ] {
        archive.action(&Row {
            id,
            status,
            started_at,
            completed_at,
            ..Row::default()
        });
    }
    archive
        .connection
        .execute("INSERT INTO actions_asked_for (action_id) VALUES (10)", [])
        .unwrap();
    let unknown = "11 reboot errored droplet 1 web-1 - no";
    assert_eq!(
        archive.answer("no-end", &[]),
        [
            unknown,
            "10 reboot completed droplet 1 web-1 2026-01-05T00:00:00Z yes"
        ]
    );
    assert_eq!(
        archive.answer("no-end", &[("since", "2026-01-06")]),
        [unknown]
    );
    assert_eq!(
        archive.answer("no-end", &[("until", "2026-01-04")]),
        [unknown]
    );
    assert_eq!(archive.answer("no-end", &[("droplet", "2")]).len(), 0);
    assert_eq!(archive.answer("no-end", &[("type", "@power")]).len(), 2);
    archive.completed(1, &[(14, "backup", "01-05 00:00", "01-05 00:01")]);
    assert_eq!(archive.answer("no-end", &[("type", "backup")]).len(), 0);
}
