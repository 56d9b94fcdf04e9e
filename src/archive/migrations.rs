//! The schema's history: numbered files, applied in order, never changed once shipped.
//!
//! `user_version` is the number of the last file applied. All that are missing are applied in one exclusive
//! transaction, so that a killed upgrade leaves the old archive whole.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::{Error, Step};

/// Marks a SQLite file as an archive: `dArc`, at offset 68 of the file.
pub const APPLICATION_ID: i32 = 0x6441_7263;

/// `migrations/`, in order: the file at index `n` leads to version `n + 1`.
pub(super) const MIGRATIONS: [&str; 9] = [
    include_str!("../../migrations/0001_archive.sql"),
    include_str!("../../migrations/0002_following.sql"),
    include_str!("../../migrations/0003_views.sql"),
    include_str!("../../migrations/0004_long_actions.sql"),
    include_str!("../../migrations/0005_staged_actions.sql"),
    include_str!("../../migrations/0006_faults.sql"),
    include_str!("../../migrations/0007_audits.sql"),
    include_str!("../../migrations/0008_teams.sql"),
    include_str!("../../migrations/0009_no_staged_actions.sql"),
];

/// The schema version that this program writes.
pub const LATEST_VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the schema up to date. The caller has made sure that the file is ours, or empty, and not newer.
pub(super) fn apply(connection: &Connection) -> Result<(), Error> {
    apply_all(connection, &MIGRATIONS)
}

fn apply_all(connection: &Connection, migrations: &[&str]) -> Result<(), Error> {
    let tx = Transaction::new_unchecked(connection, TransactionBehavior::Exclusive)
        .step("cannot lock the archive for its upgrade")?;
    // Another process may have been faster.
    let from = usize::try_from(version(&tx)?).unwrap_or(0);
    if from >= migrations.len() {
        return Ok(());
    }
    for migration in &migrations[from..] {
        tx.execute_batch(migration)
            .step("cannot upgrade the archive's schema")?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)
        .step("cannot mark the archive")?;
    tx.pragma_update(None, "user_version", migrations.len() as i64)
        .step("cannot mark the archive")?;
    tx.commit().step("cannot commit the upgrade of the archive")
}

/// An empty archive of an earlier version, or of this one, in memory: what its schema has to be.
pub(super) fn model(version: i64) -> Result<Connection, Error> {
    let connection = Connection::open_in_memory().step("cannot make the schema in memory")?;
    let last = usize::try_from(version).unwrap_or(0).min(MIGRATIONS.len());
    apply_all(&connection, &MIGRATIONS[..last])?;
    Ok(connection)
}

/// The number of the last migration that was applied.
pub(super) fn version(connection: &Connection) -> Result<i64, Error> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .step("cannot read the archive's version")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// FNV-1a, 64 bits.
    fn fingerprint(text: &str) -> u64 {
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// Of each migration that was shipped. A new one adds a line; no line ever changes.
    const FINGERPRINTS: [u64; 9] = [
        0x3338_f99c_5310_8968,
        0x323a_b5ba_ba71_4021,
        0x4d5b_e792_7d2b_2084,
        0x7a86_bb85_8a99_c9dc,
        0x5853_65d2_a552_3261,
        0x2bb6_40da_67e6_60c9,
        0xf12c_d3f3_862b_45a7,
        0x52a1_27fa_7d89_7407,
        0x2683_3e98_7b73_022f,
    ];

    #[test]
    fn a_shipped_migration_never_changes() {
        let found = MIGRATIONS.map(fingerprint);
        assert_eq!(
            found, FINGERPRINTS,
            "archives out there have the old text: leave the file as it was, and add another one"
        );
    }

    fn tables(connection: &Connection) -> Vec<String> {
        connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    const FIRST: &str = "CREATE TABLE first (id INTEGER PRIMARY KEY) STRICT;";
    const SECOND: &str = "CREATE TABLE second (id INTEGER PRIMARY KEY) STRICT;";

    #[test]
    fn what_is_missing_is_applied_in_order_and_once() {
        let connection = Connection::open_in_memory().unwrap();
        apply_all(&connection, &[FIRST]).unwrap();
        for _ in 0..2 {
            apply_all(&connection, &[FIRST, SECOND]).unwrap();
            assert_eq!(tables(&connection), ["first", "second"]);
            assert_eq!(version(&connection).unwrap(), 2);
        }
    }

    #[test]
    fn an_earlier_program_does_not_take_a_later_version_back() {
        let connection = Connection::open_in_memory().unwrap();
        apply_all(&connection, &[FIRST, SECOND]).unwrap();
        apply_all(&connection, &[FIRST]).unwrap();
        assert_eq!(version(&connection).unwrap(), 2);
    }

    #[test]
    fn the_log_of_syncs_outlives_every_upgrade_and_counts_no_fault_of_before() {
        let connection = Connection::open_in_memory().unwrap();
        apply_all(&connection, &MIGRATIONS[..5]).unwrap();
        let run = "INSERT INTO sync_runs (started_at, scope, outcome, requests, retries, version)
                   VALUES ('2026-01-01T12:00:00Z', 'account', 'complete', 7, 2, '0.1.0')";
        connection.execute_batch(run).unwrap();
        apply(&connection).unwrap();
        connection.execute_batch(run).unwrap();
        let sql = "SELECT count(*), sum(requests), sum(retries), sum(faults) FROM sync_runs";
        let sums: rusqlite::Result<[i64; 4]> = connection.query_row(sql, [], |row| {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        });
        assert_eq!(sums.unwrap(), [2, 14, 4, 0]);
    }

    #[test]
    fn a_migration_that_fails_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.db");
        let connection = Connection::open(&path).unwrap();
        apply_all(&connection, &[FIRST]).unwrap();
        let before = fs::read(&path).unwrap();
        let broken = [FIRST, SECOND, "CREATE TABLE third (id) STRICT; nonsense"];
        apply_all(&connection, &broken).unwrap_err();
        assert_eq!(version(&connection).unwrap(), 1);
        assert_eq!(tables(&connection), ["first"]);
        drop(connection);
        assert!(fs::read(&path).unwrap() == before);
    }
}
