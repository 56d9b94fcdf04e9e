//! Runs a sync, and reports it to other programs: a file of metrics, and a dead man's switch. `archiver sync` and the
//! daemon both use it.
//!
//! An error here is a warning, and never makes a sync fail.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use archiver::archive::{self, LockWait};
use archiver::config;
use archiver::core::account::AccountName;
use archiver::core::cancellation::Cancellation;
use archiver::core::files::{Readers, replace_file};
use archiver::core::threads::lock;
use archiver::core::time::Timestamp;
use archiver::daemon::metrics::{self, Figures, Source};
use archiver::daemon::ping::{self, PingUrl, Pinger, Signal};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Context;
use super::attempt::{self, Attempt, Done, Verdict};
use super::exit::{Failure, Status};
use super::runtime::one_more;
use super::summary;
use super::terminal::Terminal;

/// The flags for monitoring.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct MonitoringFlags {
    /// Write metrics to this file after each sync, for node_exporter's textfile collector
    #[arg(long, value_name = "FILE")]
    metrics_file: Option<PathBuf>,
    /// Ping this check of healthchecks.io, or of a similar service, at each sync [env: ARCHIVER_PING_URL]
    #[arg(long, value_name = "URL")]
    ping_url: Option<String>,
}

/// The wait for a program that keeps one of several archives locked, where the other accounts wait too.
const SHORT_WAIT: Duration = Duration::from_secs(5);

/// The accounts of a command whose last sync was not complete, and the check that each of them pings.
pub(super) type Failing = Arc<Mutex<BTreeMap<AccountName, PingUrl>>>;

/// The receivers of reports.
pub(super) struct Monitoring {
    pub(super) metrics_file: Option<PathBuf>,
    pub(super) pinger: Option<Pinger>,
    account: Option<AccountName>,
    failing: Failing,
}

/// The id of a sync at its check, and the ping for its start.
type Begun = (Uuid, JoinHandle<Result<(), ping::Error>>);

/// The end of a sync.
pub(super) struct Ended {
    pub(super) verdict: Verdict,
    /// The result in words; empty when the sync could not begin.
    pub(super) words: String,
    /// True when it was told to stop.
    pub(super) is_stopped: bool,
    pub(super) done: Option<Done>,
    pub(super) begun: Option<Begun>,
}

impl Monitoring {
    /// Flags win over the environment, and the environment over the configuration.
    pub(super) fn new(
        context: &Context,
        flags: &MonitoringFlags,
        failing: &Failing,
    ) -> Result<Self, Failure> {
        let by_file = &context.config.file().monitoring.metrics_file;
        let metrics_file = match (&flags.metrics_file, by_file) {
            (Some(path), _) => Some(context.config.environment().in_full(path)?),
            (None, Some(path)) => Some(context.config.resolve(path)?),
            (None, None) => None,
        };
        let address = context.config.ping_address(flags.ping_url.as_deref())?;
        let url = address.map(|address| {
            let url = address.value.expose().parse::<PingUrl>();
            url.map_err(|error| match address.source {
                config::Source::File { .. } => {
                    context.config.invalid("monitoring.ping_url", &error).into()
                }
                _ => Failure::usage(format!("--ping-url: {error}")),
            })
        });
        let url = url.transpose()?;
        if url.as_ref().is_some_and(|url| !url.is_loopback()) {
            context.config.check_proxy()?;
        }
        let pinger = url.map(Pinger::new).transpose();
        let pinger =
            pinger.map_err(|error| Failure::usage(error.to_string()).hinted(error.hint()))?;
        Ok(Self {
            metrics_file,
            pinger,
            account: context.account(),
            failing: Arc::clone(failing),
        })
    }

    /// Syncs, with a ping for the start. Calls `begin` once the sync has opened the archive.
    pub(super) fn perform(
        &self,
        attempt: Attempt<'_>,
        runtime: &Handle,
        begin: impl FnOnce(),
    ) -> Ended {
        let (mut begun, cancellation) = (None, attempt.cancellation);
        let outcome = attempt.perform(runtime, || {
            begin();
            begun = self.begin(runtime);
        });
        let verdict = attempt::verdict(&outcome);
        let done = outcome.ok();
        let words = done.as_ref().map(|done| summary::in_words(&done.report));
        Ended {
            verdict,
            words: words.unwrap_or_default(),
            is_stopped: cancellation.is_requested(),
            done,
            begun,
        }
    }

    /// Sends the ping for the start of a sync, without waiting for an answer.
    fn begin(&self, runtime: &Handle) -> Option<Begun> {
        let pinger = self.pinger.clone()?;
        let run = Uuid::new_v4();
        let body = self.account.map(|account| account.to_string());
        let body = body.unwrap_or_default();
        let start = async move { pinger.ping(Signal::Start, run, &body).await };
        Some((run, runtime.spawn(start)))
    }

