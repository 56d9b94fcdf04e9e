//! Ends long work soon after a cancellation, and limits how long a statement waits for the lock of another program.
//!
//! A progress handler is not enough: SQLite does not call it while it counts a table or waits for a lock. For locks
//! SQLite has a busy handler, which it calls wherever in a transaction the lock is missing.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::error::{Error, Step, file_error};
use crate::core::cancellation::Cancellation;
use crate::core::threads;

const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The interval between two attempts on a locked archive, after a few faster ones.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// The longest wait of a statement for the lock of another program: usually a minute, and shorter after a cancellation.
#[derive(Clone)]
pub struct LockWait {
    longest: Duration,
    pub(super) cancellation: Cancellation,
    /// The longest wait after the first request to end.
    grace: Duration,
    /// Called when a statement has waited for [`MOMENT`].
    on_wait: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// The wait of a statement before `on_wait` is called.
const MOMENT: Duration = Duration::from_secs(2);

impl LockWait {
    /// Another program may hold a lock for as long as it reads.
    const USUAL: Duration = Duration::from_secs(60);
    /// Pages in flight may still arrive for three seconds, and are archived after that.
    const WRITER_GRACE: Duration = Duration::from_secs(4);

    /// A lock wait for work that can be cancelled.
    #[must_use]
    pub fn new(cancellation: &Cancellation) -> Self {
        Self {
            longest: Self::USUAL,
            cancellation: cancellation.clone(),
            grace: Duration::ZERO,
            on_wait: None,
        }
    }

    /// The same wait. Calls `tell` once when a statement has waited for two seconds.
    #[must_use]
    pub fn telling(self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            on_wait: Some(Arc::new(tell)),
            ..self
        }
    }

    /// The same wait, for work that must still write before it ends.
    pub(super) fn for_writing(&self) -> Self {
        Self {
            grace: Self::WRITER_GRACE,
            ..self.clone()
        }
    }

    /// The same wait, with another limit.
    #[must_use]
    pub fn up_to(&self, longest: Duration) -> Self {
        Self {
            longest,
            ..self.clone()
        }
    }

    /// Applies this wait to all further statements of the connection.
    pub(super) fn rule(&self, connection: &mut Connection) -> Result<(), Error> {
        let lock_wait = self.clone();
        let mut on_wait = self.on_wait.clone();
        let mut since = Instant::now();
        let goes_on = move |tries: i32| {
            if tries == 0 {
                since = Instant::now();
            }
            if since.elapsed() >= MOMENT
                && let Some(tell) = on_wait.take()
            {
                tell();
            }
            if since.elapsed() >= lock_wait.longest
                || lock_wait.cancellation.is_over(lock_wait.grace)
            {
                return false;
            }
            let soon = Duration::from_millis(1 << tries.clamp(0, 8));
            thread::sleep(soon.min(TRY_EVERY));
            true
        };
        connection
            .busy_handler(Some(goes_on))
            .step("cannot set the time to wait for locks")
    }
}

/// The number of SQLite's virtual machine instructions between two checks for cancellation: about a millisecond.
const INSTRUCTIONS_BETWEEN_LOOKS: i32 = 50_000;

/// Ends each further statement of this connection about a millisecond after `is_enough` returns true. This does not
/// work for a statement that counts a table or waits for a lock.
///
/// # Errors
/// When the connection is busy.
pub fn end_when(
    connection: &mut Connection,
    is_enough: impl FnMut() -> bool + Send + 'static,
) -> Result<(), Error> {
    connection
        .progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(is_enough))
        .step("cannot configure the connection")
}

/// Runs `work`, and interrupts the statements of the connection after a request to end.
pub(super) fn watched<T>(
    connection: &Connection,
    cancellation: &Cancellation,
    work: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    let handle = connection.get_interrupt_handle();
    let (working, ended) = mpsc::channel::<()>();
    let watch = move || {
        while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            // Repeats it: SQLite forgets an interruption between two statements.
            if cancellation.is_requested() {
                handle.interrupt();
            }
        }
    };
    let outcome = thread::scope(|scope| {
        let path = Path::new(connection.path().unwrap_or_default());
        thread::Builder::new()
            .spawn_scoped(scope, watch)
            .map_err(|error| file_error("cannot read", path)(threads::refused(error)))?;
        let outcome = work();
        drop(working);
        outcome
    });
    or_stopped(outcome, cancellation)
}

/// The same outcome, or [`Error::Stopped`] when the request to end is the reason of the failure.
pub(super) fn or_stopped<T>(
    outcome: Result<T, Error>,
    cancellation: &Cancellation,
) -> Result<T, Error> {
    match outcome {
        Err(error) if error.code() == Some(ErrorCode::OperationInterrupted) => Err(Error::Stopped),
        Err(error) if error.is_busy() && cancellation.is_requested() => Err(Error::Stopped),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::cancellation::Canceller;

    #[test]
    fn what_never_ends_is_interrupted_and_the_connection_goes_on() {
        let connection = Connection::open_in_memory().unwrap();
        let endless =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let canceller = Canceller::default();
        let outcome = watched(&connection, &canceller.cancellation(), || {
            canceller.cancel();
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

    /// Two connections to one archive. The first one has locked it.
    fn locked(folder: &Path) -> (Connection, Connection) {
        let open = || Connection::open(folder.join("archive.db")).unwrap();
        let holder = open();
        holder
            .execute_batch("CREATE TABLE a (b); BEGIN EXCLUSIVE")
            .unwrap();
        (holder, open())
    }

    #[test]
    fn the_first_request_to_end_leaves_a_writer_time_for_a_lock_and_the_second_leaves_none() {
        let folder = tempfile::tempdir().unwrap();
        let (holder, mut other) = locked(folder.path());
        let canceller = Canceller::default();
        let lock_wait = LockWait::new(&canceller.cancellation()).for_writing();
        canceller.cancel();
        let mut write = |lock_wait: &LockWait| {
            lock_wait.rule(&mut other).unwrap();
            other.execute("INSERT INTO a VALUES (1)", [])
        };
        let free = thread::spawn(move || holder.execute_batch("COMMIT").map(|()| holder));
        assert_eq!(write(&lock_wait).unwrap(), 1);
        let holder = free.join().unwrap().unwrap();
        holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
        assert!(write(&lock_wait.up_to(Duration::ZERO)).is_err());
        canceller.cancel();
        assert!(write(&lock_wait).is_err());
    }

    #[test]
    fn a_lock_is_waited_for_until_it_is_free_or_it_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let (holder, mut reader) = locked(folder.path());
        let mut read = |cancellation: &Cancellation| {
            LockWait::new(cancellation).rule(&mut reader)?;
            let count = reader.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0));
            or_stopped(count.step("cannot count"), cancellation)
        };
        let canceller = Canceller::default();
        canceller.cancel();
        let outcome = read(&canceller.cancellation());
        assert!(matches!(outcome, Err(Error::Stopped)), "{outcome:?}");
        let free = thread::spawn(move || {
            thread::sleep(LOOK_EVERY);
            holder.execute_batch("COMMIT")
        });
        assert_eq!(read(&Cancellation::never()).unwrap(), 0);
        free.join().unwrap().unwrap();
    }
}
