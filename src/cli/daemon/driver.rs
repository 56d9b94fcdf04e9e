//! The syncs of one account of the daemon: starts them when they are due, and tells the log, the metrics and the check
//! how they end.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use archiver::api::{self, ErrorKind};
use archiver::archive;
use archiver::core::threads::{self, lock};
use archiver::core::time::{Timestamp, duration_text};
use archiver::daemon::{Alarm, Ending, Event, MOST_COUNTED, Planner, Reason, Skip};
use archiver::sync::Report;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::fleet::{Fleet, Member};
use super::service_manager::SignsOfLife;
use super::setup::Setup;
use super::state::State;
use crate::cli::attempt::{self, Attempt, Done, Verdict};
use crate::cli::exit::Status;
use crate::cli::monitoring::{self, Begun};
use crate::cli::progress::Progress;
use crate::cli::runtime::cannot_start;
use crate::cli::summary;
use crate::cli::terminal::Terminal;

/// The time for the last pings when the daemon ends.
const PINGS_WITHIN: Duration = Duration::from_secs(1);

/// Starts the syncs of an account when they are due.
pub(super) struct Driver {
    fleet: Arc<Fleet>,
    state: Arc<Mutex<State>>,
    setups: watch::Receiver<Arc<Setup>>,
    planner: Planner,
    terminal: Terminal,
    signs: SignsOfLife,
    /// Ticks that were skipped since the last sync began.
    skipped: u64,
}

impl Driver {
    pub(super) fn new(fleet: &Arc<Fleet>, member: &Member) -> Self {
        let last_run = lock(&member.state).figures.totals.last_ended_at;
        let setup = Arc::clone(&member.setup.borrow());
        let (now, chance) = ((fleet.clock)(), (fleet.chance)());
        Self {
            fleet: Arc::clone(fleet),
            state: Arc::clone(&member.state),
            setups: member.setup.subscribe(),
            planner: Planner::new(setup.plan.clone(), now, last_run, chance),
            terminal: setup.context.terminal,
            signs: SignsOfLife::new(),
            skipped: 0,
        }
    }

    /// Runs until the daemon stops or the account is removed. Then it waits for the running sync.
    pub(super) async fn run(mut self, mut alarm: impl Alarm) {
        let (clock, chance) = (self.fleet.clock, self.fleet.chance);
        let stopped = self.fleet.stopped.clone();
        let mut work = None;
        loop {
            while let Some(event) = self.planner.step(clock(), chance()) {
                self.observe(event);
                if let Event::Started { .. } = event {
                    work = Some(Box::pin(self.begin()));
                }
            }
            self.beat();
            tokio::select! {
                biased;
                () = stopped.requested(1) => break,
                changed = self.setups.changed() => {
                    if changed.is_err() {
                        self.terminal.info("this account is not synced any more");
                        break;
                    }
                    let setup = Arc::clone(&self.setups.borrow_and_update());
                    self.terminal = setup.context.terminal;
                    self.planner.follow(setup.plan.clone(), clock(), chance());
                }
                ending = end_of(&mut work) => {
                    work = None;
                    self.planner.ended(ending, clock(), chance());
                    self.end(ending);
                }
                () = alarm.wait_until(self.planner.next()) => {}
            }
        }
        if let Some(work) = work {
            work.await;
        }
    }

    fn begin(&self) -> impl Future<Output = Ending> + use<> {
        let setup = Arc::clone(&self.setups.borrow());
        sync(Arc::clone(&self.fleet), Arc::clone(&self.state), setup)
    }

    /// Shows that the driver is alive.
    fn beat(&mut self) {
        let mut state = lock(&self.state);
        state.last_beat = Instant::now();
        state.daemon.next_tick_at = self.planner.next_start();
        let words = state.in_words();
        self.signs.alive(match self.terminal.account {
            Some(account) => format!("{account}: {words}"),
            None => words,
        });
    }

