//! Proof that states and gaps match a simple evaluation of the same actions.

use proptest::prelude::*;

use super::{Window, find, timeline};
use crate::core::time::Timestamp;
use crate::output::testing::Rows;
use crate::query::fixture::{Row, archive, insert};

#[derive(Clone, Debug)]
struct Action {
    kind: &'static str,
    status: &'static str,
    started: Option<i64>,
    ended: Option<i64>,
    droplet: i64,
}

impl Action {
    fn begun(&self) -> Option<i64> {
        self.started.or(self.ended)
    }
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
        "password_reset",
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
    let started = prop::option::weighted(0.9, 0_i64..500);
    let is_on = (select(kinds), select(statuses), 1_i64..3);
    // Some actions end before they begin, and some end after others that began later.
    (is_on, started, 0_i64..500, prop::option::of(-3_i64..200)).prop_map(
        |((kind, status, droplet), started, minute, seconds)| {
            let second = |minute: i64| 1_595_000_000 + minute * 60;
            let started = started.map(second);
            Action {
                kind,
                status,
                started,
                ended: seconds.map(|seconds| started.unwrap_or(second(minute)) + seconds),
                droplet,
            }
        },
    )
}

fn text(second: i64) -> String {
    Timestamp::from_epoch_seconds(second).unwrap().to_string()
}

/// The state after these actions. Without a destruction, the last action to end that changes the power decides. The
/// state is an estimate only if no certain action gave the same power since the power last changed.
fn state(actions: &[(i64, &Action)]) -> (&'static str, &'static str) {
    let says = |action: &Action| {
        action.status == "completed" && !["snapshot", "resize"].contains(&action.kind)
    };
    let mut telling: Vec<_> = actions
        .iter()
        .filter(|(_, action)| says(action))
        .filter_map(|(id, action)| Some((action.ended.or(action.started)?, id, action.kind)))
        .collect();
    telling.sort_unstable();
    let is_off = |kind| ["power_off", "shutdown"].contains(&kind);
    let is_certain = |kind| ["create", "power_on", "power_off", "power_cycle"].contains(&kind);
    let Some((.., last)) = telling.last() else {
        return ("unknown", "");
    };
    if telling.iter().any(|(.., kind)| *kind == "destroy") {
        return ("gone", "certain");
    }
    let same = telling.iter().rev().map(|(.., kind)| *kind);
    let mut same = same.take_while(|kind| is_off(*kind) == is_off(*last));
    let certainty = if same.any(is_certain) {
        "certain"
    } else {
        "estimated"
    };
    (if is_off(*last) { "off" } else { "on" }, certainty)
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
            let [started_at, completed_at] = [action.started, action.ended].map(|time| time.map(text));
            let row = Row {
                id,
                kind: Some(action.kind),
                status: Some(action.status),
                started_at: started_at.as_deref(),
                completed_at: completed_at.as_deref(),
                resource_id: Some(action.droplet),
                ..Row::default()
            };
            insert(&connection, &row);
        }
        let mut own: Vec<(i64, &Action)> = (1..).zip(&actions).filter(|(_, action)| action.droplet == 1).collect();
        own.sort_by_key(|(id, action)| (action.begun(), *id));
        let bound = |minute: Option<i64>| minute.map(|minute| 1_595_000_000 + minute * 60);
        let mut expected = Vec::new();
        for (position, (_, action)) in own.iter().enumerate() {
            let is_late = bound(since).is_none_or(|since| action.begun() >= Some(since));
            let is_early = bound(until).is_none_or(|until| action.begun().is_some_and(|begun| begun < until));
            if is_late && is_early {
                let before = own[..position].iter().rev().find_map(|(_, before)| before.ended.max(before.started));
                let gap = action.started.zip(before).map(|(started, before)| (started - before).max(0).to_string());
                let (state, certainty) = state(&own[..=position]);
                expected.push([
                    action.started.map(text).unwrap_or_default(), action.kind.to_owned(), state.to_owned(),
                    certainty.to_owned(), gap.unwrap_or_default(),
                ].to_vec());
            }
        }
        let time = |minute| bound(minute).map(|second| Timestamp::from_epoch_seconds(second).unwrap());
        let window = Window { since: time(since), until: time(until) };
        let columns = ["started_at", "type", "state", "certainty", "gap_seconds"];
        let droplet = find(&connection, &"1".parse().unwrap()).unwrap();
        let mut rows = Rows::default();
        let now = "2020-08-01T00:00:00Z".parse().unwrap();
        let (end, _) = timeline(&connection, &droplet, window, now, &mut rows).unwrap();
        let rows = rows.chosen(&columns);
        prop_assert_eq!(&rows, &expected);
        if let Some(last) = rows.last() {
            prop_assert_eq!(end.power.name(), &last[2]);
        }
    }
}
