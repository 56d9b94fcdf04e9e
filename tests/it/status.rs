//! `archiver status`: its output before, during and after a sync, and the values for monitoring.

use std::process::Command;

use rusqlite::Connection;

use crate::account::{cloud, settled_cloud};
use crate::asked::requests;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Run, Running, until};
use crate::sandbox::Sandbox;

fn status(sandbox: &Sandbox, flags: &[&str]) -> Run {
    sandbox.run(&[&["status"], flags].concat())
}

/// The verdict, which is the first line.
#[track_caller]
fn verdict(sandbox: &Sandbox) -> String {
    let run = status(sandbox, &[]).exits(0);
    assert_eq!(run.stderr, "");
    run.stdout.lines().next().unwrap().to_owned()
}

fn json(sandbox: &Sandbox) -> serde_json::Value {
    status(sandbox, &["-o", "json"]).exits(0).json()
}

/// Moves the start of all sync runs into the past by this many hours.
fn age(sandbox: &Sandbox, hours: u32) {
    let connection = Connection::open(sandbox.db()).unwrap();
    let sql = "UPDATE sync_runs SET started_at = strftime('%Y-%m-%dT%H:%M:%SZ', started_at, ?1)";
    connection
        .execute(sql, [format!("-{hours} hours")])
        .unwrap();
}

fn sync_with_wrong_token(sandbox: &Sandbox, cloud: &Cloud) -> Run {
    let mut command: Command = sandbox.sync_command(cloud, &["--all"]);
    command.env("DIGITALOCEAN_TOKEN", "dop_v1_wrong");
    Running::start(command).end()
}

#[test]
fn before_a_sync_there_is_no_archive_or_one_that_was_never_synced() {
    let sandbox = Sandbox::new();
    status(&sandbox, &[])
        .exits(6)
        .says("there is no archive at");
    status(&sandbox, &["--exit-code", "--max-age", "2h"]).exits(6);
    std::fs::create_dir_all(sandbox.db().parent().unwrap()).unwrap();
    let schema = sandbox.run(&["schema"]).exits(0).stdout;
    let empty = Connection::open(sandbox.db()).unwrap();
    empty.execute_batch(&schema).unwrap();
    drop(empty);
    assert_eq!(verdict(&sandbox), "never synced");
    status(&sandbox, &["--exit-code"]).exits(10);
}

