//! Signals and kills: the archive keeps what was read, and the next sync reads only the missing pages.

use std::fs;

use rusqlite::Connection;

use crate::account::{settled, settled_cloud};
use crate::asked::{hold_after, requests, requests_for, until_held};
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Running, SOON, is_alive, listens_to_signals, until};
use crate::sandbox::Sandbox;

const PAGES: usize = 15;

fn cloud_of_pages() -> Cloud {
    settled_cloud(5, 200 * PAGES)
}

/// The next sync must complete. It may request only the missing pages, the newest page and the names.
#[track_caller]
fn the_rest_costs_only_what_is_missing(sandbox: &Sandbox, cloud: &Cloud) {
    let archived = sandbox.archive().actions().len();
    assert_eq!(archived % 200, 0, "whole pages only: {archived}");
    cloud.clear_faults();
    sandbox.sync(cloud, &["--all"]).exits(0).silently();
    let archive = sandbox.archive();
    archive.equals(cloud);
    // The number that the sync itself counted: the cloud may still receive requests of the sync before it. The last
    // page is full, so one more request shows that it is the last.
    let (missing, sent) = (PAGES - archived / 200, archive.last_run().requests);
    assert!(
        sent <= missing as i64 + 3,
        "{missing} pages were missing, {sent} requests were sent"
    );
}

