//! Threads that may not be had: a limit on processes, or an old container's seccomp profile, refuses them.
//!
//! `std::thread::spawn` and a runtime's own threads panic then. Here it is an error like any other.

use std::io;
use std::thread;

use tokio::sync::oneshot;

const REFUSED: &str = "cannot start a thread";

/// Does the work in a thread of its own.
///
/// # Errors
/// When the system gives none.
pub fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let thread = thread::Builder::new().spawn(work);
    thread.map(drop).map_err(refused)
}

/// Does work that blocks, in a thread of its own. The answer never comes when the work panics.
///
/// # Errors
/// When the system gives none.
pub fn answer_of<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (sender, answer) = oneshot::channel();
    spawn(move || drop(sender.send(work())))?;
    Ok(answer)
}

/// What the system said when it refused one, in words that [`hint`] knows again.
#[must_use]
pub fn refused(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{REFUSED}: {error}"))
}

/// What the reader can do about an error, where it is that.
#[must_use]
pub fn hint(error: &str) -> Option<&'static str> {
    error.contains(REFUSED).then_some(
        "allow it more processes and threads (ulimit -u, TasksMax, the pids limit of a container); an old container \
         runtime refuses them by its seccomp profile: update it",
    )
}
