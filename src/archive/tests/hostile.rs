//! A file that another user made or replaced: nothing in it is executed, and nothing blocks.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::fixture::{Archive, completed, files, folder, interval, rows, time};
use crate::archive::{ArchiveLock, Error, LATEST_VERSION, LockWait, Store};
use crate::archive::{back_up, open_read_only};
use crate::core::cancellation::Cancellation;

/// An archive with some rows, at rest, and then changed by `change`.
fn changed(path: &Path, sql: &str) {
    let mut archive = Archive::at(path);
    archive.record(&[completed(1), completed(2)]);
    archive.store.close().unwrap();
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
}

/// Replaces the stored SQL text of a table or view.
fn rewritten(name: &str, from: &str, to: &str) -> String {
    format!(
        "PRAGMA writable_schema = on;
         UPDATE sqlite_schema SET sql = replace(sql, '{from}', '{to}') WHERE name = '{name}';"
    )
}

#[test]
fn every_connection_takes_the_schema_for_data() {
    let (_folder, path) = folder();
    let archive = Archive::at(&path);
    let reader = open_read_only(&path).unwrap();
    let rehearsal = Store::rehearsal(&path, &LockWait::new(&Cancellation::never())).unwrap();
    for connection in [&archive.store.connection, &reader, &rehearsal.connection] {
        assert_eq!(rows(connection, "PRAGMA foreign_keys"), ["1"]);
        assert_eq!(rows(connection, "PRAGMA trusted_schema"), ["0"]);
        assert_eq!(rows(connection, "PRAGMA cell_size_check"), ["1"]);
        let defensive = connection.db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE);
        assert!(defensive.unwrap());
        let loaded = connection.query_row("SELECT load_extension('x')", [], |_| Ok(()));
        assert!(loaded.is_err());
    }
}

#[test]
fn what_decides_what_a_sync_stores_is_refused_and_named() {
    for (sql, words) in [
        (
            "CREATE VIEW json_each AS SELECT 42 AS value".to_owned(),
            "the view `json_each`",
        ),
        (
            "CREATE TABLE pragma_table_info (name)".to_owned(),
            "the table `pragma_table_info`",
        ),
        (
            "ALTER TABLE actions ADD COLUMN twice INTEGER AS (id + id)".to_owned(),
            "the table `actions` is not as archiver makes it",
        ),
        (
            "ALTER TABLE regions ADD COLUMN more TEXT DEFAULT 'x'".to_owned(),
            "the table `regions`",
        ),
        (
            rewritten("coverage", "0 <= start_position AND ", "") ,
            "the table `coverage`",
        ),
        (
            rewritten("listings", "path            TEXT", "path            TEXT CHECK (total IS NULL)"),
            "the table `listings`",
        ),
        (
            "DROP VIEW droplet_actions;
             CREATE VIEW droplet_actions AS WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)
             SELECT id AS droplet_id, id FROM n"
                .to_owned(),
            "the view `droplet_actions` is not as archiver makes it",
        ),
        ("DROP TABLE coverage".to_owned(), "the table `coverage` is missing"),
        (
            "DROP INDEX actions_by_time; CREATE INDEX actions_by_time ON actions (extra)".to_owned(),
            "the index `actions_by_time` on `actions` is not as archiver makes it",
        ),
    ] {
        is_refused(&sql, words);
    }
}

#[test]
fn what_would_run_inside_a_sync_is_refused_and_named() {
    for (sql, words) in [
        (
            "CREATE TRIGGER sneaky AFTER INSERT ON actions BEGIN DELETE FROM coverage; END",
            "the trigger `sneaky` on `actions` is not archiver's",
        ),
        (
            "CREATE TRIGGER sneaky INSTEAD OF INSERT ON droplet_actions BEGIN SELECT 1; END",
            "`sneaky`",
        ),
        (
            "CREATE TABLE mine (id); CREATE TRIGGER sneaky AFTER INSERT ON mine BEGIN SELECT 1; END",
            "the trigger `sneaky` on `mine`",
        ),
        (
            "CREATE UNIQUE INDEX once ON actions (type, id)",
            "the index `once` on `actions`",
        ),
        (
            "CREATE INDEX overflow ON actions (abs(id))",
            "the index `overflow` on `actions` is not archiver's, and can refuse rows",
        ),
        (
            "CREATE INDEX huge ON actions (id) WHERE printf('%.*c', 100000000, type) > ''",
            "the index `huge` on `actions`",
        ),
        (
            "CREATE TABLE mine (type REFERENCES actions (type))",
            "the table `mine` is not archiver's, and can refuse rows",
        ),
    ] {
        is_refused(sql, words);
    }
}

