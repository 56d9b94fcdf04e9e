//! Threads that the system may refuse, because of a process limit or an old container's seccomp profile, and locks.
//!
//! `std::thread::spawn` and a runtime's own threads panic in this case. Here it is a normal error.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

const REFUSED: &str = "cannot start a thread";

/// Runs `work` in a thread of its own.
///
/// # Errors
/// When the system refuses the thread.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().spawn(work);
    thread.map(drop).map_err(refused)
}

/// Runs blocking work in a thread of its own. The answer never comes when the work panics.
///
/// # Errors
/// When the system refuses the thread.
pub fn answer_of<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (sender, answer) = oneshot::channel();
    spawn(move || drop(sender.send(work())))?;
    Ok(answer)
}

/// Locks a mutex, also a poisoned one. For data that is consistent after every statement, even if a thread panics.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks a refusal of the system, so that [`hint`] recognises it.
#[must_use]
pub fn refused(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{REFUSED}: {error}"))
}

/// The next step for the user, if the error is such a refusal.
#[must_use]
pub fn hint(error: &str) -> Option<&'static str> {
    error.contains(REFUSED).then_some(
        "allow it more processes and threads (ulimit -u, TasksMax, the pids limit of a container); the seccomp \
         profile of an old container runtime refuses threads: update the runtime",
    )
}
