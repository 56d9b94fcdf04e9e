//! Signals and kills: what was read is kept, and only what is missing is read again.

use std::time::Duration;

use crate::account::settled;
use crate::asked::{requests, requests_for};
use crate::cloud::{Cloud, Fault, FaultRule, Options};
use crate::process::until;
use crate::sandbox::Sandbox;

const PAGES: usize = 15;
const WITHIN: Duration = Duration::from_secs(5);

/// Fifteen pages, none of them at once.
fn slow_cloud() -> Cloud {
    let options = Options {
        latency: Duration::from_millis(120),
        ..settled(5, 200 * PAGES)
    };
    Cloud::start(options).unwrap()
}

/// The next sync must complete, and ask for no more than was missing, the newest page and the names.
#[track_caller]
fn the_rest_costs_only_what_is_missing(sandbox: &Sandbox, cloud: &Cloud) {
    let archived = sandbox.archive().actions().len();
    assert_eq!(archived % 200, 0, "whole pages only: {archived}");
    cloud.clear_faults();
    cloud.change(|options| options.latency = Duration::ZERO);
    sandbox.sync(cloud, &["--all"]).exits(0).silently();
    let archive = sandbox.archive();
    archive.equals(cloud);
    // By its own count: the cloud may still be hearing what the one before asked for.
    let (missing, sent) = (PAGES - archived / 200, archive.last_run().requests);
    assert!(
        sent <= missing as i64 + 2,
        "{missing} pages were missing, {sent} requests were sent"
    );
}

#[test]
fn a_sync_told_to_stop_keeps_its_pages_and_the_next_one_reads_the_rest() {
    for signal in ["TERM", "INT", "HUP"] {
        let cloud = slow_cloud();
        let sandbox = Sandbox::new();
        let sync = sandbox.start_sync(&cloud, &["--all"]);
        until("some pages are read", || requests(&cloud) >= 8);
        sync.signal(signal);
        let run = sync.end_within(WITHIN).exits(3);
        run.says("told to stop");
        let last = sandbox.archive().last_run();
        assert_eq!(last.outcome.as_deref(), Some("interrupted"));
        assert!(last.is_finished && last.inserted >= 400, "{last:?}");
        assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
        the_rest_costs_only_what_is_missing(&sandbox, &cloud);
    }
}

#[test]
fn a_stalled_page_does_not_keep_a_sync_from_stopping() {
    let cloud = slow_cloud();
    cloud.break_with(FaultRule::new(Fault::Stall).page(2));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("some pages are read", || requests(&cloud) >= 8);
    sync.signal("TERM");
    sync.end_within(WITHIN).exits(3);
    the_rest_costs_only_what_is_missing(&sandbox, &cloud);
}

#[test]
fn a_second_signal_leaves_at_once_and_does_no_damage() {
    let cloud = slow_cloud();
    cloud.break_with(FaultRule::new(Fault::Stall).page(2));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("some pages are read", || requests(&cloud) >= 8);
    sync.signal("TERM");
    sync.signal("INT");
    sync.end_within(WITHIN).exits(3);
    the_rest_costs_only_what_is_missing(&sandbox, &cloud);
}

#[test]
fn a_wait_for_a_retry_does_not_keep_a_sync_from_stopping() {
    let cloud = slow_cloud();
    let limited = Fault::TooManyRequests {
        retry_after: Some("60".to_owned()),
        reset: None,
    };
    cloud.break_with(FaultRule::new(limited).page(3));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all", "-v"]);
    until("it waits", || sync.said().contains("again in 60.0 s"));
    sync.signal("TERM");
    sync.end_within(WITHIN).exits(3);
    the_rest_costs_only_what_is_missing(&sandbox, &cloud);
}

#[test]
fn a_sync_told_to_stop_before_its_first_answer_stops() {
    let cloud = slow_cloud();
    cloud.break_with(FaultRule::new(Fault::Stall));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("it asks", || requests(&cloud) >= 1);
    sync.signal("TERM");
    sync.end_within(WITHIN).exits(3);
    the_rest_costs_only_what_is_missing(&sandbox, &cloud);
}

#[test]
fn a_sync_killed_at_any_moment_is_resumed_without_a_gap() {
    for after in [1, 2, 3, 5, 8, 11, 14, 15, 16] {
        let cloud = slow_cloud();
        let sandbox = Sandbox::new();
        let sync = sandbox.start_sync(&cloud, &["--all"]);
        until("it has asked so often", || requests(&cloud) >= after);
        sync.kill().dies_of(9);
        let last = sandbox.archive().last_run();
        assert!(!last.is_finished && last.outcome.is_none(), "{last:?}");
        the_rest_costs_only_what_is_missing(&sandbox, &cloud);
    }
}

#[test]
fn killed_again_and_again_while_the_listing_grows_it_still_gets_there() {
    let cloud = slow_cloud();
    cloud.grow_per_request(7);
    let sandbox = Sandbox::new();
    for _ in 0..6 {
        cloud.clear_requests();
        let sync = sandbox.start_sync(&cloud, &["--all"]);
        until("it has read something", || {
            requests_for(&cloud, "/v2/actions") >= 4
        });
        sync.kill();
    }
    cloud.grow_per_request(0);
    cloud.change(|options| options.latency = Duration::ZERO);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}