/// A direct write to the schema table can make this change, and no statement can.
#[test]
fn what_hides_behind_its_name_or_kind_or_in_a_comment_is_refused_and_named() {
    let trigger = "CREATE TRIGGER sneaky AFTER INSERT ON sync_runs BEGIN DELETE FROM coverage; END";
    let unique = "CREATE UNIQUE INDEX sneaky ON actions (type, id)";
    let hidden = "UPDATE sqlite_schema SET name = 'sqlite_sneaky', sql = replace(sql, 'sneaky', 'sqlite_sneaky')
                  WHERE name = 'sneaky'";
    for (sql, change, words) in [
        (trigger, "UPDATE sqlite_schema SET type = 'TrigGer' WHERE name = 'sneaky'", "the trigger `sneaky`"),
        (trigger, hidden, "the trigger `sqlite_sneaky`"),
        (unique, "UPDATE sqlite_schema SET type = 'INDEX' WHERE name = 'sneaky'", "the index `sneaky`"),
        (unique, hidden, "the index `sqlite_sneaky`"),
        (
            "SELECT 1",
            "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', '/*/ -- */, CHECK (0)' || char(10) || ') STRICT')
             WHERE name = 'coverage'",
            "the table `coverage`",
        ),
        (
            "SELECT 1",
            "UPDATE sqlite_schema SET sql = CAST(replace(sql, 'WHERE', 'WHERE ' || x'ff' || ' AND') AS TEXT)
             WHERE name = 'droplet_actions'",
            "the view `droplet_actions`",
        ),
    ] {
        is_refused(&format!("{sql}; PRAGMA writable_schema = ON; {change}"), words);
    }
}

/// Checks that nothing is written to a changed archive, and that the error names the reason.
#[track_caller]
fn is_refused(sql: &str, words: &str) {
    let (folder, path) = folder();
    changed(&path, sql);
    let before = fs::read(&path).unwrap();
    let rehearsal = Store::rehearsal(&path, &LockWait::new(&Cancellation::never()));
    let rehearsed = rehearsal.err().unwrap();
    assert!(
        matches!(rehearsed, Error::Altered { .. }),
        "{sql}: {rehearsed:?}"
    );
    let error = Store::open(&path).err().unwrap();
    assert!(matches!(error, Error::Altered { .. }), "{sql}: {error:?}");
    assert!(error.to_string().contains(words), "{sql}: {error}");
    assert!(error.is_unusable_archive());
    assert!(error.hint().contains("archiver verify"));
    assert!(fs::read(&path).unwrap() == before, "{sql}: it was changed");
    assert_eq!(files(folder.path()), ["archive.db"]);
    assert!(open_read_only(&path).is_ok(), "its rows can still be read");
}

