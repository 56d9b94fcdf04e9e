//! The account of an archive: the token of another account must not mix two histories.

use crate::account::{account, cloud};
use crate::asked::requests_for;
use crate::cloud::{Cloud, Fault, FaultRule, Options};
use crate::sandbox::Sandbox;

fn small_cloud() -> Cloud {
    cloud(4, 300)
}

/// Changes the uuid and the token, so that the same data belongs to another account.
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

fn belongs_to(cloud: &Cloud, token: &str, account: &str) {
    cloud.clear_faults();
    let body = format!("{{\"account\": {account}}}");
    cloud.break_with(FaultRule::new(Fault::Body(body)).path("/v2/account"));
    cloud.change(|options| options.token = token.to_owned());
}

#[test]
fn an_archive_belongs_to_a_team_and_every_member_may_go_on_with_it() {
    let cloud = small_cloud();
    let sandbox = Sandbox::new();
    belongs_to(&cloud, "dop_v1_a", r#"{"uuid": "u"}"#);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    belongs_to(
        &cloud,
        "dop_v1_b",
        r#"{"uuid": "u", "team": {"uuid": "t1"}}"#,
    );
    sandbox.sync(&cloud, &["--all"]).exits(0);
    belongs_to(
        &cloud,
        "dop_v1_c",
        r#"{"uuid": "colleague", "team": {"uuid": "t1"}}"#,
    );
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let before = sandbox.archive().contents();
    belongs_to(
        &cloud,
        "dop_v1_d",
        r#"{"uuid": "u", "team": {"uuid": "t2"}}"#,
    );
    let run = sandbox.sync(&cloud, &["--all"]).exits(4);
    run.says("the team t2").says("the team t1");
    sandbox.archive().is_unchanged_since(&before);
}

#[test]
fn a_token_that_shows_another_history_is_refused_whatever_it_says_of_its_owner() {
    let (cloud, other) = (small_cloud(), Cloud::start(other_history()).unwrap());
    for cloud in [&cloud, &other] {
        cloud.remove_scope("account:read");
    }
    let droplet = cloud.droplets()[0].id.to_string();
    for flags in [&["--all"][..], &["--droplet", &droplet]] {
        let sandbox = Sandbox::new();
        sandbox.sync(&cloud, flags).exits(0);
        let before = sandbox.archive().contents();
        sandbox
            .sync(&other, flags)
            .exits(4)
            .says("the token shows ");
        sandbox.archive().is_unchanged_since(&before);
        sandbox.sync(&cloud, flags).exits(0).silently();
    }
}

fn other_history() -> Options {
    Options {
        seed: 99,
        token: "dop_v1_of_another_account".to_owned(),
        ..account(4, 900)
    }
}