    /// Sends the ping for the end of a sync, after that for its start. Returns the errors of both.
    pub(super) async fn end(&self, ended: &mut Ended) -> Vec<ping::Error> {
        let (Some(pinger), Some(signal)) = (&self.pinger, ended.signal()) else {
            return Vec::new();
        };
        let (signal, body) = self.of_check(pinger, signal, ended.body());
        let (run, started) = match ended.begun.take() {
            Some((run, start)) => (run, start.await.unwrap_or(Ok(()))),
            None => (Uuid::new_v4(), Ok(())),
        };
        let ended = pinger.ping(signal, run, &body).await;
        let errors = [started, ended].into_iter().filter_map(Result::err);
        let mut errors: Vec<_> = errors.collect();
        errors.dedup();
        errors
    }

    /// The signal and the text for a check that other accounts may ping too: it hears a success only while none of them
    /// fails.
    fn of_check(&self, pinger: &Pinger, signal: Signal, body: String) -> (Signal, String) {
        let Some(account) = self.account else {
            return (signal, body);
        };
        let body = format!("{account}: {body}");
        let mut failing = lock(&self.failing);
        if signal == Signal::Failure {
            failing.insert(account, pinger.url.clone());
            return (signal, body);
        }
        failing.remove(&account);
        let others = failing.iter().filter(|(_, url)| **url == pinger.url);
        let others: Vec<_> = others.map(|(account, _)| account.to_string()).collect();
        if others.is_empty() {
            return (signal, body);
        }
        let others = others.join(", ");
        (
            Signal::Failure,
            format!("{body}\nnot complete before: {others}"),
        )
    }
}

impl Ended {
    /// The signal to the check. A sync that was told to stop is neither a success nor a failure: the next sync will
    /// report, or the check will notice its absence. So is one that another sync kept from starting.
    pub(super) fn signal(&self) -> Option<Signal> {
        match &self.verdict {
            Ok(()) => Some(Signal::Success),
            Err(failure) if self.is_stopped || failure.status == Status::Locked => None,
            Err(_) => Some(Signal::Failure),
        }
    }

    /// The text of the ping.
    fn body(&self) -> String {
        let failure = self.verdict.as_ref().err();
        let message = failure.map(|failure| failure.message.as_str());
        let hint = failure.and_then(|failure| failure.hint.as_deref());
        let words = Some(self.words.as_str()).filter(|words| !words.is_empty());
        let lines = [words, message, hint].into_iter().flatten();
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Writes a file of metrics.
pub(super) fn write_metrics(path: &Path, terminal: Terminal, sources: &[Source], now: Timestamp) {
    // The file has no ages, because they would not advance in a file.
    let text = metrics::text(sources, now, false);
    // node_exporter's collector runs as another user. The metrics hold no secret.
    if let Err(error) = replace_file(path, &text, Readers::All) {
        terminal.warning(&format!("no metrics: {error}"));
    }
}

/// Reads the figures of these archives, and writes them to one file.
pub(super) fn write_metrics_of(contexts: &[&Context], path: &Path, cancellation: &Cancellation) {
    let read = contexts.iter().filter_map(|context| {
        let figures = read_figures(context, Figures::default(), cancellation)?;
        Some(Source {
            account: context.account(),
            figures,
            daemon: None,
        })
    });
    let sources: Vec<_> = read.collect();
    if let Some(context) = contexts.first().filter(|_| !sources.is_empty()) {
        write_metrics(path, context.terminal, &sources, Timestamp::now());
    }
}

/// The figures of an archive; `before` if it is missing, or needs an upgrade. Warns when they cannot be read.
///
/// Ends soon after one more request to stop, because a query on an archive that another program made may not end.
pub(super) fn read_figures(
    context: &Context,
    before: Figures,
    cancellation: &Cancellation,
) -> Option<Figures> {
    let read = updated(context, before, cancellation);
    read.map_err(|failure| {
        let text = format!("the metrics stay as they were: {}", failure.message);
        context.terminal.warning(&text);
    })
    .ok()
}

fn updated(
    context: &Context,
    mut figures: Figures,
    cancellation: &Cancellation,
) -> Result<Figures, Failure> {
    let lock_wait = match context.is_one_of_several() {
        true => LockWait::new(cancellation).up_to(SHORT_WAIT),
        false => LockWait::new(cancellation),
    };
    match archive::open_read_only_unless(&context.archive_path()?, &lock_wait) {
        Ok(mut connection) => {
            archive::end_when(&mut connection, one_more(cancellation))?;
            figures.update(&connection)?;
        }
        Err(archive::Error::Missing { .. } | archive::Error::Older { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(figures)
}
