//! One sync, from the configuration to what it came to, as `sync` and `daemon` both run it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use archiver::api::{Client, ClientSettings, Pace, RetryPolicy, SharedPacer};
use archiver::archive::{self, ArchiveLock, Outcome, Store, Upgrade};
use archiver::config::Token;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::Timestamp;
use archiver::sync::{self, Report, Scope, Settings};
use tokio::runtime::Handle;
use toml::Spanned;

use super::Context;
use super::decided::{Decided, Names, named};
use super::exit::{Failure, Status, kept_locked};
use super::progress::Progress;
use super::summary::Summary;

/// Pages under way at once, unless the configuration says otherwise.
const CONCURRENCY: usize = 4;

/// One sync that is to be.
pub(super) struct Attempt<'a> {
    pub(super) context: &'a Context,
    pub(super) progress: &'a Progress,
    pub(super) settings: Settings,
    /// How fast to ask, and what was asked before.
    pub(super) pacer: SharedPacer,
    /// How long to wait for another sync to finish, and for another program's lock; else not at all, and a minute.
    pub(super) wait: Option<Duration>,
    /// Whether the archive was there before: then no new one is started in its place.
    pub(super) must_exist: bool,
    /// Asked once, the sync ends soon; asked twice, it ends at once.
    pub(super) cancellation: &'a Cancellation,
}

/// What a sync came to.
pub(super) struct Done {
    pub(super) report: Report,
    pub(super) summary: Summary,
}

impl Attempt<'_> {
    /// Syncs on this thread, which writes the archive, while those of the runtime talk to the network and decode answers.
    /// `begin` is called once the archive is this sync's alone.
    pub(super) fn perform(self, runtime: &Handle, begin: impl FnOnce()) -> Result<Done, Failure> {
        let path: PathBuf = self.context.archive_path()?;
        let is_given_up = || self.cancellation.is_requested();
        self.look_for_archive(&path)?;
        let token = self.unless_given_up(self.context.token(&is_given_up))?;
        let client = client(self.context, self.progress, self.pacer.clone(), token)?;
        let client = Arc::new(client);
        let clock = self.settings.clock;
        let started_at = clock();
        let lock = ArchiveLock::acquire_unless(
            &path,
            started_at,
            self.wait.unwrap_or_default(),
            &is_given_up,
        );
        let _lock = self.unless_given_up(lock.map_err(Failure::from))?;
        let mut store = self.open(&path)?;
        if let Some(upgrade) = store.upgrade() {
            self.context.terminal.note(&upgraded(upgrade));
        }
        begin();
        let outcome = runtime.block_on(self.read(client, &mut store, &path));
        self.progress.finish();
        let closed = match store.close() {
            // Whatever else went wrong, it did because of this.
            Err(error @ archive::Error::Vanished { .. }) => return Err(error.into()),
            closed => closed.map_err(|error| kept_locked(&path, error)),
        };
        let report = outcome?;
        closed?;
        let summary = Summary::of(&report, &self.settings, started_at, clock());
        Ok(Done { report, summary })
    }

    /// Before the lock is taken, for which a folder that is missing is made.
    fn look_for_archive(&self, path: &Path) -> Result<(), Failure> {
        match archive::expect_archive(path) {
            Err(archive::Error::Missing { .. }) if self.must_exist => Err(gone(path)),
            Err(archive::Error::Missing { .. }) => {
                let text = format!("starting a new archive at {}", path.display());
                self.context.terminal.detail(1, &text);
                Ok(())
            }
            // Opening it says what is wrong.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn open(&self, path: &Path) -> Result<Store, Failure> {
        let lock_wait = (self.context).lock_wait(path, self.cancellation, self.wait);
        let opened = if self.must_exist {
            Store::open_existing(path, &lock_wait)
        } else {
            Store::open_unless(path, &lock_wait)
        };
        opened.or_else(|error| {
            self.unless_given_up(Err(match error {
                archive::Error::Missing { .. } => gone(path),
                error => kept_locked(path, error),
            }))
        })
    }

    /// What was waited for, or that the sync is not to begin any more, whatever else became of that.
    fn unless_given_up<T>(&self, waited_for: Result<T, Failure>) -> Result<T, Failure> {
        if self.cancellation.is_requested() {
            return Err(Failure {
                status: Status::Partial,
                message: "stopped before the sync began; nothing was changed".to_owned(),
                hint: None,
            });
        }
        waited_for
    }

    async fn read(
        &self,
        client: Arc<Client>,
        store: &mut Store,
        path: &Path,
    ) -> Result<Report, Failure> {
        let Self {
            settings,
            progress,
            cancellation,
            ..
        } = self;
        tokio::select! {
            report = sync::run(client, store, settings, *progress, cancellation) => {
                report.map_err(|error| match cancellation.count() {
                    1 if error.is_busy() => stopped_by_lock(),
                    2.. if error.is_busy() => stopped_at_once(),
                    _ => kept_locked(path, error),
                })
            }
            () = cancellation.requested(2) => Err(stopped_at_once()),
        }
    }
}

/// What becomes of a sync whose archive was there before and is not any more.
fn gone(path: &Path) -> Failure {
    Failure {
        status: Status::UnusableArchive,
        message: format!(
            "the archive at {} is gone, or has no bytes any more; no new one is started in its place",
            path.display()
        ),
        hint: Some(
            "put the file back or mount its volume; to start a new archive, restart the daemon"
                .to_owned(),
        ),
    }
}

