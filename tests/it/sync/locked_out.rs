//! Signals while another program keeps the archive locked: a sync or a daemon still ends, and soon.

use std::fs;
use std::io::{Write, pipe};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rusqlite::Connection;
use rustix::io::ioctl_fionread;

use crate::account::settled_cloud;
use crate::asked::{hold_after, requests_for, until_held};
use crate::backup::old_archive;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Run, Running, SOON, listens_to_signals, until};
use crate::sandbox::Sandbox;

const NEVER: [&str; 2] = ["--cron", "0 0 1 1 *"];
const KEPT_LOCKED: &str = "stopped while another program kept the archive locked";

/// Fifteen pages.
fn cloud() -> Cloud {
    settled_cloud(5, 3_000)
}

/// Another program that has locked the archive.
fn locked(sandbox: &Sandbox) -> Connection {
    let other = Connection::open(sandbox.db()).unwrap();
    other.busy_timeout(Duration::from_secs(60)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

/// A sync in its middle, after which another program has locked the archive.
fn locked_out(sandbox: &Sandbox, cloud: &Cloud) -> (Running, Connection) {
    locked_out_for(sandbox, cloud, "60s")
}

fn locked_out_for(sandbox: &Sandbox, cloud: &Cloud, wait: &str) -> (Running, Connection) {
    hold_after(cloud, 4);
    let sync = sandbox.start_sync(cloud, &["--all", "--wait", wait]);
    until_held(cloud, 4);
    (sync, locked(sandbox))
}

fn until_it_opens_the_archive(sandbox: &Sandbox) {
    let lock = sandbox.db().with_extension("db.lock");
    until("the sync is about to open the archive", || lock.exists());
}

fn is_told_to_end(sync: Running) -> Run {
    sync.signal("TERM");
    sync.end_within(SOON).exits(3)
}

/// The log shows the sync as killed, and the next sync reads the rest.
#[track_caller]
fn is_as_after_a_kill(sandbox: &Sandbox, cloud: &Cloud) {
    let last = sandbox.archive().last_run();
    assert!(!last.is_finished && last.outcome.is_none(), "{last:?}");
    cloud.clear_faults();
    sandbox.sync(cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(cloud);
}

#[test]
fn a_sync_that_cannot_begin_ends_when_told_to() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.add_actions(5);
    let other = locked(&sandbox);
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until_it_opens_the_archive(&sandbox);
    is_told_to_end(sync).says("stopped before the sync began");
    drop(other);
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_sync_that_cannot_archive_its_pages_ends_when_told_to() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    let (sync, other) = locked_out(&sandbox, &cloud);
    cloud.release();
    is_told_to_end(sync).says(KEPT_LOCKED);
    drop(other);
    is_as_after_a_kill(&sandbox, &cloud);
}

#[test]
fn a_sync_that_gets_the_lock_in_time_archives_its_pages_and_says_that_it_was_interrupted() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    let (sync, other) = locked_out(&sandbox, &cloud);
    sync.signal("TERM");
    drop(other);
    cloud.release();
    sync.end_within(SOON).exits(3).says("told to stop");
    let last = sandbox.archive().last_run();
    assert_eq!(last.outcome.as_deref(), Some("interrupted"));
    assert!(last.is_finished && last.inserted >= 800, "{last:?}");
    assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
}

#[test]
fn a_sync_that_cannot_note_its_end_ends_when_told_to() {
    let cloud = cloud();
    cloud.break_with(FaultRule::new(Fault::Hold).path("/v2/droplets"));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    until("all pages are read", || {
        requests_for(&cloud, "/v2/droplets") > 0
    });
    let other = locked(&sandbox);
    cloud.release();
    is_told_to_end(sync).says(KEPT_LOCKED);
    drop(other);
    is_as_after_a_kill(&sandbox, &cloud);
}

#[test]
fn a_second_signal_does_not_wait_for_the_lock_at_all() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    let (sync, other) = locked_out(&sandbox, &cloud);
    sync.signal("TERM");
    sync.signal("INT");
    let run = sync.end_within(SOON).exits(3);
    run.says("stopped at once");
    drop(other);
    is_as_after_a_kill(&sandbox, &cloud);
}

/// A reader from before the sync keeps the archive in rollback mode, and then blocks every commit.
#[test]
fn a_reader_that_never_ends_does_not_keep_a_sync_from_ending() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let reader = reading(&sandbox);
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    let journal = sandbox.db().with_extension("db-journal");
    until("the sync has something to commit", || journal.exists());
    is_told_to_end(sync).says(KEPT_LOCKED);
    drop(reader);
    let before = sandbox.archive().number("SELECT count(*) FROM sync_runs");
    assert_eq!(before, 1);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
}

/// A program that is reading the archive: this process.
fn reading(sandbox: &Sandbox) -> Connection {
    let reader = Connection::open(sandbox.db()).unwrap();
    let sql = "BEGIN; SELECT count(*) FROM actions";
    reader.execute_batch(sql).unwrap();
    reader
}

/// The program has waited for the configured time, and names the process that holds the lock.
#[track_caller]
fn gives_up(run: Run) {
    let run = run.exits(5).says("the archive is kept locked by ");
    let run = run
        .says("database is locked")
        .says("hint: end that program");
    if Path::new("/proc/locks").exists() {
        run.says(&format!("process {} (", std::process::id()));
    }
}

