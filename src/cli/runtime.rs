//! The threads that do the work, and the signals that ask to stop.

use super::exit::{Failure, Status};
use super::terminal::Terminal;
use archiver::core::cancellation::{Cancellation, Canceller};
use archiver::core::threads;
use archiver::core::threads::lock;
use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// A runtime without threads of its own: it works while a thread blocks on it.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map_err(cannot_start)
}

/// A second thread that runs a runtime until this value is dropped. It uses the network.
pub(super) struct Worker {
    pub(super) runtime: Handle,
    /// Ends the thread when it is dropped.
    _end: oneshot::Sender<()>,
}

impl Worker {
    pub(super) fn start() -> Result<Self, Failure> {
        let own = runtime()?;
        let runtime = own.handle().clone();
        let (_end, ended) = oneshot::channel();
        // The sender sends nothing; dropping it is the signal.
        let work = move || drop(own.block_on(ended));
        threads::spawn(work).map_err(cannot_start)?;
        Ok(Self { runtime, _end })
    }
}

/// The number of accounts at a time. Each has an open archive, connections and two threads.
pub(super) const ACCOUNTS_AT_ONCE: usize = 8;

/// Does the work of several accounts, a few at a time. The results have the order of the accounts.
pub(super) fn side_by_side<T: Send, R: Send>(
    accounts: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    on_threads(ACCOUNTS_AT_ONCE, accounts, work)
}

/// Does pieces of work on this number of threads. The results have the order of the pieces.
pub(super) fn on_threads<T: Send, R: Send>(
    threads: usize,
    pieces: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.min(pieces.len());
    let waiting = Mutex::new(pieces.into_iter().enumerate());
    let results = Mutex::new(BTreeMap::new());
    let work = || {
        loop {
            let next = lock(&waiting).next();
            let Some((place, piece)) = next else { break };
            let result = work(piece);
            lock(&results).insert(place, result);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // A thread that the system refuses leaves its part to the others.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_values().collect()
}

pub(super) fn cannot_start(error: io::Error) -> Failure {
    let hint = threads::hint(&error.to_string());
    Failure::failed(format!("cannot start: {error}")).hinted(hint)
}

/// The meaning of SIGHUP, which a terminal sends when it closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hangup {
    /// Stop, unless SIGHUP was ignored at the start, as with `nohup`.
    Stops,
    /// Not a request to stop.
    IsNoMatter,
}

/// Returns a function that is true after one more request to stop than now.
pub(super) fn one_more(cancellation: &Cancellation) -> impl FnMut() -> bool + Send + 'static {
    let cancellation = cancellation.clone();
    let before = cancellation.count();
    move || cancellation.count() > before
}

/// Listens to the signals that ask to stop until this value is dropped.
pub(super) struct StopSignals {
    pub(super) cancellation: Cancellation,
    /// Ends the listening thread when it is dropped.
    _end: oneshot::Sender<()>,
}

/// The end of a process that does not stop in time. SQLite rolls back uncommitted changes.
pub(super) struct Overdue {
    pub(super) status: Status,
    pub(super) say: Box<dyn FnOnce() + Send>,
}

/// A process that was told to stop ends after this time, whatever it is doing. Three seconds are for pages under way,
/// one more is for locks of other programs and for indexes.
const GONE_WITHIN: Duration = Duration::from_millis(4_200);
/// The time for an orderly end after a request to stop at once.
const AT_ONCE: Duration = Duration::from_millis(300);

/// Listens to the signals that ask to stop, in its own thread, so that it hears them while all other threads wait.
pub(super) fn stop_signals(
    hangup: Hangup,
    overdue: Option<Overdue>,
) -> Result<StopSignals, Failure> {
    let runtime = runtime()?;
    let canceller = Arc::new(Canceller::default());
    let cancellation = canceller.cancellation();
    hear_signals(&runtime, hangup, move |_| canceller.cancel())?;
    let (end, ended) = oneshot::channel();
    let heard = cancellation.clone();
    let time_is_up = async move {
        heard.over(GONE_WITHIN).await;
        tokio::time::sleep(AT_ONCE).await;
    };
    let listen = async move {
        tokio::select! {
            // The sender sends nothing; dropping it is the signal.
            _ = ended => None,
            () = time_is_up, if overdue.is_some() => overdue,
        }
    };
    let run = move || {
        if let Some(overdue) = runtime.block_on(listen) {
            // The write may block when stderr is not read, and a new thread may not be available.
            if let Ok(said) = threads::answer_of(overdue.say) {
                let said = async { tokio::time::timeout(AT_ONCE, said).await };
                let _ = runtime.block_on(said);
            }
            end_process(overdue.status);
        }
    };
    threads::spawn(run).map_err(cannot_start)?;
    Ok(StopSignals {
        cancellation,
        _end: end,
    })
}

