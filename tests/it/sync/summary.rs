//! The message at the end of a sync: nothing from cron, text for people, JSON for scripts.

use crate::account::{cloud, settled_cloud};
use crate::cloud::{Fault, FaultRule};
use crate::sandbox::Sandbox;

#[test]
fn the_json_summary_has_every_number_of_the_run() {
    let cloud = settled_cloud(5, 500);
    let sandbox = Sandbox::new();
    let summary = sandbox.sync(&cloud, &["-o", "json"]).exits(0).json();
    for (field, expected) in [
        ("requests", 5),
        ("retries", 0),
        ("faults", 0),
        ("inserted", 500),
        ("updated", 0),
        ("unchanged", 0),
        ("rejected", 0),
    ] {
        assert_eq!(summary[field], expected, "{field}");
    }
    assert_eq!(summary["outcome"], "complete");
    assert_eq!(summary["message"], serde_json::Value::Null);
    assert_eq!(summary["listings"][0]["path"], "/v2/actions");
    assert_eq!(summary["listings"][0]["result"], "complete");
    assert_eq!(summary["listings"][0]["total"], 500);
}

#[test]
fn the_json_summary_names_the_droplet_that_failed() {
    let cloud = cloud(5, 500);
    let known = cloud.droplets()[0].id;
    let flags = ["-o", "json", "--droplet", &format!("{known},999999999")];
    let run = Sandbox::new().sync(&cloud, &flags).exits(3);
    let summary = run.json();
    assert_eq!(summary["outcome"], "partial");
    let results: Vec<_> = summary["listings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|listing| {
            (
                listing["droplet_id"].as_i64().unwrap(),
                listing["result"].clone(),
            )
        })
        .collect();
    assert_eq!(results.len(), 2);
    assert!(results.contains(&(known, "complete".into())), "{run}");
    assert!(results.contains(&(999_999_999, "failed".into())), "{run}");
}

#[test]
fn a_partial_sync_says_what_is_missing_and_that_the_rest_is_kept() {
    let cloud = cloud(5, 900);
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).page(3));
    let sandbox = Sandbox::new();
    let run = sandbox.sync(&cloud, &["--all"]).exits(3);
    run.says("error: the archive is not complete: the account's listing failed")
        .says("page=3")
        .says("404")
        .says("hint: ");
    let run = sandbox.archive().last_run();
    assert_eq!(run.outcome.as_deref(), Some("partial"));
    assert!(run.message.unwrap().contains("page=3"));
}

#[test]
fn verbosity_shows_the_run_then_every_request() {
    let cloud = cloud(5, 300);
    let run = Sandbox::new().sync(&cloud, &["--all", "-v"]).exits(0);
    run.says("300 new actions").never_says("GET /v2/actions");
    let run = Sandbox::new().sync(&cloud, &["--all", "-vv"]).exits(0);
    run.says("GET /v2/actions?page=2");
}

#[test]
fn nothing_reachable_is_a_failure_with_a_hint_at_the_network() {
    // No program listens on the port of the discard protocol, and no test gets it.
    let flags = ["--all", "--api-url", "http://127.0.0.1:9"];
    let run = Sandbox::new().sync(&cloud(3, 100), &flags).exits(1);
    run.says("cannot connect").says("hint: check the network");
}