/// The end of a sync that was told to end twice, or did not end in time.
pub(super) fn stopped_at_once() -> Failure {
    Failure {
        status: Status::Partial,
        message: "stopped at once; what was archived is kept".to_owned(),
        hint: None,
    }
}

/// The end of a sync that was told to end while it could not write.
fn stopped_by_lock() -> Failure {
    Failure {
        status: Status::Partial,
        message: "stopped while another program kept the archive locked; what was archived before is kept"
            .to_owned(),
        hint: Some("run it again: it goes on where it stopped".to_owned()),
    }
}

/// An upgrade in words, with the way back.
fn upgraded(upgrade: &Upgrade) -> String {
    let Upgrade { from, to, backup } = upgrade;
    let backup = match backup {
        Some(path) => format!("as it was before, it is in {}", path.display()),
        None => "it held nothing yet".to_owned(),
    };
    format!("the archive was upgraded from schema version {from} to {to}; {backup}")
}

const DAY_SECONDS: i64 = 24 * 3600;
const HOUR_SECONDS: i64 = 3600;

const RECHECK: Names = named("", "recheck");
const AUDIT: Names = named("", "audit");

/// How to sync this scope, as the configuration has it.
pub(super) fn settings(context: &Context, scope: Scope, full: bool) -> Result<Settings, Failure> {
    let file = context.config.file();
    let concurrency = file.limits.concurrency;
    let concurrency = concurrency.and_then(|pages| usize::try_from(pages.get()).ok());
    Ok(Settings {
        scope,
        full,
        concurrency: concurrency.unwrap_or(CONCURRENCY),
        recheck_seconds: seconds(context, &RECHECK, file.sync.recheck.as_ref(), DAY_SECONDS)?,
        audit_seconds: audit_seconds(context)?,
        clock: Timestamp::now,
    })
}

/// How many seconds lie between two audits; nothing where they are off.
pub(super) fn audit_seconds(context: &Context) -> Result<Option<i64>, Failure> {
    match context.config.file().sync.audit.as_ref() {
        Some(audit) if audit.get_ref() == "off" => Ok(None),
        audit => seconds(context, &AUDIT, audit, HOUR_SECONDS)
            .map(Some)
            .map_err(|failure| failure.with_hint("`audit` is a duration, such as 1h, or off")),
    }
}

/// A duration of the configuration, or the usual one.
fn seconds(
    context: &Context,
    names: &'static Names,
    text: Option<&Spanned<String>>,
    usual: i64,
) -> Result<i64, Failure> {
    Decided::of(names, None, text).map_or(Ok(usual), |it| it.duration_seconds(context))
}

/// A client with this token.
pub(super) fn client(
    context: &Context,
    progress: &Progress,
    pacer: SharedPacer,
    token: Token,
) -> Result<Client, Failure> {
    let origin = context.origin()?;
    let passed_over = match token.passed_over.as_slice() {
        [] => String::new(),
        [only] => format!("; {only} is not looked at"),
        several => format!("; {} are not looked at", several.join(", ")),
    };
    let from = format!("API {origin}, token from {}{passed_over}", token.source);
    context.terminal.detail(1, &from);
    let listener = progress.clone();
    let client = Client::new(ClientSettings {
        origin,
        token: token.secret,
        pacer,
        retry: RetryPolicy::default(),
        clock: Timestamp::now,
        on_event: Arc::new(move |event| listener.client_event(event)),
    })?;
    Ok(client)
}

/// The pace that the configuration asks for.
pub(super) fn pace(context: &Context) -> Pace {
    let limits = context.config.file().limits;
    let usual = Pace::default();
    Pace {
        requests_per_minute: limits
            .requests_per_minute
            .map_or(usual.requests_per_minute, Into::into),
        requests_per_hour: limits
            .requests_per_hour
            .map_or(usual.requests_per_hour, Into::into),
        reserve: limits.reserve.unwrap_or(usual.reserve),
    }
}

/// Whether a sync was complete, or what to say of it instead.
pub(super) type Verdict = Result<(), Failure>;

/// What there is to say of a sync that has ended, or could not begin.
pub(super) fn verdict(outcome: &Result<Done, Failure>) -> Verdict {
    match outcome {
        Ok(done) => done.verdict(),
        Err(failure) => Err(failure.clone()),
    }
}

impl Done {
    fn verdict(&self) -> Verdict {
        let Self { report, summary } = self;
        let status = match report.outcome() {
            Outcome::Complete => return Ok(()),
            _ if report.is_wrong_account => Status::Unauthorized,
            _ if report
                .errors()
                .any(|error| error.is_unauthorized() || error.is_forbidden()) =>
            {
                Status::Unauthorized
            }
            Outcome::Failed => Status::Failed,
            Outcome::Partial | Outcome::Interrupted => Status::Partial,
        };
        let what = if status == Status::Failed {
            "nothing was archived"
        } else {
            "the archive is not complete"
        };
        let message = format!("{what}: {}", summary.message.as_deref().unwrap_or_default());
        Err(Failure {
            status,
            message,
            hint: Some(hint(report).to_owned()),
        })
    }
}

/// What to do about a sync that is not complete.
fn hint(report: &Report) -> &'static str {
    if report.is_wrong_account {
        return "use a token of that account, or another archive with --db";
    }
    match report.errors().next() {
        Some(error) => error.hint(),
        None if report.is_stopped => "run it again: it goes on where it stopped",
        None => "what was read is kept; run it again, and if it stays so, with --full",
    }
}
