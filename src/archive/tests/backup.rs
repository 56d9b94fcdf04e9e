//! A copy is complete and sound or does not exist, and the archive is not affected by it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rusqlite::Connection;

use super::fixture::{Archive, bare, completed, files, folder, rows};
use crate::archive::{Copied, Error, LATEST_VERSION, Store, back_up, open_read_only};
use crate::core::cancellation::{Cancellation, Canceller};

const COUNT: &str = "SELECT count(*) FROM actions";

/// An archive at rest with this number of actions.
fn archive(path: &Path, actions: i64) {
    let mut archive = Archive::at(path);
    archive.record(&(1..=actions).map(completed).collect::<Vec<_>>());
    archive.store.close().unwrap();
}

fn copied(archive: &Path, target: &Path) -> Copied {
    back_up(archive, target, &Cancellation::never()).unwrap()
}

fn cancelled() -> Cancellation {
    let canceller = Canceller::default();
    canceller.cancel();
    canceller.cancellation()
}

fn contents(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut contents = rows(&connection, "SELECT * FROM actions ORDER BY id");
    contents.extend(rows(&connection, "SELECT sql FROM sqlite_schema"));
    contents
}

#[test]
fn a_copy_is_the_archive_its_owners_alone_and_says_what_is_in_it() {
    let (folder, path) = folder();
    archive(&path, 500);
    let before = fs::read(&path).unwrap();
    let target = folder.path().join("copy.db");
    let copy = copied(&path, &target);
    assert_eq!(contents(&target), contents(&path));
    assert_eq!(copy.bytes, fs::metadata(&target).unwrap().len());
    assert_eq!(copy.schema_version, LATEST_VERSION);
    assert_eq!((copy.rows["actions"], copy.rows["sync_runs"]), (500, 1));
    let mode = fs::metadata(&target).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs::read(&path).unwrap() == before, "the archive changed");
    assert_eq!(files(folder.path()), ["archive.db", "copy.db"]);
    assert!(Store::open(&target).is_ok());
}

#[test]
fn a_copy_of_an_archive_that_is_written_is_at_rest_and_holds_what_was_committed() {
    let (folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&[completed(1)]);
    archive.execute("BEGIN IMMEDIATE; INSERT INTO actions (id, first_seen_run) VALUES (2, 1)");
    let target = folder.path().join("copy.db");
    copied(&path, &target);
    archive.execute("COMMIT");
    assert_eq!(fs::read(&target).unwrap()[18..20], [1, 1]);
    assert_eq!(rows(&open_read_only(&target).unwrap(), COUNT), ["1"]);
    assert_eq!(archive.rows(COUNT), ["2"]);
    let beside = files(folder.path());
    assert!(
        beside.iter().all(|name| !name.contains("copy.db-")),
        "{beside:?}"
    );
}

#[test]
fn copies_come_to_an_end_while_pages_are_archived_without_a_pause() {
    let (folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&(1..=4_000).map(completed).collect::<Vec<_>>());
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let copying = scope.spawn(|| {
            for number in 0..5 {
                let target = folder.path().join(format!("copy{number}.db"));
                let count = copied(&path, &target).rows["actions"];
                assert!(
                    count >= 4_000 && count.is_multiple_of(50),
                    "half a page: {count}"
                );
            }
            is_done.store(true, Ordering::Release);
        });
        let mut page = 80;
        while !is_done.load(Ordering::Acquire) && !copying.is_finished() {
            let actions: Vec<_> = (page * 50 + 1..=page * 50 + 50).map(bare).collect();
            archive.record(&actions);
            page += 1;
        }
        copying.join().unwrap();
        assert!(page > 80, "nothing was written meanwhile");
    });
}

#[test]
fn nothing_is_overwritten_and_no_name_beside_the_archive_is_taken() {
    let (folder, path) = folder();
    archive(&path, 3);
    let before = fs::read(&path).unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("other"), "precious").unwrap();
    symlink(&path, at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    fs::create_dir(at("folder")).unwrap();
    for (name, is_the_archive) in [
        ("archive.db", true),
        ("link", true),
        ("folder/../archive.db", true),
        ("other", false),
        ("dangling", false),
        ("folder", false),
    ] {
        let error = back_up(&path, &at(name), &Cancellation::never()).unwrap_err();
        assert!(
            matches!(error, Error::BadTarget { .. }),
            "{name}: {error:?}"
        );
        let is_said = error.to_string().ends_with("is the archive itself");
        assert_eq!(is_said, is_the_archive, "{name}: {error}");
        assert!(error.hint().contains("nothing is overwritten"));
    }
    for name in ["-wal", "-shm", "-journal", ".lock"] {
        let name = format!("folder/../archive.db{name}");
        let error = back_up(&path, &at(&name), &Cancellation::never()).unwrap_err();
        assert!(
            error.to_string().contains("not a valid name"),
            "{name}: {error:?}"
        );
    }
    assert_eq!(fs::read_to_string(at("other")).unwrap(), "precious");
    assert!(fs::read(&path).unwrap() == before);
    assert!(!at("nowhere").exists());
    let all = ["archive.db", "dangling", "folder", "link", "other"];
    assert_eq!(files(folder.path()), all);
}

