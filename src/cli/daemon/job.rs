//! One sync of the daemon: from the current configuration to the log, the metrics, the pings, and the result that
//! decides when the next sync starts.

use super::fleet::Fleet;
use super::service_manager::SignsOfLife;
use super::setup::Setup;
use super::shared::Shared;
use crate::cli::attempt::{Attempt, Done, Verdict};
use crate::cli::exit::{Failure, Status};
use crate::cli::monitoring::Pings;
use crate::cli::progress::Progress;
use crate::cli::runtime::cannot_start;
use crate::cli::terminal::Terminal;
use crate::cli::{attempt, monitoring, summary};
use archiver::api::ErrorKind;
use archiver::core::threads;
use archiver::core::time::{Timestamp, duration_text};
use archiver::daemon::ping::Signal;
use archiver::daemon::{Ending, Event, Job, MOST_COUNTED, Reason, Skip, Work};
use archiver::sync::Report;
use archiver::{api, archive};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Syncs on schedule.
pub(super) struct ScheduledSync {
    shared: Shared,
    fleet: Arc<Fleet>,
    signs: SignsOfLife,
    runtime: Handle,
    /// Ticks that were skipped since the last sync began.
    skipped: u64,
}

impl ScheduledSync {
    pub(super) fn new(shared: Shared, fleet: Arc<Fleet>, runtime: Handle) -> Self {
        Self {
            shared,
            fleet,
            signs: SignsOfLife::new(),
            runtime,
            skipped: 0,
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
            self.shared.terminal.warning(&text);
        } else {
            self.shared.terminal.detail(1, &text);
        }
    }

    fn say_how_many_were_skipped(&mut self) {
        let skipped = std::mem::take(&mut self.skipped);
        if skipped > 1 {
            let text = format!("{skipped} ticks were left out meanwhile");
            self.shared.terminal.info(&text);
        }
    }

    fn say_start(&self, reason: Reason, due: Timestamp, missed: u32) {
        let terminal = self.shared.terminal;
        match reason {
            Reason::Tick => terminal.detail(1, &format!("the tick at {due} has come")),
            Reason::First => {
                terminal.info("no finished sync is known: one starts now");
            }
            Reason::Retry => terminal.info("trying again after a failure"),
            Reason::MadeUp if missed == 0 => {
                terminal.info(&format!("the tick at {due} was missed: a sync starts now"));
            }
            Reason::MadeUp => {
                let more = if missed < MOST_COUNTED {
                    ""
                } else {
                    " or more"
                };
                terminal.info(&format!(
                    "the tick at {due} and {missed}{more} later ones were missed: one sync starts now"
                ));
            }
        }
    }
}

impl Job for ScheduledSync {
    fn start(&mut self, _: Reason) -> Work {
        let (shared, fleet) = (self.shared.clone(), Arc::clone(&self.fleet));
        let runtime = self.runtime.clone();
        Box::pin(async move {
            let turns = Arc::clone(&shared.common.turns);
            // Nobody closes it.
            let _turn = turns.acquire().await;
            let (own, handle) = (shared.clone(), runtime.clone());
            match threads::answer_of(move || sync_once(&own, &fleet, &handle)) {
                Ok(ending) => ending.await.unwrap_or_else(|_| {
                    let text = "the sync ended unexpectedly: this is a defect of archiver";
                    let hint = "please report it, with the lines above";
                    shared.terminal.error(text, Some(hint));
                    Ending::Failed { not_before: None }
                }),
                Err(error) => not_begun(&shared, cannot_start(error), &runtime),
            }
        })
    }

    fn observe(&mut self, event: Event) {
        self.shared.watch.observe(event);
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
            Event::Ended { failures, next, .. } => {
                self.say_how_many_were_skipped();
                if failures > 0 {
                    let next = next.map_or("never".to_owned(), |next| next.to_string());
                    let which = match failures {
                        1 => "the last sync was not complete".to_owned(),
                        _ => format!("the last {failures} syncs were not complete"),
                    };
                    self.shared
                        .terminal
                        .warning(&format!("{which}; the next starts at {next}"));
                }
            }
            Event::PlannedAnew { seconds } => {
                let text = format!(
                    "the clock was set back by {}: the next sync is planned again",
                    duration_text(seconds)
                );
                self.shared.terminal.warning(&text);
            }
            Event::Waiting { .. } => {}
        }
        let words = self.shared.watch.in_words();
        self.signs.alive(match self.shared.terminal.account {
            Some(account) => format!("{account}: {words}"),
            None => words,
        });
    }
}

