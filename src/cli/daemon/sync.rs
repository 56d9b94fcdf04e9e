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
use crate::cli::attempt::{self, Attempt};
use crate::cli::exit::{Failure, Status};
use crate::cli::monitoring::{self, Ended};
use crate::cli::progress::Progress;
use crate::cli::runtime::cannot_start;
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
    let ending = ended.as_ref().map_or(failed, ending);
    let write_metrics = || {
        let file = lock(&account).setup.monitoring.metrics_file.clone();
        if let Some(path) = file {
            fleet.write_metrics(terminal, &path);
        }
    };
    if let Ok(ended) = ended {
        if setup.monitoring.pinger.is_some() {
            // The daemon may be told to end before the check answers.
            write_metrics();
        }
        ping(&fleet, &account, &setup, ended).await;
    }
    let is_same = |other: &Arc<Mutex<Account>>| Arc::ptr_eq(other, &account);
    // A reload may have removed the account meanwhile.
    if lock(&fleet.accounts).iter().any(is_same) {
        lock(&account).end(ending, (fleet.clock)(), (fleet.chance)());
    }
    // Only now the next tick is known, and a removed account leaves the file.
    write_metrics();
}

/// Sends the pings for the end of a sync.
async fn ping(fleet: &Fleet, account: &Mutex<Account>, setup: &Setup, mut ended: Ended) {
    tokio::select! {
        errors = setup.monitoring.end(&mut ended) => for error in errors {
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
    let progress = Progress::new(setup.context.terminal);
    let has_seen = || lock(account).archive.as_ref() == Some(&setup.path);
    let attempt = Attempt {
        context: &setup.context,
        progress: &progress,
        settings: setup.settings.clone(),
        pacer: setup.pacer.clone(),
        wait: None,
        must_exist: has_seen(),
        cancellation: &fleet.stopped,
    };
    let mut ended = setup.monitoring.perform(attempt, runtime, || {
        lock(account).archive = Some(setup.path.clone());
    });
    if let Some(done) = &ended.done {
        ended.words += &format!("; took {} s", done.summary.seconds);
    }
    say(&ended, progress.terminal());
    let is_gone = has_seen() && archive::expect_archive(&setup.path).is_err();
    let before = lock(account).figures.clone();
    let figures = monitoring::read_figures(&setup.context, before, &fleet.stopped);
    let mut account = lock(account);
    account.daemon.running_since = None;
    account.daemon.is_token_refused = attempt::status_of(&ended.verdict) == Status::Unauthorized;
    // A reload may have chosen another archive meanwhile.
    if account.setup.path == setup.path {
        account.is_archive_gone = is_gone;
        if let Some(figures) = figures {
            account.figures = figures;
        }
    }
    ended
}

/// Logs the end of a sync.
fn say(ended: &Ended, terminal: Terminal) {
    let words = ended.words.as_str();
    match &ended.verdict {
        Ok(()) => terminal.info(words),
        Err(failure) if failure.status == Status::Locked => {
            let text = format!("this tick is left to another sync: {}", failure.message);
            terminal.warning(&text);
        }
        Err(failure) if ended.is_stopped && words.is_empty() => terminal.info(&failure.message),
        Err(_) if ended.is_stopped => {
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

/// The consequence of a sync for the next one.
fn ending(ended: &Ended) -> Ending {
    let report = ended.done.as_ref().map(|done| &done.report);
    let errors = || report.into_iter().flat_map(Report::errors);
    // An unknown droplet stays unknown in a minute: do not retry soon.
    let is_unknown = errors().next().is_some() && errors().all(api::Error::is_not_found);
    match attempt::status_of(&ended.verdict) {
        _ if ended.is_stopped => Ending::Settled,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_another_program_keeps_locked_is_a_failure_and_another_sync_is_none() {
        for (status, is_failure) in [(Status::KeptLocked, true), (Status::Locked, false)] {
            assert_eq!(status.code(), 5);
            let ended = Ended {
                verdict: Err(Failure::new(status, "")),
                words: String::new(),
                is_stopped: false,
                done: None,
                begun: None,
            };
            let failed = matches!(ending(&ended), Ending::Failed { not_before: None });
            assert_eq!(failed, is_failure);
            assert_eq!(ended.signal().is_some(), is_failure);
        }
    }
}
