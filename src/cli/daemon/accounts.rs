//! The accounts of a daemon, side by side: their plans, their metrics and their health. Without accounts, there is one
//! archive.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use archiver::core::account::AccountName;
use archiver::core::cancellation::Cancellation;
use archiver::core::threads::lock;
use archiver::core::time::{Timestamp, duration_text};
use archiver::daemon::exporter::{Condition, Probe};
use archiver::daemon::metrics::{self, DaemonFigures, Figures, Source, Ticks};
use archiver::daemon::{Ending, Event, MOST_COUNTED, Planner, Reason, Skip};
use archiver::query::status::ago;
use tokio::sync::Semaphore;

use super::setup::Setup;
use super::{announce, notify};
use crate::cli::Context;
use crate::cli::monitoring::{self, Failing};
use crate::cli::terminal::Terminal;

/// The daemon checks its plan about every second, so a silence of this length is a fault.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);

/// The state that the syncs and the server of a daemon share.
pub(super) struct Fleet {
    /// Set when the daemon is told to stop.
    pub(super) stopped: Cancellation,
    pub(super) clock: fn() -> Timestamp,
    pub(super) chance: fn() -> f64,
    /// Every sync under way has one.
    pub(super) turns: Semaphore,
    /// The context of all accounts, for pages.
    pub(super) context: Mutex<Arc<Context>>,
    /// It outlives a reload: a check that accounts share must not forget which of them failed.
    pub(super) failing: Failing,
    pub(super) accounts: Mutex<Vec<Arc<Mutex<Account>>>>,
}

/// One account of a daemon.
pub(super) struct Account {
    /// The setup from the next sync on.
    pub(super) setup: Arc<Setup>,
    pub(super) planner: Planner,
    /// Ticks that were skipped since the last sync began.
    skipped: u64,
    pub(super) figures: Figures,
    pub(super) daemon: DaemonFigures,
    last_beat: Instant,
    /// The last status that the service manager was told.
    status: String,
    /// The path where an archive was seen. It must exist there from then on.
    pub(super) archive: Option<PathBuf>,
    pub(super) is_archive_gone: bool,
}

impl Account {
    pub(super) fn new(setup: Setup, now: Timestamp, chance: f64) -> Self {
        let last_run = setup.figures.totals.last_ended_at;
        Self {
            planner: Planner::new(setup.plan.clone(), now, last_run, chance),
            skipped: 0,
            figures: setup.figures.clone(),
            daemon: DaemonFigures {
                started_at: now,
                ticks: Ticks::default(),
                running_since: None,
                next_tick_at: None,
                consecutive_failures: 0,
                pings_failed: setup.monitoring.pinger.as_ref().map(|_| 0),
                is_token_refused: false,
            },
            last_beat: Instant::now(),
            status: String::new(),
            archive: announce(&setup, now),
            is_archive_gone: false,
            setup: Arc::new(setup),
        }
    }

    pub(super) fn name(&self) -> Option<AccountName> {
        self.setup.context.account()
    }

    pub(super) fn terminal(&self) -> Terminal {
        self.setup.context.terminal
    }

    /// Goes on with another setup. The limits of the API continue where the pace stays the same.
    pub(super) fn follow(&mut self, mut setup: Setup, now: Timestamp, chance: f64) {
        if self.setup.pacer.pace() == setup.pacer.pace() {
            setup.pacer = self.setup.pacer.clone();
        }
        if self.setup.path != setup.path {
            self.figures = setup.figures.clone();
            self.is_archive_gone = false;
        }
        let failed = self.daemon.pings_failed.unwrap_or(0);
        self.daemon.pings_failed = setup.monitoring.pinger.as_ref().map(|_| failed);
        let next = setup.plan.schedule.next_after(now);
        let next = next.map_or("no time".to_owned(), |next| next.to_string());
        setup.context.terminal.info(&format!(
            "the configuration was read again; next sync at {next}"
        ));
        self.planner.follow(setup.plan.clone(), now, chance);
        self.setup = Arc::new(setup);
    }

