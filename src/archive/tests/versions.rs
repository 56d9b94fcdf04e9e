//! Archives of every earlier schema version: each one becomes an archive of this version, row for row, and a backup of
//! it stays beside the file.
//!
//! `tests/fixtures/archives/` has one archive of each version, as SQL text: the schema of that version, with rows of
//! that time. A new migration adds a file, which the ignored test below creates. No file ever changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::fixture::{Archive, completed, files, folder, rows};
use crate::archive::migrations::{self, MIGRATIONS};
use crate::archive::{APPLICATION_ID, Store, open_read_only, schema_drift};

/// Rows as a sync of each version left them. The rows of a version come after those of earlier versions.
const ROWS: [&str; 12] = [
    "INSERT INTO sync_runs (id, started_at, finished_at, scope, outcome, requests, inserted, version) VALUES
       (1, '2020-07-20T19:00:00Z', '2020-07-20T19:00:05Z', 'account', 'complete', 3, 5, '0.1.0'),
       (2, '2020-07-21T19:00:00Z', NULL, 'account', NULL, 0, 0, '0.1.0');
     INSERT INTO regions (slug, name, available, extra, first_seen_at, last_seen_at) VALUES
       ('nyc3', 'New York 3', 1, '{\"zone\":\"east\"}', '2020-07-20T19:00:00Z', '2020-07-21T00:00:00Z'),
       ('fra1', NULL, 0, NULL, '2020-07-20T19:00:00Z', '2020-07-20T00:00:00Z');
     INSERT INTO region_features VALUES ('nyc3', 'ipv6', '2020-07-20T19:00:00Z', '2020-07-21T00:00:00Z');
     INSERT INTO region_sizes VALUES ('nyc3', 's-1vcpu-1gb', '2020-07-20T19:00:00Z', '2020-07-21T00:00:00Z');
     INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                          first_seen_run, changed_run, extra) VALUES
       (1, 'completed', 'create', '2020-07-20T12:00:00Z', '2020-07-20T12:01:00Z', 42, 'droplet', 'nyc3', 1, NULL, NULL),
       (2, 'errored', 'snapshot', '2020-07-20T13:00:00Z', '2020-07-20T15:00:00Z', 42, 'droplet', 'nyc3', 1, 2, NULL),
       (3, 'in-progress', 'reboot', '2020-07-21T13:00:00Z', NULL, 42, 'droplet', 'nyc3', 1, NULL, '{\"progress\":7}'),
       (4, 'completed', 'attach_volume', '2020-07-20T14:00:00Z', NULL, 7, 'volume', NULL, 1, NULL, NULL),
       (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, NULL, NULL);
     INSERT INTO droplets VALUES
       (42, 'Grüße, ''web''', 'nyc3', '2020-07-20T12:00:00Z', '{\"tags\":[]}', '2020-07-20T19:00:00Z', NULL),
       (43, NULL, NULL, NULL, NULL, '2020-07-20T19:00:00Z', '2020-07-21T19:00:00Z');
     INSERT INTO droplet_names VALUES (42, 'Grüße, ''web''', '2020-07-20T19:00:00Z');
     INSERT INTO droplet_listed_actions VALUES (42, 4);
     INSERT INTO listings (id, path, droplet_id, total, complete_total, complete_at) VALUES
       (1, '/v2/actions', NULL, 9, 5, '2020-07-20T19:00:05Z'),
       (2, '/v2/droplets/42/actions', 42, 4, NULL, NULL);
     INSERT INTO coverage VALUES (1, 0, 5), (2, 0, 2), (2, 3, 4)",
    "UPDATE listings SET followed_from = 5, head_id = 5 WHERE id = 2;
     INSERT INTO listings (id, path, total, head_id) VALUES (3, '/v2/actions, of droplets', 9, 5);
     INSERT INTO actions_asked_for (action_id) VALUES (4);
     INSERT INTO account (id, uuid, token_salt, token_fingerprint, actions_refused_at)
     VALUES (1, 'c9a1', '00ff', 'abcd', '2020-07-20T19:00:00Z')",
    "",
    "",
    "INSERT INTO staged_actions VALUES
       (1, 8, 'completed', 'resize', 1595300000, 1595300060, 42, 'droplet', 'nyc3', 2, NULL, NULL),
       (2, 9, 'completed', 'detach_volume', 1595300100, NULL, 7, 'volume', NULL, 2, '{\"x\":1}', 42)",
    "INSERT INTO sync_runs (id, started_at, finished_at, scope, outcome, faults, version)
     VALUES (3, '2020-07-22T19:00:00Z', '2020-07-22T19:00:05Z', 'account', 'failed', 4, '0.1.0')",
    "UPDATE listings SET proven_since = '2020-07-20T19:00:05Z', audit_position = 200,
            audit_began_at = '2020-07-22T19:00:04Z', audited_at = '2020-07-22T19:00:04Z'
      WHERE id = 1",
    "UPDATE account SET team_uuid = '5df3';
     INSERT INTO actions_asked_for VALUES (3, '2020-07-22T19:00:03Z')",
    "",
    "",
    "INSERT INTO droplet_tags (droplet_id, tag, first_seen_at, gone_at) VALUES
       (42, 'web', '2020-07-20T19:00:00Z', '2020-07-21T19:00:00Z'),
       (42, 'prod', '2020-07-21T19:00:00Z', NULL)",
    "INSERT INTO imports (id, path, kind, sha256, started_at, finished_at, rows_read, inserted, version) VALUES
       (1, 'old.json', 'list', 'ab', '2020-07-22T19:00:00Z', '2020-07-22T19:00:01Z', 1, 1, '0.1.0');
     INSERT INTO actions (id, status, type, first_seen_import) VALUES (12, 'completed', 'reboot', 1)",
];

