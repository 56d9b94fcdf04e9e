//! Lives of a droplet, written as short stories.

use rusqlite::Connection;

use super::{COLUMNS, Power, State, Window, find, timeline};
use crate::output::testing::Rows;
use crate::query::fixture::{Row, archive, droplet, insert, listed};

const COMPLETED: &str = "completed";

/// Droplet 1 with these actions of one day, each of half a minute.
fn lived(actions: &[(&str, &str, &str)]) -> Connection {
    let connection = archive();
    droplet(&connection, 1, &["web-1"]);
    for (id, (time, kind, status)) in (1..).zip(actions) {
        let started_at = format!("2020-07-20T{time}:00Z");
        let completed_at = format!("2020-07-20T{time}:30Z");
        insert(
            &connection,
            &Row {
                id,
                kind: Some(kind),
                status: Some(status),
                started_at: Some(&started_at),
                completed_at: (*status != "in-progress").then_some(&completed_at),
                ..Row::default()
            },
        );
    }
    connection
}

fn told(connection: &Connection, window: Window, columns: &[&str]) -> (Vec<String>, State) {
    let mut rows = Rows::default();
    let droplet = find(connection, &"1".parse().unwrap()).unwrap();
    let now = "2020-07-20T20:00:00Z".parse().unwrap();
    let (state, _) = timeline(connection, &droplet, window, now, &mut rows).unwrap();
    let rows = rows.chosen(columns);
    (rows.iter().map(|row| row.join("|")).collect(), state)
}

const STATE_AND_NOTE: [&str; 4] = ["type", "state", "certainty", "note"];

fn states(actions: &[(&str, &str, &str)]) -> Vec<String> {
    told(&lived(actions), Window::default(), &STATE_AND_NOTE).0
}

#[test]
fn a_droplet_is_off_until_something_switches_it_on() {
    let rows = states(&[
        ("08:00", "create", COMPLETED),
        ("09:00", "power_off", COMPLETED),
        ("10:00", "snapshot", COMPLETED),
        ("12:02", "power_on", COMPLETED),
        ("13:00", "reboot", COMPLETED),
    ]);
    assert_eq!(
        rows,
        [
            "create|on|certain|",
            "power_off|off|certain|",
            "snapshot|off|certain|",
            "power_on|on|certain|off for 3h 2m",
            "reboot|on|certain|",
        ]
    );
}

#[test]
fn an_action_in_the_future_by_a_wrong_clock_does_not_change_the_present() {
    let actions = [
        ("08:00", "create", COMPLETED),
        ("20:30", "power_off", COMPLETED),
    ];
    let (rows, state) = told(&lived(&actions), Window::default(), &["state"]);
    assert_eq!(rows, ["on", "off"]);
    assert_eq!(state.power, Power::On);
}

#[test]
fn a_shutdown_is_an_estimate_until_it_is_known_better() {
    let rows = states(&[
        ("08:00", "create", COMPLETED),
        ("09:00", "shutdown", COMPLETED),
        ("09:10", "snapshot", COMPLETED),
        ("10:00", "power_on", COMPLETED),
        ("11:00", "shutdown", COMPLETED),
        ("11:05", "power_off", COMPLETED),
        ("11:10", "shutdown", COMPLETED),
        ("12:00", "power_on", COMPLETED),
    ]);
    assert_eq!(
        rows[1..],
        [
            "shutdown|off|estimated|an estimate: a shutdown is only a request",
            "snapshot|off|estimated|",
            "power_on|on|certain|off for 1h, if the shutdown worked",
            "shutdown|off|estimated|an estimate: a shutdown is only a request",
            "power_off|off|certain|",
            "shutdown|off|certain|",
            "power_on|on|certain|off for 1h",
        ]
    );
}

#[test]
fn what_failed_or_has_not_ended_changes_nothing() {
    let rows = states(&[
        ("08:00", "power_off", "errored"),
        ("09:00", "power_on", COMPLETED),
        ("10:00", "power_off", "errored"),
        ("17:58", "power_off", "in-progress"),
    ]);
    assert_eq!(
        rows,
        [
            "power_off|unknown||nothing before it is archived",
            "power_on|on|certain|",
            "power_off|on|certain|",
            "power_off|on|certain|in progress for 2h 2m",
        ]
    );
}

#[test]
fn what_was_destroyed_stays_gone() {
    let connection = lived(&[
        ("08:00", "create", COMPLETED),
        ("09:00", "power_off", COMPLETED),
        ("11:00", "destroy", COMPLETED),
        ("11:01", "power_on", COMPLETED),
    ]);
    connection
        .execute_batch("UPDATE droplets SET created_at = '2020-07-18T11:00:30Z'")
        .unwrap();
    let (rows, state) = told(&connection, Window::default(), &STATE_AND_NOTE);
    assert_eq!(
        rows[2..],
        [
            "destroy|gone|certain|off for 2h; it existed for 2d",
            "power_on|gone|certain|after it was destroyed",
        ]
    );
    assert_eq!(state.power, Power::Gone);
    assert_eq!(state.since, "2020-07-20T11:00:30Z".parse().ok());
}

