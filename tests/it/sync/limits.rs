//! The rate limits, which all users of the token share.

use crate::account::cloud;
use crate::sandbox::Sandbox;

#[test]
fn an_hour_that_is_used_up_ends_the_sync_with_a_time_to_come_back() {
    let cloud = cloud(5, 2_000);
    cloud.change(|options| options.hourly.requests = Some(5));
    let sandbox = Sandbox::new();
    let run = sandbox.sync(&cloud, &["--all"]).exits(3);
    run.says("rate limit is used up until 20")
        .says("hint: run `archiver sync` again then");
    assert_eq!(sandbox.archive().actions().len(), 800);
    cloud.reset_limits();
    cloud.change(|options| options.hourly.requests = None);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox.archive().equals(&cloud);
}

#[test]
fn an_hour_that_was_used_up_before_the_sync_is_no_failure_but_a_reason_to_come_back() {
    let cloud = cloud(5, 500);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.change(|options| options.hourly.requests = Some(0));
    let run = sandbox.sync(&cloud, &["--all"]).exits(3);
    run.says("rate limit is used up until 20");
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_reserve_is_left_to_the_tokens_other_users() {
    let cloud = cloud(5, 2_000);
    cloud.change(|options| options.hourly.requests = Some(20));
    let sandbox = Sandbox::new().configured("[limits]\nreserve = 15\nconcurrency = 1\n");
    sandbox.sync(&cloud, &["--all"]).exits(3).says("until 20");
    assert_eq!(cloud.requests().len(), 5);
}

#[test]
fn the_minutes_limit_is_waited_for() {
    let cloud = cloud(5, 1_400);
    cloud.change(|options| {
        options.minute.requests = Some(3);
        options.minute.window = std::time::Duration::from_secs(1);
    });
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}
