//! Work that may take long, ended soon after it is enough.
//!
//! A progress handler would not do: SQLite asks none while it counts a table or waits for a lock.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::error::{Error, Step, file_error};
use super::open::BUSY_TIMEOUT;

const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How often an archive that is locked is tried again.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// So many virtual machine instructions of SQLite pass between two looks at whether it is enough: a millisecond.
pub(super) const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 50_000;

/// Ends each further statement of this connection about a millisecond after `is_enough` says so, but for one that counts a
/// table or waits for a lock.
///
/// # Errors
/// When the connection is at work.
pub fn end_when(
    connection: &mut Connection,
    is_enough: impl FnMut() -> bool + Send + 'static,
) -> Result<(), Error> {
    connection
        .progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(is_enough))
        .step("cannot configure the connection")
}

/// Does the work, and interrupts what it does with the connection as soon as `is_enough` says so.
pub(super) fn watched<T>(
    connection: &Connection,
    mut is_enough: impl FnMut() -> bool + Send,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let handle = connection.get_interrupt_handle();
    let (working, ended) = mpsc::channel::<()>();
    let watch = move || {
        while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            // Again and again: an interruption between two statements is forgotten.
            if is_enough() {
                handle.interrupt();
            }
        }
    };
    let outcome = thread::scope(|scope| {
        let path = Path::new(connection.path().unwrap_or_default());
        thread::Builder::new()
            .spawn_scoped(scope, watch)
            .map_err(file_error("cannot start a thread to read", path))?;
        let outcome = work();
        drop(working);
        outcome
    });
    match outcome {
        Err(error) if error.code() == Some(ErrorCode::OperationInterrupted) => Err(Error::Stopped),
        outcome => outcome,
    }
}

/// Does the work again and again while another program keeps the archive locked, for as long as a statement would wait.
pub(super) fn patiently<T>(
    mut is_enough: impl FnMut() -> bool,
    mut work: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let started = Instant::now();
    loop {
        match work() {
            Err(error)
                if error.code() == Some(ErrorCode::DatabaseBusy)
                    && started.elapsed() < BUSY_TIMEOUT =>
            {
                if is_enough() {
                    return Err(Error::Stopped);
                }
                thread::sleep(TRY_EVERY);
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn what_never_ends_is_interrupted_and_the_connection_goes_on() {
        let connection = Connection::open_in_memory().unwrap();
        let endless =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let looks = AtomicU32::new(0);
        let is_enough = || looks.fetch_add(1, Ordering::Relaxed) > 3;
        let outcome = watched(&connection, is_enough, || {
            let number = connection.query_row(endless, [], |row| row.get::<_, i64>(0));
            number.step("cannot count")
        });
        assert!(matches!(outcome, Err(Error::Stopped)), "{outcome:?}");
        let number = connection.query_row("SELECT 42", [], |row| row.get::<_, i64>(0));
        assert_eq!(number.unwrap(), 42);
    }

    #[test]
    fn a_statement_that_never_ends_is_ended() {
        let mut connection = Connection::open_in_memory().unwrap();
        let mut looks = 0;
        let is_enough = move || {
            looks += 1;
            looks > 3
        };
        end_when(&mut connection, is_enough).unwrap();
        let sql =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let error = connection.query_row(sql, [], |_| Ok(())).unwrap_err();
        assert_eq!(
            error.sqlite_error_code(),
            Some(ErrorCode::OperationInterrupted)
        );
    }

    #[test]
    fn a_lock_is_waited_for_until_it_is_free_or_it_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Connection::open(folder.path().join("archive.db")).unwrap();
        let holder = open();
        holder
            .execute_batch("CREATE TABLE a (b); BEGIN EXCLUSIVE")
            .unwrap();
        let reader = open();
        reader.busy_timeout(Duration::ZERO).unwrap();
        let read = || {
            let count = reader.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0));
            count.step("cannot count")
        };
        let outcome = patiently(|| true, read);
        assert!(matches!(outcome, Err(Error::Stopped)), "{outcome:?}");
        let free = || {
            holder.execute_batch("COMMIT").unwrap();
            false
        };
        assert_eq!(patiently(free, read).unwrap(), 0);
    }
}