#[test]
fn what_its_listing_shows_is_its_own_and_what_was_done_to_others_says_nothing_of_it() {
    let connection = lived(&[("08:00", "create", COMPLETED)]);
    for (id, kind, resource_type, resource_id) in [
        (11, "power_off", Some("droplet"), Some(2)),
        (12, "attach", Some("volume"), Some(7)),
        (13, "resize", Some("backend"), None),
        (14, "power_off", None, None),
        (15, "power_on", Some("droplet"), Some(2)),
    ] {
        insert(
            &connection,
            &Row {
                id,
                kind: Some(kind),
                resource_type,
                resource_id,
                ..Row::default()
            },
        );
        if id < 15 {
            listed(&connection, 1, id);
        }
    }
    let (rows, _) = told(&connection, Window::default(), &STATE_AND_NOTE);
    assert_eq!(
        rows[1..],
        [
            "power_off|on|certain|done to droplet 2",
            "attach|on|certain|done to volume 7",
            "resize|on|certain|done to a backend",
            "power_off|off|certain|",
        ]
    );
}

#[test]
fn a_window_hides_rows_and_forgets_nothing() {
    let connection = lived(&[
        ("08:00", "create", COMPLETED),
        ("09:00", "power_off", COMPLETED),
        ("10:00", "snapshot", COMPLETED),
        ("12:00", "power_on", COMPLETED),
    ]);
    let time = |hour: u32| format!("2020-07-20T{hour:02}:00:00Z").parse().ok();
    let columns = ["type", "state", "gap_seconds", "note"];
    let since = Window {
        since: time(10),
        until: None,
    };
    let (rows, state) = told(&connection, since, &columns);
    assert_eq!(rows, ["snapshot|off|3570|", "power_on|on|7170|off for 3h"]);
    assert_eq!(state.since, "2020-07-20T12:00:30Z".parse().ok());
    let between = Window {
        since: time(9),
        until: time(12),
    };
    let (rows, state) = told(&connection, between, &columns);
    assert_eq!(rows, ["power_off|off|3570|", "snapshot|off|3570|"]);
    assert_eq!(state.power, Power::Off);
}

#[test]
fn a_rename_is_told_with_the_name_that_was_seen_after_it() {
    let connection = lived(&[
        ("08:00", "create", COMPLETED),
        ("09:00", "rename", COMPLETED),
        ("10:00", "rename", COMPLETED),
        ("10:30", "rename", "errored"),
        ("12:00", "rename", COMPLETED),
    ]);
    connection
        .execute_batch(
            "DELETE FROM droplet_names;
             INSERT INTO droplet_names (droplet_id, name, first_seen_at)
             VALUES (1, 'first', '2020-07-20T08:30:00Z'), (1, 'third', '2020-07-20T11:00:00Z'),
                    (1, 'web-1', '2020-07-20T13:00:00Z')",
        )
        .unwrap();
    let (rows, _) = told(&connection, Window::default(), &["note"]);
    assert_eq!(rows, ["", "", "renamed to third", "", "renamed to web-1"]);
    let droplet = find(&connection, &"first".parse().unwrap()).unwrap();
    assert_eq!(
        droplet.former_names().collect::<Vec<_>>(),
        ["first", "third"]
    );
}

#[test]
fn what_has_no_time_is_told_and_says_nothing() {
    let connection = lived(&[("08:00", "create", COMPLETED)]);
    insert(
        &connection,
        &Row {
            id: 9,
            kind: Some("destroy"),
            started_at: None,
            completed_at: None,
            ..Row::default()
        },
    );
    let (rows, _) = told(&connection, Window::default(), &COLUMNS);
    assert_eq!(
        rows,
        [
            "9||destroy|completed||unknown|||",
            "1|2020-07-20T08:00:00Z|create|completed|30|on|certain||",
        ]
    );
    let window = Window {
        since: "2020-07-01T00:00:00Z".parse().ok(),
        until: None,
    };
    assert_eq!(told(&connection, window, &COLUMNS).0, rows[1..]);
}

#[test]
fn a_droplet_that_a_sync_found_gone_is_gone_in_the_end() {
    let connection = lived(&[("08:00", "create", COMPLETED)]);
    connection
        .execute_batch("UPDATE droplets SET gone_at = '2020-07-20T09:00:00Z'")
        .unwrap();
    let state = |until: Option<&str>| {
        let window = Window {
            since: None,
            until: until.map(|text| text.parse().unwrap()),
        };
        told(&connection, window, &[]).1
    };
    assert_eq!(
        state(None),
        State::gone("2020-07-20T09:00:00Z".parse().unwrap())
    );
    assert_eq!(state(Some("2020-07-20T09:00:00Z")).power, Power::On);
}

#[test]
fn of_a_droplet_that_was_never_seen_only_the_id_is_known() {
    let droplet = find(&archive(), &"7".parse().unwrap()).unwrap();
    let expected = super::Droplet {
        id: 7,
        ..super::Droplet::default()
    };
    assert_eq!(droplet, expected);
}
