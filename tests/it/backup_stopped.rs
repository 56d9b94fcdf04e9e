//! Copies that a user stops or kills: nothing remains of them, or the next copy removes the rest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;

use crate::archive::Archive;
use crate::backup::{left_beside, old_archive};
use crate::process::{Running, listens_to_signals, until};
use crate::sandbox::Sandbox;

/// Enough actions that copying and checking take a while.
const MANY: usize = 400_000;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    old_archive(&sandbox, MANY);
    sandbox
}

fn copy(sandbox: &Sandbox) -> PathBuf {
    sandbox.folder().join("copy.db")
}

fn start(sandbox: &Sandbox) -> Running {
    Running::start(sandbox.command(&["backup", "copy.db"]))
}

/// The length of the unfinished copy, if a new one exists besides those from before.
fn unfinished(sandbox: &Sandbox, before: &[String]) -> Option<u64> {
    let names = left_beside(sandbox).into_iter();
    let mut unfinished = names.filter(|name| name.ends_with(".partial") && !before.contains(name));
    let path = sandbox.folder().join(unfinished.next()?);
    fs::metadata(path).ok().map(|it| it.len())
}

/// A copy that is halted in its middle: some pages are still to be copied, and all pages are still to be checked. A
/// busy machine may notice the copy too late; then the archive grows, and the next copy takes longer.
fn begun(sandbox: &Sandbox, mut command: impl FnMut() -> Command) -> Running {
    for _ in 0..5 {
        let before = left_beside(sandbox);
        let mut run = Running::start(command());
        until("the copy is begun", || {
            run.has_ended() || unfinished(sandbox, &before).is_some_and(|length| length > 0)
        });
        if !run.has_ended() {
            run.freeze();
        }
        let whole = fs::metadata(sandbox.db()).unwrap().len();
        if unfinished(sandbox, &before).is_some_and(|length| length < whole) {
            return run;
        }
        run.kill();
        for left in left_beside(sandbox) {
            fs::remove_file(sandbox.folder().join(left)).unwrap();
        }
        double(sandbox);
    }
    panic!("no copy was seen in its middle");
}

fn double(sandbox: &Sandbox) {
    let archive = Connection::open(sandbox.db()).unwrap();
    archive.pragma_update(None, "foreign_keys", false).unwrap();
    let sql = "INSERT INTO actions (id, status, type, started_at, completed_at, first_seen_run)
               SELECT id + (SELECT max(id) FROM actions), status, type, started_at, completed_at, 1 FROM actions";
    archive.execute(sql, []).unwrap();
}

#[test]
fn a_copy_that_somebody_stops_leaves_nothing_and_the_archive_as_it_was() {
    let sandbox = sandbox();
    for signal in ["INT", "TERM", "HUP"] {
        let run = begun(&sandbox, || sandbox.command(&["backup", "copy.db"]));
        let before = fs::read(sandbox.db()).unwrap();
        run.signal(signal);
        run.go_on();
        run.end().exits(1).says("error: ");
        assert!(left_beside(&sandbox).is_empty(), "{signal}");
        assert!(fs::read(sandbox.db()).unwrap() == before);
    }
}

#[test]
fn a_closed_terminal_stops_no_copy_that_was_started_with_nohup() {
    let sandbox = sandbox();
    let script = "trap '' HUP; exec \"$0\" backup copy.db";
    let run = begun(&sandbox, || {
        let mut command = sandbox.command_of("sh", &["-c", script]);
        command.arg(env!("CARGO_BIN_EXE_archiver"));
        command
    });
    run.signal("HUP");
    run.go_on();
    run.end().exits(0).silently();
    assert_eq!(left_beside(&sandbox), ["copy.db"]);
}

#[test]
fn what_a_killed_copy_left_goes_with_the_next_one_to_the_same_name() {
    let sandbox = sandbox();
    for left in 1..=2 {
        begun(&sandbox, || sandbox.command(&["backup", "copy.db"])).kill();
        assert_eq!(left_beside(&sandbox).len(), 1, "after {left} kills");
    }
    start(&sandbox).end().exits(0).silently();
    assert_eq!(left_beside(&sandbox), ["copy.db"]);
    let actions = |path: &Path| Archive::open(path).number("SELECT count(*) FROM actions");
    assert_eq!(actions(&copy(&sandbox)), actions(&sandbox.db()));
}

#[test]
fn two_copies_to_one_name_leave_each_other_alone_and_one_of_them_gets_it() {
    let sandbox = sandbox();
    let first = begun(&sandbox, || sandbox.command(&["backup", "copy.db"]));
    start(&sandbox).end().exits(0).silently();
    first.go_on();
    first.end().exits(2).says("exists already");
    assert_eq!(left_beside(&sandbox), ["copy.db"]);
}

#[test]
fn a_copy_that_waits_for_a_lock_can_be_stopped_too() {
    let sandbox = Sandbox::new();
    old_archive(&sandbox, 10);
    let other = Connection::open(sandbox.db()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let run = start(&sandbox);
    until("it listens", || listens_to_signals(run.id()));
    run.signal("TERM");
    let run = run.end_within(Duration::from_secs(30)).exits(1);
    run.says("the copy was stopped");
    assert!(left_beside(&sandbox).is_empty());
}

#[test]
fn a_name_beside_which_another_archive_left_its_log_is_refused() {
    let sandbox = Sandbox::new();
    old_archive(&sandbox, 10);
    fs::write(sandbox.folder().join("copy.db-wal"), "of another archive").unwrap();
    let run = start(&sandbox).end().exits(2);
    run.says("copy.db-wal").says("hint: ");
    assert_eq!(left_beside(&sandbox), ["copy.db-wal"]);
}