#[test]
fn a_sync_names_the_reader_that_was_there_before_it() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let known = cloud.actions();
    cloud.add_actions(5);
    let reader = reading(&sandbox);
    gives_up(sandbox.sync(&cloud, &["--all", "--wait", "1s"]));
    drop(reader);
    sandbox.archive().holds(known);
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_sync_names_the_program_that_locks_the_archive_in_its_middle() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    let (sync, other) = locked_out_for(&sandbox, &cloud, "1s");
    cloud.release();
    gives_up(sync.end());
    drop(other);
    is_as_after_a_kill(&sandbox, &cloud);
}

#[test]
fn an_upgrade_names_the_reader_in_its_way() {
    let sandbox = Sandbox::new();
    old_archive(&sandbox, 10);
    let reader = reading(&sandbox);
    gives_up(sandbox.sync(&cloud(), &["--all", "--wait", "1s"]));
    drop(reader);
    assert_eq!(sandbox.archive().number("PRAGMA user_version"), 1);
}

#[test]
fn an_upgrade_that_cannot_be_made_now_does_not_keep_a_sync_from_ending() {
    let sandbox = Sandbox::new();
    old_archive(&sandbox, 10);
    let reader = reading(&sandbox);
    let sync = sandbox.start_sync(&cloud(), &["--all"]);
    let backup = sandbox.db().with_extension("db.v1.bak");
    until("the way back is made", || backup.exists());
    is_told_to_end(sync).says("stopped before the sync began");
    drop(reader);
    assert_eq!(sandbox.archive().number("PRAGMA user_version"), 1);
}

#[test]
fn a_daemon_that_is_locked_out_ends_when_told_to() {
    for (signals, said) in [
        (&["TERM"][..], KEPT_LOCKED),
        (&["INT", "TERM"], "stopped at once"),
    ] {
        let cloud = cloud();
        let sandbox = Sandbox::new();
        hold_after(&cloud, 4);
        let daemon = sandbox.start_daemon(&cloud, &NEVER);
        until_held(&cloud, 4);
        let other = locked(&sandbox);
        cloud.release();
        for signal in signals {
            daemon.signal(signal);
        }
        daemon.end_within(SOON).exits(0).says(said);
        drop(other);
        is_as_after_a_kill(&sandbox, &cloud);
    }
}

#[test]
fn a_question_and_a_forecast_name_whom_they_wait_for() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let other = locked(&sandbox);
    gives_up(sandbox.sync(&cloud, &["--all", "--dry-run", "--wait", "1s"]));
    let question = Running::start(sandbox.command(&["query", "-v", "--count"]));
    until("it says for whom it waits", || {
        question.said().contains("waiting for ")
    });
    if Path::new("/proc/locks").exists() {
        let this = format!("process {} (", std::process::id());
        assert!(question.said().contains(&this), "{}", question.said());
    }
    drop(other);
    let answer = question.end().exits(0);
    assert_eq!(answer.stdout.trim(), cloud.actions().len().to_string());
}

#[test]
fn an_archive_that_is_moved_while_a_sync_waits_for_it_is_gone() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let other = locked(&sandbox);
    let sync = sandbox.start_sync(&cloud, &["--all", "-v"]);
    until("it waits", || sync.said().contains("waiting for "));
    let moved = sandbox.folder().join("moved.db");
    fs::rename(sandbox.db(), &moved).unwrap();
    drop(other);
    sync.end()
        .exits(6)
        .says("was moved, deleted or replaced during a sync");
    assert!(!sandbox.db().exists());
}

#[test]
fn a_hangup_does_not_end_a_daemon_that_is_starting() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let other = locked(&sandbox);
    let daemon = sandbox.start_daemon(&cloud, &NEVER);
    until("it listens", || listens_to_signals(daemon.id()));
    daemon.signal("HUP");
    drop(other);
    until("it reads its configuration again", || {
        daemon.said().contains("the configuration was read again")
    });
    daemon.signal("TERM");
    daemon.end_within(SOON).exits(0);
}

#[test]
fn a_daemon_that_cannot_read_the_archive_at_its_start_ends_when_told_to() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let other = locked(&sandbox);
    let daemon = sandbox.start_daemon(&cloud, &NEVER);
    until("it listens", || listens_to_signals(daemon.id()));
    daemon.signal("TERM");
    let run = daemon.end_within(SOON).exits(0);
    run.says("told to end before it had started");
    drop(other);
}

/// A user who stops the terminal also stops every program that writes to it.
#[test]
fn a_sync_whose_words_nobody_reads_ends_when_told_to() {
    /// The capacity of a pipe.
    const FULL: usize = 1 << 16;
    /// Room for some lines.
    const ROOM: usize = 512;
    const LINE: usize = 150;
    let cloud = cloud();
    let sandbox = Sandbox::new();
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(&[b'x'; FULL - ROOM]).unwrap();
    let mut command: Command = sandbox.sync_command(&cloud, &["--all", "-vv"]);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut sync = command.stderr(writer).spawn().unwrap();
    drop(command);
    let id = sync.id();
    until("it cannot say any more", || {
        ioctl_fionread(&reader).unwrap() as usize > FULL - LINE
    });
    let mut kill = sandbox.command_of("kill", &["-TERM", &id.to_string()]);
    assert!(kill.status().unwrap().success());
    let mut status = None;
    until("it ends", || {
        status = sync.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(3));
    drop(reader);
}
