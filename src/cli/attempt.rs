//! One sync, from the configuration to its result. `sync` and `daemon` both use it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use archiver::api::{self, Client, ClientSettings, Pace, RetryPolicy, SharedPacer};
use archiver::archive::{self, ArchiveLock, LATEST_VERSION, Outcome, Store, Upgrade};
use archiver::config::Token;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::Timestamp;
use archiver::sync::{self, Report, Scope, Settings};
use tokio::runtime::Handle;

use super::Context;
use super::decided::Decided;
use super::exit::{Failure, Status, kept_locked};
use super::progress::Progress;
use super::summary::Summary;

/// The default number of pages that are requested at the same time.
pub(super) const CONCURRENCY: usize = 4;

/// A sync that has not started yet.
pub(super) struct Attempt<'a> {
    pub(super) context: &'a Context,
    pub(super) progress: &'a Progress,
    pub(super) settings: Settings,
    /// The pace of the requests. It also knows the requests of earlier syncs.
    pub(super) pacer: SharedPacer,
    /// The longest wait for another sync, and for another program's lock. Without a value, the sync does not wait for
    /// another sync, and waits a minute for a lock.
    pub(super) wait: Option<Duration>,
    /// True when the archive existed before. Then the sync does not start a new one.
    pub(super) must_exist: bool,
    /// After the first request the sync ends soon, after the second it ends at once.
    pub(super) cancellation: &'a Cancellation,
}

/// The result of a sync.
pub(super) struct Done {
    pub(super) report: Report,
    pub(super) summary: Summary,
}

impl Attempt<'_> {
    /// Syncs on this thread, which writes the archive. The threads of the runtime use the network and decode answers.
    /// Calls `begin` once this sync holds the lock of the archive and has opened it.
    pub(super) fn perform(self, runtime: &Handle, begin: impl FnOnce()) -> Result<Done, Failure> {
        let path = self.context.archive_path()?;
        look_for_archive(self.context, &path, self.must_exist)?;
        let token = self.unless_given_up(self.context.token(self.cancellation))?;
        let pacer = self.pacer.clone();
        let client = Arc::new(client(self.context, self.progress, pacer, token)?);
        let clock = self.settings.clock;
        let started_at = clock();
        let lock = ArchiveLock::acquire_unless(
            &path,
            started_at,
            self.wait.unwrap_or_default(),
            self.cancellation,
        );
        let _lock = self.unless_given_up(lock.map_err(Failure::from))?;
        let mut store = self.open(&path)?;
        if let Some(upgrade) = &store.upgrade {
            self.context.terminal.note(&upgraded(upgrade));
        }
        begin();
        let outcome = runtime.block_on(self.read(client, &mut store, &path));
        self.progress.finish();
        let closed = match store.close() {
            // This error is the cause of all others.
            Err(error @ archive::Error::Vanished { .. }) => return Err(error.into()),
            closed => closed.map_err(|error| kept_locked(&path, error)),
        };
        let report = outcome?;
        closed?;
        let summary = Summary::of(&report, &self.settings, started_at, clock());
        Ok(Done { report, summary })
    }

    fn open(&self, path: &Path) -> Result<Store, Failure> {
        let lock_wait = (self.context).lock_wait(path, self.cancellation, self.wait);
        Store::open_unless(path, self.must_exist, &lock_wait).or_else(|error| {
            self.unless_given_up(Err(match error {
                archive::Error::Missing { .. } => gone(path),
                error => kept_locked(path, error),
            }))
        })
    }

    /// Returns `waited_for`, or an error when the sync was cancelled meanwhile.
    fn unless_given_up<T>(&self, waited_for: Result<T, Failure>) -> Result<T, Failure> {
        if self.cancellation.is_requested() {
            let message = "stopped before the sync began; nothing was changed";
            return Err(Failure::new(Status::Partial, message));
        }
        waited_for
    }

    async fn read(
        &self,
        client: Arc<Client>,
        store: &mut Store,
        path: &Path,
    ) -> Result<Report, Failure> {
        let cancellation = self.cancellation;
        tokio::select! {
            report = sync::run(client, store, &self.settings, self.progress, cancellation) => {
                report.map_err(|error| match cancellation.count() {
                    1 if error.is_busy() => {
                        Failure::new(Status::Partial, STOPPED_BY_LOCK).with_hint(GO_ON)
                    }
                    2.. if error.is_busy() => stopped_at_once(),
                    _ => kept_locked(path, error),
                })
            }
            () = cancellation.requested(2) => Err(stopped_at_once()),
        }
    }
}

/// Checks for the archive before the lock is taken, because taking the lock creates a missing folder.
pub(super) fn look_for_archive(
    context: &Context,
    path: &Path,
    must_exist: bool,
) -> Result<(), Failure> {
    match archive::expect_archive(path) {
        Err(archive::Error::Missing { .. }) if must_exist => Err(gone(path)),
        Err(archive::Error::Missing { .. }) => {
            let text = format!("starting a new archive at {}", path.display());
            context.terminal.detail(1, &text);
            Ok(())
        }
        Err(error) if error.is_unusable_archive() => Err(error.into()),
        // A later step opens the archive and reports other problems.
        _ => Ok(()),
    }
}

/// The failure of a sync whose archive existed before and is now missing.
fn gone(path: &Path) -> Failure {
    let path = path.display();
    let message = format!(
        "the archive at {path} is missing or empty; no new archive is started in its place"
    );
    Failure::new(Status::UnusableArchive, message).with_hint(
        "put the file back or mount its volume; to start a new archive, restart the daemon",
    )
}

