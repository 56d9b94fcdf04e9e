//! Connections to the file: their settings, and the checks at the start of each connection.

use super::error::{Error, Step, damage, is_corrupt, unfit};
use super::file::{check_header, impossible_version};
use super::interrupt::LockWait;
use super::{file, migrations};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rusqlite::{OptionalExtension, Params, Row};
use std::path::Path;
use std::time::Duration;

/// The page cache, in KiB. A sync writes in order and returns to few pages. Queries are no slower than with 8 MB, because
/// the system caches the pages too: reports over 5 million actions take 5 to 9 % less time.
const CACHE: usize = 1_280;

/// Limits the page cache, in KiB, and releases the memory above it.
///
/// # Errors
/// When SQLite does not accept the limit.
pub fn limit_cache(connection: &Connection, kibibytes: usize) -> Result<(), Error> {
    connection
        .pragma_update(None, "cache_size", format!("-{kibibytes}"))
        .and_then(|()| connection.execute_batch("PRAGMA shrink_memory"))
        .step("cannot configure the connection")
}

/// Checks that an archive exists at `path`, as far as its first bytes tell.
///
/// # Errors
/// [`Error::Missing`] when the file does not exist or is empty. Other errors when it is foreign, newer or damaged.
pub fn expect_archive(path: &Path) -> Result<(), Error> {
    if check_header(path)? {
        return Err(Error::Missing(path.to_owned()));
    }
    Ok(())
}

/// Opens an archive of any version for reading only. `lock_wait` limits the wait for the lock of another program.
pub(super) fn open_any_version(path: &Path, lock_wait: &LockWait) -> Result<Connection, Error> {
    match open_to_read(path, lock_wait) {
        Err(error) if error.is_unfinished_write() => {
            take_back(path, lock_wait).map_err(|failed| {
                // A user who may not do this needs the first error, which names the obstacle.
                if failed.is_busy() { failed } else { error }
            })?;
            open_to_read(path, lock_wait)
        }
        opened => opened,
    }
}

fn open_to_read(path: &Path, lock_wait: &LockWait) -> Result<Connection, Error> {
    expect_archive(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(&file::path_to_read(path)?, flags, lock_wait)?;
    prepare(&connection).map_err(|error| damaged(path, error))?;
    connection
        .pragma_update(None, "query_only", true)
        .step("cannot make the connection read-only")?;
    refuse_version(&connection, path)?;
    Ok(connection)
}

/// Rolls back the transaction of a writer that was killed in rollback mode. SQLite does this when a process with write
/// access reads the archive (<https://www.sqlite.org/lockingv3.html#hot_journals>).
fn take_back(path: &Path, lock_wait: &LockWait) -> Result<(), Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(&file::path_to_write(path)?, flags, lock_wait)?;
    prepare(&connection)?;
    migrations::version(&connection).map(|_| ())
}

/// Asks SQLite for the version again: the log of a killed writer may be newer than the first bytes of the file.
pub(super) fn refuse_version(connection: &Connection, path: &Path) -> Result<(), Error> {
    // This is the first real read. It detects a truncated file.
    let found = migrations::version(connection).map_err(|error| damaged(path, error))?;
    file::refuse_version(path, found)?;
    let has_something = "SELECT EXISTS (SELECT 1 FROM sqlite_schema)";
    let step = "cannot read the archive's schema";
    if found == 0 && is_true(connection, step, has_something, []).map_err(|it| damaged(path, it))? {
        return Err(impossible_version(path, found));
    }
    Ok(())
}

/// Decides whether closing leaves an existing log beside the file. It must stay while the file may still be refused.
pub(super) fn keep_log_on_close(connection: &Connection, on: bool) -> Result<(), Error> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on)
        .map(|_| ())
        .step("cannot configure the connection")
}

/// Opens a path without a link at its end. A link that appears there later is not followed.
pub(super) fn connect(
    path: &Path,
    flags: OpenFlags,
    lock_wait: &LockWait,
) -> Result<Connection, Error> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let opened = Connection::open_with_flags(path, flags);
    let mut connection = opened.step("cannot open the archive")?;
    lock_wait.rule(&mut connection)?;
    keep_log_on_close(&connection, true)?;
    Ok(connection)
}

