//! Filters by time: when actions happened, how long they took, and when they were archived.

use jiff::Timestamp;
use serde_json::json;

use super::{answered_ids, archived, ask, ids, is_kind, truth};
use crate::account::cloud;
use crate::cloud::{Action, Cloud};
use crate::sandbox::Sandbox;

fn second(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

fn start(action: &Action) -> i64 {
    second(action.started_at.as_deref().unwrap())
}

/// The duration of an action. An action in progress has lasted longer than any of these tests asks for.
fn took(action: &Action) -> Option<i64> {
    match (&action.completed_at, action.status.as_deref()) {
        (Some(end), _) => Some(second(end) - start(action)),
        (None, Some("in-progress")) => Some(i64::MAX),
        (None, _) => None,
    }
}

/// An account with a snapshot of six hours, until 2026-01-02T06:00:00Z, and its archive.
fn with_a_long_one() -> (Cloud, Sandbox) {
    let cloud = cloud(6, 1_500);
    let long = json!({"id": 99_000_000_000_i64, "status": "completed", "type": "snapshot",
        "started_at": "2026-01-02T00:00:00Z", "completed_at": "2026-01-02T06:00:00Z",
        "resource_id": cloud.droplets()[0].id, "resource_type": "droplet"});
    cloud.add_handmade(long.into());
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

#[test]
fn a_window_has_its_beginning_and_not_its_end() {
    let (cloud, sandbox) = archived(6, 1_500);
    let is_between = |action: &Action, since: &str, until: &str| {
        (second(since)..second(until)).contains(&start(action))
    };
    let two_years =
        |action: &Action| is_between(action, "2022-01-01T00:00:00Z", "2023-07-01T00:00:00Z");
    ask(
        &cloud,
        &sandbox,
        &[
            (
                &["--since", "2022-01-01", "--until", "2023-06-30"],
                &two_years,
            ),
            (&["--since", "2022", "--until", "2023-Q2"], &two_years),
            (&["--during", "2022-01..2023-06"], &two_years),
            (
                &["--after", "2022-01-01", "--before", "2023-06-30 12:00"],
                &|action| is_between(action, "2022-01-01T00:00:00Z", "2023-06-30T12:00:00Z"),
            ),
            (&["--during", "2023", "--tz", "+02:00"], &|action| {
                is_between(action, "2022-12-31T22:00:00Z", "2023-12-31T22:00:00Z")
            }),
        ],
    );
}

#[test]
fn what_was_under_way_at_a_time_had_begun_and_not_ended() {
    let (cloud, sandbox) = with_a_long_one();
    let is_under_way = |action: &Action, from: i64, to: i64| {
        let lasted = took(action).unwrap_or(0);
        start(action) < to && start(action).saturating_add(lasted) >= from
    };
    let near = |action: &Action, at: &str, before: i64, after: i64| {
        is_under_way(action, second(at) - before, second(at) + after)
    };
    let (late, busy) = ("2026-01-02T06:00:00Z", "2024-05-05T12:00:00Z");
    let all_but_open = ["--at", late, "--status", "!in-progress"];
    assert_eq!(answered_ids(&sandbox, &all_but_open), [99_000_000_000]);
    ask(
        &cloud,
        &sandbox,
        &[
            (&["--at", late], &|action| near(action, late, 0, 1)),
            (&["--at", "2026-01-02 06:00:01"], &|action| {
                near(action, late, -1, 2)
            }),
            (&["--at", "2026-01-02 08:00", "--around", "2h"], &|action| {
                near(action, late, 0, 4 * 3_600)
            }),
            (&["--at", busy, "--around", "30d"], &|action| {
                near(action, busy, 2_592_000, 2_592_000)
            }),
            (
                &["--at", busy, "--around", "90d", "--type", "backup,snapshot"],
                &|action| {
                    is_kind(action, &["backup", "snapshot"])
                        && near(action, busy, 7_776_000, 7_776_000)
                },
            ),
            (&["--at", "2026-01-02"], &|action| {
                near(action, late, 6 * 3_600, 18 * 3_600)
            }),
            (&["--at", "2024-Q2"], &|action| {
                is_under_way(
                    action,
                    second("2024-04-01T00:00:00Z"),
                    second("2024-07-01T00:00:00Z"),
                )
            }),
        ],
    );
}

#[test]
fn what_was_stuck_long_before_a_time_comes_last() {
    let (cloud, sandbox) = with_a_long_one();
    let late = "2026-01-02T06:00:00Z";
    let open = truth(&cloud, |action| took(action) == Some(i64::MAX));
    assert!(!open.is_empty(), "nothing is in progress");
    let all: Vec<_> = [&[99_000_000_000], &ids(&open)[..]].concat();
    assert_eq!(answered_ids(&sandbox, &["--at", late]), all);
    let few = ["--at", late, "--limit", "1"];
    assert_eq!(answered_ids(&sandbox, &few), [99_000_000_000]);
    let by_id = answered_ids(&sandbox, &["--at", late, "--sort", "id"]);
    assert_eq!(by_id.last(), Some(&99_000_000_000), "another order is kept");
}

#[test]
fn a_duration_is_at_least_and_at_most_what_is_asked_for() {
    let (cloud, sandbox) = with_a_long_one();
    let at_least = |action: &Action, least| took(action).is_some_and(|took| took >= least);
    let at_most = |action: &Action, most| took(action).is_some_and(|took| took <= most);
    ask(
        &cloud,
        &sandbox,
        &[
            (&["--min-duration", "2m"], &|action| at_least(action, 120)),
            (&["--min-duration", "1h"], &|action| at_least(action, 3_600)),
            (&["--max-duration", "30s"], &|action| at_most(action, 30)),
            (
                &[
                    "--min-duration",
                    "10s",
                    "--max-duration",
                    "1m",
                    "--type",
                    "reboot",
                ],
                &|action| {
                    is_kind(action, &["reboot"]) && at_least(action, 10) && at_most(action, 60)
                },
            ),
        ],
    );
}

#[test]
fn what_is_new_is_what_the_last_sync_brought() {
    let (cloud, sandbox) = archived(4, 300);
    let all = cloud.total();
    let mut added = cloud.add_actions(7);
    added.sort_unstable();
    let seen_since = |since: &str| {
        let mut ids = answered_ids(&sandbox, &["--seen-since", since]);
        ids.sort_unstable();
        ids
    };
    assert_eq!(seen_since("last-sync").len(), all);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(seen_since("last-sync"), added);
    assert_eq!(seen_since("last-news"), added);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(seen_since("last-sync"), [0; 0]);
    assert_eq!(seen_since("last-news"), added);
    assert_eq!(seen_since("1h").len(), all + added.len());
    assert_eq!(seen_since("2100-01-01"), [0; 0]);
}
