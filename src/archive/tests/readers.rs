//! Readers do not block the writer, and the writer does not block readers.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fixture::{Archive, completed, files, folder, rows};
use crate::archive::{Store, open_read_only};

const COUNT: &str = "SELECT count(*) FROM actions";

/// A reader that fails at once instead of waiting.
fn impatient(path: &Path) -> Connection {
    let reader = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    reader.busy_timeout(Duration::ZERO).unwrap();
    reader
}

/// Copies the files that a kill at this moment would leave.
fn as_if_killed(path: &Path, target: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(name(path), name(target)).unwrap();
    }
}

#[test]
fn a_reader_is_not_blocked_while_a_page_is_written() {
    let (_folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&[completed(1)]);
    archive.execute("BEGIN IMMEDIATE; UPDATE actions SET type = 'changed'");
    let reader = impatient(&path);
    assert_eq!(rows(&reader, "SELECT type FROM actions"), ["reboot"]);
    archive.execute("COMMIT");
    assert_eq!(rows(&reader, "SELECT type FROM actions"), ["changed"]);
}

#[test]
fn a_reader_sees_whole_pages_only() {
    let (_folder, path) = folder();
    let mut archive = Archive::at(&path);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let reader = impatient(&path);
            let mut seen = 0;
            while !is_done.load(Ordering::Acquire) {
                let count: u64 = rows(&reader, COUNT).remove(0).parse().unwrap();
                assert!(count.is_multiple_of(200) && count >= seen, "{count}");
                seen = count;
            }
        });
        for page in 0..30 {
            let page: Vec<_> = (page * 200..page * 200 + 200).map(completed).collect();
            archive.record(&page);
        }
        is_done.store(true, Ordering::Release);
        reading.join().unwrap();
    });
}

#[test]
fn a_reader_in_the_middle_of_something_neither_blocks_pages_nor_sees_them() {
    let (_folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&[completed(1)]);
    let reader = impatient(&path);
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(rows(&reader, COUNT), ["1"]);
    archive.record(&[completed(2)]);
    assert_eq!(rows(&reader, COUNT), ["1"]);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(rows(&reader, COUNT), ["2"]);
}

#[test]
fn a_reader_that_was_there_first_delays_the_better_mode_and_not_the_sync() {
    let (_folder, path) = folder();
    Archive::at(&path).store.close().unwrap();
    let reader = impatient(&path);
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(rows(&reader, COUNT), ["0"]);
    let store = Store::open(&path).unwrap();
    assert!(!store.is_wal);
    reader.execute_batch("COMMIT").unwrap();
    let mut archive = Archive::with(store);
    archive.record(&[completed(1)]);
    assert_eq!(archive.rows("PRAGMA journal_mode"), ["wal"]);
}

#[test]
fn the_file_is_whole_after_a_sync_although_a_reader_stays_connected() {
    let (folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&[completed(1)]);
    let reader = impatient(&path);
    assert_eq!(rows(&reader, COUNT), ["1"]);
    archive.store.close().unwrap();

    let alone = folder.path().join("alone.db");
    fs::copy(&path, &alone).unwrap();
    assert_eq!(rows(&Connection::open(&alone).unwrap(), COUNT), ["1"]);
    assert_eq!(rows(&reader, COUNT), ["1"]);

    drop(reader);
    fs::remove_file(alone).unwrap();
    Archive::at(&path).store.close().unwrap();
    assert_eq!(files(folder.path()), ["archive.db"]);
}

#[test]
fn a_reader_in_the_middle_of_something_does_not_keep_a_sync_from_ending() {
    let (_folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&[completed(1)]);
    let reader = impatient(&path);
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(rows(&reader, COUNT), ["1"]);
    archive.record(&[completed(2)]);
    archive.store.close().unwrap();
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(rows(&reader, COUNT), ["2"]);
}

#[test]
fn what_a_killed_sync_left_is_read_and_the_next_one_tidies_up() {
    let (folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&[completed(1), completed(2)]);
    let killed = folder.path().join("killed.db");
    as_if_killed(&path, &killed);
    assert_eq!(rows(&open_read_only(&killed).unwrap(), COUNT), ["2"]);

    let mut archive = Archive::at(&killed);
    archive.record(&[completed(3)]);
    archive.store.close().unwrap();
    assert_eq!(rows(&open_read_only(&killed).unwrap(), COUNT), ["3"]);
    let beside = files(folder.path());
    assert!(!beside.contains(&"killed.db-wal".to_owned()), "{beside:?}");
    assert!(!beside.contains(&"killed.db-shm".to_owned()), "{beside:?}");
}

#[test]
fn a_kill_in_the_middle_of_a_page_leaves_the_pages_before_it() {
    let (folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&[completed(1)]);
    // A small cache, so that the page spills into the log before the commit.
    archive.execute(
        "PRAGMA cache_size = 1;
         BEGIN IMMEDIATE;
         WITH RECURSIVE ids (id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM ids WHERE id < 5000)
         INSERT INTO actions (id, first_seen_run) SELECT id, 1 FROM ids",
    );
    let killed = folder.path().join("killed.db");
    as_if_killed(&path, &killed);
    assert_eq!(Archive::at(&killed).rows(COUNT), ["1"]);
    assert_eq!(Archive::at(&killed).rows("PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn two_writers_that_ignore_the_lock_lose_nothing() {
    let (folder, path) = folder();
    let mut first = Archive::at(&path);
    let mut second = Archive::at(&path);
    for id in 0..20 {
        let writer = if id % 2 == 0 { &mut first } else { &mut second };
        writer.record(&[completed(id)]);
    }
    first.store.close().unwrap();
    second.store.close().unwrap();
    assert_eq!(files(folder.path()), ["archive.db"]);
    assert_eq!(rows(&open_read_only(&path).unwrap(), COUNT), ["20"]);
}

#[test]
fn a_reader_cannot_write_whatever_it_tries() {
    let (_folder, path) = folder();
    Archive::at(&path).store.close().unwrap();
    let before = fs::read(&path).unwrap();
    let reader = open_read_only(&path).unwrap();
    for sql in [
        "DELETE FROM sync_runs",
        "PRAGMA query_only = off; DELETE FROM sync_runs",
        "PRAGMA user_version = 7",
        "PRAGMA journal_mode = wal; DELETE FROM sync_runs",
        "VACUUM",
        "DROP TABLE actions",
    ] {
        let error = reader.execute_batch(sql).unwrap_err();
        assert_eq!(
            error.sqlite_error_code(),
            Some(rusqlite::ErrorCode::ReadOnly),
            "{sql}: {error}"
        );
    }
    drop(reader);
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn what_a_writer_that_was_killed_in_rollback_mode_left_is_taken_back() {
    let (folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&(0..400).map(completed).collect::<Vec<_>>());
    archive.store.close().unwrap();
    // A cache of one page, so that the journal is in use before the transaction ends.
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE actions SET type = 'torn'")
        .unwrap();
    let killed = path.with_file_name("killed.db");
    for suffix in ["", "-journal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(name(&path), name(&killed)).unwrap();
    }
    drop(writer);
    let torn = impatient(&killed).query_row(COUNT, [], |_| Ok(()));
    assert!(torn.is_err(), "the journal was not in use");
    let reader = open_read_only(&killed).unwrap();
    assert_eq!(rows(&reader, COUNT), ["400"]);
    assert_eq!(
        rows(&reader, "SELECT DISTINCT type FROM actions"),
        ["reboot"]
    );
    drop(reader);
    assert!(!files(folder.path()).contains(&"killed.db-journal".to_owned()));
}