/// A database in a temporary file that no other process sees, for a copy of an archive. Upgrades need foreign keys off.
pub(super) fn connect_nowhere() -> Result<Connection, Error> {
    let connection = Connection::open("").step("cannot make a temporary database")?;
    for (name, value) in [("foreign_keys", "off"), ("synchronous", "off")] {
        connection
            .pragma_update(None, name, value)
            .step("cannot configure the connection")?;
    }
    limit_cache(&connection, CACHE)?;
    Ok(connection)
}

/// Settings of the connection; none of them changes the file.
pub(super) fn prepare(connection: &Connection) -> Result<(), Error> {
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true),
        // Treats the contents of a foreign schema as data and not as code.
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    ] {
        connection
            .set_db_config(setting, on)
            .step("cannot configure the connection")?;
    }
    for (name, value) in [
        ("cell_size_check", "on"),
        // The archive is the only copy of a history: a committed page must survive a power cut.
        ("synchronous", "full"),
    ] {
        connection
            .pragma_update(None, name, value)
            .step("cannot configure the connection")?;
    }
    limit_cache(connection, CACHE)
}

pub(super) fn set_journal_mode(connection: &Connection, mode: &str) -> Result<(), Error> {
    connection
        .pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))
        .step("cannot change the archive's journal mode")
}

/// Returns true when the mode changed. Other processes that have the file open may prevent it.
pub(super) fn try_journal_mode(
    connection: &mut Connection,
    mode: &str,
    lock_wait: &LockWait,
    longest: Duration,
) -> Result<bool, Error> {
    lock_wait.up_to(longest).rule(connection)?;
    let outcome = set_journal_mode(connection, mode);
    lock_wait.rule(connection)?;
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.is_busy() => Ok(false),
        Err(error) => Err(error),
    }
}

const WAL_BESIDE_NOTHING: &str = "it is in WAL mode: SQLite needs a log beside it and cannot create one there; as a \
    user that may write to its folder, run `archiver sync` or `sqlite3 FILE 'PRAGMA journal_mode = delete'`";

pub(super) fn damaged(path: &Path, error: Error) -> Error {
    match error {
        Error::Sqlite { source, .. } if is_corrupt(&source) => damage(path, source.to_string()),
        // A writer that was killed on its way into WAL mode leaves a file that says WAL, and a journal to take back.
        error if error.is_unfinished_write() => error,
        error if error.is_unwritable() && file::is_wal(path) => {
            unfit("cannot read the archive", path, WAL_BESIDE_NOTHING)
        }
        error => error,
    }
}

/// A number for SQLite, which has none above the largest `i64`.
pub(super) fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Runs a statement, which stays prepared for the next time.
pub(super) fn execute(
    connection: &Connection,
    step: &'static str,
    sql: &str,
    parameters: impl Params,
) -> Result<(), Error> {
    changed(connection, step, sql, parameters).map(drop)
}

/// The same as [`execute`]. Returns true when a row changed.
pub(super) fn changed(
    connection: &Connection,
    step: &'static str,
    sql: &str,
    parameters: impl Params,
) -> Result<bool, Error> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(parameters))
        .map(|rows| rows > 0)
        .step(step)
}

/// The rows of a query, which stays prepared for the next time.
pub(super) fn rows<T, C: FromIterator<T>>(
    connection: &Connection,
    step: &'static str,
    sql: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<C, Error> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_map(parameters, read)?.collect())
        .step(step)
}

/// The first row of a query, which stays prepared for the next time.
pub(super) fn row<T>(
    connection: &Connection,
    step: &'static str,
    sql: &str,
    parameters: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, Error> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(parameters, read).optional())
        .step(step)
}

/// The answer of a query to a question, which stays prepared for the next time.
pub(super) fn is_true(
    connection: &Connection,
    step: &'static str,
    sql: &str,
    parameters: impl Params,
) -> Result<bool, Error> {
    let answer = row(connection, step, sql, parameters, |row| row.get(0))?;
    Ok(answer.unwrap_or(false))
}

/// Runs `write` completely or not at all: in a transaction of its own, or in the transaction of the batch.
pub(super) fn atomically<T>(
    connection: &Connection,
    step: &'static str,
    write: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    if !connection.is_autocommit() {
        return write();
    }
    let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).step(step)?;
    let written = write()?;
    tx.commit().step(step)?;
    Ok(written)
}
