//! What systemd is told, where it listens: ready, reloading, stopping, a line of status, and that the daemon is alive
//! (`sd_notify(3)`). Anywhere else, nothing.

/// How often systemd wants to hear of the daemon, halved: being late once does no harm.
#[cfg(unix)]
fn watchdog_interval() -> Option<std::time::Duration> {
    sd_notify::watchdog_enabled().map(|interval| interval / 2)
}

/// Tells systemd.
pub(super) struct ServiceManager {
    #[cfg(unix)]
    interval: Option<std::time::Duration>,
    #[cfg(unix)]
    last_sign: std::time::Instant,
    status: String,
}

#[cfg(unix)]
impl ServiceManager {
    pub(super) fn new() -> Self {
        Self {
            interval: watchdog_interval(),
            last_sign: std::time::Instant::now(),
            status: String::new(),
        }
    }

    /// The daemon waits for its ticks.
    pub(super) fn ready(&self) {
        notify(&[sd_notify::NotifyState::Ready]);
    }

    /// It reads its configuration again, and will be ready soon.
    pub(super) fn reloading(&self) {
        let now = sd_notify::NotifyState::monotonic_usec_now();
        let mut states = vec![sd_notify::NotifyState::Reloading];
        states.extend(now.ok());
        notify(&states);
    }

    /// It is about to end.
    pub(super) fn stopping(&self) {
        notify(&[sd_notify::NotifyState::Stopping]);
    }

    /// It is alive, and does this.
    pub(super) fn alive(&mut self, status: String) {
        if self
            .interval
            .is_some_and(|interval| self.last_sign.elapsed() >= interval)
        {
            self.last_sign = std::time::Instant::now();
            notify(&[sd_notify::NotifyState::Watchdog]);
        }
        if status != self.status {
            notify(&[sd_notify::NotifyState::Status(&status)]);
            self.status = status;
        }
    }
}

/// Nobody who listens is no error, and one who does not hear can be told nothing.
#[cfg(unix)]
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}

#[cfg(not(unix))]
impl ServiceManager {
    pub(super) fn new() -> Self {
        Self {
            status: String::new(),
        }
    }

    pub(super) fn ready(&self) {}

    pub(super) fn reloading(&self) {}

    pub(super) fn stopping(&self) {}

    pub(super) fn alive(&mut self, status: String) {
        self.status = status;
    }
}
