//! Tells systemd, if it listens, that the daemon is ready, reloading, stopping or alive, with a line of status
//! (`sd_notify(3)`). On other systems it does nothing.

#[cfg(unix)]
use std::time::{Duration, Instant};

#[cfg(unix)]
use sd_notify::NotifyState;

/// Tells that the daemon is ready, and waits for its ticks.
pub(super) fn ready() {
    #[cfg(unix)]
    notify(&[NotifyState::Ready]);
}

/// Tells that the daemon reloads its configuration, and will be ready soon.
pub(super) fn reloading() {
    #[cfg(unix)]
    {
        let mut states = vec![NotifyState::Reloading];
        states.extend(NotifyState::monotonic_usec_now().ok());
        notify(&states);
    }
}

/// Tells that the daemon is about to end.
pub(super) fn stopping() {
    #[cfg(unix)]
    notify(&[NotifyState::Stopping]);
}

/// Tells systemd that the daemon is alive, and its status, no more often than systemd asks for.
pub(super) struct SignsOfLife {
    /// Half of the interval at which systemd expects a sign of life, so that one late sign does no harm.
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

    /// Tells that the daemon is alive, and has this status.
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

/// A missing listener is not an error, and a failed notification cannot be reported to systemd.
#[cfg(unix)]
fn notify(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
