//! What systemd is told, where it listens: ready, reloading, stopping, a line of status, and that the daemon is alive
//! (`sd_notify(3)`). Anywhere else, nothing.

#[cfg(unix)]
use std::time::{Duration, Instant};

#[cfg(unix)]
use sd_notify::NotifyState;

/// The daemon waits for its ticks.
pub(super) fn ready() {
    #[cfg(unix)]
    notify(&[NotifyState::Ready]);
}

/// It reads its configuration again, and will be ready soon.
pub(super) fn reloading() {
    #[cfg(unix)]
    {
        let mut states = vec![NotifyState::Reloading];
        states.extend(NotifyState::monotonic_usec_now().ok());
        notify(&states);
    }
}

/// It is about to end.
pub(super) fn stopping() {
    #[cfg(unix)]
    notify(&[NotifyState::Stopping]);
}

/// That the daemon is alive, and what it does, said no more often than systemd wants to hear it.
pub(super) struct SignsOfLife {
    /// How often it wants to hear of the daemon, halved: being late once does no harm.
    #[cfg(unix)]
    interval: Option<Duration>,
    #[cfg(unix)]
    last: Instant,
    status: String,
}

impl SignsOfLife {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(unix)]
            interval: sd_notify::watchdog_enabled().map(|interval| interval / 2),
            #[cfg(unix)]
            last: Instant::now(),
            status: String::new(),
        }
    }

    /// It is alive, and does this.
    pub(super) fn alive(&mut self, status: String) {
        #[cfg(unix)]
        if self
            .interval
            .is_some_and(|interval| self.last.elapsed() >= interval)
        {
            self.last = Instant::now();
            notify(&[NotifyState::Watchdog]);
        }
        if status != self.status {
            #[cfg(unix)]
            notify(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }
}

/// Nobody who listens is no error, and one who does not hear can be told nothing.
#[cfg(unix)]
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
