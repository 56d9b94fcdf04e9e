//! The accounts of a daemon, side by side: their metrics and their health. Without accounts, there is one archive.

use std::path::Path;
use std::sync::{Arc, Mutex};

use archiver::core::account::AccountName;
use archiver::core::threads::lock;
use archiver::daemon::exporter::{Condition, Probe};
use archiver::daemon::metrics::{self, Source};

use super::shared::{Common, Shared};
use super::watch::Watch;
use crate::cli::Context;
use crate::cli::monitoring;

/// All accounts of a daemon. A reload changes their settings, but not which they are.
pub(super) struct Fleet {
    pub(super) members: Vec<Shared>,
    pub(super) common: Common,
    /// The context of all accounts, for pages.
    context: Mutex<Arc<Context>>,
    /// Held while a file of metrics is written.
    writing: Mutex<()>,
}

impl Fleet {
    pub(super) fn new(context: Context, common: Common, members: Vec<Shared>) -> Self {
        Self {
            members,
            common,
            context: Mutex::new(Arc::new(context)),
            writing: Mutex::default(),
        }
    }

    pub(super) fn context(&self) -> Arc<Context> {
        Arc::clone(&lock(&self.context))
    }

    /// Replaces the context of all accounts.
    pub(super) fn put(&self, context: Context) {
        *lock(&self.context) = Arc::new(context);
    }

    pub(super) fn is_syncing(&self) -> bool {
        self.members.iter().any(|member| member.watch.is_syncing())
    }

    /// Writes the file of metrics of an account, with all accounts that have the same file.
    pub(super) fn write_metrics(&self, own: &Shared, path: &Path) {
        let _held = lock(&self.writing);
        let has_file = |member: &&Shared| {
            let setup = member.setup();
            setup.monitoring.metrics_file.as_deref() == Some(path)
        };
        let members = self.members.iter().filter(has_file);
        let now = (self.common.clock)();
        with_sources(members, |sources| {
            monitoring::write_metrics(path, own.terminal, sources, now);
        });
    }

    /// A condition of all accounts. It names those that are not good.
    fn of_all(&self, of: fn(&Watch) -> Condition, good: &str) -> Condition {
        if let [only] = self.members.as_slice() {
            return of(&only.watch);
        }
        let bad = self.members.iter().filter_map(|member| {
            let condition = of(&member.watch);
            let name = member.account()?;
            (!condition.is_good).then(|| format!("{name}: {}", condition.words))
        });
        let bad: Vec<_> = bad.collect();
        let count = self.members.len();
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

/// Passes the figures of these accounts to `look`.
fn with_sources<'a, T>(
    members: impl Iterator<Item = &'a Shared>,
    look: impl FnOnce(&[Source<'_>]) -> T,
) -> T {
    let seen = members.map(|member| (member.account(), member.watch.seen()));
    let seen: Vec<_> = seen.collect();
    let sources = seen.iter().map(|(account, (figures, daemon))| Source {
        account: account.as_ref().map(AccountName::as_str),
        figures,
        daemon: Some(daemon),
    });
    look(&sources.collect::<Vec<_>>())
}

impl Probe for Fleet {
    fn metrics(&self) -> String {
        let now = (self.common.clock)();
        with_sources(self.members.iter(), |sources| {
            metrics::text(sources, now, true)
        })
    }

    fn health(&self) -> Condition {
        self.of_all(Watch::health, "alive")
    }

    fn readiness(&self) -> Condition {
        self.of_all(Watch::readiness, "ready")
    }
}
