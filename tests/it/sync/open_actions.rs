//! Actions in progress: each sync asks for them until they are settled, and never again.

use crate::account::{account, cloud, settled, settled_cloud};
use crate::asked::{requests, requests_for};
use crate::cloud::{Cloud, Fault, FaultRule, HandmadeAction, Options};
use crate::sandbox::Sandbox;
use serde_json::json;

#[test]
fn an_action_in_progress_is_updated_when_it_ends() {
    let cloud = cloud(5, 300);
    let droplet = cloud.droplets()[0].id;
    let [completing, failing] = ["snapshot", "resize"].map(|kind| cloud.add_action(droplet, kind));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.archive().equals(&cloud);
    assert!(cloud.settle(completing) && cloud.fail(failing));
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    let archive = sandbox.archive();
    archive.equals(&cloud);
    let statuses =
        format!("SELECT status FROM actions WHERE id IN ({completing}, {failing}) ORDER BY id");
    assert_eq!(archive.texts(&statuses), ["completed", "errored"]);
    assert_eq!(archive.last_run().updated, 2);
}

#[test]
fn an_action_in_progress_that_left_the_newest_page_is_asked_for_by_id() {
    let cloud = today(1_000);
    let droplet = cloud.droplets()[0].id;
    let id = cloud.add_action(droplet, "migrate");
    cloud.add_actions(450);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.clear_requests();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(requests_for(&cloud, &format!("/v2/actions/{id}")), 1);
    assert_eq!(requests(&cloud), 3);

    cloud.settle(id);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.archive().equals(&cloud);
    cloud.clear_requests();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(requests(&cloud), 2, "what is settled is asked for no more");
}

/// An account with a history up to now, and nothing in progress.
fn today(actions: usize) -> Cloud {
    let options = Options {
        now: None,
        ..settled(5, actions)
    };
    Cloud::start(options).unwrap()
}

#[test]
fn actions_that_are_in_progress_for_years_cost_their_pages_and_not_in_every_sync() {
    let cloud = settled_cloud(5, 1_000);
    let droplet = cloud.droplets()[0].id;
    for _ in 0..300 {
        cloud.add_action(droplet, "migrate");
    }
    cloud.add_actions(450);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let cost = || {
        cloud.clear_requests();
        sandbox.sync(&cloud, &["--all"]).exits(0).silently();
        requests(&cloud)
    };
    assert_eq!(cost(), 2 + 2, "300 actions stand on two pages");
    assert_eq!(cost(), 2, "they are asked for again in a week");
    let status = sandbox.run(&["status"]).exits(0);
    assert!(status.stdout.contains("300 in progress"), "{status}");
}

#[test]
fn actions_that_stand_close_together_are_settled_by_their_page() {
    let cloud = today(1_000);
    let droplet = cloud.droplets()[0].id;
    let open = [0; 40].map(|_| cloud.add_action(droplet, "migrate"));
    cloud.add_actions(450);
    let sandbox = Sandbox::new();
    for flags in [&["--all"][..], &["--droplet", &droplet.to_string()]] {
        sandbox.sync(&cloud, flags).exits(0);
    }
    open.iter().for_each(|id| assert!(cloud.settle(*id)));
    cloud.clear_requests();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    assert!(requests(&cloud) <= 4, "{:?}", cloud.requests());
    sandbox.archive().equals(&cloud);
}

#[test]
fn open_actions_of_droplets_that_a_sync_is_not_about_are_not_asked_for() {
    let cloud = today(1_000);
    let [ours, other] = [0, 1].map(|index| cloud.droplets()[index].id);
    for _ in 0..40 {
        cloud.add_action(other, "migrate");
    }
    cloud.add_actions_of(ours, 450);
    let sandbox = Sandbox::new();
    let flags = ["--droplet", &ours.to_string()];
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.sync(&cloud, &flags).exits(0);
    cloud.clear_requests();
    sandbox.sync(&cloud, &flags).exits(0).silently();
    assert_eq!(
        requests_for(&cloud, &format!("/v2/droplets/{other}/actions")),
        0
    );
}

#[test]
fn an_action_that_cannot_be_had_keeps_no_other_from_being_settled() {
    let cloud = today(1_000);
    let droplet = cloud.droplets()[0].id;
    let open = [0; 5].map(|_| {
        let id = cloud.add_action(droplet, "migrate");
        cloud.add_actions(210);
        id
    });
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    open.iter().for_each(|id| assert!(cloud.settle(*id)));
    let broken = open[2];
    let path = format!("/v2/actions/{broken}");
    cloud.break_with(FaultRule::new(Fault::Status(500)).path(&path));
    let run = sandbox.sync(&cloud, &["--all"]).exits(3);
    run.says(&format!("asking about action {broken} failed"));
    let sql = "SELECT CAST(id AS TEXT) FROM actions WHERE status = 'in-progress'";
    assert_eq!(sandbox.archive().texts(sql), [broken.to_string()]);
    cloud.clear_faults();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.archive().equals(&cloud);
}

#[test]
fn without_the_scope_for_the_account_it_is_asked_for_by_way_of_its_droplet() {
    let cloud = settled_cloud(2, 50);
    cloud.remove_scope("actions:read");
    let droplet = cloud.droplets()[0].id;
    let id = cloud.add_action(droplet, "migrate");
    cloud.add_actions_of(droplet, 450);
    let sandbox = Sandbox::new();
    let flags = ["--droplet", &droplet.to_string()];
    sandbox.sync(&cloud, &flags).exits(0);
    cloud.settle(id);
    sandbox.sync(&cloud, &flags).exits(0);
    let path = format!("/v2/droplets/{droplet}/actions/{id}");
    assert_eq!(requests_for(&cloud, &path), 1);
    sandbox.archive().is_exactly(cloud.actions_of(droplet));
}

#[test]
fn an_action_that_settles_while_pages_are_read_is_settled_in_the_end() {
    let cloud = Cloud::start(Options {
        settle_after_requests: Some(3),
        ..account(5, 1_000)
    })
    .unwrap();
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        sandbox.sync(&cloud, &["--all"]).exits(0);
    }
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_null_never_wipes_out_when_an_action_ended() {
    let cloud = cloud(5, 500);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.break_with(FaultRule::new(Fault::NullCompletedAt));
    sandbox.sync(&cloud, &["--all", "--full"]).exits(0);
    sandbox.archive().equals(&cloud);
}

#[test]
fn what_is_settled_never_goes_back_and_what_is_known_is_never_unlearnt() {
    let options = || account(0, 0);
    let known = json!({"id": 7, "status": "completed", "type": "reboot", "started_at": "2020-01-01T00:00:00Z",
        "completed_at": "2020-01-01T00:00:09Z", "resource_id": 5, "resource_type": "droplet",
        "region_slug": "nyc3"});
    let stale = json!({"id": 7, "status": "in-progress", "type": null, "region": null});
    let first = Cloud::start_handmade(options(), &[], vec![known.into()]).unwrap();
    let second = Cloud::start_handmade(options(), &[], vec![HandmadeAction::from(stale)]).unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&first, &["--all"]).exits(0);
    sandbox.sync(&second, &["--all"]).exits(0);
    sandbox.archive().equals(&first);
}