#[test]
fn after_a_sync_the_archive_is_complete_and_the_numbers_are_the_truth() {
    let cloud = cloud(6, 700);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let said = verdict(&sandbox);
    assert!(
        said.starts_with("complete: 700 actions of the account, last synced "),
        "{said}"
    );
    let page = status(&sandbox, &[]).exits(0).stdout;
    for words in [
        "/v2/actions",
        "none is running",
        "in progress, the oldest is ",
    ] {
        assert!(page.contains(words), "`{words}` is not in {page}");
    }

    let json = json(&sandbox);
    let actions = cloud.actions();
    let open = actions
        .iter()
        .filter(|action| action.status.as_deref() == Some("in-progress"));
    let first = actions.iter().filter_map(|it| it.started_at.clone()).min();
    let last = actions.iter().filter_map(|it| it.started_at.clone()).max();
    assert_eq!(json["state"], "complete");
    assert_eq!(json["actions"], 700);
    assert_eq!(json["open_actions"], open.count());
    assert_eq!(json["first_action_at"].as_str(), first.as_deref());
    assert_eq!(json["last_action_at"].as_str(), last.as_deref());
    assert_eq!(json["is_sync_running"], false);
    assert_eq!(json["listings"][0]["path"], "/v2/actions");
    assert_eq!(json["listings"][0]["total"], 700);
    assert_eq!(json["listings"][0]["covered"], 700);
    assert_eq!(json["runs"][0]["outcome"], "complete");
    assert_eq!(json["runs"][0]["inserted"], 700);

    let csv = status(&sandbox, &["-o", "csv", "--columns", "path,total,missing"]);
    assert_eq!(
        csv.exits(0).stdout,
        "path,total,missing\n/v2/actions,700,0\n"
    );
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn monitoring_is_told_by_the_exit_status() {
    let cloud = cloud(3, 200);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let check = |flags: &[&str]| status(&sandbox, &[&["--exit-code"], flags].concat());
    check(&["--max-age", "2h"]).exits(0);
    age(&sandbox, 3);
    let stale = check(&["--max-age", "2h"]).exits(10);
    let said = stale.stdout.lines().next().unwrap();
    assert!(said.starts_with("stale: 200 actions of the account, last synced 3 hours ago"));
    check(&["--max-age", "4h"]).exits(0);
    check(&[]).exits(0);
    status(&sandbox, &["--max-age", "2h"]).exits(0);
    check(&["--max-age", "soon"]).exits(2).says("--max-age: ");

    // A failed sync does not change the age of the archived actions, and a sync makes the archive fresh again.
    sync_with_wrong_token(&sandbox, &cloud).exits(4);
    check(&["--max-age", "4h"]).exits(0);
    let said = verdict(&sandbox);
    assert!(
        said.contains("last synced 3 hours ago; a sync failed "),
        "{said}"
    );
    assert!(said.contains("token"), "{said}");
    sandbox.sync(&cloud, &["--all"]).exits(0);
    check(&["--max-age", "2h"]).exits(0);
}

#[test]
fn a_sync_is_seen_at_work_and_after_it_was_killed() {
    let cloud = settled_cloud(3, 500);
    cloud.break_with(FaultRule::new(Fault::Stall).page(2).times(1));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("a page is archived", || {
        sandbox.db().exists() && sandbox.query(&["--count"]).stdout == "300\n"
    });
    let said = verdict(&sandbox);
    assert!(said.starts_with("incomplete: "), "{said}");
    assert!(said.ends_with(", 300 of 500 actions archived"), "{said}");
    let during = json(&sandbox);
    assert_ne!(during["is_sync_running"], false);
    assert_eq!(during["listings"][0]["missing"], 200);
    // `status` changes nothing: the lock is still held.
    sandbox.sync(&cloud, &["--all"]).exits(5);

    sync.kill();
    let said = verdict(&sandbox);
    assert!(said.starts_with("incomplete: a sync "), "{said}");
    assert!(
        said.contains("killed, 300 of 500 actions archived"),
        "{said}"
    );
    assert_ne!(json(&sandbox)["is_sync_running"], true);
    status(&sandbox, &["--exit-code"]).exits(10);

    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert!(verdict(&sandbox).starts_with("complete: 500 actions"));
    status(&sandbox, &["--exit-code"]).exits(0);
}

#[test]
fn a_reader_of_a_sync_at_work_is_told_so_where_the_system_lists_locks() {
    if !std::path::Path::new("/proc/locks").exists() {
        return;
    }
    let cloud = cloud(3, 200);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.break_with(FaultRule::new(Fault::Stall).times(1));
    cloud.clear_requests();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("the sync is at work", || requests(&cloud) >= 1);
    let said = verdict(&sandbox);
    assert!(said.starts_with("complete: 200 actions"), "{said}");
    assert!(said.ends_with("; a sync is running"), "{said}");
    let json = json(&sandbox);
    assert_eq!(json["is_sync_running"], true);
    assert_eq!(json["runs"][0]["outcome"], "running");
    let holder = format!("process {}", sync.id());
    assert!(status(&sandbox, &[]).exits(0).stdout.contains(&holder));
    sync.kill();
}

#[test]
fn a_partial_sync_says_what_is_missing() {
    let cloud = cloud(4, 600);
    let ids: Vec<_> = cloud.droplets().iter().map(|it| it.id).collect();
    let flags = ids.iter().map(|id| format!("--droplet={id}"));
    let flags: Vec<_> = flags.collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let failing = format!("/v2/droplets/{}/", ids[1]);
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).path(&failing));
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &flags).exits(3);
    let said = verdict(&sandbox);
    assert!(said.starts_with("incomplete: a sync "), "{said}");
    assert!(said.contains(&format!("droplet {} ", ids[1])), "{said}");
    status(&sandbox, &["--exit-code"]).exits(10);

    cloud.clear_faults();
    sandbox.sync(&cloud, &flags).exits(0);
    let said = verdict(&sandbox);
    assert!(
        said.starts_with(&format!("complete: {} droplets, ", ids.len())),
        "{said}"
    );
    let json = json(&sandbox);
    let listings = json["listings"].as_array().unwrap();
    assert!(listings.iter().all(|it| it["path"] != "/v2/actions"));
    let own = listings.iter().filter(|it| it["droplet_id"].is_i64());
    assert_eq!(own.clone().count(), ids.len());
    for listing in own {
        assert_eq!(listing["missing"], 0, "{listing}");
        assert_eq!(listing["is_followed"], true, "{listing}");
        assert!(listing["droplet_name"].is_string(), "{listing}");
    }

    // New actions come through the account's listing.
    cloud.add_actions(40);
    sandbox.sync(&cloud, &flags).exits(0);
    assert!(verdict(&sandbox).starts_with("complete: "));
    status(&sandbox, &["--exit-code", "--max-age", "1h"]).exits(0);
}

#[test]
fn a_sync_told_to_stop_leaves_an_incomplete_archive() {
    let cloud = settled_cloud(3, 900);
    cloud.break_with(FaultRule::new(Fault::Stall).page(3).times(1));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("pages are archived", || {
        sandbox.db().exists() && sandbox.query(&["--count"]).stdout == "700\n"
    });
    sync.signal("TERM");
    sync.end().exits(3);
    let said = verdict(&sandbox);
    assert!(said.starts_with("incomplete: a sync "), "{said}");
    assert!(said.contains(" was interrupted "), "{said}");
}

#[test]
fn times_are_shown_in_the_zone_that_was_asked_for() {
    let cloud = cloud(2, 50);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let page = status(&sandbox, &["--tz", "+05:30"]).exits(0).stdout;
    assert!(page.contains("+05:30"), "{page}");
}