/// The rows of `staged_actions` above, after version 9 moves them.
const PUT_IN_PLACE: [&str; 3] = [
    "actions: 8 completed resize 2020-07-21T02:53:20Z 2020-07-21T02:54:20Z 42 droplet nyc3 2 - -",
    "actions: 9 completed detach_volume 2020-07-21T02:55:00Z - 7 volume - 2 - {\"x\":1}",
    "droplet_listed_actions: 42 9",
];

fn fixture(version: usize) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archives");
    folder.join(format!("v{version}.sql"))
}

/// The archive of a version as SQL text, in the order of creation.
fn generated(version: usize) -> String {
    let connection = migrations::model(i64::try_from(version).unwrap()).unwrap();
    // Version 9 has no table for the actions that a killed sync staged.
    let is_of_version = |rows: &&&str| version < 9 || !rows.contains("staged_actions");
    for rows in ROWS[..version].iter().filter(is_of_version) {
        connection.execute_batch(rows).unwrap();
    }
    let mut text = format!(
        "-- An archive of schema version {version}, with rows of that time.\n\
         PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {version};\n"
    );
    for sql in rows(
        &connection,
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid",
    ) {
        text += &format!("{sql};\n");
    }
    for table in tables(&connection) {
        let columns = columns(&connection, &table);
        let quoted: Vec<_> = columns.iter().map(|it| format!("quote({it})")).collect();
        let values = quoted.join(" || ', ' || ");
        for row in rows(
            &connection,
            &format!("SELECT {values} FROM {table} ORDER BY 1"),
        ) {
            text += &format!(
                "INSERT INTO {table} ({}) VALUES ({row});\n",
                columns.join(", ")
            );
        }
    }
    text
}

fn tables(connection: &Connection) -> Vec<String> {
    rows(
        connection,
        "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid",
    )
}

fn columns(connection: &Connection, table: &str) -> Vec<String> {
    rows(
        connection,
        &format!("SELECT name FROM pragma_table_info('{table}')"),
    )
}

/// Creates the archive of a version at `path` from its SQL text.
pub(super) fn make(path: &Path, version: usize) {
    let connection = Connection::open(path).unwrap();
    connection
        .pragma_update(None, "foreign_keys", false)
        .unwrap();
    let text = fs::read_to_string(fixture(version)).unwrap();
    connection.execute_batch(&text).unwrap();
}

/// All rows of the named tables and columns, as text.
fn contents(path: &Path, named: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let rows_of = |(table, columns): (&String, &Vec<String>)| {
        let sql = format!("SELECT {} FROM {table} ORDER BY 1", columns.join(", "));
        let rows = rows(&connection, &sql).into_iter();
        rows.map(|row| format!("{table}: {row}"))
            .collect::<Vec<_>>()
    };
    named.iter().flat_map(rows_of).collect()
}

/// The tables of an archive and their columns.
fn named(path: &Path) -> BTreeMap<String, Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let tables = tables(&connection).into_iter();
    tables
        .map(|table| {
            let columns = columns(&connection, &table);
            (table, columns)
        })
        .collect()
}

#[test]
#[ignore = "writes the archive of a new version; the others have to stay as they are"]
fn the_archives_are_written() {
    for version in 1..=MIGRATIONS.len() {
        fs::create_dir_all(fixture(version).parent().unwrap()).unwrap();
        fs::write(fixture(version), generated(version)).unwrap();
    }
}

#[test]
fn there_is_an_archive_of_each_version_and_it_is_what_was_made_then() {
    for version in 1..=MIGRATIONS.len() {
        let text = fs::read_to_string(fixture(version)).unwrap_or_default();
        assert!(
            text == generated(version),
            "v{version}.sql is not what migrations 1 to {version} and `ROWS` make: for a new version, run \
             `cargo test --lib the_archives_are_written -- --ignored`"
        );
        let (_folder, path) = folder();
        make(&path, version);
        let connection = Connection::open(&path).unwrap();
        assert_eq!(schema_drift(&connection).unwrap(), [], "{version}");
    }
}

