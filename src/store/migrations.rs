//! The schema's history: numbered files, applied in order, never changed once shipped.
//!
//! `user_version` is the number of the last file applied. All that are missing are applied in one exclusive
//! transaction, so that a killed upgrade leaves the old archive whole.

use rusqlite::{Connection, TransactionBehavior};

use super::error::{Error, Step};

/// Marks a SQLite file as an archive: `dArc`, at offset 68 of the file.
pub const APPLICATION_ID: i32 = 0x6441_7263;

/// `migrations/`, in order: the file at index `n` leads to version `n + 1`.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../migrations/0001_archive.sql"),
    include_str!("../../migrations/0002_following.sql"),
];

/// The schema version that this program writes.
pub const LATEST_VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings the schema up to date. The caller has made sure that the file is ours, or empty, and not newer.
pub(super) fn apply(connection: &mut Connection) -> Result<(), Error> {
    if version(connection)? == LATEST_VERSION {
        return Ok(());
    }
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Exclusive)
        .step("cannot lock the archive for its upgrade")?;
    // Another process may have been faster.
    let from = usize::try_from(version(&tx)?).unwrap_or(0);
    for migration in MIGRATIONS.iter().skip(from) {
        tx.execute_batch(migration)
            .step("cannot upgrade the archive's schema")?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)
        .step("cannot mark the archive")?;
    tx.pragma_update(None, "user_version", LATEST_VERSION)
        .step("cannot mark the archive")?;
    tx.commit().step("cannot commit the upgrade of the archive")
}

/// The number of the last migration that was applied.
pub(super) fn version(connection: &Connection) -> Result<i64, Error> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .step("cannot read the archive's version")
}
