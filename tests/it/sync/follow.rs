//! A sync keeps many configured droplets current through the account's listing, at the cost of its new actions.

use std::time::Duration;

use crate::account::settled;
use crate::asked::{requests, requests_for};
use crate::cloud::{Cloud, Fault, FaultRule, Options};
use crate::process::until;
use crate::sandbox::Sandbox;

/// Every sync rechecks the droplets' own listings.
const RECHECKED: &str = "[sync]\nrecheck = \"0s\"\n";

/// An account, and the flags that select its first droplets, up to this number.
fn watched(droplets: usize, options: Options) -> (Cloud, Vec<i64>, String) {
    let cloud = Cloud::start(options).unwrap();
    let ids: Vec<_> = cloud
        .droplets()
        .iter()
        .map(|it| it.id)
        .take(droplets)
        .collect();
    let flag = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    (cloud, ids, flag)
}

#[track_caller]
fn holds_their_histories_and_no_others(sandbox: &Sandbox, cloud: &Cloud, ids: &[i64]) {
    let histories = ids.iter().flat_map(|id| cloud.actions_of(*id));
    sandbox.archive().is_exactly(histories);
}

#[test]
fn nothing_new_costs_one_request_and_one_for_names_however_many_droplets() {
    let (cloud, ids, flag) = watched(25, settled(40, 2_000));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    cloud.clear_requests();
    sandbox
        .sync(&cloud, &["--droplet", &flag])
        .exits(0)
        .silently();
    assert_eq!(requests(&cloud), 2);
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
}

#[test]
fn new_actions_cost_what_is_new_in_the_account_and_only_theirs_are_kept() {
    let (cloud, ids, flag) = watched(10, settled(40, 1_500));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    for new in [1, 150, 200, 450] {
        cloud.add_actions(new);
        cloud.clear_requests();
        sandbox
            .sync(&cloud, &["--droplet", &flag])
            .exits(0)
            .silently();
        assert!(requests(&cloud) <= new.div_ceil(200) + 2, "{new}");
        holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
    }
}

#[test]
fn a_volume_attached_to_a_followed_droplet_is_found_although_no_resource_says_so() {
    let (cloud, ids, flag) = watched(6, settled(12, 800));
    let sandbox = Sandbox::new().configured(RECHECKED);
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    for _ in 0..8 {
        let id = cloud.add_action(ids[2], "attach_volume");
        cloud.settle(id);
        sandbox
            .sync(&cloud, &["--droplet", &flag])
            .exits(0)
            .silently();
        holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
        let sql = format!(
            "SELECT count(*) FROM droplet_actions WHERE droplet_id = {}",
            ids[2]
        );
        let listed = cloud.actions_of(ids[2]).len() as i64;
        assert_eq!(sandbox.archive().number(&sql), listed);
    }
}

#[test]
fn a_droplet_that_joins_later_comes_with_its_whole_history() {
    let (cloud, ids, _) = watched(8, settled(12, 1_200));
    let sandbox = Sandbox::new();
    for joined in [1, 3, 8] {
        let flag = ids[..joined]
            .iter()
            .map(i64::to_string)
            .collect::<Vec<_>>()
            .join(",");
        sandbox
            .sync(&cloud, &["--droplet", &flag])
            .exits(0)
            .silently();
        holds_their_histories_and_no_others(&sandbox, &cloud, &ids[..joined]);
        cloud.add_actions(300);
    }
}

#[test]
fn a_droplet_left_out_for_a_while_misses_nothing_when_it_is_back() {
    let (cloud, ids, flag) = watched(5, settled(8, 800));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    for _ in 0..3 {
        cloud.add_actions(120);
        sandbox
            .sync(&cloud, &["--droplet", &ids[0].to_string()])
            .exits(0);
    }
    sandbox
        .sync(&cloud, &["--droplet", &flag])
        .exits(0)
        .silently();
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
}

#[test]
fn what_arrives_between_the_requests_of_a_sync_is_archived_by_the_next() {
    let (cloud, ids, flag) = watched(10, settled(12, 1_500));
    let sandbox = Sandbox::new();
    cloud.grow_per_request(23);
    for _ in 0..4 {
        let listed: Vec<_> = ids.iter().flat_map(|id| cloud.actions_of(*id)).collect();
        sandbox
            .sync(&cloud, &["--droplet", &flag])
            .exits(0)
            .silently();
        sandbox.archive().holds(listed);
    }
    cloud.grow_per_request(0);
    sandbox
        .sync(&cloud, &["--droplet", &flag])
        .exits(0)
        .silently();
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
}