#[test]
fn an_archive_of_every_version_is_upgraded_row_for_row_and_kept_beside_as_it_was() {
    for version in 1..MIGRATIONS.len() {
        let (folder, path) = folder();
        make(&path, version);
        let (bytes, named) = (fs::read(&path).unwrap(), named(&path));
        let before = contents(&path, &named);
        assert!(before.len() >= 18, "{version}: {}", before.len());
        let mut kept = named.clone();
        let mut expected = BTreeSet::new();
        if kept.remove("staged_actions").is_some() {
            expected.extend(PUT_IN_PLACE.map(str::to_owned));
        }
        expected.extend(contents(&path, &kept));

        let store = Store::open(&path).unwrap();
        let upgrade = store.upgrade.clone().unwrap();
        store.close().unwrap();
        let after = BTreeSet::from_iter(contents(&path, &kept));
        assert_eq!(after, expected, "{version}");
        assert_eq!(schema_drift(&open_read_only(&path).unwrap()).unwrap(), []);

        let backup = format!("archive.db.v{version}.bak");
        assert_eq!(files(folder.path()), ["archive.db", backup.as_str()]);
        assert_eq!(upgrade.from, version as i64);
        let backup = upgrade.backup.unwrap();
        assert_eq!(contents(&backup, &named), before);
        // The restored backup equals the old archive.
        fs::copy(&backup, &path).unwrap();
        let connection = Connection::open(&path).unwrap();
        assert_eq!(migrations::version(&connection).unwrap(), version as i64);
        let pages = |bytes: &[u8]| bytes[100..].to_vec();
        assert!(
            pages(&fs::read(&path).unwrap()) == pages(&bytes),
            "{version}"
        );
    }
}

#[test]
fn an_upgraded_archive_goes_on_as_if_it_had_always_been_of_this_version() {
    for version in 1..=MIGRATIONS.len() {
        let (_folder, path) = folder();
        make(&path, version);
        let mut archive = Archive::at(&path);
        let staged = if (5..9).contains(&version) { 2 } else { 0 };
        let imported = usize::from(version >= 12);
        archive.record(&[completed(100)]);
        let count = (5 + staged + imported + 1).to_string();
        assert_eq!(archive.rows("SELECT count(*) FROM actions"), [count]);
        archive.store.close().unwrap();
    }
}

#[test]
fn an_upgrade_that_is_made_again_keeps_one_backup_and_one_of_other_rows_gets_its_own() {
    let (folder, path) = folder();
    make(&path, 5);
    let old = fs::read(&path).unwrap();
    for _ in 0..2 {
        fs::write(&path, &old).unwrap();
        Store::open(&path).unwrap().close().unwrap();
    }
    assert_eq!(files(folder.path()), ["archive.db", "archive.db.v5.bak"]);
    let first = fs::read(folder.path().join("archive.db.v5.bak")).unwrap();

    fs::write(&path, &old).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .execute_batch("DELETE FROM actions_asked_for")
        .unwrap();
    drop(connection);
    let store = Store::open(&path).unwrap();
    let backup = store.upgrade.clone().unwrap().backup.unwrap();
    assert!(backup.ends_with("archive.db.v5.2.bak"), "{backup:?}");
    store.close().unwrap();
    assert!(fs::read(folder.path().join("archive.db.v5.bak")).unwrap() == first);
}

#[test]
fn what_stands_where_a_backup_should_be_is_left_alone() {
    let (folder, path) = folder();
    make(&path, 3);
    let taken = folder.path().join("archive.db.v3.bak");
    fs::write(&taken, "mine").unwrap();
    Store::open(&path).unwrap().close().unwrap();
    assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
    let all = ["archive.db", "archive.db.v3.2.bak", "archive.db.v3.bak"];
    assert_eq!(files(folder.path()), all);
}

#[test]
fn an_archive_without_rows_needs_no_backup_and_one_of_this_version_no_upgrade() {
    let (folder, path) = folder();
    for version in 1..MIGRATIONS.len() {
        let _ = fs::remove_file(&path);
        let mut connection = Connection::open(&path).unwrap();
        let tx = connection.transaction().unwrap();
        for migration in &MIGRATIONS[..version] {
            tx.execute_batch(migration).unwrap();
        }
        tx.pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        tx.pragma_update(None, "user_version", version as i64)
            .unwrap();
        tx.commit().unwrap();
        drop(connection);
        let store = Store::open(&path).unwrap();
        let upgrade = store.upgrade.clone().unwrap();
        assert_eq!((upgrade.from, &upgrade.backup), (version as i64, &None));
        store.close().unwrap();
        assert_eq!(files(folder.path()), ["archive.db"]);
        let again = Store::open(&path).unwrap();
        assert_eq!(again.upgrade, None);
        again.close().unwrap();
    }
    let _ = fs::remove_file(&path);
    let new = Store::open(&path).unwrap();
    assert_eq!(new.upgrade, None);
}
