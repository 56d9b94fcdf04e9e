//! Tokens that may not read the account's listing, forecasts, and tokens of other accounts.

use std::fs;

use super::{Watched, first_pages, sync_account};
use crate::account::{account, settled};
use crate::asked::{costs_at_most, requests};
use crate::cloud::{Cloud, Options};
use crate::sandbox::Sandbox;

#[test]
fn without_the_scope_nothing_new_costs_one_for_each_droplet() {
    let watched = Watched::new(9, settled(12, 1_200));
    watched.cloud.remove_scope("actions:read");
    let lengths = watched.ids.iter().map(|id| watched.cloud.actions_of(*id));
    let own: usize = lengths.map(|actions| first_pages(actions.len())).sum();
    let flags = ["--droplet", &watched.flag(), "-v"];
    let run = watched.sandbox.sync(&watched.cloud, &flags).exits(0);
    run.says("actions:read")
        .says("reads each droplet's listing separately");
    costs_at_most(&watched.cloud, own + 3, "first");
    for _ in 0..2 {
        watched.sync();
        costs_at_most(&watched.cloud, watched.ids.len() + 1, "nothing new");
    }
    watched.is_exact();
}

/// Runs a forecast of a sync, and returns the announced number of requests.
fn announced(sandbox: &Sandbox, cloud: &Cloud, flags: &[&str]) -> usize {
    let flags = [&["--dry-run", "-o", "json"], flags].concat();
    let forecast = sandbox.sync(cloud, &flags).exits(0).json();
    forecast["requests"].as_u64().unwrap() as usize
}

#[test]
fn a_dry_run_writes_nothing_and_announces_no_less_than_the_sync_costs() {
    let watched = Watched::new(5, settled(8, 2_100));
    for flags in [&["--all"][..], &["--droplet", &watched.flag()]] {
        let (cloud, sandbox) = (&watched.cloud, Sandbox::new());
        let most = announced(&sandbox, cloud, flags);
        assert_eq!(fs::read_dir(sandbox.folder()).unwrap().count(), 0);
        for new in [0, 0, 1, 450] {
            cloud.clear_requests();
            sandbox.sync(cloud, flags).exits(0).silently();
            costs_at_most(cloud, most, &format!("{flags:?}"));
            cloud.add_actions(new);
            let before = fs::read(sandbox.db()).unwrap();
            let most = announced(&sandbox, cloud, flags);
            assert!(fs::read(sandbox.db()).unwrap() == before, "it was changed");
            assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
            cloud.clear_requests();
            sandbox.sync(cloud, flags).exits(0).silently();
            costs_at_most(cloud, most, &format!("{flags:?}"));
        }
    }
}

#[test]
fn another_accounts_token_is_refused_before_an_action_is_written() {
    let own = Cloud::start(account(4, 300)).unwrap();
    let other = Cloud::start(Options {
        seed: 2,
        token: "dop_v1_of_another_account".to_owned(),
        ..account(4, 300)
    })
    .unwrap();
    let sandbox = Sandbox::new();
    sync_account(&sandbox, &own);
    let before = sandbox.archive().contents();
    let droplet = other.droplets()[0].id.to_string();
    for flags in [&["--all"][..], &["--droplet", &droplet]] {
        other.clear_requests();
        let run = sandbox.sync(&other, flags).exits(4);
        run.says("belongs to the team").says("hint: ");
        assert_eq!(requests(&other), 1);
    }
    let archive = sandbox.archive();
    archive.is_unchanged_since(&before);
    archive.equals(&own);
    sync_account(&sandbox, &own);
}
