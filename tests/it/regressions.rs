//! Failures that the chaos test found, repeated without chance.

use crate::account::settled;
use crate::archive::Archive;
use crate::asked::requests;
use crate::cloud::{Action, Cloud, Fault, FaultRule, Options, Order};
use crate::process::until;
use crate::sandbox::{Sandbox, UNPACED};

/// An account, and its droplet with the longest history.
fn with_busy_droplet(options: Options) -> (Cloud, i64) {
    let cloud = Cloud::start(options).unwrap();
    let droplets = cloud.droplets().into_iter().map(|droplet| droplet.id);
    let busiest = droplets
        .max_by_key(|id| cloud.actions_of(*id).len())
        .unwrap();
    (cloud, busiest)
}

/// The actions that the account attributes to the droplet, now that its own listing is gone.
fn own_actions(cloud: &Cloud, droplet: i64) -> Vec<Action> {
    let listed = cloud.actions_of(droplet).into_iter();
    let own = listed.filter(|it| it.resource_type.as_deref() == Some("droplet"));
    own.collect()
}

/// Runs a sync until it waits for the answer for this page, and has archived others. Then kills it.
fn kill_at(sandbox: &Sandbox, cloud: &Cloud, flags: &[&str], path: &str, page: u64) {
    cloud.break_with(FaultRule::new(Fault::Stall).path(path).page(page));
    let query = format!("{path}?page={page}&");
    let sync = sandbox.start_sync(cloud, flags);
    until("the page is asked for", || {
        let asked = cloud.requests();
        let is_asked = asked.iter().any(|request| request.path.starts_with(&query));
        is_asked && !matches!(sandbox.query(&["--count"]).stdout.trim(), "" | "0")
    });
    sync.kill();
    cloud.clear_faults();
    cloud.clear_requests();
}

fn holds_all_that_is_left(sandbox: &Sandbox, cloud: &Cloud, droplet: i64) -> Archive {
    let archive = sandbox.archive();
    archive.holds(own_actions(cloud, droplet));
    archive
}

#[test]
fn a_droplet_that_goes_after_a_killed_first_sync_is_archived_to_its_end() {
    let (cloud, droplet) = with_busy_droplet(settled(4, 2_000));
    let sandbox = Sandbox::new();
    let flags = ["--droplet", &droplet.to_string()];
    let own = format!("/v2/droplets/{droplet}/actions");
    kill_at(&sandbox, &cloud, &flags, &own, 2);
    cloud.destroy_droplet(droplet).unwrap();
    // The sync reads the rest in the account's listing. That can be interrupted, too.
    kill_at(&sandbox, &cloud, &flags, "/v2/actions", 4);
    sandbox.sync(&cloud, &flags).exits(0).silently();
    holds_all_that_is_left(&sandbox, &cloud, droplet);
    cloud.clear_requests();
    sandbox.sync(&cloud, &flags).exits(0).silently();
    assert_eq!(requests(&cloud), 2, "and that is that");
}

#[test]
fn a_droplet_that_goes_between_two_syncs_is_archived_to_its_end() {
    for others in [0, 150, 900] {
        let (cloud, droplet) = with_busy_droplet(settled(4, 800));
        let sandbox = Sandbox::new();
        let flags = ["--droplet", &droplet.to_string()];
        sandbox.sync(&cloud, &flags).exits(0).silently();
        cloud.add_actions_of(droplet, 30);
        cloud.destroy_droplet(droplet).unwrap();
        let other = cloud.droplets()[0].id;
        cloud.add_actions_of(other, others);
        sandbox.sync(&cloud, &flags).exits(0).silently();
        holds_all_that_is_left(&sandbox, &cloud, droplet).is_exactly(cloud.actions_of(droplet));
    }
}

#[test]
fn a_droplet_that_is_gone_while_its_rest_cannot_be_read_is_not_called_complete() {
    let (cloud, droplet) = with_busy_droplet(settled(4, 1_600));
    let sandbox = Sandbox::new();
    let flags = ["--droplet", &droplet.to_string()];
    let own = format!("/v2/droplets/{droplet}/actions");
    kill_at(&sandbox, &cloud, &flags, &own, 2);
    cloud.destroy_droplet(droplet).unwrap();
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).path("/v2/actions"));
    let run = sandbox.sync(&cloud, &flags).exits(3);
    run.says(&droplet.to_string())
        .says("it is gone")
        .says("the rest of its history");
    cloud.clear_faults();
    sandbox.sync(&cloud, &flags).exits(0).silently();
    holds_all_that_is_left(&sandbox, &cloud, droplet);
}

#[test]
fn a_droplet_that_is_gone_is_no_failure_where_the_token_may_not_read_its_rest() {
    let (cloud, droplet) = with_busy_droplet(settled(4, 800));
    cloud.remove_scope("actions:read");
    let sandbox = Sandbox::new();
    let flags = ["--droplet", &droplet.to_string()];
    sandbox.sync(&cloud, &flags).exits(0).silently();
    let known = cloud.actions_of(droplet);
    cloud.destroy_droplet(droplet).unwrap();
    sandbox.sync(&cloud, &flags).exits(0).silently();
    sandbox.archive().is_exactly(known);
}

