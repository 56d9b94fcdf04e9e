//! Ticks: each tick is a sync, or the log says why not. Nothing is lost, and no two syncs run at once.

use std::time::Duration;

use super::{EVERY_SECOND, NEVER, end, lines, sandbox, until_said};
use crate::account::{cloud, settled_cloud};
use crate::archive::Archive;
use crate::asked::{hold_after, requests, until_held};
use crate::cloud::{Fault, FaultRule};
use crate::process::{Running, until};
use crate::sandbox::Sandbox;

/// The number of syncs that began before the previous one had ended.
fn overlaps(archive: &Archive) -> i64 {
    archive.number(
        "SELECT count(*) FROM sync_runs AS next JOIN sync_runs AS run ON run.id = next.id - 1 \
          WHERE run.finished_at > next.started_at",
    )
}

#[test]
fn what_was_never_synced_is_synced_at_once_and_the_next_runs_are_announced() {
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    let flags = ["--cron", "30 2 * * *", "--timezone", "Europe/Dublin", "-v"];
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until_said(&daemon, 1, "complete: 450 new actions");
    let run = end(daemon).says("30 2 * * * in the time zone Europe/Dublin");
    let announced: Vec<_> = run
        .stderr
        .lines()
        .filter(|line| line.contains(" a run at "))
        .collect();
    assert_eq!(announced.len(), 5, "{run}");
    assert!(
        announced.iter().all(|line| line.contains("T02:30:00")),
        "{run}"
    );
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_slow_sync_is_not_doubled_and_what_it_costs_is_said() {
    let cloud = cloud(4, 1_600);
    cloud.change(|options| options.latency = Duration::from_millis(700));
    cloud.grow_per_request(2);
    let sandbox = sandbox();
    let daemon = sandbox.start_daemon(&cloud, &["--cron", EVERY_SECOND]);
    until_said(&daemon, 3, ": complete: ");
    cloud.grow_per_request(0);
    cloud.change(|options| options.latency = Duration::ZERO);
    // Also the sync of the next tick, which began after the last action appeared.
    let complete = lines(&daemon.said(), ": complete: ");
    until_said(&daemon, complete + 2, ": complete: ");
    let run = end(daemon).says("is left out: the previous sync is still running");
    assert!(
        cloud.most_at_once() <= 4,
        "the pages of one sync at a time: {run}"
    );
    let archive = sandbox.archive();
    archive.equals(&cloud);
    assert_eq!(overlaps(&archive), 0, "{run}");
}

#[test]
fn a_server_that_is_away_ends_nothing_and_is_found_again() {
    let cloud = settled_cloud(3, 450);
    cloud.break_with(FaultRule::new(Fault::Reset).times(14));
    let sandbox = sandbox();
    let daemon = sandbox.start_daemon(&cloud, &["--cron", EVERY_SECOND]);
    until_said(&daemon, 1, ": complete: 450 new");
    end(daemon)
        .says("the last sync was not complete; the next starts at")
        .says("trying again after a failure")
        .says("ticks were left out meanwhile");
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_token_that_is_refused_is_said_loudly_and_tried_again_at_the_next_tick() {
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    let mut command = sandbox.daemon_command(&cloud, &["--cron", EVERY_SECOND]);
    command.env("DIGITALOCEAN_TOKEN", "revoked-token");
    let daemon = Running::start(command);
    until_said(&daemon, 3, "error: ");
    let waits = "is left out: the last sync failed";
    assert_eq!(lines(&daemon.said(), waits), 0);
    cloud.change(|options| options.token = "revoked-token".to_owned());
    until_said(&daemon, 1, ": complete: 450 new");
    end(daemon)
        .says("the API does not accept the token")
        .says("hint: ")
        .never_says("revoked-token");
}

#[test]
fn a_tick_is_left_to_a_sync_of_somebody_else() {
    let cloud = settled_cloud(3, 450);
    let stall = FaultRule::new(Fault::Stall).path("/v2/actions").times(1);
    cloud.break_with(stall);
    let sandbox = sandbox();
    let other = sandbox.start_sync(&cloud, &["--all"]);
    until("the other sync is at work", || requests(&cloud) >= 2);
    let daemon = sandbox.start_daemon(&cloud, &["--cron", EVERY_SECOND]);
    until_said(&daemon, 2, "this tick is left to another sync");
    other.kill();
    until_said(&daemon, 1, ": complete: ");
    end(daemon);
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_daemon_that_was_killed_goes_on_where_it_was_without_waiting_for_a_tick() {
    let cloud = settled_cloud(5, 3_000);
    hold_after(&cloud, 4);
    let sandbox = sandbox();
    let flags = ["--cron", NEVER];
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until_held(&cloud, 4);
    daemon.kill();
    cloud.clear_faults();
    cloud.clear_requests();
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until_said(&daemon, 1, ": complete: ");
    end(daemon);
    sandbox.archive().equals(&cloud);
    // A third daemon, a moment after a complete sync, has no missed tick to make up for.
    cloud.clear_requests();
    let daemon = sandbox.start_daemon(&cloud, &[&flags[..], &["-v"]].concat());
    until_said(&daemon, 5, " a run at ");
    let run = end(daemon);
    assert!(!run.stderr.contains("starts now"), "{}", run.stderr);
    assert_eq!(requests(&cloud), 0);
}

#[test]
fn the_limits_of_the_api_do_not_begin_anew_with_each_sync() {
    let cloud = settled_cloud(3, 450);
    // The pace allows more requests than one sync sends, and fewer than two.
    let sandbox = Sandbox::new().configured("[limits]\nrequests_per_minute = 6\n");
    let daemon = sandbox.start_daemon(&cloud, &["--cron", EVERY_SECOND, "-vv"]);
    until_said(&daemon, 1, "waiting for the rate limit (");
    end(daemon).says("run 2: waiting ");
}

/// What version 10 changed, except for the views of version 3 that it replaced.
const OLDER_VIEWS_AND_INDEXES: &str = "
DROP VIEW off_intervals;
DROP VIEW power_events;
DROP VIEW droplet_backups;
DROP VIEW droplet_lives;
DROP VIEW irregular_actions;
DROP VIEW own_backups;
DROP VIEW listed_backups;
DROP VIEW own_power_events;
DROP VIEW listed_power_events;
DROP VIEW known_droplets;
DROP VIEW archived_histories;
DROP INDEX actions_over_without_end;
DROP INDEX actions_backwards;
DROP INDEX actions_by_resource_and_time;
CREATE INDEX actions_by_resource_and_time ON actions (resource_id, started_at);";

#[test]
fn an_archive_of_an_older_version_is_upgraded_by_the_first_sync() {
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    sandbox.sync(&cloud, &[]).exits(0);
    let archive = rusqlite::Connection::open(sandbox.db()).unwrap();
    let staged = include_str!("../../../migrations/0005_staged_actions.sql");
    archive.execute_batch(staged).unwrap();
    archive.execute_batch(OLDER_VIEWS_AND_INDEXES).unwrap();
    let views = include_str!("../../../migrations/0003_views.sql");
    let later = views.find("-- Every backup and snapshot").unwrap();
    archive.execute_batch(&views[later..]).unwrap();
    archive
        .execute_batch(
            "DROP INDEX listings_by_droplet;
             ALTER TABLE listings DROP COLUMN proven_since;
             ALTER TABLE listings DROP COLUMN audit_position;
             ALTER TABLE listings DROP COLUMN audit_began_at;
             ALTER TABLE listings DROP COLUMN audited_at;
             ALTER TABLE sync_runs DROP COLUMN faults;
             ALTER TABLE account DROP COLUMN team_uuid;
             ALTER TABLE actions_asked_for DROP COLUMN asked_at;
             DROP TABLE droplet_tags;
             DROP INDEX actions_only_imported;
             ALTER TABLE actions DROP COLUMN first_seen_import;
             DROP TABLE imports;
             PRAGMA writable_schema = on;
             UPDATE sqlite_schema
                SET sql = replace(sql, 'first_seen_run  INTEGER REFERENCES', 'first_seen_run  INTEGER NOT NULL REFERENCES')
              WHERE name = 'actions';
             PRAGMA writable_schema = reset;
             PRAGMA user_version = 5",
        )
        .unwrap();
    drop(archive);
    sandbox
        .run(&["status"])
        .exits(6)
        .says("`archiver sync` upgrades it");
    let daemon = sandbox.start_daemon(&cloud, &["--cron", NEVER, "--listen", "127.0.0.1:0"]);
    until_said(&daemon, 1, ": complete: ");
    end(daemon);
    sandbox.archive().equals(&cloud);
}

#[test]
fn faults_growth_and_kills_lose_and_invent_nothing() {
    let cloud = cloud(6, 2_000);
    cloud.change(|options| options.latency = Duration::from_millis(20));
    cloud.break_with(FaultRule::mix(0.12, 7));
    cloud.grow_per_request(2);
    let sandbox = sandbox();
    for kills in 0..4 {
        let daemon = sandbox.start_daemon(&cloud, &["--cron", EVERY_SECOND]);
        let before = requests(&cloud);
        until("it is at work", || requests(&cloud) >= before + 4 + kills);
        daemon.kill();
    }
    let daemon = sandbox.start_daemon(&cloud, &["--cron", EVERY_SECOND]);
    until_said(&daemon, 2, ": complete: ");
    cloud.grow_per_request(0);
    cloud.clear_faults();
    let complete = lines(&daemon.said(), ": complete: ");
    until_said(&daemon, complete + 2, ": complete: ");
    let run = end(daemon);
    let archive = sandbox.archive();
    archive.equals(&cloud);
    assert_eq!(overlaps(&archive), 0, "{run}");
}