#[test]
fn a_sync_told_to_stop_keeps_its_pages_and_the_next_one_reads_the_rest() {
    for signal in ["TERM", "INT", "HUP"] {
        let cloud = cloud_of_pages();
        hold_after(&cloud, 4);
        let sandbox = Sandbox::new();
        let sync = sandbox.start_sync(&cloud, &["--all"]);
        until_held(&cloud, 4);
        sync.signal(signal);
        cloud.release();
        let run = sync.end_within(SOON).exits(3);
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
    let cloud = cloud_of_pages();
    cloud.break_with(FaultRule::new(Fault::Stall).page(2));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("some pages are read", || requests(&cloud) >= 8);
    sync.signal("TERM");
    sync.end_within(SOON).exits(3);
    the_rest_costs_only_what_is_missing(&sandbox, &cloud);
}

#[test]
fn a_second_signal_leaves_at_once_and_does_no_damage() {
    let cloud = cloud_of_pages();
    cloud.break_with(FaultRule::new(Fault::Stall).page(2));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("some pages are read", || requests(&cloud) >= 8);
    sync.signal("TERM");
    sync.signal("INT");
    sync.end_within(SOON).exits(3);
    the_rest_costs_only_what_is_missing(&sandbox, &cloud);
}

#[test]
fn a_wait_for_a_retry_does_not_keep_a_sync_from_stopping() {
    let cloud = cloud_of_pages();
    let limited = Fault::TooManyRequests {
        retry_after: Some("60".to_owned()),
        reset: None,
    };
    cloud.break_with(FaultRule::new(limited).page(3));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all", "-v"]);
    until("it waits", || sync.said().contains("again in 60.0 s"));
    sync.signal("TERM");
    sync.end_within(SOON).exits(3);
    the_rest_costs_only_what_is_missing(&sandbox, &cloud);
}

#[test]
fn a_sync_told_to_stop_before_its_first_answer_stops() {
    let cloud = cloud_of_pages();
    cloud.break_with(FaultRule::new(Fault::Stall));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("it asks", || requests(&cloud) >= 1);
    sync.signal("TERM");
    sync.end_within(SOON).exits(3);
    the_rest_costs_only_what_is_missing(&sandbox, &cloud);
}

#[test]
fn a_sync_killed_at_any_moment_is_resumed_without_a_gap() {
    for after in [1, 2, 3, 5, 8, 11, 14, 15, 16] {
        let cloud = cloud_of_pages();
        cloud.break_with(FaultRule::new(Fault::Stall).nth(after as u64));
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
fn a_killed_sync_has_recorded_what_it_archived() {
    let cloud = cloud_of_pages();
    cloud.break_with(FaultRule::new(Fault::Stall).page(9));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    let archived = || {
        let archive = Connection::open(sandbox.db()).ok()?;
        let sql = "SELECT count(*) FROM actions";
        archive.query_row(sql, [], |row| row.get::<_, i64>(0)).ok()
    };
    until("some pages are archived", || archived() > Some(0));
    sync.kill().dies_of(9);
    let archive = sandbox.archive();
    assert_eq!(archive.last_run().inserted, archive.actions().len() as i64);
}

#[test]
fn killed_again_and_again_while_the_listing_grows_it_still_gets_there() {
    let cloud = cloud_of_pages();
    cloud.grow_per_request(7);
    let sandbox = Sandbox::new();
    for _ in 0..6 {
        cloud.clear_requests();
        cloud.clear_faults();
        let stall = FaultRule::new(Fault::Stall).path("/v2/actions");
        cloud.break_with(stall.nth(4).times(u64::MAX));
        let mut sync = sandbox.start_sync(&cloud, &["--all"]);
        until("it has read something", || {
            requests_for(&cloud, "/v2/actions") >= 4 || sync.has_ended()
        });
        sync.kill();
    }
    cloud.grow_per_request(0);
    cloud.clear_faults();
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_sync_that_waits_for_another_or_for_its_token_ends_when_told_to() {
    let cloud = Cloud::start(settled(2, 40)).unwrap();
    cloud.break_with(FaultRule::new(Fault::Stall));
    let sandbox = Sandbox::new();
    let first = sandbox.start_sync(&cloud, &["--all"]);
    until("it is locked", || {
        sandbox.db().with_file_name("archive.db.lock").exists()
    });
    let second = sandbox.start_sync(&cloud, &["--all", "--wait", "10m"]);
    until("it listens", || listens_to_signals(second.id()));
    second.signal("TERM");
    second.end().exits(3).says("stopped before the sync began");
    first.kill();

    let command = "token_command = 'sleep 500 & echo $! >id; wait'\n";
    let sandbox = Sandbox::new()
        .configured(command)
        .with("DIGITALOCEAN_API_URL", cloud.url());
    let sync = Running::start(sandbox.command(&["sync", "--all"]));
    let id = || fs::read_to_string(sandbox.folder().join("id")).unwrap_or_default();
    until("it waits for its token", || id().ends_with('\n'));
    sync.signal("TERM");
    sync.end().exits(3).says("stopped before the sync began");
    until("the command has ended", || !is_alive(id().trim()));
}

/// A signal does not end the first process of a container by itself.
#[cfg(target_os = "linux")]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[test]
fn the_first_process_of_a_container_ends_when_told_to() {
    let cloud = Cloud::start(settled(2, 40)).unwrap();
    let sandbox = Sandbox::new().with("DIGITALOCEAN_TOKEN", cloud.token());
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.break_with(FaultRule::new(Fault::Stall));
    let in_container = |arguments: &[&str]| {
        let binary = env!("CARGO_BIN_EXE_archiver");
        let own = ["--pid", "--fork", "--kill-child", "--mount-proc", binary];
        sandbox.command_of("unshare", &[&own[..], arguments].concat())
    };
    let tried = in_container(&["--version"]).output();
    if !tried.is_ok_and(|it| it.status.success()) {
        eprintln!("skipped: `unshare` cannot make a process the first one, as only root may");
        return;
    }
    let lock = sandbox.db().with_file_name("archive.db.lock");
    let first = sandbox.start_sync(&cloud, &["--all"]);
    until("it is locked", || lock.exists());
    let endless =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    for (arguments, status) in [
        (&["sql", endless][..], 143),
        (
            &["sync", "--all", "--wait", "10m", "--api-url", &cloud.url()],
            3,
        ),
    ] {
        let run = Running::start(in_container(arguments));
        until("it listens", || {
            child_of(run.id()).is_some_and(listens_to_signals)
        });
        let child = child_of(run.id()).unwrap().to_string();
        let told = sandbox.command_of("kill", &["-TERM", &child]).status();
        assert!(told.unwrap().success());
        run.end().exits(status);
    }
    first.kill();
}

#[cfg(target_os = "linux")]
fn child_of(id: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