    /// Looks at the clock. Returns true when a sync starts.
    pub(super) fn step(&mut self, now: Timestamp, chance: fn() -> f64) -> bool {
        let mut starts = false;
        while let Some(event) = self.planner.step(now, chance()) {
            self.observe(event, now);
            starts |= matches!(event, Event::Started { .. });
        }
        self.last_beat = Instant::now();
        self.daemon.next_tick_at = self.planner.next_start();
        let status = match self.name() {
            Some(name) => format!("{name}: {}", self.in_words()),
            None => self.in_words(),
        };
        if status != self.status {
            notify(&format!("STATUS={status}"));
            self.status = status;
        }
        starts
    }

    /// Counts an event, and tells it.
    fn observe(&mut self, event: Event, now: Timestamp) {
        let ticks = &mut self.daemon.ticks;
        match event {
            Event::Started {
                reason,
                due,
                missed,
            } => {
                match reason {
                    Reason::Tick => ticks.run += 1,
                    Reason::First | Reason::MadeUp => ticks.made_up += 1,
                    Reason::Retry => ticks.retry += 1,
                }
                ticks.skipped += u64::from(missed);
                self.daemon.running_since = Some(now);
                self.say_how_many_were_skipped();
                self.say_start(reason, due, missed);
            }
            Event::Skipped { why, tick } => {
                ticks.skipped += 1;
                self.say_skipped(why, tick);
            }
            Event::PlannedAnew { seconds } => self.terminal().warning(&format!(
                "the clock was set back by {}: the next sync is planned again",
                duration_text(seconds)
            )),
        }
    }

    /// Warns about the first of several skipped ticks. The number follows at the end.
    fn say_skipped(&mut self, why: Skip, tick: Timestamp) {
        self.skipped += 1;
        let reason = match why {
            Skip::Busy => "the previous sync is still running",
            Skip::BackingOff => "the last sync failed, and the wait after that is not over",
        };
        let text = format!("the tick at {tick} is left out: {reason}");
        if self.skipped == 1 {
            self.terminal().warning(&text);
        } else {
            self.terminal().detail(1, &text);
        }
    }

    fn say_how_many_were_skipped(&mut self) {
        let skipped = std::mem::take(&mut self.skipped);
        if skipped > 1 {
            let text = format!("{skipped} ticks were left out meanwhile");
            self.terminal().info(&text);
        }
    }

    fn say_start(&self, reason: Reason, due: Timestamp, missed: u32) {
        let more = if missed < MOST_COUNTED {
            ""
        } else {
            " or more"
        };
        let text = match reason {
            Reason::Tick => {
                let text = format!("the tick at {due} has come");
                return self.terminal().detail(1, &text);
            }
            Reason::First => "no finished sync is known: one starts now".to_owned(),
            Reason::Retry => "trying again after a failure".to_owned(),
            Reason::MadeUp if missed == 0 => {
                format!("the tick at {due} was missed: a sync starts now")
            }
            Reason::MadeUp => format!(
                "the tick at {due} and {missed}{more} later ones were missed: one sync starts now"
            ),
        };
        self.terminal().info(&text);
    }

    /// Records the end of a sync, and announces the next try.
    pub(super) fn end(&mut self, ending: Ending, now: Timestamp, chance: f64) {
        self.planner.ended(ending, now, chance);
        self.say_how_many_were_skipped();
        let (failures, next) = (self.planner.failures, self.planner.next_start());
        self.daemon.running_since = None;
        self.daemon.next_tick_at = next;
        self.daemon.consecutive_failures = u64::from(failures);
        let which = match failures {
            0 => return,
            1 => "the last sync was not complete".to_owned(),
            _ => format!("the last {failures} syncs were not complete"),
        };
        let next = next.map_or("never".to_owned(), |next| next.to_string());
        let text = format!("{which}; the next starts at {next}");
        self.terminal().warning(&text);
    }