/// Calls `hear` with the number of each signal that asks to stop, while a thread blocks on the runtime.
fn hear_signals(
    runtime: &Runtime,
    hangup: Hangup,
    hear: impl Fn(i32) + Clone + Send + 'static,
) -> Result<(), Failure> {
    let _within = runtime.enter();
    let mut kinds = vec![SignalKind::terminate(), SignalKind::interrupt()];
    if hangup == Hangup::Stops && !is_hangup_ignored() {
        kinds.push(SignalKind::hangup());
    }
    for kind in kinds {
        let mut signal = signal(kind).map_err(cannot_start)?;
        let hear = hear.clone();
        runtime.spawn(async move {
            while signal.recv().await.is_some() {
                hear(kind.as_raw_value());
            }
        });
    }
    Ok(())
}

/// Ends the process, even while other threads are busy.
pub(super) fn end_process(status: Status) -> ! {
    #[expect(
        clippy::exit,
        reason = "a thread that does not come back cannot return"
    )]
    std::process::exit(status.code().into())
}

/// From now on Ctrl-C does not end this process: another program on the same terminal handles it.
pub(super) fn leave_interrupts_to_others() {
    if let Ok(runtime) = runtime() {
        // A signal that was once listened to never has its usual effect again.
        let _ = runtime.block_on(async { signal(SignalKind::interrupt()) });
    }
}

/// Ends the first process of a container at a signal. The system ends every other process itself, but the first one
/// only if it listens. For commands that need no orderly end.
pub(super) fn end_at_signals_as_first_process() -> Result<(), Failure> {
    const FIRST: u32 = 1;
    if std::process::id() != FIRST {
        return Ok(());
    }
    let runtime = runtime()?;
    #[expect(clippy::exit, reason = "a signal ends a process wherever it is")]
    let end = |number: i32| {
        std::process::exit(128 + number);
    };
    hear_signals(&runtime, Hangup::IsNoMatter, end)?;
    threads::spawn(move || runtime.block_on(pending())).map_err(cannot_start)
}

/// True when SIGHUP was ignored at the start, as Linux reports it. Where that is unknown, the signal keeps its default:
/// at worst it ends this process like a kill, which does no harm.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let ignored = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first signal, SIGHUP, is the lowest bit.
    ignored.is_none_or(|mask| mask & 1 == 1)
}

/// Time after the limit. When it is over, SQLite is in a step that may not end.
const GRACE: Duration = Duration::from_millis(250);
/// The time for a write under way. A longer one waits for a reader that has stopped reading.
const ONE_WRITE: Duration = Duration::from_millis(100);

/// Stdout, for an answer with a deadline. The process ends soon after the deadline, unless this value is dropped by then.
/// Before that the answer stops writing.
pub(super) struct UntilDeadline {
    is_over: Arc<AtomicBool>,
    /// Wakes the thread when it is dropped.
    _answering: Sender<()>,
}

impl UntilDeadline {
    pub(super) fn new(
        deadline: Instant,
        terminal: Terminal,
        failure: Failure,
    ) -> Result<Self, Failure> {
        let (answering, ended) = mpsc::channel();
        let is_over = Arc::<AtomicBool>::default();
        let is_over_now = Arc::clone(&is_over);
        let wait = move || {
            let is_late = |wait| ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
            if is_late(deadline.saturating_duration_since(Instant::now()) + GRACE) {
                is_over_now.store(true, Ordering::SeqCst);
                if is_late(ONE_WRITE) {
                    terminal.failure(&failure);
                    end_process(failure.status);
                }
            }
        };
        threads::spawn(wait).map_err(cannot_start)?;
        Ok(Self {
            is_over,
            _answering: answering,
        })
    }
}

impl Write for UntilDeadline {
    /// Each write arrives whole, or not at all.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        while self.is_over.load(Ordering::SeqCst) {
            // The process is about to end.
            thread::park();
        }
        io::stdout().write_all(bytes)?;
        // Bytes in a buffer are lost when the process ends.
        self.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_few_accounts_are_at_work_at_a_time_and_their_results_keep_the_order() {
        let (at_work, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let results = side_by_side((0..200).collect(), |number: u32| {
            most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            at_work.fetch_sub(1, Ordering::SeqCst);
            number
        });
        assert_eq!(results, (0..200).collect::<Vec<_>>());
        assert!(most.into_inner() <= ACCOUNTS_AT_ONCE);
    }
}
