//! Each kind of harm is found, described, and distinguished from real histories.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{Depth, Severity, Verification, verify};
use crate::archive::{Store, open_read_only};

const NOW: &str = "2026-01-02T12:00:00Z";

/// Ten actions of two droplets, in the state after a sync of the account and of droplet 41.
const SOUND: &str = "
INSERT INTO sync_runs (id, started_at, finished_at, scope, outcome, version)
VALUES (1, '2026-01-01T12:00:00Z', '2026-01-01T12:00:05Z', 'account', 'complete', '0.1.0');
INSERT INTO regions (slug, first_seen_at, last_seen_at)
VALUES ('nyc3', '2026-01-01T12:00:00Z', '2026-01-01T12:00:00Z');
INSERT INTO droplets (id, name, first_seen_at) VALUES (41, 'web', '2026-01-01T12:00:00Z');
WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < 10)
INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug, first_seen_run)
SELECT id, 'completed', 'reboot', '2025-06-01T12:00:00Z', '2025-06-01T12:00:30Z', 40 + id % 2, 'droplet', 'nyc3', 1
  FROM ids;
INSERT INTO listings (id, path, droplet_id, total, complete_total, complete_at)
VALUES (1, '/v2/actions', NULL, 10, 10, '2026-01-01T12:00:05Z'),
       (2, '/v2/droplets/41/actions', 41, 5, 5, '2026-01-01T12:00:05Z');
INSERT INTO coverage VALUES (1, 0, 10), (2, 0, 5);";

/// An archive with this change.
pub(super) struct Archive {
    _folder: TempDir,
    pub(super) path: PathBuf,
}

impl Archive {
    pub(super) fn changed(sql: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("archive.db");
        Store::open(&path).unwrap().close().unwrap();
        let archive = Self {
            _folder: folder,
            path,
        };
        archive.execute(SOUND);
        archive.execute(sql);
        archive
    }

    pub(super) fn execute(&self, sql: &str) {
        let connection = Connection::open(&self.path).unwrap();
        connection
            .pragma_update(None, "foreign_keys", false)
            .unwrap();
        connection.execute_batch(sql).unwrap();
    }

    pub(super) fn verified(&self, depth: Depth) -> Verification {
        let connection = open_read_only(&self.path).unwrap();
        verify(&connection, depth, NOW.parse().unwrap()).unwrap()
    }

    fn page_of(&self, name: &str) -> usize {
        let connection = Connection::open(&self.path).unwrap();
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
        let page: i64 = connection.query_row(sql, [name], |row| row.get(0)).unwrap();
        usize::try_from(page).unwrap()
    }

    /// Changes the bytes of the first page of a table or index.
    pub(super) fn damage(&self, name: &str, change: impl FnOnce(&mut [u8])) {
        let end = 4096 * self.page_of(name);
        let mut bytes = fs::read(&self.path).unwrap();
        change(&mut bytes[end - 4096..end]);
        fs::write(&self.path, bytes).unwrap();
    }
}

/// The single finding after a change: check, number of rows, example.
#[track_caller]
pub(super) fn found(sql: &str, severity: Severity) -> (&'static str, u64, String) {
    let verification = Archive::changed(sql).verified(Depth::Full);
    let [finding] = verification.findings.as_slice() else {
        panic!("{sql}: {verification:#?}");
    };
    assert_eq!(finding.severity, severity, "{sql}: {finding:?}");
    assert_eq!(verification.is_sound, severity == Severity::Note, "{sql}");
    assert!(!finding.advice.is_empty() && !finding.what.is_empty());
    let example = finding.example.clone().unwrap_or_default();
    (finding.check, finding.rows, example)
}

#[test]
fn a_sound_archive_is_said_to_be_sound_and_counted() {
    for depth in [Depth::Full, Depth::Quick] {
        let verification = Archive::changed("").verified(depth);
        assert!(verification.is_sound);
        assert_eq!(verification.findings, []);
        let counts = (
            verification.actions,
            verification.listings,
            verification.syncs,
        );
        assert_eq!(counts, (Some(10), Some(2), Some(1)));
    }
}

#[test]
fn a_new_archive_is_sound() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("archive.db");
    Store::open(&path).unwrap().close().unwrap();
    let connection = open_read_only(&path).unwrap();
    let verification = verify(&connection, Depth::Full, NOW.parse().unwrap()).unwrap();
    assert_eq!(
        (verification.is_sound, verification.actions),
        (true, Some(0))
    );
}

