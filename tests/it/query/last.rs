//! `archiver last`: the last time that something happened to each droplet.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{archived, is_kind, is_on, truth};
use crate::cloud::{Action, Cloud};
use crate::sandbox::Sandbox;

/// The droplet and the action of each row.
fn answered(sandbox: &Sandbox, flags: &[&str]) -> Vec<(i64, Option<i64>)> {
    let run = sandbox
        .run(&[&["last"], flags, &["-o", "json"]].concat())
        .exits(0);
    let rows = run.json();
    let pair = |row: &Value| {
        (
            row["droplet_id"].as_i64().unwrap(),
            row["action_id"].as_i64(),
        )
    };
    rows.as_array().unwrap().iter().map(pair).collect()
}

/// The last matching action of each droplet, the most recent first.
fn last_of_each(cloud: &Cloud, matches: impl Fn(&Action) -> bool) -> Vec<(i64, Option<i64>)> {
    let mut last = BTreeMap::new();
    for action in truth(cloud, matches) {
        if action.resource_type.as_deref() == Some("droplet") {
            last.insert(action.resource_id.unwrap(), action);
        }
    }
    let mut last: Vec<_> = last.into_iter().collect();
    last.sort_by_key(|(_, action)| (action.started_at.clone(), action.id));
    last.iter()
        .rev()
        .map(|(droplet, action)| (*droplet, Some(action.id)))
        .collect()
}

fn is_completed(action: &Action) -> bool {
    action.status.as_deref() == Some("completed")
}

#[test]
fn the_last_of_each_droplet_is_found_and_the_most_recent_comes_first() {
    let (cloud, sandbox) = archived(12, 2_000);
    let backups = last_of_each(&cloud, |action| {
        is_completed(action) && is_kind(action, &["backup", "snapshot"])
    });
    assert!(backups.len() > 3, "{backups:?}");
    assert_eq!(answered(&sandbox, &["@backup"]), backups);
    assert_eq!(
        answered(&sandbox, &["backup", "snapshot", "-n", "2"]),
        backups[..2]
    );
    assert_eq!(
        answered(
            &sandbox,
            &["reboot", "--status", "errored,completed", "--until", "2023"]
        ),
        last_of_each(&cloud, |action| {
            is_kind(action, &["reboot"])
                && action.completed_at.is_some()
                && action.started_at.as_deref() < Some("2024")
        })
    );
    assert_eq!(answered(&sandbox, &[]), last_of_each(&cloud, is_completed));
}

#[test]
fn a_droplet_that_is_asked_for_has_a_row_even_when_it_never_happened() {
    let (cloud, sandbox) = archived(12, 2_000);
    let existing: Vec<i64> = cloud.droplets().iter().map(|droplet| droplet.id).collect();
    let of_existing = |kind| {
        let mut expected = last_of_each(&cloud, |action| {
            is_completed(action) && is_kind(action, &[kind]) && is_on(action, &existing)
        });
        let never = existing
            .iter()
            .filter(|id| !expected.iter().any(|(other, _)| other == *id));
        let never: Vec<_> = never.map(|id| (*id, None)).collect();
        expected.extend(never);
        expected
    };
    for kind in ["destroy", "resize", "reboot"] {
        assert_eq!(
            answered(&sandbox, &[kind, "--existing"]),
            of_existing(kind),
            "{kind}"
        );
    }
    let droplet = &cloud.droplets()[0];
    let run = sandbox
        .run(&["last", "destroy", "--droplet", &droplet.name])
        .exits(0);
    assert_eq!(run.stdout.lines().count(), 2, "{}", run.stdout);
    assert!(run.stdout.contains(&droplet.name));
}

#[test]
fn a_type_that_nobody_ever_saw_is_said_to_be_a_slip() {
    let (_cloud, sandbox) = archived(4, 300);
    sandbox
        .run(&["last", "rebot"])
        .exits(0)
        .says("did you mean reboot?");
    sandbox.run(&["last", "@pwoer"]).exits(2).says("@power");
    let none = ["last", "@power", "--until", "1999", "--exit-code"];
    sandbox.run(&none).exits(0).never_says("warning");
    sandbox.run(&["last", "create", "--exit-code"]).exits(10);
}
