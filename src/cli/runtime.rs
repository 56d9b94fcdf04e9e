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

/// Counts the signals that ask to stop. To be called on a runtime.
pub(super) fn stop_signals() -> Result<watch::Receiver<u32>, Failure> {
    let (sender, receiver) = watch::channel(0);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot_start)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_start)?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                sender.send_modify(|signals| *signals += 1);
            }
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            sender.send_modify(|signals| *signals += 1);
        }
    });
    Ok(receiver)
}
