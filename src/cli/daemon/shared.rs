//! What the parts of a daemon share: its accounts, and the settings and the state of each.

use std::sync::Arc;
use std::time::Duration;

use archiver::core::account::AccountName;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::Timestamp;
use archiver::daemon::metrics::Figures;
use tokio::sync::{RwLock, Semaphore, watch};

use super::setup::Setup;
use super::watch::Watch;
use crate::cli::monitoring;
use crate::cli::runtime::ACCOUNTS_AT_ONCE;
use crate::cli::terminal::Terminal;

/// What the accounts of a daemon share.
#[derive(Clone)]
pub(super) struct Common {
    /// Set when the daemon is told to stop.
    pub(super) stopped: Cancellation,
    pub(super) clock: fn() -> Timestamp,
    /// Every ping under way holds a read lock.
    pub(super) pings: Arc<RwLock<()>>,
    /// Every sync under way has one.
    pub(super) turns: Arc<Semaphore>,
}

impl Common {
    pub(super) fn new(stopped: Cancellation, clock: fn() -> Timestamp) -> Self {
        Self {
            stopped,
            clock,
            pings: Arc::default(),
            turns: Arc::new(Semaphore::new(ACCOUNTS_AT_ONCE)),
        }
    }

    /// Waits for pings under way, for at most `longest`.
    pub(super) async fn wait_for_pings(&self, longest: Duration) {
        // Slower pings are given up.
        let _ = tokio::time::timeout(longest, self.pings.write()).await;
    }
}

/// What the syncs of an account share.
#[derive(Clone)]
pub(super) struct Shared {
    setup: Arc<watch::Sender<Arc<Setup>>>,
    pub(super) watch: Arc<Watch>,
    pub(super) terminal: Terminal,
    pub(super) common: Common,
}

impl Shared {
    pub(super) fn new(setup: Setup, common: Common) -> Self {
        let has_pings = setup.monitoring.pinger.is_some();
        let max_age_seconds = setup.max_age_seconds;
        Self {
            watch: Arc::new(Watch::new(common.clock, has_pings, max_age_seconds)),
            terminal: setup.context.terminal,
            setup: Arc::new(watch::Sender::new(Arc::new(setup))),
            common,
        }
    }

    /// The account, if it is one of the configuration.
    pub(super) fn account(&self) -> Option<AccountName> {
        self.setup.borrow().context.account()
    }

    /// The current setup.
    pub(super) fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.setup.borrow())
    }

    /// Replaces the setup from the next sync on. The limits of the API continue where the pace stays the same.
    pub(super) fn replace(&self, mut setup: Setup) {
        let pacer = self.setup().pacer.clone();
        if pacer.pace() == setup.pacer.pace() {
            setup.pacer = pacer;
        }
        self.setup.send_replace(Arc::new(setup));
    }

    /// Updates the figures from the archive. Ends at one more signal to stop.
    pub(super) fn read_figures(&self, setup: &Setup) {
        let mut figures: Figures = self.watch.figures();
        match monitoring::read_figures(&setup.context, &mut figures, &self.common.stopped) {
            Ok(()) => self.watch.put(figures),
            Err(failure) => {
                let text = format!("the metrics stay as they were: {}", failure.message);
                self.terminal.warning(&text);
            }
        }
    }
}