#[test]
fn a_trigger_in_an_old_archive_is_refused_before_an_upgrade_runs_into_it() {
    let (folder, path) = folder();
    super::versions::make(&path, 1);
    let connection = Connection::open(&path).unwrap();
    let trigger = "CREATE TRIGGER sneaky AFTER UPDATE ON listings BEGIN DELETE FROM actions; END";
    connection.execute_batch(trigger).unwrap();
    drop(connection);
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path).err().unwrap();
    assert!(error.to_string().contains("`sneaky`"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(files(folder.path()), ["archive.db"]);
}

#[test]
fn what_people_add_for_themselves_stays_and_is_in_nobodys_way() {
    let (_folder, path) = folder();
    changed(
        &path,
        "CREATE TABLE notes (action_id INTEGER REFERENCES actions (id), text TEXT UNIQUE);
         CREATE UNIQUE INDEX notes_by_action ON notes (action_id);
         CREATE VIEW reboots AS SELECT * FROM actions WHERE type = 'reboot';
         CREATE INDEX my_index ON actions (region_slug, status) WHERE region_slug IS NOT NULL;
         INSERT INTO notes VALUES (1, 'why?');
         ANALYZE",
    );
    let mut archive = Archive::at(&path);
    let recorded = archive.try_page(&[completed(3)], &[interval(0, 1)], Some(1));
    assert_eq!(recorded.unwrap().inserted, 1);
    assert_eq!(archive.rows("SELECT count(*) FROM reboots"), ["3"]);
    assert_eq!(archive.rows("SELECT text FROM notes"), ["why?"]);
    archive.store.close().unwrap();
}

#[test]
fn an_archive_that_was_dumped_and_read_in_again_is_the_same() {
    let (_folder, path) = folder();
    changed(&path, "VACUUM");
    let mut archive = Archive::at(&path);
    archive.record(&[completed(3)]);
    let statements = archive.rows("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL");
    archive.store.close().unwrap();
    fs::remove_file(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    for statement in statements {
        let again = statement.replace("CREATE TABLE ", "create  table ");
        connection.execute_batch(&again).unwrap();
    }
    let marks = format!(
        "PRAGMA application_id = {}; PRAGMA user_version = {LATEST_VERSION}",
        crate::archive::APPLICATION_ID
    );
    connection.execute_batch(&marks).unwrap();
    drop(connection);
    assert!(Store::open(&path).is_ok());
}

#[test]
fn what_is_no_file_is_refused_in_words_and_nobody_waits_for_it() {
    let (folder, _) = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    let made = Command::new("mkfifo").arg(at("pipe")).status().unwrap();
    assert!(made.success());
    let _socket = UnixListener::bind(at("socket")).unwrap();
    symlink(at("pipe"), at("link")).unwrap();
    for (path, words) in [
        (at("folder"), "is a directory, not a file"),
        (at("pipe"), "is a FIFO, not a file"),
        (at("link"), "is a FIFO, not a file"),
        (at("socket"), "is a socket, not a file"),
        ("/dev/null".into(), "is a device, not a file"),
        ("/dev/zero".into(), "is a device, not a file"),
    ] {
        for error in [Store::open(&path).err(), open_read_only(&path).err()] {
            let error = error.unwrap();
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.hint().contains("check the path"));
        }
    }
    assert_eq!(files(folder.path()), ["folder", "link", "pipe", "socket"]);
}

#[test]
fn a_link_to_an_archive_is_the_archive() {
    let (folder, path) = folder();
    changed(&path, "");
    let link = folder.path().join("link.db");
    symlink(&path, &link).unwrap();
    let mut archive = Archive::at(&link);
    archive.record(&[completed(3)]);
    archive.store.close().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let count = rows(
        &open_read_only(&path).unwrap(),
        "SELECT count(*) FROM actions",
    );
    assert_eq!(count, ["3"]);
    let nowhere = folder.path().join("dangling.db");
    symlink(folder.path().join("nowhere"), &nowhere).unwrap();
    for error in [Store::open(&nowhere).err(), open_read_only(&nowhere).err()] {
        let error = error.unwrap();
        assert!(matches!(error, Error::NotAFile { .. }), "{error:?}");
        assert!(error.to_string().contains("/nowhere"), "{error}");
        assert!(error.is_unusable_archive());
    }
}

type Make = fn(&Path);

#[test]
fn what_is_no_file_where_sqlite_keeps_its_own_is_refused_by_name_and_nobody_waits_for_it() {
    let (folder, path) = folder();
    changed(&path, "");
    let link = folder.path().join("link.db");
    symlink(&path, &link).unwrap();
    let before = fs::read(&path).unwrap();
    for name in ["archive.db-journal", "archive.db-wal", "archive.db-shm"] {
        let beside = folder.path().join(name);
        let make: [(&str, Make); 4] = [
            ("FIFO", |at| {
                assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
            }),
            ("directory", |at| fs::create_dir(at).unwrap()),
            ("socket", |at| drop(UnixListener::bind(at).unwrap())),
            ("link", |at| symlink("nowhere", at).unwrap()),
        ];
        for (kind, make) in make {
            make(&beside);
            for path in [&path, &link] {
                let copy = back_up(path, &folder.path().join("copy.db"), &Cancellation::never());
                let errors = [
                    Store::open(path).err(),
                    open_read_only(path).err(),
                    copy.err(),
                ];
                for error in errors.map(Option::unwrap) {
                    let error = error.to_string();
                    assert!(error.contains(&format!("it is a {kind}, not")), "{error}");
                    assert!(error.contains(name), "{error}");
                }
            }
            let _ = fs::remove_file(&beside).or_else(|_| fs::remove_dir(&beside));
        }
    }
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(files(folder.path()), ["archive.db", "link.db"]);
}

#[test]
fn a_first_sync_that_is_refused_leaves_no_empty_archive() {
    let (folder, path) = folder();
    symlink("nowhere", folder.path().join("archive.db-wal")).unwrap();
    Store::open(&path).err().unwrap();
    assert_eq!(files(folder.path()), ["archive.db-wal"]);
    fs::write(&path, "").unwrap();
    Store::open(&path).err().unwrap();
    assert!(path.exists(), "it was there before");
}

#[test]
fn a_link_in_the_place_of_the_lock_empties_nothing() {
    let (folder, path) = folder();
    changed(&path, "");
    let precious = folder.path().join("precious");
    fs::write(&precious, "all of it").unwrap();
    symlink(&precious, folder.path().join("archive.db.lock")).unwrap();
    let lock = ArchiveLock::acquire(&path, time("2026-01-01T12:00:00Z"), Duration::ZERO);
    assert!(matches!(lock, Err(Error::File { .. })), "{lock:?}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "all of it");
}

#[test]
fn a_name_that_means_something_to_sqlite_is_the_name_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in [":memory:", "file:a.db?mode=memory", "file:b.db", "?", "%41"] {
        let path = folder.path().join(name);
        let mut archive = Archive::at(&path);
        archive.record(&[completed(1)]);
        archive.store.close().unwrap();
        let reader = open_read_only(&path).unwrap();
        assert_eq!(
            rows(&reader, "SELECT count(*) FROM actions"),
            ["1"],
            "{name}"
        );
    }
    assert_eq!(files(folder.path()).len(), 5);
}

#[test]
fn an_archive_with_a_second_name_is_read_and_not_written() {
    let (folder, path) = folder();
    changed(&path, "");
    let before = fs::read(&path).unwrap();
    let other = folder.path().join("other.db");
    fs::hard_link(&path, &other).unwrap();
    for name in [&path, &other] {
        let error = Store::open(name).err().unwrap();
        assert!(error.to_string().contains("another name"), "{error}");
        assert!(open_read_only(name).is_ok());
    }
    assert!(fs::read(&path).unwrap() == before);
    fs::remove_file(&other).unwrap();
    assert!(Store::open(&path).is_ok());
}

#[test]
fn what_is_beside_an_archive_and_has_another_name_is_not_written_over() {
    let (folder, path) = folder();
    changed(&path, "");
    let theirs = folder.path().join("theirs");
    for ending in ["-journal", "-wal", "-shm"] {
        fs::write(&theirs, "all of it").unwrap();
        let beside = folder.path().join(format!("archive.db{ending}"));
        fs::hard_link(&theirs, &beside).unwrap();
        for error in [Store::open(&path).err(), open_read_only(&path).err()] {
            let error = error.unwrap().to_string();
            assert!(
                error.contains("another name") && error.contains(ending),
                "{error}"
            );
        }
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "all of it");
        fs::remove_file(beside).unwrap();
    }
}

#[test]
fn a_link_of_another_user_is_not_written_through() {
    let (folder, path) = folder();
    let (link, empty) = (folder.path().join("link.db"), folder.path().join("empty"));
    fs::write(&empty, "").unwrap();
    changed(&path, "");
    for leads_to in [&empty, &path] {
        let before = fs::read(leads_to).unwrap();
        symlink(leads_to, &link).unwrap();
        // Only root may change the owner of files.
        if std::os::unix::fs::lchown(&link, Some(65_534), None).is_ok() {
            let error = Store::open(&link).err().unwrap();
            assert!(error.to_string().contains("another user"), "{error}");
            assert!(fs::read(leads_to).unwrap() == before);
            assert_eq!(open_read_only(&link).is_ok(), leads_to == &path);
        }
        fs::remove_file(&link).unwrap();
    }
}