#[test]
fn what_archiver_never_leaves_behind_is_an_error() {
    for (sql, expected) in [
        (
            "UPDATE actions SET started_at = '2025-06-01 12:00:00' WHERE id > 8",
            ("time_format", 2, "9"),
        ),
        (
            "UPDATE actions SET started_at = NULL, completed_at = '2025-02-30T12:00:00Z' WHERE id = 7",
            ("time_format", 1, "7"),
        ),
        (
            "UPDATE actions SET completed_at = '2025-06-01T12:00:30' WHERE id = 3",
            ("time_format", 1, "3"),
        ),
        (
            "UPDATE actions SET extra = '{' WHERE id = 4",
            ("extra", 1, "4"),
        ),
        (
            "UPDATE actions SET region_slug = 'nowhere' WHERE id IN (4, 5)",
            ("reference", 2, "actions 4"),
        ),
        (
            "DELETE FROM sync_runs; UPDATE actions SET changed_run = NULL",
            ("reference", 10, "actions 1"),
        ),
        (
            "UPDATE sync_runs SET finished_at = 'soon'",
            ("time_format", 1, "1"),
        ),
        (
            "UPDATE sync_runs SET outcome = 'splendid'",
            ("sync", 1, "1"),
        ),
        ("UPDATE sync_runs SET finished_at = NULL", ("sync", 1, "1")),
        ("UPDATE sync_runs SET retries = -3", ("sync", 1, "1")),
        (
            "UPDATE regions SET last_seen_at = '2026-01-02'",
            ("time_format", 1, "nyc3"),
        ),
        ("UPDATE droplets SET extra = 'tags'", ("extra", 1, "41")),
    ] {
        let (check, rows, example) = found(sql, Severity::Error);
        assert_eq!((check, rows, example.as_str()), expected, "{sql}");
    }
}

#[test]
fn complete_listings_whose_rows_are_missing_are_an_error() {
    for (sql, expected) in [
        // Lost from the account's listing alone, then from the droplet's listing too.
        (
            "DELETE FROM actions WHERE id = 2",
            ("coverage", 1, "/v2/actions"),
        ),
        (
            "DELETE FROM actions WHERE id IN (1, 3); DELETE FROM coverage WHERE listing_id = 1;
             UPDATE listings SET complete_total = NULL, complete_at = NULL WHERE id = 1",
            ("coverage", 2, "droplet 41"),
        ),
        (
            "UPDATE coverage SET end_position = 8 WHERE listing_id = 1; INSERT INTO coverage VALUES (1, 7, 9);
             UPDATE listings SET complete_total = 8 WHERE id = 1",
            ("coverage", 1, "/v2/actions"),
        ),
        (
            "UPDATE listings SET total = 8, complete_total = 8 WHERE id = 1",
            ("coverage", 1, "/v2/actions"),
        ),
        (
            "UPDATE coverage SET start_position = 1 WHERE listing_id = 1",
            ("listing", 1, "/v2/actions"),
        ),
        (
            "UPDATE listings SET complete_at = NULL WHERE id = 2",
            ("listing", 1, "/v2/droplets/41/actions"),
        ),
        (
            "UPDATE listings SET path = '/v2/droplets/42/actions' WHERE id = 2",
            ("listing", 1, "/v2/droplets/42/actions"),
        ),
        (
            "UPDATE listings SET path = '/v2/images' WHERE id = 1; DELETE FROM coverage WHERE listing_id = 1;
             UPDATE listings SET complete_total = NULL, complete_at = NULL WHERE id = 1",
            ("listing", 1, "/v2/images"),
        ),
    ] {
        let (check, rows, example) = found(sql, Severity::Error);
        assert_eq!((check, rows, example.as_str()), expected, "{sql}");
    }
}

#[test]
fn coverage_that_no_sync_has_called_complete_is_a_note() {
    let sql = "INSERT INTO coverage VALUES (2, 6, 9); UPDATE listings SET total = 9 WHERE id = 2";
    let expected = ("coverage", 3, "droplet 41".to_owned());
    assert_eq!(found(sql, Severity::Note), expected);
}

#[test]
fn positions_beyond_what_can_be_counted_are_no_reason_to_fail() {
    let sql = "UPDATE listings SET total = 9223372036854775807 WHERE id = 1;
               INSERT INTO coverage VALUES (1, 9223372036854775800, 9223372036854775807), (2, 6, 9223372036854775807);
               UPDATE listings SET total = 9223372036854775807 WHERE id = 2";
    let verification = Archive::changed(sql).verified(Depth::Full);
    let checks: Vec<_> = verification.findings.iter().map(|it| it.check).collect();
    assert_eq!(checks, ["coverage", "coverage"], "{verification:#?}");
}

#[test]
fn an_action_that_a_droplet_listed_bears_out_its_coverage() {
    let sql = "UPDATE actions SET resource_id = 9, resource_type = 'volume' WHERE id = 1";
    assert_eq!(found(sql, Severity::Error).0, "coverage");
    let listed = format!("{sql}; INSERT INTO droplet_listed_actions VALUES (41, 1)");
    assert_eq!(Archive::changed(&listed).verified(Depth::Full).findings, []);
}

