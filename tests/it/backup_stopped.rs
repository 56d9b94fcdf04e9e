//! Copies that somebody stops or kills: nothing is left of them, or the next one takes it away.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;

use crate::archive::Archive;
use crate::backup::{left_beside, old_archive};
use crate::process::{Running, listens_to_signals, until};
use crate::sandbox::Sandbox;

/// Takes a while to copy and to check.
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

fn until_it_is_begun(sandbox: &Sandbox) {
    until("the copy is begun", || {
        let names = left_beside(sandbox);
        names.iter().any(|name| name.ends_with(".partial"))
    });
}

#[test]
fn a_copy_that_somebody_stops_leaves_nothing_and_the_archive_as_it_was() {
    let sandbox = sandbox();
    let before = fs::read(sandbox.db()).unwrap();
    for signal in ["INT", "TERM", "HUP"] {
        let run = start(&sandbox);
        until_it_is_begun(&sandbox);
        run.signal(signal);
        run.end().exits(1).says("error: ");
        assert!(left_beside(&sandbox).is_empty(), "{signal}");
    }
    assert!(fs::read(sandbox.db()).unwrap() == before);
}

#[test]
fn a_closed_terminal_stops_no_copy_that_was_started_with_nohup() {
    let sandbox = sandbox();
    let script = "trap '' HUP; exec \"$0\" backup copy.db";
    let mut command = sandbox.command_of("sh", &["-c", script]);
    command.arg(env!("CARGO_BIN_EXE_archiver"));
    let run = Running::start(command);
    until_it_is_begun(&sandbox);
    run.signal("HUP");
    run.end().exits(0).silently();
    assert_eq!(left_beside(&sandbox), ["copy.db"]);
}

#[test]
fn what_a_killed_copy_left_goes_with_the_next_one_to_the_same_name() {
    let sandbox = sandbox();
    for left in 1..=2 {
        let run = start(&sandbox);
        until_it_is_begun(&sandbox);
        until("it has written", || {
            let names = left_beside(&sandbox).into_iter();
            let mut lengths = names
                .map(|name| fs::metadata(sandbox.folder().join(name)).map_or(0, |it| it.len()));
            lengths.any(|length| length > 0)
        });
        run.kill();
        assert_eq!(left_beside(&sandbox).len(), 1, "after {left} kills");
    }
    start(&sandbox).end().exits(0).silently();
    assert_eq!(left_beside(&sandbox), ["copy.db"]);
    let actions = Archive::open(&copy(&sandbox)).number("SELECT count(*) FROM actions");
    assert_eq!(actions as usize, MANY + 5);
}

#[test]
fn two_copies_to_one_name_leave_each_other_alone_and_one_of_them_gets_it() {
    let sandbox = sandbox();
    let first = start(&sandbox);
    until_it_is_begun(&sandbox);
    let runs = [start(&sandbox), first].map(Running::end);
    let mut statuses = runs.map(|run| run.status.code());
    statuses.sort_unstable();
    assert_eq!(statuses, [Some(0), Some(2)]);
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
