//! Whose history an archive holds: another account's token must not mix two of them.

use crate::account::cloud;
use crate::asked::requests_for;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::sandbox::Sandbox;

fn small_cloud() -> Cloud {
    cloud(4, 300)
}

/// The same account to look at, but another one by its uuid, and with another token.
fn of_another_account(cloud: &Cloud) {
    let body = "{\"account\": {\"uuid\": \"another\"}}".to_owned();
    cloud.break_with(FaultRule::new(Fault::Body(body)).path("/v2/account"));
    cloud.change(|options| options.token = "dop_v1_of_another_account".to_owned());
}

#[test]
fn the_token_of_another_account_is_refused_before_anything_is_mixed() {
    let cloud = small_cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let before = sandbox.archive().contents();
    cloud.add_actions(5);
    of_another_account(&cloud);
    cloud.clear_requests();
    let droplet = cloud.droplets()[0].id.to_string();
    for flags in [&["--all"][..], &["--droplet", &droplet], &["--tag", "web"]] {
        let run = sandbox.sync(&cloud, flags).exits(4);
        run.says("account another").says("hint: ");
    }
    assert_eq!(requests_for(&cloud, "/v2/account"), cloud.requests().len());
    sandbox.archive().is_unchanged_since(&before);
}

#[test]
fn a_new_token_of_the_same_account_goes_on_where_the_old_one_stopped() {
    let cloud = small_cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.change(|options| options.token = "dop_v1_renewed".to_owned());
    cloud.add_actions(5);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    assert_eq!(requests_for(&cloud, "/v2/account"), 2);
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_token_that_may_not_read_the_account_is_no_less_complete() {
    let cloud = small_cloud();
    cloud.remove_scope("account:read");
    let sandbox = Sandbox::new();
    for _ in 0..2 {
        sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    }
    sandbox.archive().equals(&cloud);
    assert_eq!(
        requests_for(&cloud, "/v2/account"),
        1,
        "asked once is enough"
    );
}

#[test]
fn an_account_that_cannot_be_asked_does_not_stop_the_sync() {
    let cloud = small_cloud();
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).path("/v2/account"));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}
