//! The files that an upgrade accepts as its backup, and the reasons why it does not begin.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::fixture::{files, folder, rows};
use super::versions::make;
use crate::archive::{Error, Store, open_read_only};

fn execute(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// Upgrades the archive of version 5 at `path`, and returns the path of its backup.
fn way_back(path: &Path) -> PathBuf {
    let store = Store::open(path).unwrap();
    let backup = store.upgrade.clone().unwrap().backup.unwrap();
    store.close().unwrap();
    assert!(open_read_only(path).is_ok());
    backup
}

/// Puts an object at the place of an archive's copy.
type Spoil = fn(&Path, &Path);

/// Unsuitable backups: a description, and a function that creates each.
fn no_ways_back() -> [(&'static str, Spoil); 6] {
    [
        ("a link to the archive", |archive, at| {
            symlink(archive, at).unwrap();
        }),
        ("a link to a copy", |archive, at| {
            let copy = archive.with_file_name("elsewhere");
            fs::copy(archive, &copy).unwrap();
            symlink(copy, at).unwrap();
        }),
        ("a damaged copy", |archive, at| {
            let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'actions_by_time'";
            let root = rows(&Connection::open(archive).unwrap(), sql).remove(0);
            let end = 4096 * root.parse::<usize>().unwrap();
            let mut bytes = fs::read(archive).unwrap();
            bytes[end - 4096..end].fill(0xa5);
            fs::write(at, bytes).unwrap();
        }),
        ("a copy with an endless view", |archive, at| {
            fs::copy(archive, at).unwrap();
            let sql = "DROP TABLE actions_asked_for; CREATE VIEW actions_asked_for AS
                WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
            execute(at, sql);
        }),
        ("a copy of another version", |archive, at| {
            fs::copy(archive, at).unwrap();
            execute(at, "PRAGMA user_version = 4");
        }),
        ("a copy with what another database left", |archive, at| {
            fs::copy(archive, at).unwrap();
            let mut journal = at.as_os_str().to_owned();
            journal.push("-journal");
            fs::write(journal, "").unwrap();
        }),
    ]
}

#[test]
fn what_is_no_sound_copy_of_the_archive_is_not_taken_for_its_way_back() {
    for (what, spoil) in no_ways_back() {
        let (folder, path) = folder();
        make(&path, 5);
        let archive = fs::read(&path).unwrap();
        let at = folder.path().join("archive.db.v5.bak");
        spoil(&path, &at);
        let backup = way_back(&path);
        assert!(
            backup.ends_with("archive.db.v5.2.bak"),
            "{what}: {backup:?}"
        );
        assert!(fs::read(backup).unwrap()[100..] == archive[100..], "{what}");
    }
}

#[test]
fn a_sound_copy_of_the_archive_is_its_way_back() {
    let (folder, path) = folder();
    make(&path, 5);
    let at = folder.path().join("archive.db.v5.bak");
    fs::copy(&path, &at).unwrap();
    assert_eq!(way_back(&path), fs::canonicalize(&at).unwrap());
    assert_eq!(files(folder.path()), ["archive.db", "archive.db.v5.bak"]);
}

#[test]
fn a_name_that_an_upgrade_needs_is_said_before_anything_is_done() {
    for (sql, words) in [
        (
            "CREATE TABLE Staged_Actions (mine)",
            "the table `staged_actions`",
        ),
        (
            "CREATE VIEW staged_actions AS SELECT 1",
            "the view `staged_actions`",
        ),
        (
            "CREATE TABLE actions_long (mine)",
            "the table `actions_long`",
        ),
        (
            "CREATE INDEX actions_by_later_run ON actions (extra)",
            "the index `actions_by_later_run`",
        ),
    ] {
        let (folder, path) = folder();
        make(&path, 3);
        execute(&path, sql);
        let before = fs::read(&path).unwrap();
        let error = Store::open(&path).err().unwrap();
        assert!(matches!(error, Error::NameInUse { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.hint().contains("RENAME TO"));
        assert!(error.is_unusable_archive());
        assert!(fs::read(&path).unwrap() == before, "it was changed");
        assert_eq!(files(folder.path()), ["archive.db"]);
    }
}
