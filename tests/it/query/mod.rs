//! `archiver query`, `last` and `show`: the answers equal the truth, in every format, and a wrong question gets a
//! message.

mod basis;
mod filters;
mod formats;
mod last;
mod orders;
mod show;
mod slips;
mod unread;
mod when;
mod without_indexes;

use crate::account::cloud;
use crate::cloud::{Action, Cloud};
use crate::sandbox::Sandbox;

/// An account and its archive.
fn archived(droplets: usize, actions: usize) -> (Cloud, Sandbox) {
    let cloud = cloud(droplets, actions);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

/// The matching actions, oldest first, as answers come.
fn truth(cloud: &Cloud, matches: impl Fn(&Action) -> bool) -> Vec<Action> {
    let mut actions: Vec<_> = cloud.actions().into_iter().filter(matches).collect();
    actions.sort_by_key(|action| (action.started_at.clone(), action.id));
    actions
}

fn ids(actions: &[Action]) -> Vec<i64> {
    actions.iter().map(|action| action.id).collect()
}

fn answered_ids(sandbox: &Sandbox, flags: &[&str]) -> Vec<i64> {
    let run = sandbox.query(&[flags, &["-o", "json"]].concat()).exits(0);
    let rows = run.json();
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| row["id"].as_i64().unwrap()).collect()
}

/// True when the action has one of these types.
fn is_kind(action: &Action, kinds: &[&str]) -> bool {
    action
        .kind
        .as_deref()
        .is_some_and(|kind| kinds.contains(&kind))
}

/// True when the action was done to one of these droplets.
fn is_on(action: &Action, droplets: &[i64]) -> bool {
    action.resource_type.as_deref() == Some("droplet")
        && action.resource_id.is_some_and(|id| droplets.contains(&id))
}

type Truth<'a> = &'a dyn Fn(&Action) -> bool;

/// Asks each question, and checks `--count` too.
fn ask(cloud: &Cloud, sandbox: &Sandbox, questions: &[(&[&str], Truth<'_>)]) {
    for (flags, matches) in questions {
        let mut expected = ids(&truth(cloud, matches));
        assert!(!expected.is_empty(), "{flags:?} asks for nothing");
        let mut answered = answered_ids(sandbox, flags);
        if flags.contains(&"--at") {
            // What is stuck comes last; another test checks that.
            expected.sort_unstable();
            answered.sort_unstable();
        }
        assert_eq!(answered, expected, "{flags:?}");
        let count = sandbox.query(&[flags, &["--count"][..]].concat()).exits(0);
        assert_eq!(count.stdout, format!("{}\n", expected.len()), "{flags:?}");
    }
}