/// Reports a sync that could not get a thread.
fn not_begun(shared: &Shared, failure: Failure, runtime: &Handle) -> Ending {
    let ended = Ended {
        verdict: Err(failure),
        words: String::new(),
        is_stopped: shared.common.stopped.is_requested(),
    };
    ended.say(shared.terminal);
    ping(shared, &shared.setup(), &ended, None, runtime);
    ended.ending(None)
}

/// Syncs, on this thread.
fn sync_once(shared: &Shared, fleet: &Fleet, runtime: &Handle) -> Ending {
    let setup = shared.setup();
    let progress = Progress::new(shared.terminal);
    let path = setup.context.archive_path().unwrap_or_default();
    let attempt = Attempt {
        context: &setup.context,
        progress: &progress,
        settings: setup.settings.clone(),
        pacer: setup.pacer.clone(),
        wait: None,
        must_exist: shared.watch.has_seen(&path),
        cancellation: &shared.common.stopped,
    };
    let mut pings = None;
    let outcome = attempt.perform(runtime, || {
        shared.watch.saw(path.clone());
        if shared.watch.lets_ping_pass(Signal::Start) {
            pings = setup.monitoring.begin(runtime);
        }
    });
    let ended = Ended {
        verdict: attempt::verdict(&outcome),
        words: outcome.as_ref().map(Done::in_words).unwrap_or_default(),
        is_stopped: shared.common.stopped.is_requested(),
    };
    ended.say(progress.terminal());
    shared.watch.token_is_refused(ended.is_refused());
    let is_gone = shared.watch.has_seen(&path) && archive::expect_archive(&path).is_err();
    shared.watch.archive_is_gone(is_gone);
    shared.read_figures(&setup);
    if let Some(path) = &setup.monitoring.metrics_file {
        fleet.write_metrics(shared, path);
    }
    ping(shared, &setup, &ended, pings, runtime);
    ended.ending(outcome.as_ref().ok().map(|done| &done.report))
}

/// Tells the dead man's switch how a sync ended, if one is configured.
fn ping(shared: &Shared, setup: &Setup, ended: &Ended, pings: Option<Pings>, runtime: &Handle) {
    let Some(signal) = monitoring::signal(&ended.verdict, ended.is_stopped) else {
        return;
    };
    let body = monitoring::body(&ended.verdict, &ended.words);
    let (signal, body) = setup.monitoring.of_check(signal, body);
    // A reported start needs an end.
    if (shared.watch.lets_ping_pass(signal) || pings.is_some())
        && let Some(pings) = pings.or_else(|| setup.monitoring.pings())
    {
        runtime.spawn(send(shared.clone(), pings, signal, body));
    }
}

impl Done {
    /// The result and the duration, in words.
    fn in_words(&self) -> String {
        let words = summary::in_words(&self.report);
        format!("{words}; took {} s", self.summary.seconds())
    }
}

/// Sends the last ping of a sync, after the first one.
async fn send(shared: Shared, pings: Pings, signal: Signal, body: String) {
    let _under_way = shared.common.pings.read().await;
    for error in pings.end(signal, &body).await {
        shared.watch.ping_failed();
        shared.terminal.warning(&error);
    }
}

/// The end of a sync.
struct Ended {
    verdict: Verdict,
    /// The result in words; empty when the sync could not begin.
    words: String,
    /// True when the daemon was told to stop.
    is_stopped: bool,
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

    fn is_refused(&self) -> bool {
        let failure = self.verdict.as_ref().err();
        failure.is_some_and(|failure| failure.status == Status::Unauthorized)
    }

    /// The consequence for the next sync.
    fn ending(&self, report: Option<&Report>) -> Ending {
        let Err(failure) = &self.verdict else {
            return Ending::Settled;
        };
        let errors = || report.into_iter().flat_map(Report::errors);
        // An unknown droplet stays unknown in a minute: do not retry soon.
        let is_unknown = errors().next().is_some() && errors().all(api::Error::is_not_found);
        match failure.status {
            _ if self.is_stopped => Ending::Settled,
            Status::Locked => Ending::Settled,
            Status::Unauthorized | Status::Usage | Status::UnusableArchive => Ending::Hopeless,
            _ if is_unknown => Ending::Hopeless,
            _ => Ending::Failed {
                not_before: errors().filter_map(limited_until).max(),
            },
        }
    }
}

/// The end of a rate limit, if the error is one.
fn limited_until(error: &api::Error) -> Option<Timestamp> {
    match error.kind {
        ErrorKind::RateLimited { until } => Some(until),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            };
            let failed = matches!(ended.ending(None), Ending::Failed { not_before: None });
            assert_eq!(failed, is_failure);
            let told = monitoring::signal(&ended.verdict, false);
            assert_eq!(told.is_some(), is_failure);
        }
    }
}
