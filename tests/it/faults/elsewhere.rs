//! The token goes to no other origin, wherever an answer points, and no answer uses up the memory.

use std::thread;

use crate::account::cloud;
use crate::asked::requests;
use crate::cloud::{Fault, FaultRule};
use crate::process::{Running, until};
use crate::sandbox::Sandbox;
use crate::witness::Witness;

#[test]
fn a_next_link_to_another_origin_is_never_followed() {
    let cloud = cloud(4, 900);
    let stranger = Witness::answering(200, "", "{}");
    cloud.break_with(FaultRule::new(Fault::ForeignNext(
        stranger.url().to_owned(),
    )));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox
        .sync(&cloud, &["--all", "--full"])
        .exits(0)
        .silently();
    sandbox.archive().equals(&cloud);
    assert_eq!(stranger.heads(), [""; 0]);
}

#[test]
fn a_redirect_is_never_followed() {
    let cloud = cloud(4, 900);
    let stranger = Witness::answering(200, "", "{}");
    let target = format!("{}/v2/actions", stranger.url());
    cloud.break_with(FaultRule::new(Fault::Redirect(target)).page(2));
    let sandbox = Sandbox::new();
    sandbox
        .sync(&cloud, &["--all"])
        .exits(3)
        .says("answered 302 with a redirect")
        .says("hint: check --api-url");
    assert_eq!(stranger.heads(), [""; 0]);
}

#[test]
fn a_decompression_bomb_does_not_fill_the_memory() {
    let cloud = cloud(4, 900);
    cloud.break_with(FaultRule::new(Fault::GzipBomb(2 << 30)).times(4));
    let sandbox = Sandbox::new();
    let mut command = sandbox.command_of("sh", &["-c", "ulimit -v 300000; exec \"$0\" sync"]);
    command
        .arg(env!("CARGO_BIN_EXE_archiver"))
        .env("DIGITALOCEAN_API_URL", cloud.url())
        .env("DIGITALOCEAN_TOKEN", cloud.token());
    Running::start(command).end().exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_retry_after_is_waited_for_a_minute_at_most_and_a_longer_one_ends_the_sync() {
    let cloud = cloud(4, 100);
    let limited = |seconds: &str| {
        cloud.clear_faults();
        cloud.break_with(FaultRule::new(Fault::TooManyRequests {
            retry_after: Some(seconds.to_owned()),
            reset: None,
        }));
    };
    let sandbox = Sandbox::new();
    limited("60");
    let sync = sandbox.start_sync(&cloud, &["--all", "-v"]);
    until("it waits", || sync.said().contains("again in 60.0 s"));
    sync.kill();
    for seconds in ["61", "36000", "999999999999999999"] {
        limited(seconds);
        let before = requests(&cloud);
        let run = sandbox.sync(&cloud, &["--all"]).exits(3);
        run.says("the rate limit of the token is used up until 2")
            .says("hint: run `archiver sync` again then");
        assert_eq!(requests(&cloud), before + 1, "{seconds}");
    }
}

/// Runs a sync with little memory against a server that gives only this answer.
#[track_caller]
fn is_refused(headers: &str, body: &str, said: &str) {
    let server = Witness::answering(200, headers, body);
    let sandbox = Sandbox::new();
    let mut command = sandbox.command_of("sh", &["-c", "ulimit -v 400000; exec \"$0\" sync"]);
    command
        .arg(env!("CARGO_BIN_EXE_archiver"))
        .env("DIGITALOCEAN_API_URL", server.url())
        .env("DIGITALOCEAN_TOKEN", "token");
    let run = Running::start(command).end().exits(1).says(said);
    assert!(run.stderr.len() < 4_000, "{run}");
}

#[test]
fn heads_bodies_lists_and_nesting_without_measure_are_refused() {
    let one_header = format!("x-long: {}\r\n", "x".repeat(1 << 20));
    let many_headers = "x-many: 1\r\n".repeat(5_000);
    let long = format!("{{\"actions\": [], \"x\": \"{}\"}}", "x".repeat(17 << 20));
    let rows = format!("{{\"actions\": [{}{{}}]}}", "{},".repeat(4 << 20));
    let deep = "[".repeat(3 << 20);
    let deep_inside = format!("{{\"actions\": [{{\"id\": 1, \"x\": {deep}");
    // The sync tries each of them six times, with waits between.
    thread::scope(|scope| {
        for (headers, body, said) in [
            (one_header.as_str(), "{}", "GET /v2/actions"),
            (many_headers.as_str(), "{}", "GET /v2/actions"),
            ("", long.as_str(), "it is longer than 16777216 bytes"),
            ("", rows.as_str(), "it has more than 10000 rows"),
            ("", deep.as_str(), "GET /v2/actions"),
            ("", deep_inside.as_str(), "GET /v2/actions"),
        ] {
            scope.spawn(move || is_refused(headers, body, said));
        }
    });
}
