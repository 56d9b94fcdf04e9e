//! A foreign, damaged or newer file is refused with its own message, and no byte of it changes.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::fixture::{Archive, completed, files, folder, rows, time};
use crate::archive::{Error, LATEST_VERSION, Store, open_read_only};

/// An archive with some rows, at rest.
fn archive(path: &Path) {
    let mut archive = Archive::at(path);
    let page: Vec<_> = (1..500).map(completed).collect();
    archive.record(&page);
    archive.store.close().unwrap();
}

fn execute(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn change(path: &Path, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    edit(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Checks that both ways of opening refuse the file with the same message; returns the message.
fn assert_refused(make: impl FnOnce(&Path), is_right: fn(&Error) -> bool) -> String {
    let (folder, path) = folder();
    make(&path);
    let (bytes, beside) = (fs::read(&path).unwrap(), files(folder.path()));
    let writing = Store::open(&path).err().unwrap();
    let reading = open_read_only(&path).err().unwrap();
    for error in [&writing, &reading] {
        assert!(is_right(error), "{error:?}");
        assert!(error.is_unusable_archive(), "{error:?}");
        assert!(
            error.to_string().contains("archive.db"),
            "which file: {error}"
        );
        assert!(!error.hint().is_empty());
    }
    assert!(fs::read(&path).unwrap() == bytes, "its bytes changed");
    assert_eq!(files(folder.path()), beside);
    writing.to_string()
}

fn is_foreign(error: &Error) -> bool {
    matches!(error, Error::Foreign { .. })
}

fn is_damaged(error: &Error) -> bool {
    matches!(error, Error::Damaged { .. })
}

#[test]
fn a_database_of_another_application() {
    for sql in [
        "CREATE TABLE photos (id)",
        "CREATE TABLE photos (id); PRAGMA application_id = 5; PRAGMA user_version = 999",
        "PRAGMA journal_mode = wal; CREATE TABLE photos (id)",
    ] {
        let message = assert_refused(|path| execute(path, sql), is_foreign);
        assert!(message.contains("another application"), "{message}");
    }
}

#[test]
fn an_archive_of_a_later_version() {
    let message = assert_refused(
        |path| {
            archive(path);
            execute(path, "PRAGMA user_version = 999");
        },
        |error| matches!(error, Error::Newer { found: 999, known, .. } if *known == LATEST_VERSION),
    );
    assert!(message.contains("schema version 999"), "{message}");
}

#[test]
fn an_archive_whose_log_says_that_it_is_of_a_later_version() {
    let (origin, written) = folder();
    archive(&written);
    let later = Connection::open(&written).unwrap();
    later
        .execute_batch("PRAGMA journal_mode = wal; PRAGMA user_version = 999")
        .unwrap();
    // The state after a kill of a later version's writer: the first bytes of the file still belong to the earlier
    // version.
    let (killed, path) = folder();
    let contents =
        || ["archive.db", "archive.db-wal"].map(|file| fs::read(killed.path().join(file)).unwrap());
    for file in ["archive.db", "archive.db-wal"] {
        fs::copy(origin.path().join(file), killed.path().join(file)).unwrap();
    }
    let before = contents();
    let errors = [Store::open(&path).err(), open_read_only(&path).err()];
    for error in errors {
        assert!(
            matches!(error, Some(Error::Newer { found: 999, .. })),
            "{error:?}"
        );
    }
    assert!(contents() == before, "its bytes changed");
}

#[test]
fn an_archive_of_a_version_that_there_never_was() {
    for version in [-1, i32::MIN, 0] {
        let message = assert_refused(
            |path| {
                archive(path);
                execute(path, &format!("PRAGMA user_version = {version}"));
            },
            is_damaged,
        );
        let words = format!("schema version is {version}, which no archive has");
        assert!(message.contains(&words), "{message}");
    }
}

#[test]
fn an_archive_in_a_file_format_of_another_time() {
    for (byte, format) in [(18, 3), (18, 0xff), (19, 3), (19, 0xff)] {
        let message = assert_refused(
            |path| {
                archive(path);
                change(path, |bytes| bytes[byte] = format);
            },
            is_damaged,
        );
        let words = format!("its file format {format} is unknown");
        assert!(message.contains(&words), "{message}");
    }
}

#[test]
fn a_file_that_is_no_database() {
    for content in ["id,type\n1,create\n", "SQLite format 2\0", "\0", "S"] {
        let message = assert_refused(|path| fs::write(path, content).unwrap(), is_damaged);
        assert!(message.contains("not a SQLite database"), "{message}");
    }
}

#[test]
fn an_archive_that_was_cut_short() {
    for length in [16, 63, 71, 100, 4096, 3 * 4096, 3 * 4096 + 17] {
        let cut = |path: &Path| {
            archive(path);
            change(path, |bytes| bytes.truncate(length));
        };
        assert_refused(cut, is_damaged);
    }
}

#[test]
fn an_archive_that_is_garbage_after_its_header_or_its_first_page() {
    for start in [100, 4096] {
        let scramble = |path: &Path| {
            archive(path);
            change(path, |bytes| bytes[start..].fill(0xA5));
        };
        assert_refused(scramble, is_damaged);
    }
}

#[test]
fn an_archive_with_garbage_further_in_fails_as_damaged_when_it_is_met() {
    let (_folder, path) = folder();
    archive(&path);
    let roots = "SELECT rootpage FROM sqlite_schema WHERE name IN ('actions', 'sync_runs')
                  UNION SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'actions'";
    let roots = rows(&Connection::open(&path).unwrap(), roots);
    change(&path, |bytes| {
        for root in roots {
            let end = 4096 * root.parse::<usize>().unwrap();
            bytes[end - 4096..end].fill(0xA5);
        }
    });
    let connection = open_read_only(&path).unwrap();
    let error = connection.query_row("SELECT count(*) FROM actions", [], |_| Ok(()));
    assert_eq!(
        error.unwrap_err().sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt)
    );
    drop(connection);
    let mut store = Store::open(&path).unwrap();
    let error = store
        .begin_run("account", time("2026-01-01T00:00:00Z"))
        .unwrap_err();
    assert!(error.is_unusable_archive(), "{error:?}");
    assert!(error.hint().contains("keep the file"));
}

#[test]
fn there_is_nothing_to_read_where_there_is_no_archive() {
    let (folder, path) = folder();
    let error = open_read_only(&path).err().unwrap();
    assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    assert!(files(folder.path()).is_empty());
    fs::write(&path, "").unwrap();
    let error = open_read_only(&path).err().unwrap();
    assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), b"");
}

#[test]
fn a_reader_waits_for_an_upgrade() {
    let (_folder, path) = folder();
    super::versions::make(&path, 5);
    let error = open_read_only(&path).err().unwrap();
    assert!(matches!(error, Error::Older { found: 5, .. }), "{error:?}");
    assert!(error.hint().contains("archiver sync"));
}
