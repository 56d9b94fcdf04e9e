//! What a statement may use of the machine.
//!
//! A statement may come from a program that made it up. The limits are far above what a question over an archive of
//! millions of actions needs, and far below what a machine notices.

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

/// A statement is not longer than this.
pub const LONGEST_SQL_BYTES: usize = 1 << 20;

/// A statement does not use more memory than this, all that it sorts and groups included. It holds for the process.
pub const MOST_MEMORY_BYTES: usize = 1 << 30;

/// A text or BLOB that a statement makes is not longer than this, nor is a row. One that a sync archives has at most 1 MiB.
/// What takes long within one step takes longer with each byte.
pub(super) const LONGEST_VALUE_BYTES: i32 = 16 << 20;

/// A pattern is not longer than this: twice the longest name of a droplet.
const LONGEST_PATTERN_BYTES: i32 = 512;

/// Sets the limits of a connection, and that double quotes are for names.
///
/// # Errors
/// When SQLite does not take one.
pub(super) fn set(connection: &Connection) -> rusqlite::Result<()> {
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE_BYTES),
        (
            Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH,
            LONGEST_PATTERN_BYTES,
        ),
    ] {
        connection.set_limit(limit, most)?;
    }
    // A misspelt column in double quotes would be taken for a text, and every row be compared with that.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    // Memory has a limit; a temporary file would have none.
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update_and_check(
        None,
        "hard_heap_limit",
        i64::try_from(MOST_MEMORY_BYTES).unwrap_or(i64::MAX),
        |_| Ok(()),
    )
}
