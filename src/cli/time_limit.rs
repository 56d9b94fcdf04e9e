//! A limit of time for an answer that holds wherever SQLite is.
//!
//! SQLite looks at the time between two of its steps, and one step, a search in a long text for one, may take for ever.
//! So a thread waits too. It lets SQLite end in order, and where that has not happened a moment after the limit, it ends
//! the process: between two writes, so that no row is cut, unless nobody reads the answer any more. The archive is open for
//! reading only.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use archiver::core::threads;

use super::exit::Failure;
use super::runtime::cannot_start;

/// So long after the limit, SQLite is in a step that may not end.
const GRACE: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Whether the answer has ended; locked while some of it is written.
type Gate = Arc<Mutex<bool>>;

/// Watches over an answer until it is dropped.
pub(super) struct Watch {
    gate: Gate,
    /// Wakes up the thread when it is dropped.
    _answering: Sender<()>,
}

impl Watch {
    /// Calls `give_up` soon after a deadline, unless the answer has ended by then. Nothing more is written from then on.
    pub(super) fn until(
        deadline: Option<Instant>,
        give_up: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Failure> {
        let (answering, ended) = mpsc::channel();
        let gate = Gate::default();
        if let Some(end) = deadline.and_then(|deadline| deadline.checked_add(GRACE)) {
            let gate = Arc::clone(&gate);
            let wait = move || {
                let left = end.saturating_duration_since(Instant::now());
                if ended.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                    end_between_writes(&gate, &ended, give_up);
                }
            };
            threads::spawn(wait).map_err(cannot_start)?;
        }
        Ok(Self {
            gate,
            _answering: answering,
        })
    }

    /// Where the answer goes: what is written at once comes whole, or not at all.
    pub(super) fn sink<W: Write>(&self, sink: W) -> Sink<W> {
        Sink {
            gate: Arc::clone(&self.gate),
            sink,
        }
    }
}

/// Calls `give_up` between two writes; or during one that does not end, because nobody reads any more.
fn end_between_writes(gate: &Gate, ended: &Receiver<()>, give_up: impl FnOnce()) {
    let end = Instant::now() + GRACE;
    loop {
        match gate.try_lock() {
            Ok(has_ended) if *has_ended => return,
            // Held until the process has ended.
            Ok(_held) => return give_up(),
            Err(TryLockError::Poisoned(_)) => return give_up(),
            Err(TryLockError::WouldBlock) if Instant::now() >= end => return give_up(),
            Err(TryLockError::WouldBlock) => {}
        }
        if ended.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

/// Where an answer goes that may be given up.
pub(super) struct Sink<W> {
    gate: Gate,
    sink: W,
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _held = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        self.sink.write_all(bytes)?;
        // The end of a process would lose what a buffer still holds.
        self.sink.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
