//! One sync at a time, and no cleanup after a killed one.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::fixture::{NOON, files, folder, time};
use crate::archive::file::{Attempt, attempt};
use crate::archive::lock::open;
use crate::archive::{ArchiveLock, Error};
use crate::core::cancellation::Canceller;

const LONG: Duration = Duration::from_secs(600);

#[test]
fn a_second_sync_fails_at_once_and_names_the_first() {
    let (_folder, path) = folder();
    let _held = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    let error = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
    let process = std::process::id();
    assert_eq!(
        error.to_string(),
        format!(
            "another sync is writing to {} (process {process}, since {NOON})",
            path.display()
        )
    );
}

#[test]
fn a_sync_that_may_wait_gets_its_turn() {
    let (_folder, path) = folder();
    let held = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ArchiveLock::acquire(&path, time(NOON), LONG));
        drop(held);
        assert!(waiting.join().unwrap().is_ok());
    });
}

#[test]
fn waiting_ends() {
    let (_folder, path) = folder();
    let _held = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    let error = ArchiveLock::acquire(&path, time(NOON), Duration::from_millis(20)).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
}

#[test]
fn the_file_of_a_process_that_died_is_in_nobodys_way() {
    let (folder, path) = folder();
    let leftover = folder.path().join("archive.db.lock");
    fs::write(
        &leftover,
        "process 1, since 1970-01-01T00:00:00Z, and more\n",
    )
    .unwrap();
    let held = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    let process = std::process::id();
    assert_eq!(
        fs::read_to_string(&leftover).unwrap(),
        format!("process {process}, since {NOON}\n")
    );
    drop(held);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn a_lock_that_was_opened_before_its_holder_removed_it_is_worth_nothing() {
    let (folder, path) = folder();
    let at = folder.path().join("archive.db.lock");
    let held = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    let late = open(&at).unwrap();
    assert_eq!(attempt(&late, &at).unwrap(), Attempt::Held);
    drop(held);
    assert_eq!(attempt(&late, &at).unwrap(), Attempt::Removed);
    let _next = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    assert_eq!(attempt(&late, &at).unwrap(), Attempt::Removed);
}

#[test]
fn the_lock_makes_the_folder_and_not_the_archive() {
    let (folder, _) = folder();
    let path = folder.path().join("of/mine/archive.db");
    let _held = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    assert_eq!(files(path.parent().unwrap()), ["archive.db.lock"]);
}

#[test]
fn an_archive_that_is_reached_by_a_link_has_the_same_lock() {
    let (folder, path) = folder();
    fs::write(&path, "").unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let _held = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    let error = ArchiveLock::acquire(&link, time(NOON), Duration::ZERO).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
}

#[test]
fn a_holder_whose_file_was_removed_by_hand_does_not_remove_the_next_ones() {
    let (folder, path) = folder();
    let first = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    fs::remove_file(folder.path().join("archive.db.lock")).unwrap();
    let _second = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    drop(first);
    let error = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }));
}

#[test]
fn two_that_race_never_both_hold_it() {
    let (_folder, path) = folder();
    let is_held = AtomicBool::new(false);
    let race = || {
        let mut held = 0;
        while held < 500 {
            match ArchiveLock::acquire(&path, time(NOON), Duration::ZERO) {
                Ok(lock) => {
                    assert!(!is_held.swap(true, Ordering::SeqCst), "held by both");
                    held += 1;
                    is_held.store(false, Ordering::SeqCst);
                    drop(lock);
                }
                Err(Error::Locked { .. }) => thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(race);
        scope.spawn(race);
    });
}

#[test]
fn a_lock_that_is_waited_for_is_given_up_as_soon_as_it_is_of_no_use() {
    let (_folder, path) = folder();
    let held = ArchiveLock::acquire(&path, time(NOON), Duration::ZERO).unwrap();
    let canceller = Canceller::default();
    let cancellation = canceller.cancellation();
    let waited = thread::scope(|scope| {
        let wait = || ArchiveLock::acquire_unless(&path, time(NOON), LONG, &cancellation);
        let waiting = scope.spawn(wait);
        canceller.cancel();
        waiting.join().unwrap()
    });
    let error = waited.unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(held);
}