#[test]
fn an_action_of_a_followed_droplet_that_settles_is_updated() {
    let (cloud, ids, flag) = watched(5, settled(8, 400));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    let open = cloud.add_action(ids[1], "snapshot");
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    cloud.add_actions(250);
    cloud.settle(open);
    sandbox
        .sync(&cloud, &["--droplet", &flag])
        .exits(0)
        .silently();
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
}

#[test]
fn a_followed_droplet_that_is_destroyed_ends_with_its_last_action() {
    let (cloud, ids, flag) = watched(5, settled(8, 400));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    cloud.destroy_droplet(ids[3]).unwrap();
    sandbox
        .sync(&cloud, &["--droplet", &flag])
        .exits(0)
        .silently();
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
    let sql = format!(
        "SELECT gone_at IS NOT NULL FROM droplets WHERE id = {}",
        ids[3]
    );
    assert!(sandbox.archive().value::<bool>(&sql));
}

#[test]
fn a_full_sync_reads_what_happened_before_a_droplet_was_destroyed() {
    let (cloud, ids, flag) = watched(5, settled(8, 400));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    // The account's newest page does not reach back to an action that is archived.
    cloud.add_actions_of(ids[3], 250);
    cloud.settle_all();
    cloud.destroy_droplet(ids[3]).unwrap();
    sandbox
        .sync(&cloud, &["--full", "--droplet", &flag])
        .exits(0);
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
}

#[test]
fn without_the_scope_each_droplet_is_asked_for_and_a_notice_says_what_that_leaves_out() {
    let (cloud, ids, flag) = watched(5, settled(8, 400));
    cloud.remove_scope("actions:read");
    let sandbox = Sandbox::new();
    let run = sandbox.sync(&cloud, &["--droplet", &flag, "-v"]).exits(0);
    run.says("lacks the scope actions:read").says("destroyed");
    cloud.clear_requests();
    cloud.add_actions(40);
    sandbox
        .sync(&cloud, &["--droplet", &flag])
        .exits(0)
        .silently();
    assert_eq!(requests(&cloud), ids.len() + 1);
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
}

#[test]
fn where_the_account_cannot_be_read_the_droplets_are_asked_for_one_by_one() {
    let (cloud, ids, flag) = watched(5, settled(8, 400));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    cloud.add_actions(40);
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).path("/v2/actions"));
    sandbox
        .sync(&cloud, &["--droplet", &flag])
        .exits(0)
        .silently();
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
    cloud.clear_faults();
    sandbox
        .sync(&cloud, &["--droplet", &flag])
        .exits(0)
        .silently();
    holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
}

#[test]
fn an_account_that_changes_its_order_hides_nothing_of_its_droplets() {
    let (cloud, ids, flag) = watched(5, settled(8, 900));
    let sandbox = Sandbox::new();
    for order in [
        crate::cloud::Order::NewestFirst,
        crate::cloud::Order::OldestFirst,
        crate::cloud::Order::Scattered,
    ] {
        cloud.change(|options| options.order = order);
        cloud.add_actions(60);
        sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
        holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
    }
}

#[test]
fn killed_at_any_moment_it_forgets_no_action() {
    let (cloud, ids, flag) = watched(5, settled(8, 400));
    let sandbox = Sandbox::new().configured(RECHECKED);
    let flags = ["--droplet", &flag];
    sandbox.sync(&cloud, &flags).exits(0);
    for after in [1, 2, 3, 4, 5, 6, 8] {
        for kind in ["attach_volume", "reboot", "detach_volume"] {
            let id = cloud.add_action(ids[after % ids.len()], kind);
            cloud.settle(id);
        }
        cloud.add_actions(420);
        cloud.change(|options| options.latency = Duration::from_millis(60));
        cloud.clear_requests();
        let mut sync = sandbox.start_sync(&cloud, &flags);
        until("it has asked so often, or is done", || {
            requests(&cloud) >= after || sync.has_ended()
        });
        sync.kill();
        cloud.change(|options| options.latency = Duration::ZERO);
        sandbox.sync(&cloud, &flags).exits(0).silently();
        holds_their_histories_and_no_others(&sandbox, &cloud, &ids);
    }
}

#[test]
fn a_full_sync_reads_each_droplets_own_listing() {
    let (cloud, ids, flag) = watched(4, settled(8, 400));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--droplet", &flag]).exits(0);
    cloud.clear_requests();
    sandbox
        .sync(&cloud, &["--droplet", &flag, "--full"])
        .exits(0)
        .silently();
    for id in ids {
        assert!(requests_for(&cloud, &format!("/v2/droplets/{id}/actions")) > 0);
    }
}