#[test]
fn a_name_beside_which_another_database_left_something_is_refused() {
    let (folder, path) = folder();
    archive(&path, 3);
    let at = |name: &str| folder.path().join(name);
    let target = at("copy.db");
    for name in ["copy.db-wal", "copy.db-shm", "copy.db-journal"] {
        for is_link in [false, true] {
            if is_link {
                symlink("nowhere", at(name)).unwrap();
            } else {
                fs::write(at(name), "of another archive").unwrap();
            }
            let error = back_up(&path, &target, &Cancellation::never()).unwrap_err();
            assert!(matches!(error, Error::BadTarget { .. }), "{error:?}");
            assert!(error.to_string().contains(name), "{error}");
            assert!(error.hint().contains("another name"));
            assert_eq!(files(folder.path()), ["archive.db", name]);
            fs::remove_file(at(name)).unwrap();
        }
    }
    copied(&path, &target);
}

#[test]
fn a_view_in_the_place_of_a_table_is_not_read_however_endless_it_is() {
    for sql in [
        "DROP TABLE actions_asked_for;
         CREATE VIEW actions_asked_for AS
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS i FROM n",
        "DROP TABLE actions_asked_for",
    ] {
        let (folder, path) = folder();
        archive(&path, 3);
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let error = back_up(&path, &folder.path().join("copy.db"), &Cancellation::never()).unwrap_err();
        assert!(matches!(error, Error::Altered { .. }), "{error:?}");
        let words = "archive.db was changed by something other than archiver";
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.to_string().contains("`actions_asked_for`"), "{error}");
        assert_eq!(files(folder.path()), ["archive.db"]);
    }
}

#[test]
fn an_archive_that_stays_locked_keeps_nobody_who_has_had_enough() {
    let (folder, path) = folder();
    archive(&path, 3);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = back_up(&path, &folder.path().join("copy.db"), &cancelled()).unwrap_err();
    assert!(matches!(error, Error::Stopped), "{error:?}");
}

#[test]
fn a_copy_that_is_stopped_leaves_nothing() {
    let (folder, path) = folder();
    archive(&path, 100);
    let error = back_up(&path, &folder.path().join("copy.db"), &cancelled()).unwrap_err();
    assert!(matches!(error, Error::Stopped), "{error:?}");
    assert_eq!(files(folder.path()), ["archive.db"]);
}

#[test]
fn a_damaged_archive_makes_no_copy_that_looks_sound() {
    let (folder, path) = folder();
    archive(&path, 2_000);
    let connection = Connection::open(&path).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'actions_by_time'";
    let root: usize = rows(&connection, sql).remove(0).parse().unwrap();
    drop(connection);
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096 * root - 4096..4096 * root].fill(0xa5);
    fs::write(&path, &bytes).unwrap();
    let error = back_up(
        &path,
        &folder.path().join("copy.db"),
        &Cancellation::never(),
    )
    .unwrap_err();
    assert!(error.is_unusable_archive(), "{error:?}");
    assert!(error.hint().contains("keep the file"), "{}", error.hint());
    assert_eq!(files(folder.path()), ["archive.db"]);
    assert!(fs::read(&path).unwrap() == bytes);
}

#[test]
fn there_is_no_copy_of_what_is_not_there_or_is_no_archive() {
    let (folder, path) = folder();
    let target = folder.path().join("copy.db");
    let error = back_up(&path, &target, &Cancellation::never()).unwrap_err();
    assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    fs::write(&path, "Dear diary").unwrap();
    let error = back_up(&path, &target, &Cancellation::never()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    archive(&folder.path().join("real.db"), 1);
    let nowhere = folder.path().join("no/such/folder/copy.db");
    let error = back_up(
        &folder.path().join("real.db"),
        &nowhere,
        &Cancellation::never(),
    )
    .unwrap_err();
    assert!(matches!(error, Error::File { .. }), "{error:?}");
}

#[test]
fn an_archive_of_an_earlier_version_can_be_copied_before_it_is_upgraded() {
    let (folder, path) = folder();
    super::versions::make(&path, 1);
    let target = folder.path().join("copy.db");
    let copy = copied(&path, &target);
    assert_eq!(copy.schema_version, 1);
    assert_eq!(contents(&target), contents(&path));
}
