//! One sync at a time, and readers never block it.

use crate::account::cloud;
use crate::asked::requests;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::until;
use crate::sandbox::Sandbox;

/// A cloud that never answers for the second page.
fn stalling_cloud() -> Cloud {
    let cloud = cloud(3, 500);
    cloud.break_with(FaultRule::new(Fault::Stall).page(2).times(1));
    cloud
}

#[test]
fn a_second_sync_ends_at_once_and_names_the_holder() {
    let cloud = stalling_cloud();
    let sandbox = Sandbox::new();
    let holder = sandbox.start_sync(&cloud, &["--all"]);
    until("the first sync is at work", || requests(&cloud) >= 2);
    let run = sandbox.sync(&cloud, &["--all"]).exits(5);
    run.says("another sync")
        .says(&format!("process {}", holder.id()))
        .says("hint: ")
        .says("--wait");
    holder.kill();
}

#[test]
fn a_sync_that_waits_takes_its_turn() {
    let cloud = cloud(3, 500);
    cloud.break_with(FaultRule::new(Fault::Delay(1_000)).page(1).times(1));
    let sandbox = Sandbox::new();
    let holder = sandbox.start_sync(&cloud, &["--all"]);
    until("the first sync is at work", || requests(&cloud) >= 1);
    let waiting = sandbox.start_sync(&cloud, &["--all", "--wait", "60s"]);
    holder.end().exits(0).silently();
    waiting.end().exits(0).silently();
    let archive = sandbox.archive();
    archive.equals(&cloud);
    assert_eq!(
        archive.number("SELECT count(*) FROM sync_runs WHERE outcome = 'complete'"),
        2
    );
}

#[test]
fn a_wait_that_was_in_vain_ends_like_none() {
    let cloud = stalling_cloud();
    let sandbox = Sandbox::new();
    let holder = sandbox.start_sync(&cloud, &["--all"]);
    until("the first sync is at work", || requests(&cloud) >= 2);
    sandbox
        .sync(&cloud, &["--wait", "1s"])
        .exits(5)
        .says("another sync");
    holder.kill();
}

#[test]
fn a_killed_holder_leaves_no_stale_lock() {
    let cloud = stalling_cloud();
    let sandbox = Sandbox::new();
    let holder = sandbox.start_sync(&cloud, &["--all"]);
    until("the first sync is at work", || requests(&cloud) >= 2);
    holder.kill().dies_of(9);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn a_query_is_answered_while_a_sync_writes() {
    let cloud = stalling_cloud();
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("a page is archived", || {
        sandbox.db().exists() && sandbox.query(&["--count"]).stdout == "300\n"
    });
    sync.kill();
}

#[test]
fn a_reader_in_the_middle_of_something_stops_no_sync() {
    let cloud = cloud(3, 500);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.add_actions(300);
    let reader = rusqlite::Connection::open(sandbox.db()).unwrap();
    let rows: i64 = reader
        .query_row("SELECT count(*) FROM actions", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 500);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    drop(reader);
    sandbox.archive().equals(&cloud);
}
