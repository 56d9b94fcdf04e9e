//! Proof that states and gaps are what a reader with a pencil makes of the same actions.

use proptest::prelude::*;

use super::{Column, Window, find, timeline};
use crate::output::testing::Rows;
use crate::query::fixture::{Row, archive, insert};
use crate::time::Timestamp;

#[derive(Clone, Debug)]
struct Action {
    kind: &'static str,
    status: &'static str,
    started: i64,
    seconds: Option<i64>,
    droplet: i64,
}

fn an_action() -> impl Strategy<Value = Action> {
    use prop::sample::select;
    let kinds = vec![
        "create",
        "power_on",
        "power_off",
        "shutdown",
        "reboot",
        "power_cycle",
        "restore",
        "rebuild",
        "snapshot",
        "resize",
        "destroy",
    ];
    let statuses = vec![
        "completed",
        "completed",
        "completed",
        "errored",
        "in-progress",
    ];
    (
        select(kinds),
        select(statuses),
        0_i64..500,
        prop::option::of(0_i64..5),
        1_i64..3,
    )
        .prop_map(|(kind, status, minute, seconds, droplet)| Action {
            kind,
            status,
            started: 1_595_000_000 + minute * 60,
            seconds,
            droplet,
        })
}

fn text(second: i64) -> String {
    Timestamp::from_epoch_seconds(second).unwrap().to_string()
}

/// The state after the last of these actions: it is decided by the last that says anything, once no destruction is
/// among them. An estimate is one only if nothing certain said the same before, since it last was otherwise.
fn state(actions: &[&Action]) -> (&'static str, &'static str) {
    let says = |action: &&&Action| {
        action.status == "completed" && !["snapshot", "resize"].contains(&action.kind)
    };
    let telling: Vec<&str> = actions
        .iter()
        .filter(says)
        .map(|action| action.kind)
        .collect();
    let is_off = |kind: &&&str| ["power_off", "shutdown"].contains(kind);
    match telling.last() {
        _ if telling.contains(&"destroy") => ("gone", "certain"),
        None => ("unknown", ""),
        Some(last) if is_off(&last) => {
            let mut offs = telling.iter().rev().take_while(is_off);
            let is_certain = offs.any(|kind| *kind == "power_off");
            ("off", if is_certain { "certain" } else { "estimated" })
        }
        Some(_) => ("on", "certain"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_timeline_is_what_a_reader_makes_of_the_actions(
        actions in prop::collection::vec(an_action(), 0..40),
        since in prop::option::of(0_i64..500),
        until in prop::option::of(0_i64..500),
    ) {
        let connection = archive();
        for (id, action) in (1..).zip(&actions) {
            let completed_at = action.seconds.map(|seconds| text(action.started + seconds));
            let started_at = text(action.started);
            let row = Row {
                id,
                kind: Some(action.kind),
                status: Some(action.status),
                started_at: Some(&started_at),
                completed_at: completed_at.as_deref(),
                resource_id: Some(action.droplet),
                ..Row::default()
            };
            insert(&connection, &row);
        }
        let mut own: Vec<&Action> = actions.iter().filter(|action| action.droplet == 1).collect();
        own.sort_by_key(|action| action.started);
        let bound = |minute: Option<i64>| minute.map(|minute| 1_595_000_000 + minute * 60);
        let mut expected = Vec::new();
        for (position, action) in own.iter().enumerate() {
            let is_late = bound(since).is_none_or(|since| action.started >= since);
            let is_early = bound(until).is_none_or(|until| action.started < until);
            if is_late && is_early {
                let gap = position.checked_sub(1).map(|before| {
                    let before = own[before];
                    (action.started - before.started - before.seconds.unwrap_or(0)).max(0).to_string()
                });
                let (state, certainty) = state(&own[..=position]);
                expected.push([
                    text(action.started), action.kind.to_owned(), state.to_owned(), certainty.to_owned(),
                    gap.unwrap_or_default(),
                ].to_vec());
            }
        }
        let time = |minute| bound(minute).map(|second| Timestamp::from_epoch_seconds(second).unwrap());
        let window = Window { since: time(since), until: time(until) };
        let columns = [Column::StartedAt, Column::Type, Column::State, Column::Certainty, Column::GapSeconds];
        let droplet = find(&connection, &"1".parse().unwrap()).unwrap();
        let mut rows = Rows::default();
        let now = "2020-08-01T00:00:00Z".parse().unwrap();
        let end = timeline(&connection, &droplet, window, now, &columns, &mut rows).unwrap();
        prop_assert_eq!(&rows.rows, &expected);
        if let Some(last) = rows.rows.last() {
            prop_assert_eq!(end.power.name(), &last[2]);
        }
    }
}