    fn observe(&mut self, event: Event) {
        lock(&self.state).count(event, (self.fleet.clock)());
        match event {
            Event::Started {
                reason,
                due,
                missed,
            } => {
                self.say_how_many_were_skipped();
                self.say_start(reason, due, missed);
            }
            Event::Skipped { why, tick } => self.say_skipped(why, tick),
            Event::PlannedAnew { seconds } => self.terminal.warning(&format!(
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
            self.terminal.warning(&text);
        } else {
            self.terminal.detail(1, &text);
        }
    }

    fn say_how_many_were_skipped(&mut self) {
        let skipped = std::mem::take(&mut self.skipped);
        if skipped > 1 {
            let text = format!("{skipped} ticks were left out meanwhile");
            self.terminal.info(&text);
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
                return self.terminal.detail(1, &text);
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
        self.terminal.info(&text);
    }

    /// Records the end of a sync, and announces the next try.
    fn end(&mut self, ending: Ending) {
        self.say_how_many_were_skipped();
        let failures = self.planner.failures();
        {
            let daemon = &mut lock(&self.state).daemon;
            daemon.running_since = None;
            daemon.consecutive_failures = u64::from(failures);
            daemon.is_token_refused &= ending == Ending::Hopeless;
        }
        let which = match failures {
            0 => return,
            1 => "the last sync was not complete".to_owned(),
            _ => format!("the last {failures} syncs were not complete"),
        };
        let next = self.planner.next_start();
        let next = next.map_or("never".to_owned(), |next| next.to_string());
        let text = format!("{which}; the next starts at {next}");
        self.terminal.warning(&text);
    }
}

/// Waits for the sync to end; without one, waits for ever.
async fn end_of(work: &mut Option<impl Future<Output = Ending> + Unpin>) -> Ending {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}

/// One sync, from its turn to the ping for its end.
async fn sync(fleet: Arc<Fleet>, state: Arc<Mutex<State>>, setup: Arc<Setup>) -> Ending {
    let terminal = setup.context.terminal;
    // Nobody closes it.
    let _turn = fleet.turns.acquire().await;
    let work = {
        let (fleet, state, setup) = (Arc::clone(&fleet), Arc::clone(&state), Arc::clone(&setup));
        let runtime = Handle::current();
        move || sync_once(&fleet, &state, &setup, &runtime)
    };
    let ended = match threads::answer_of(work) {
        Ok(ended) => ended.await,
        Err(error) => {
            terminal.failure(&cannot_start(error));
            return Ending::Failed { not_before: None };
        }
    };
    let Ok(mut ended) = ended else {
        let text = "the sync ended unexpectedly: this is a defect of archiver";
        terminal.error(text, Some("please report it, with the lines above"));
        return Ending::Failed { not_before: None };
    };
    let begun = ended.begun.take();
    let pings = setup
        .monitoring
        .end(begun, &ended.verdict, &ended.words, ended.is_stopped);
    tokio::select! {
        errors = pings => for error in errors {
            let failed = &mut lock(&state).daemon.pings_failed;
            *failed = failed.map(|failed| failed + 1);
            terminal.warning(&error.to_string());
        },
        // Slower pings are given up.
        () = async {
            fleet.stopped.requested(1).await;
            tokio::time::sleep(PINGS_WITHIN).await;
        } => {}
    }
    ended.ending()
}

/// Syncs, on this thread.
fn sync_once(fleet: &Fleet, state: &Mutex<State>, setup: &Setup, runtime: &Handle) -> Ended {
    let context = &setup.context;
    let progress = Progress::new(context.terminal);
    let path = context.archive_path().unwrap_or_default();
    let has_seen = || lock(state).archive.as_ref() == Some(&path);
    let attempt = Attempt {
        context,
        progress: &progress,
        settings: setup.settings.clone(),
        pacer: setup.pacer.clone(),
        wait: None,
        must_exist: has_seen(),
        cancellation: &fleet.stopped,
    };
    let mut begun = None;
    let outcome = attempt.perform(runtime, || {
        lock(state).archive = Some(path.clone());
        begun = setup.monitoring.begin(runtime);
    });
    let ended = Ended {
        verdict: attempt::verdict(&outcome),
        words: outcome.as_ref().map(in_words).unwrap_or_default(),
        is_stopped: fleet.stopped.is_requested(),
        report: outcome.ok().map(|done| done.report),
        begun,
    };
    ended.say(progress.terminal());
    let is_gone = has_seen() && archive::expect_archive(&path).is_err();
    lock(state).is_archive_gone = is_gone;
    lock(state).daemon.is_token_refused = ended.status() == Status::Unauthorized;
    record(fleet, state, setup);
    ended
}

/// Reads the figures of the archive, and writes them to the file of metrics.
fn record(fleet: &Fleet, state: &Mutex<State>, setup: &Setup) {
    let before = lock(state).figures.clone();
    let read = monitoring::read_figures(&setup.context, before, &fleet.stopped);
    if let Some(figures) = read {
        lock(state).figures = figures;
    }
    if let Some(path) = &setup.monitoring.metrics_file {
        fleet.write_metrics(&setup.context, path);
    }
}

/// The result and the duration of a sync.
fn in_words(done: &Done) -> String {
    let words = summary::in_words(&done.report);
    format!("{words}; took {} s", done.summary.seconds)
}

/// The end of a sync.
struct Ended {
    verdict: Verdict,
    /// The result in words; empty when the sync could not begin.
    words: String,
    /// True when the daemon was told to stop.
    is_stopped: bool,
    report: Option<Report>,
    begun: Option<Begun>,
}

impl Ended {
    /// Logs the end.
    fn say(&self, terminal: Terminal) {
        let words = self.words.as_str();
        match &self.verdict {
            Ok(()) => terminal.info(words),
            Err(failure) if failure.status == Status::Locked => {
                let text = format!("this tick is left to another sync: {}", failure.message);
                terminal.warning(&text);
            }
            Err(failure) if self.is_stopped && words.is_empty() => terminal.info(&failure.message),
            Err(_) if self.is_stopped => {
                terminal.info(&format!("{words}; the next sync continues from there"));
            }
            Err(failure) => {
                if !words.is_empty() {
                    terminal.info(words);
                }
                terminal.failure(failure);
            }
        }
    }

    fn status(&self) -> Status {
        let failure = self.verdict.as_ref().err();
        failure.map_or(Status::Done, |failure| failure.status)
    }

    /// The consequence for the next sync.
    fn ending(&self) -> Ending {
        let errors = || self.report.iter().flat_map(Report::errors);
        // An unknown droplet stays unknown in a minute: do not retry soon.
        let is_unknown = errors().next().is_some() && errors().all(api::Error::is_not_found);
        match self.status() {
            _ if self.is_stopped => Ending::Settled,
            Status::Done | Status::Locked => Ending::Settled,
            Status::Unauthorized | Status::Usage | Status::UnusableArchive => Ending::Hopeless,
            _ if is_unknown => Ending::Hopeless,
            _ => {
                let limits = errors().filter_map(|error| match error.kind {
                    ErrorKind::RateLimited { until } => Some(until),
                    _ => None,
                });
                Ending::Failed {
                    not_before: limits.max(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Failure;

    #[test]
    fn an_archive_that_another_program_keeps_locked_is_a_failure_and_another_sync_is_none() {
        for (status, is_failure) in [(Status::KeptLocked, true), (Status::Locked, false)] {
            assert_eq!(status.code(), 5);
            let ended = Ended {
                verdict: Err(Failure {
                    status,
                    ..Failure::usage("")
                }),
                words: String::new(),
                is_stopped: false,
                report: None,
                begun: None,
            };
            let failed = matches!(ended.ending(), Ending::Failed { not_before: None });
            assert_eq!(failed, is_failure);
            let told = monitoring::signal(&ended.verdict, false);
            assert_eq!(told.is_some(), is_failure);
        }
    }
}
