//! One sync of an account of the daemon: tells the log, the metrics and the check how it ends.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use archiver::api::{self, ErrorKind};
use archiver::archive;
use archiver::core::threads::{self, lock};
use archiver::daemon::Ending;
use archiver::sync::Report;
use tokio::runtime::Handle;

use super::accounts::{Account, Fleet};
use super::setup::Setup;
use crate::cli::attempt::{self, Attempt, Done, Verdict};
use crate::cli::exit::{Failure, Status};
use crate::cli::monitoring::{self, Begun};
use crate::cli::progress::Progress;
use crate::cli::runtime::cannot_start;
use crate::cli::summary;
use crate::cli::terminal::Terminal;

/// The time for the last pings when the daemon ends.
const PINGS_WITHIN: Duration = Duration::from_secs(1);

/// One sync, from its turn to the pings for its end. The next one waits for these: a check must hear its syncs in order.
pub(super) async fn run(fleet: Arc<Fleet>, account: Arc<Mutex<Account>>) {
    let setup = Arc::clone(&lock(&account).setup);
    let terminal = setup.context.terminal;
    // Nobody closes it.
    let turn = fleet.turns.acquire().await;
    let work = {
        let (fleet, account, setup) =
            (Arc::clone(&fleet), Arc::clone(&account), Arc::clone(&setup));
        let runtime = Handle::current();
        move || sync_once(&fleet, &account, &setup, &runtime)
    };
    let ended = match threads::answer_of(work) {
        Ok(ended) => ended.await.map_err(|_| {
            Failure::failed("the sync ended unexpectedly: this is a defect of archiver")
                .with_hint("please report it, with the lines above")
        }),
        Err(error) => Err(cannot_start(error)),
    };
    drop(turn);
    let ended = ended.inspect_err(|failure| terminal.failure(failure));
    let failed = Ending::Failed { not_before: None };
    let ending = ended.as_ref().map_or(failed, Ended::ending);
    if let Ok(ended) = ended {
        ping(&fleet, &account, &setup, ended).await;
    }
    let is_same = |other: &Arc<Mutex<Account>>| Arc::ptr_eq(other, &account);
    // A reload may have removed the account meanwhile.
    if lock(&fleet.accounts).iter().any(is_same) {
        lock(&account).end(ending, (fleet.clock)(), (fleet.chance)());
    }
}

/// Sends the pings for the end of a sync.
async fn ping(fleet: &Fleet, account: &Mutex<Account>, setup: &Setup, ended: Ended) {
    let pings = (setup.monitoring).end(ended.begun, &ended.verdict, &ended.words, ended.is_stopped);
    tokio::select! {
        errors = pings => for error in errors {
            let failed = &mut lock(account).daemon.pings_failed;
            *failed = failed.map(|failed| failed + 1);
            setup.context.terminal.warning(&error.to_string());
        },
        // Slower pings are given up.
        () = async {
            fleet.stopped.requested(1).await;
            tokio::time::sleep(PINGS_WITHIN).await;
        } => {}
    }
}

/// Syncs, on this thread.
fn sync_once(fleet: &Fleet, account: &Mutex<Account>, setup: &Setup, runtime: &Handle) -> Ended {
    let context = &setup.context;
    let progress = Progress::new(context.terminal);
    let path = context.archive_path().unwrap_or_default();
    let has_seen = || lock(account).archive.as_ref() == Some(&path);
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
        lock(account).archive = Some(path.clone());
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
    lock(account).is_archive_gone = is_gone;
    lock(account).daemon.is_token_refused = ended.status() == Status::Unauthorized;
    record(fleet, account, setup);
    ended
}

/// Reads the figures of the archive, and writes them to the file of metrics.
fn record(fleet: &Fleet, account: &Mutex<Account>, setup: &Setup) {
    let before = lock(account).figures.clone();
    let read = monitoring::read_figures(&setup.context, before, &fleet.stopped);
    if let Some(figures) = read {
        lock(account).figures = figures;
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