#[test]
fn what_real_histories_hold_is_a_note() {
    for (sql, expected) in [
        (
            "UPDATE actions SET completed_at = '2025-06-01T11:59:59Z' WHERE id = 2",
            ("order", 1, "2"),
        ),
        (
            "UPDATE actions SET started_at = '2026-01-04T12:00:00Z', completed_at = NULL WHERE id = 2",
            ("future", 1, "2"),
        ),
        (
            "UPDATE actions SET started_at = '1970-01-01T00:00:00Z' WHERE id = 3",
            ("past", 1, "3"),
        ),
        (
            "UPDATE actions SET status = 'paused' WHERE id = 3",
            ("status", 1, "3"),
        ),
        (
            "UPDATE actions SET status = NULL WHERE id IN (3, 5)",
            ("status", 2, "3"),
        ),
        (
            "UPDATE actions SET status = 'in-progress' WHERE id = 5",
            ("open_with_end", 1, "5"),
        ),
        (
            "UPDATE sync_runs SET finished_at = '2020-01-01T00:00:00Z'",
            ("clock", 1, "1"),
        ),
        (
            "DROP INDEX actions_by_time",
            ("put_off", 1, "actions_by_time"),
        ),
        (
            "CREATE VIEW mine AS SELECT type FROM actions",
            ("added", 1, "mine"),
        ),
        (
            "CREATE INDEX mine ON actions (region_slug)",
            ("added", 1, "mine"),
        ),
        ("CREATE TABLE mine (id)", ("added", 1, "mine")),
    ] {
        let (check, rows, example) = found(sql, Severity::Note);
        assert_eq!((check, rows, example.as_str()), expected, "{sql}");
    }
}

#[test]
fn nothing_is_said_of_times_that_are_not_known_and_of_a_sync_that_was_killed() {
    let sql = "UPDATE actions SET started_at = NULL, completed_at = NULL, region_slug = NULL WHERE id = 2;
               UPDATE actions SET completed_at = NULL, status = 'in-progress' WHERE id = 3;
               UPDATE sync_runs SET outcome = NULL, finished_at = NULL";
    assert_eq!(Archive::changed(sql).verified(Depth::Full).findings, []);
}

#[test]
fn a_schema_that_was_changed_is_an_error_and_named() {
    for (sql, check, name) in [
        (
            "CREATE TRIGGER sneaky AFTER INSERT ON actions BEGIN DELETE FROM actions; END",
            "trigger",
            "sneaky",
        ),
        (
            "CREATE UNIQUE INDEX once ON actions (type, id)",
            "foreign",
            "once",
        ),
        (
            "CREATE VIEW json_each AS SELECT 1 AS value",
            "foreign",
            "json_each",
        ),
        ("DROP INDEX actions_long", "missing_index", "actions_long"),
    ] {
        let (found, _, example) = found(sql, Severity::Error);
        assert_eq!((found, example.as_str()), (check, name), "{sql}");
    }
}

#[test]
fn rows_of_a_table_that_was_changed_are_not_judged() {
    for sql in [
        "ALTER TABLE actions ADD COLUMN more TEXT",
        "ALTER TABLE sync_runs DROP COLUMN faults",
        "ALTER TABLE regions ADD COLUMN twice TEXT AS (slug || slug)",
        "DROP VIEW droplet_actions; CREATE VIEW droplet_actions AS SELECT 1 AS droplet_id",
        "DROP TABLE actions_asked_for",
    ] {
        let verification = Archive::changed(sql).verified(Depth::Full);
        assert!(!verification.is_sound, "{sql}");
        let checks: Vec<_> = verification.findings.iter().map(|it| it.check).collect();
        assert_eq!(checks, ["schema", "rows"], "{sql}");
        assert_eq!(verification.actions, None);
    }
}

#[test]
fn a_damaged_page_is_told_with_the_table_it_is_in() {
    for table in ["actions", "listings", "actions_by_time"] {
        let archive = Archive::changed("");
        archive.damage(table, |page| page.fill(0xa5));
        for depth in [Depth::Full, Depth::Quick] {
            let verification = archive.verified(depth);
            assert!(!verification.is_sound);
            let first = &verification.findings[0];
            assert_eq!(first.check, "page", "{verification:#?}");
            assert_eq!(first.example.as_deref(), Some(table), "{verification:#?}");
            assert!(first.advice.contains("backup"));
        }
    }
}

#[test]
fn an_index_that_does_not_agree_with_its_table_can_be_made_anew_and_that_is_said() {
    let archive = Archive::changed("");
    archive.damage("actions_by_type_and_time", |page| {
        let place = page.windows(6).position(|it| it == b"reboot").unwrap();
        page[place] = b'z';
    });
    let verification = archive.verified(Depth::Full);
    let index = verification
        .findings
        .iter()
        .find(|finding| finding.check == "index");
    let index = index.unwrap();
    assert_eq!(index.example.as_deref(), Some("actions_by_type_and_time"));
    assert!(index.advice.contains("REINDEX"), "{index:?}");
    archive.execute("REINDEX");
    assert!(archive.verified(Depth::Full).is_sound);
}

#[test]
fn checking_changes_no_byte() {
    let archive = Archive::changed("UPDATE actions SET started_at = 'x'");
    let before = fs::read(&archive.path).unwrap();
    archive.verified(Depth::Full);
    archive.verified(Depth::Quick);
    assert!(fs::read(&archive.path).unwrap() == before);
}
