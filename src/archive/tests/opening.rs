//! Creates, finds and closes the file.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::fixture::{Archive, bare, completed, files, folder, rows};
use crate::archive::{APPLICATION_ID, Error, LATEST_VERSION, Store, open_read_only};

/// The two bytes for the journal mode of the file: 1 is rollback, 2 is WAL.
fn journal_bytes(path: &Path) -> [u8; 2] {
    fs::read(path).unwrap()[18..20].try_into().unwrap()
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_archive_and_all_beside_it_are_its_owners_alone() {
    let (folder, path) = folder();
    let archive = Archive::at(&path);
    let all = ["archive.db", "archive.db-shm", "archive.db-wal"];
    assert_eq!(files(folder.path()), all);
    for file in all {
        assert_eq!(mode(&folder.path().join(file)), 0o600, "{file}");
    }
    archive.store.close().unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn permissions_that_the_owner_gave_stay() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, path) = folder();
    Archive::at(&path).store.close().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    Archive::at(&path).store.close().unwrap();
    assert_eq!(mode(&path), 0o644);
}

#[test]
fn folders_that_are_missing_are_made() {
    let (folder, _) = folder();
    let path = folder.path().join("of/mine/archive.db");
    Archive::at(&path).store.close().unwrap();
    assert!(path.exists());
}

#[test]
fn a_new_archive_is_marked_as_ours() {
    let (_folder, path) = folder();
    Archive::at(&path).store.close().unwrap();
    let connection = Connection::open(&path).unwrap();
    assert_eq!(
        rows(&connection, "PRAGMA application_id"),
        [APPLICATION_ID.to_string()]
    );
    assert_eq!(
        rows(&connection, "PRAGMA user_version"),
        [LATEST_VERSION.to_string()]
    );
}

#[test]
fn at_rest_the_archive_is_one_file_in_rollback_mode() {
    let (folder, path) = folder();
    for id in 1..4 {
        let mut archive = Archive::at(&path);
        archive.record(&[completed(id)]);
        assert_eq!(journal_bytes(&path), [2, 2]);
        archive.store.close().unwrap();
        assert_eq!(files(folder.path()), ["archive.db"]);
        assert_eq!(journal_bytes(&path), [1, 1]);
    }
    let connection = open_read_only(&path).unwrap();
    assert_eq!(rows(&connection, "SELECT count(*) FROM actions"), ["3"]);
    assert_eq!(files(folder.path()), ["archive.db"]);
}

#[test]
fn an_empty_file_becomes_an_archive() {
    let (_folder, path) = folder();
    fs::write(&path, "").unwrap();
    let mut archive = Archive::at(&path);
    archive.record(&[bare(1)]);
    archive.store.close().unwrap();
    assert!(open_read_only(&path).is_ok());
}

#[test]
fn an_archive_that_is_opened_again_is_not_upgraded_again() {
    let (_folder, path) = folder();
    let schema = |archive: &Archive| archive.rows("PRAGMA schema_version");
    let first = Archive::at(&path);
    let before = schema(&first);
    first.store.close().unwrap();
    assert_eq!(schema(&Archive::at(&path)), before);
}

#[test]
fn a_commit_survives_a_power_cut_and_references_are_checked() {
    let (_folder, path) = folder();
    let archive = Archive::at(&path);
    assert_eq!(archive.rows("PRAGMA synchronous"), ["2"]);
    assert_eq!(archive.rows("PRAGMA foreign_keys"), ["1"]);
    assert_eq!(archive.rows("PRAGMA journal_mode"), ["wal"]);
}

#[test]
fn what_cannot_be_made_says_where() {
    let (folder, path) = folder();
    fs::write(&path, "").unwrap();
    let error = Store::open(&path.join("archive.db")).err().unwrap();
    assert!(matches!(error, Error::File { .. }), "{error}");
    assert!(!error.is_unusable_archive());
    let error = Store::open(folder.path()).err().unwrap();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
    assert!(error.is_unusable_archive());
}