    /// The current activity, in one line.
    fn in_words(&self) -> String {
        let daemon = &self.daemon;
        let fresh = match self.figures.totals.fresh_at() {
            Some(at) => format!("last complete sync began {at}"),
            None => "no sync was complete yet".to_owned(),
        };
        let doing = match (daemon.running_since, daemon.next_tick_at) {
            (Some(since), _) => format!("syncing since {since}"),
            (None, Some(next)) => format!("next sync at {next}"),
            (None, None) => "no sync is planned".to_owned(),
        };
        match daemon.consecutive_failures {
            0 => format!("{doing}; {fresh}"),
            1 => format!("{doing}; the last sync failed; {fresh}"),
            failures => format!("{doing}; the last {failures} syncs failed; {fresh}"),
        }
    }

    /// The current activity, or an error when the daemon does not check the plan of the account any more.
    fn health(&self) -> Condition {
        let silence = self.last_beat.elapsed();
        if silence < LONGEST_SILENCE {
            return Ok(self.in_words());
        }
        let seconds = silence.as_secs();
        Err(format!("the daemon has not responded for {seconds} s"))
    }

    /// The age of the last complete sync, or an error when it is too old.
    fn readiness(&self, now: Timestamp) -> Condition {
        if self.is_archive_gone {
            return Err("the archive is gone".to_owned());
        }
        let fresh_at = self.figures.totals.fresh_at();
        let at = fresh_at.ok_or("no sync was complete yet")?;
        let (age, longest) = (at.age_at(now), self.setup.max_age_seconds);
        let words = format!(
            "the last complete sync began {} ({at}), and may be at most {} old",
            ago(age),
            duration_text(longest)
        );
        match age.is_some_and(|age| age <= longest) {
            true => Ok(words),
            false => Err(words),
        }
    }
}

impl Fleet {
    /// Writes a file of metrics, with all accounts that have it. Only the thread of the runtime calls this.
    pub(super) fn write_metrics(&self, terminal: Terminal, path: &Path) {
        let sources = self.sources(|setup| setup.monitoring.metrics_file.as_deref() == Some(path));
        monitoring::write_metrics(path, terminal, &sources, (self.clock)());
    }

    /// The figures of the accounts with such a setup.
    fn sources(&self, is_meant: impl Fn(&Setup) -> bool) -> Vec<Source> {
        let accounts = lock(&self.accounts);
        let accounts = accounts.iter().map(|account| lock(account));
        let meant = accounts.filter(|account| is_meant(&account.setup));
        let source = |account: MutexGuard<'_, Account>| Source {
            account: account.name(),
            figures: account.figures.clone(),
            daemon: Some(account.daemon),
        };
        meant.map(source).collect()
    }

    /// A condition of all accounts. An error names those that are not good.
    fn of_all(&self, of: impl Fn(&Account) -> Condition, good: &str) -> Condition {
        let accounts = lock(&self.accounts);
        if let [only] = accounts.as_slice() {
            return of(&lock(only));
        }
        let bad = accounts.iter().filter_map(|account| {
            let account = lock(account);
            let words = of(&account).err()?;
            Some(format!("{}: {words}", account.name()?))
        });
        let bad: Vec<_> = bad.collect();
        let count = accounts.len();
        match bad.len() {
            0 => Ok(format!("all {count} accounts are {good}")),
            some => Err(format!(
                "{some} of {count} accounts are not {good}: {}",
                bad.join("; ")
            )),
        }
    }
}

impl Probe for Fleet {
    fn metrics(&self) -> String {
        metrics::text(&self.sources(|_| true), (self.clock)(), true)
    }

    fn health(&self) -> Condition {
        self.of_all(Account::health, "alive")
    }

    fn readiness(&self) -> Condition {
        let now = (self.clock)();
        self.of_all(|account| account.readiness(now), "ready")
    }
}
