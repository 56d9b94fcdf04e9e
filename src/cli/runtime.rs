//! Where work is done: the threads, and the signals that ask to stop.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::exit::{Failure, Status};

/// So many threads besides this one.
pub(super) fn runtime(threads: usize) -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(cannot_start)
}

pub(super) fn cannot_start(error: io::Error) -> Failure {
    Failure {
        status: Status::Failed,
        message: format!("cannot start: {error}"),
        hint: None,
    }
}

/// What SIGHUP is for, which comes when a terminal is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hangup {
    /// To stop, unless whoever started this said not to, as `nohup` does.
    Stops,
    /// Something that does not concern whoever counts.
    IsNoMatter,
}

/// Whether one more signal has come than by now.
pub(super) fn one_more(told: &watch::Receiver<u32>) -> impl FnMut() -> bool + Send + 'static {
    let told = told.clone();
    let before = *told.borrow();
    move || *told.borrow() > before
}

/// Counts the signals that ask to stop. To be called on a runtime.
pub(super) fn stop_signals(hangup: Hangup) -> Result<watch::Receiver<u32>, Failure> {
    let (sender, receiver) = watch::channel(0);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot_start)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_start)?;
        let mut hangup = match hangup {
            Hangup::Stops if !is_hangup_ignored() => {
                Some(signal(SignalKind::hangup()).map_err(cannot_start)?)
            }
            _ => None,
        };
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    () = next(&mut hangup) => {}
                }
                sender.send_modify(|signals| *signals += 1);
            }
        });
    }
    #[cfg(not(unix))]
    {
        let _ = hangup;
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                sender.send_modify(|signals| *signals += 1);
            }
        });
    }
    Ok(receiver)
}

/// Ends the process, whatever its other threads are doing.
pub(super) fn end_process(status: Status) -> ! {
    #[expect(
        clippy::exit,
        reason = "a thread that does not come back cannot return"
    )]
    std::process::exit(i32::from(status as u8))
}

/// Ends the first process of a container at a signal, as the system ends any other: that one, it lets go on unless it
/// listens. For what does not have to be ended in order.
#[cfg(unix)]
pub(super) fn end_at_signals_as_first_process() -> Result<(), Failure> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    const FIRST: u32 = 1;
    if std::process::id() != FIRST {
        return Ok(());
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(cannot_start)?;
    let listen = |kind| {
        runtime
            .block_on(async { signal(kind) })
            .map_err(cannot_start)
    };
    let [mut terminate, mut interrupt]: [Signal; 2] = [
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
    ];
    let wait = async move {
        tokio::select! {
            _ = terminate.recv() => SignalKind::terminate(),
            _ = interrupt.recv() => SignalKind::interrupt(),
        }
    };
    #[expect(clippy::exit, reason = "a signal ends a process wherever it is")]
    let end = move || std::process::exit(128 + runtime.block_on(wait).as_raw_value());
    let thread = std::thread::Builder::new().spawn(end);
    thread.map(|_| ()).map_err(cannot_start)
}

#[cfg(not(unix))]
pub(super) fn end_at_signals_as_first_process() -> Result<(), Failure> {
    Ok(())
}

#[cfg(unix)]
async fn next(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether SIGHUP was ignored from the start, as Linux tells. Where that is not known, it is left as it is: at worst it
/// ends this like a kill, which does no harm.
#[cfg(unix)]
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let ignored = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // The first signal is the lowest bit.
    ignored.is_none_or(|mask| mask & 1 == 1)
}
