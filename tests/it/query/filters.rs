//! Filters by the properties of actions.

use super::{answered_ids, archived, ask, ids, is_kind, is_on};
use crate::account::{account, cloud};
use crate::cloud::{Action, Cloud, Options};
use crate::sandbox::Sandbox;

const POWER: [&str; 5] = ["reboot", "power_cycle", "power_off", "power_on", "shutdown"];

#[test]
fn every_value_that_is_asked_for_matches_and_none_that_is_left_out() {
    let (cloud, sandbox) = archived(12, 2_000);
    let some = ids(&cloud.actions()[100..103]);
    let texts: Vec<_> = some.iter().map(i64::to_string).collect();
    let region = cloud.droplets()[0].region_slug.clone();
    let left_out = format!("!{region}");
    let is_status = |action: &Action, status: &str| action.status.as_deref() == Some(status);
    let is_resource = |action: &Action, kind: &str| action.resource_type.as_deref() == Some(kind);
    ask(
        &cloud,
        &sandbox,
        &[
            (&[], &|_| true),
            (&["--type", "reboot,backup", "--type=create"], &|action| {
                is_kind(action, &["reboot", "backup", "create"])
            }),
            (&["--type", "!backup"], &|action| {
                !is_kind(action, &["backup"])
            }),
            (&["--type", "@power,!reboot"], &|action| {
                is_kind(action, &POWER) && !is_kind(action, &["reboot"])
            }),
            (&["--type", "!@power,!backup"], &|action| {
                !is_kind(action, &POWER) && !is_kind(action, &["backup"])
            }),
            (&["--status", "errored"], &|action| {
                is_status(action, "errored")
            }),
            (&["--status", "in-progress"], &|action| {
                is_status(action, "in-progress")
            }),
            (&["--status", "!completed"], &|action| {
                !is_status(action, "completed")
            }),
            (&["--region", &region], &|action| {
                action.region_slug.as_ref() == Some(&region)
            }),
            (&["--region", &left_out], &|action| {
                action.region_slug.as_ref() != Some(&region)
            }),
            (&["--resource-type", "volume"], &|action| {
                is_resource(action, "volume")
            }),
            (&["--resource-type", "!droplet"], &|action| {
                !is_resource(action, "droplet")
            }),
            (&["--id", &texts.join(",")], &|action| {
                some.contains(&action.id)
            }),
        ],
    );
}

#[test]
fn droplets_are_chosen_by_id_by_name_and_by_pattern_or_left_out() {
    let (cloud, sandbox) = archived(12, 2_000);
    let droplets = cloud.droplets();
    let (one, other) = (droplets[1].id, droplets[2].id);
    let both = format!("{one},{other}");
    let name = &droplets[1].name;
    let first = name.chars().next().unwrap();
    let alike: Vec<_> = droplets
        .iter()
        .filter(|droplet| droplet.name.starts_with(first))
        .collect();
    let alike: Vec<i64> = alike.iter().map(|droplet| droplet.id).collect();
    ask(
        &cloud,
        &sandbox,
        &[
            (&["--droplet", &both], &|action| {
                is_on(action, &[one, other])
            }),
            (&["--droplet", name], &|action| is_on(action, &[one])),
            (&["--droplet", &format!("!{name}")], &|action| {
                !is_on(action, &[one])
            }),
            (&["--droplet", &format!("{first}*")], &|action| {
                is_on(action, &alike)
            }),
            (&["--droplet", &format!("{first}*,!{one}")], &|action| {
                is_on(action, &alike) && !is_on(action, &[one])
            }),
            (
                &["--droplet", name, "--type", "!backup", "--since", "2022"],
                &|action| {
                    is_on(action, &[one])
                        && !is_kind(action, &["backup"])
                        && action.started_at.as_deref() >= Some("2022")
                },
            ),
        ],
    );
}

#[test]
fn what_happened_to_droplets_that_are_gone_is_told_from_the_first_sync_on() {
    let cloud = Cloud::start(Options {
        destroyed: 0.4,
        ..account(12, 1_500)
    })
    .unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let check = || {
        let id_of = |droplets: Vec<crate::cloud::Droplet>| {
            droplets.iter().map(|droplet| droplet.id).collect()
        };
        let gone: Vec<i64> = id_of(cloud.destroyed_droplets());
        let existing: Vec<i64> = id_of(cloud.droplets());
        let text = existing[0].to_string();
        ask(
            &cloud,
            &sandbox,
            &[
                (&["--gone"], &|action| is_on(action, &gone)),
                (&["--gone", "--type", "destroy"], &|action| {
                    is_on(action, &gone) && is_kind(action, &["destroy"])
                }),
                (&["--existing"], &|action| is_on(action, &existing)),
                (&["--existing", "--droplet", &text], &|action| {
                    is_on(action, &existing[..1])
                }),
            ],
        );
    };
    check();
    cloud.destroy_droplet(cloud.droplets()[0].id).unwrap();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    check();
}

#[test]
fn a_droplet_by_its_name_is_the_droplet_with_all_that_it_listed() {
    let cloud = cloud(6, 900);
    let droplet = cloud.droplets()[0].clone();
    let sandbox = Sandbox::new();
    sandbox
        .sync(&cloud, &["--droplet", &droplet.id.to_string()])
        .exits(0);
    let mut listed = ids(&cloud.actions_of(droplet.id));
    let mut answered = answered_ids(&sandbox, &["--droplet", &droplet.name]);
    listed.sort_unstable();
    answered.sort_unstable();
    assert_eq!(answered, listed);
}
