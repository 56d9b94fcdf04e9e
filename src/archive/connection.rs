//! Connections to the file: their settings, and the checks at the start of each connection.

use super::error::{Error, Step, damage, is_corrupt, unfit};
use super::file::{check_header, impossible_version};
use super::interrupt::LockWait;
use super::{file, migrations};
use crate::core::time::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::types::FromSql;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use rusqlite::{OptionalExtension, Params, Row};
use std::path::Path;

/// The page cache, in KiB. A sync writes in order and returns to few pages. Queries are no slower than with 8 MB, because
/// the system caches the pages too: reports over 5 million actions take 5 to 9 % less time.
const CACHE: usize = 1_280;

const CONFIGURE: &str = "cannot configure the connection";

/// Limits the page cache, in KiB, and releases the memory above it.
///
/// # Errors
/// When SQLite does not accept the limit.
pub fn limit_cache(connection: &Connection, kibibytes: usize) -> Result<(), Error> {
    let sql = format!("PRAGMA cache_size = -{kibibytes}; PRAGMA shrink_memory");
    connection.execute_batch(&sql).step(CONFIGURE)
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
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
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
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = connect(&file::path_to_write(path)?, flags, lock_wait)?;
    prepare(&connection)?;
    migrations::version(&connection).map(drop)
}

/// Asks SQLite for the version again: the log of a killed writer may be newer than the first bytes of the file.
pub(super) fn refuse_version(connection: &Connection, path: &Path) -> Result<(), Error> {
    // This is the first real read. It detects a truncated file.
    let found = migrations::version(connection).map_err(|error| damaged(path, error))?;
    file::refuse_version(path, found)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema)";
    let has_something = || value(connection, migrations::READ_SCHEMA, sql, []);
    if found == 0 && has_something().map_err(|error| damaged(path, error))? {
        return Err(impossible_version(path, found));
    }
    Ok(())
}

/// Decides whether closing leaves an existing log beside the file. It must stay while the file may still be refused.
pub(super) fn keep_log_on_close(connection: &Connection, on: bool) -> Result<(), Error> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, on)
        .map(drop)
        .step(CONFIGURE)
}

/// The flags of each connection: it does not follow a link at the end of its path, which may appear at any time, and one
/// thread at a time uses it.
pub(super) const ALWAYS: OpenFlags =
    OpenFlags::SQLITE_OPEN_NOFOLLOW.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Opens a path without a link at its end.
pub(super) fn connect(
    path: &Path,
    flags: OpenFlags,
    lock_wait: &LockWait,
) -> Result<Connection, Error> {
    let opened = Connection::open_with_flags(path, flags | ALWAYS);
    let mut connection = opened.step("cannot open the archive")?;
    lock_wait.rule(&mut connection)?;
    keep_log_on_close(&connection, true)?;
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
        connection.set_db_config(setting, on).step(CONFIGURE)?;
    }
    // The archive is the only copy of a history: a committed page must survive a power cut.
    let sql = "PRAGMA cell_size_check = on; PRAGMA synchronous = full";
    connection.execute_batch(sql).step(CONFIGURE)?;
    limit_cache(connection, CACHE)
}

const WAL_BESIDE_NOTHING: &str = "it is in WAL mode: SQLite needs a log beside it and cannot create one there; as a \
    user that may write to its folder, run `archiver sync` or `sqlite3 FILE 'PRAGMA journal_mode = delete'`";

pub(super) fn damaged(path: &Path, error: Error) -> Error {
    match error {
        Error::Sqlite { source, .. } if is_corrupt(&source) => damage(path, source.to_string()),
        // A writer that was killed on its way into WAL mode leaves a file that says WAL, and a journal to take back.
        error if error.is_unfinished_write() => error,
        error => match error.code() {
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen) if file::is_wal(path) => {
                unfit("cannot read the archive", path, WAL_BESIDE_NOTHING)
            }
            _ => error,
        },
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

/// The time in a column, if there is one that can be read.
pub(super) fn time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    let text: Option<String> = row.get(column)?;
    Ok(text.and_then(|text| text.parse().ok()))
}

/// The only value of a query, which stays prepared for the next time.
pub(super) fn value<T: FromSql>(
    connection: &Connection,
    step: &'static str,
    sql: &str,
    parameters: impl Params,
) -> Result<T, Error> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(parameters, |row| row.get(0)))
        .step(step)
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
