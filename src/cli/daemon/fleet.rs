//! The accounts of a daemon, side by side: their metrics and their health. Without accounts, there is one archive.

use std::path::Path;
use std::sync::{Arc, Mutex};

use archiver::core::account::AccountName;
use archiver::core::cancellation::Cancellation;
use archiver::core::threads::lock;
use archiver::core::time::Timestamp;
use archiver::daemon::exporter::{Condition, Probe};
use archiver::daemon::metrics::{self, Source};
use tokio::sync::{Semaphore, watch};

use super::Machine;
use super::setup::Setup;
use super::state::State;
use crate::cli::Context;
use crate::cli::monitoring;
use crate::cli::runtime::ACCOUNTS_AT_ONCE;

/// What the accounts of a daemon share.
pub(super) struct Fleet {
    /// Set when the daemon is told to stop.
    pub(super) stopped: Cancellation,
    pub(super) clock: fn() -> Timestamp,
    pub(super) chance: fn() -> f64,
    /// Every sync under way has one.
    pub(super) turns: Semaphore,
    /// The context of all accounts, for pages.
    pub(super) context: Mutex<Arc<Context>>,
    pub(super) members: Mutex<Vec<Member>>,
}

/// One account of a daemon.
pub(super) struct Member {
    /// The setup from the next sync on. The driver of the account ends when this is dropped.
    pub(super) setup: watch::Sender<Arc<Setup>>,
    pub(super) state: Arc<Mutex<State>>,
}

impl Member {
    pub(super) fn account(&self) -> Option<AccountName> {
        self.setup.borrow().context.account()
    }

    /// Goes on with another setup. The limits of the API continue where the pace stays the same.
    pub(super) fn follow(&self, mut setup: Setup, now: Timestamp) {
        let pacer = self.setup.borrow().pacer.clone();
        if pacer.pace() == setup.pacer.pace() {
            setup.pacer = pacer;
        }
        lock(&self.state).follow(&setup);
        let next = setup.plan.schedule.next_after(now);
        let next = next.map_or("no time".to_owned(), |next| next.to_string());
        setup.context.terminal.info(&format!(
            "the configuration was read again; next sync at {next}"
        ));
        self.setup.send_replace(Arc::new(setup));
    }
}

impl Fleet {
    pub(super) fn new<A>(context: Context, machine: &Machine<A>, stopped: &Cancellation) -> Self {
        Self {
            stopped: stopped.clone(),
            clock: machine.clock,
            chance: machine.chance,
            turns: Semaphore::new(ACCOUNTS_AT_ONCE),
            context: Mutex::new(Arc::new(context)),
            members: Mutex::default(),
        }
    }

    pub(super) fn is_syncing(&self) -> bool {
        let is_syncing = |member: &Member| lock(&member.state).daemon.running_since.is_some();
        lock(&self.members).iter().any(is_syncing)
    }

    /// Writes the file of metrics of an account, with all accounts that have the same file.
    pub(super) fn write_metrics(&self, own: &Context, path: &Path) {
        let has_file = |member: &Member| {
            let setup = member.setup.borrow();
            setup.monitoring.metrics_file.as_deref() == Some(path)
        };
        self.with_sources(has_file, |sources, now| {
            monitoring::write_metrics(path, own.terminal, sources, now);
        });
    }

    /// Passes the figures of these accounts to `look`. Only one thread looks at a time.
    fn with_sources<T>(
        &self,
        is_meant: impl Fn(&Member) -> bool,
        look: impl FnOnce(&[Source<'_>], Timestamp) -> T,
    ) -> T {
        let members = lock(&self.members);
        let meant = members.iter().filter(|member| is_meant(member));
        let seen = meant.map(|member| {
            let state = lock(&member.state);
            (member.account(), state.figures.clone(), state.daemon)
        });
        let seen: Vec<_> = seen.collect();
        let sources = seen.iter().map(|(account, figures, daemon)| Source {
            account: *account,
            figures,
            daemon: Some(daemon),
        });
        look(&sources.collect::<Vec<_>>(), (self.clock)())
    }

    /// A condition of all accounts. It names those that are not good.
    fn of_all(&self, of: impl Fn(&State) -> Condition, good: &str) -> Condition {
        let members = lock(&self.members);
        if let [only] = members.as_slice() {
            return of(&lock(&only.state));
        }
        let bad = members.iter().filter_map(|member| {
            let condition = of(&lock(&member.state));
            let name = member.account()?;
            (!condition.is_good).then(|| format!("{name}: {}", condition.words))
        });
        let bad: Vec<_> = bad.collect();
        let count = members.len();
        Condition {
            is_good: bad.is_empty(),
            words: match bad.len() {
                0 => format!("all {count} accounts are {good}"),
                some => format!(
                    "{some} of {count} accounts are not {good}: {}",
                    bad.join("; ")
                ),
            },
        }
    }
}

impl Probe for Fleet {
    fn metrics(&self) -> String {
        self.with_sources(|_| true, |sources, now| metrics::text(sources, now, true))
    }

    fn health(&self) -> Condition {
        self.of_all(State::health, "alive")
    }

    fn readiness(&self) -> Condition {
        let now = (self.clock)();
        self.of_all(|state| state.readiness(now), "ready")
    }
}