/// The failure of a sync that was told to stop twice, or did not stop in time.
pub(super) fn stopped_at_once() -> Failure {
    let message = "stopped at once; the archived actions are kept";
    Failure::new(Status::Partial, message)
}

/// The message of a sync that was told to stop while it waited for a lock.
const STOPPED_BY_LOCK: &str =
    "stopped while another program kept the archive locked; the actions archived before are kept";
const GO_ON: &str = "run it again: it continues where it stopped";

/// Describes an upgrade, and the backup from which it can be undone.
pub(super) fn upgraded(upgrade: &Upgrade) -> String {
    let Upgrade { from, backup } = upgrade;
    let backup = match backup {
        Some(path) => format!("the old version is kept in {}", path.display()),
        None => "it was empty".to_owned(),
    };
    format!("the archive was upgraded from schema version {from} to {LATEST_VERSION}; {backup}")
}

pub(super) const DAY_SECONDS: i64 = 24 * 3600;
pub(super) const HOUR_SECONDS: i64 = 3600;

/// The settings for a sync of this scope.
pub(super) fn settings(context: &Context, scope: Scope, full: bool) -> Result<Settings, Failure> {
    let file = context.config.file();
    let concurrency = file.limits.concurrency;
    let concurrency = concurrency.and_then(|pages| usize::try_from(pages.get()).ok());
    Ok(Settings {
        scope,
        full,
        concurrency: concurrency.unwrap_or(CONCURRENCY),
        recheck_seconds: seconds(context, "sync.recheck", &file.sync.recheck, DAY_SECONDS)?,
        audit_seconds: audit_seconds(context)?,
        clock: Timestamp::now,
    })
}

/// The seconds between two audits; `None` when audits are off.
pub(super) fn audit_seconds(context: &Context) -> Result<Option<i64>, Failure> {
    match &context.config.file().sync.audit {
        Some(audit) if audit == "off" => Ok(None),
        audit => seconds(context, "sync.audit", audit, HOUR_SECONDS)
            .map(Some)
            .map_err(|failure| failure.with_hint("`audit` is a duration, such as 1h, or off")),
    }
}

/// A duration of the configuration, or the default, in seconds.
fn seconds(
    context: &Context,
    key: &'static str,
    text: &Option<String>,
    usual: i64,
) -> Result<i64, Failure> {
    Decided::of(key, &None, text).map_or(Ok(usual), |it| it.duration_seconds(context))
}

/// A client that uses this token.
pub(super) fn client(
    context: &Context,
    progress: &Progress,
    pacer: SharedPacer,
    token: Token,
) -> Result<Client, Failure> {
    let origin = context.origin()?;
    let passed_over = match token.passed_over.as_slice() {
        [] => String::new(),
        [only] => format!("; {only} is not used"),
        several => format!("; {} are not used", several.join(", ")),
    };
    let from = format!("API {origin}, token from {}{passed_over}", token.source);
    context.terminal.detail(1, &from);
    let listener = progress.clone();
    Ok(Client::new(ClientSettings {
        origin,
        token: token.secret,
        pacer,
        retry: RetryPolicy::default(),
        clock: Timestamp::now,
        on_event: Arc::new(move |event| listener.client_event(event)),
    })?)
}

/// The pace from the configuration.
pub(super) fn pace(context: &Context) -> Pace {
    let (limits, usual) = (context.config.file().limits, Pace::default());
    let (per_minute, per_hour) = (limits.requests_per_minute, limits.requests_per_hour);
    Pace {
        requests_per_minute: per_minute.map_or(usual.requests_per_minute, Into::into),
        requests_per_hour: per_hour.map_or(usual.requests_per_hour, Into::into),
        reserve: limits.reserve.unwrap_or(usual.reserve),
    }
}

/// `Ok` when the sync was complete, else the failure to report.
pub(super) type Verdict = Result<(), Failure>;

/// The exit status that a verdict stands for.
pub(super) fn status_of(verdict: &Verdict) -> Status {
    let failure = verdict.as_ref().err();
    failure.map_or(Status::Done, |failure| failure.status)
}

/// The verdict on a sync that has ended, or could not begin.
pub(super) fn verdict(outcome: &Result<Done, Failure>) -> Verdict {
    let Done { report, summary } = outcome.as_ref().map_err(Clone::clone)?;
    let is_refused = |error: &api::Error| error.is_unauthorized() || error.is_forbidden();
    let status = match report.outcome() {
        Outcome::Complete => return Ok(()),
        _ if report.is_wrong_account || report.errors().any(is_refused) => Status::Unauthorized,
        Outcome::Failed => Status::Failed,
        Outcome::Partial | Outcome::Interrupted => Status::Partial,
    };
    let what = match status {
        Status::Failed => "nothing was archived",
        _ => "the archive is not complete",
    };
    let message = format!("{what}: {}", summary.message.as_deref().unwrap_or_default());
    Err(Failure::new(status, message).with_hint(hint(report)))
}

/// The next step for the user after an incomplete sync.
fn hint(report: &Report) -> &'static str {
    if report.is_wrong_account {
        return "use a token of that account, or another archive with --db";
    }
    match report.errors().next() {
        Some(error) => error.hint(),
        None if report.is_stopped => GO_ON,
        None if !report.unknown_tags.is_empty() => {
            "correct the tag, or run it again once a droplet has the tag"
        }
        None => "the pages read are kept; run it again, then with --full if still incomplete",
    }
}
