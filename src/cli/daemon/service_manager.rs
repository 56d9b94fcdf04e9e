//! Tells systemd, if it listens, that the daemon is ready, reloading, stopping or alive, with a line of status
//! (`sd_notify(3)`). On other systems it does nothing.

use std::time::{Duration, Instant};

/// Tells that the daemon is ready, and waits for its ticks.
pub(super) fn ready() {
    notify("READY=1");
}

/// Tells that the daemon reloads its configuration, and will be ready soon.
pub(super) fn reloading() {
    #[cfg(unix)]
    if let Ok(now) = sd_notify::NotifyState::monotonic_usec_now() {
        notify(&format!("RELOADING=1\n{now}"));
    }
}

/// Tells that the daemon is about to end.
pub(super) fn stopping() {
    notify("STOPPING=1");
}

/// Tells systemd that the daemon is alive, and its status, no more often than systemd asks for.
pub(super) struct SignsOfLife {
    /// Half of the interval at which systemd expects a sign of life, so that one late sign does no harm.
    interval: Option<Duration>,
    last: Instant,
    status: String,
}

impl SignsOfLife {
    pub(super) fn new() -> Self {
        #[cfg(unix)]
        let interval = sd_notify::watchdog_enabled();
        #[cfg(not(unix))]
        let interval: Option<Duration> = None;
        Self {
            interval: interval.map(|interval| interval / 2),
            last: Instant::now(),
            status: String::new(),
        }
    }

    /// Tells that the daemon is alive, and has this status.
    pub(super) fn alive(&mut self, status: String) {
        let is_due = |interval| self.last.elapsed() >= interval;
        if self.interval.is_some_and(is_due) {
            self.last = Instant::now();
            notify("WATCHDOG=1");
        }
        if status != self.status {
            notify(&format!("STATUS={status}"));
            self.status = status;
        }
    }
}

/// A missing listener is not an error, and a failed notification cannot be reported to systemd.
fn notify(state: &str) {
    #[cfg(unix)]
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Custom(state)]);
    #[cfg(not(unix))]
    let _ = state;
}