#[test]
fn a_total_that_was_wrong_when_one_sync_began_leaves_no_hole_for_the_next() {
    for (too_large, new) in [(7, 30), (200, 250), (200, 400), (200, 1_000)] {
        let (cloud, droplet) = with_busy_droplet(settled(4, 800));
        let sandbox = Sandbox::new();
        let flags = ["--droplet", &droplet.to_string()];
        let lie = FaultRule::new(Fault::TotalOffBy(too_large)).path("/v2/actions");
        cloud.break_with(lie.times(1));
        sandbox.sync(&cloud, &flags).exits(0).silently();
        cloud.add_actions_of(droplet, new);
        sandbox.sync(&cloud, &flags).exits(0).silently();
        sandbox.archive().is_exactly(cloud.actions_of(droplet));
    }
}

#[test]
fn a_length_that_was_never_true_keeps_no_later_sync_from_completing() {
    let (cloud, gone) = with_busy_droplet(settled(4, 600));
    let ids: Vec<_> = cloud.droplets().into_iter().map(|it| it.id).collect();
    let flags: Vec<_> = ids.iter().map(|id| format!("--droplet={id}")).collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let sandbox = Sandbox::new();
    let lie = FaultRule::new(Fault::WrongTotal(48_392_811)).path("/v2/actions");
    cloud.break_with(lie.times(1));
    sandbox.sync(&cloud, &flags).exits(0).silently();
    cloud.add_actions_of(gone, 3);
    cloud.destroy_droplet(gone).unwrap();
    sandbox.sync(&cloud, &flags).exits(0).silently();
    let of_the_living = ids.iter().filter(|id| **id != gone);
    let listed = of_the_living.flat_map(|id| cloud.actions_of(*id));
    let listed = listed.chain(own_actions(&cloud, gone));
    sandbox.archive().holds(listed.collect::<Vec<_>>());
}

#[test]
fn a_listing_that_grows_in_no_order_is_archived_whole_or_not_called_complete() {
    let options = Options {
        order: Order::Scattered,
        grow_per_request: 90,
        ..settled(4, 1_000)
    };
    let cloud = Cloud::start(options).unwrap();
    let sandbox = Sandbox::new().configured(UNPACED);
    for _ in 0..3 {
        let run = sandbox.sync(&cloud, &["--all"]).exits(3);
        run.says("the account's listing is incomplete");
    }
    cloud.grow_per_request(0);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_droplet_that_is_gone_is_no_failure_where_there_is_no_listing_of_the_account() {
    for refusal in [
        Fault::Status(404),
        Fault::Status(403),
        Fault::HtmlError(404),
    ] {
        let (cloud, droplet) = with_busy_droplet(settled(4, 600));
        cloud.break_with(FaultRule::new(refusal).path("/v2/actions"));
        let sandbox = Sandbox::new();
        let flags = ["--droplet", &droplet.to_string()];
        sandbox.sync(&cloud, &flags).exits(0).silently();
        let history = cloud.actions_of(droplet);
        cloud.destroy_droplet(droplet).unwrap();
        for _ in 0..2 {
            sandbox.sync(&cloud, &flags).exits(0).silently();
            sandbox.archive().holds(history.clone());
        }
    }
}

#[test]
fn a_listing_of_the_account_that_is_refused_once_hides_no_last_action_of_a_gone_droplet() {
    for refusal in [403, 404] {
        let (cloud, droplet) = with_busy_droplet(settled(4, 600));
        let sandbox = Sandbox::new();
        let flags = ["--droplet", &droplet.to_string()];
        sandbox.sync(&cloud, &flags).exits(0).silently();
        cloud.add_actions_of(droplet, 3);
        let history = cloud.actions_of(droplet);
        cloud.destroy_droplet(droplet).unwrap();
        cloud.break_with(FaultRule::new(Fault::Status(refusal)).path("/v2/actions?"));
        let run = sandbox.sync(&cloud, &flags).exits(3);
        run.says("the account's listing with the rest of its history was not read");
        cloud.clear_faults();
        sandbox.sync(&cloud, &flags).exits(0).silently();
        sandbox.archive().holds(history);
    }
}

#[test]
fn a_droplets_listing_that_lacks_what_the_accounts_listing_shows_is_not_complete() {
    let (cloud, droplet) = with_busy_droplet(settled(4, 600));
    let old = r#"{"actions": [], "links": {}, "meta": {"total": 0}}"#;
    let own = format!("/v2/droplets/{droplet}/actions");
    cloud.break_with(
        FaultRule::new(Fault::Body(old.to_owned()))
            .path(&own)
            .times(1),
    );
    let sandbox = Sandbox::new();
    let flags = ["--droplet", &droplet.to_string()];
    let run = sandbox.sync(&cloud, &flags).exits(3);
    run.says("the account's listing shows newer actions");
    sandbox.sync(&cloud, &flags).exits(0).silently();
    sandbox.archive().is_exactly(cloud.actions_of(droplet));
}

#[test]
fn rows_that_are_hidden_while_a_listing_grows_are_not_made_up_for_by_a_total_that_is_too_small() {
    let cloud = Cloud::start(Options {
        grow_per_request: 20,
        ..settled(4, 900)
    })
    .unwrap();
    cloud.break_with(FaultRule::new(Fault::TotalOffBy(-7)).page(1).times(2));
    cloud.break_with(FaultRule::new(Fault::ShortPage(24)).page(2).times(2));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(3).says("incomplete");
    let listed = cloud.actions();
    cloud.clear_faults();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().holds(listed);
}
