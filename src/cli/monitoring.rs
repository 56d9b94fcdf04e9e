//! Reports a sync to other programs: a file of metrics, and a dead man's switch.
//!
//! An error here is a warning, and never makes a sync fail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use archiver::archive::{self, LockWait};
use archiver::config;
use archiver::core::account::AccountName;
use archiver::core::cancellation::Cancellation;
use archiver::core::replace::{Readers, replace_file};
use archiver::core::threads::lock;
use archiver::core::time::Timestamp;
use archiver::daemon::metrics::{self, Figures, Source};
use archiver::daemon::ping::{PingUrl, Pinger, Signal};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::Context;
use super::attempt::Verdict;
use super::exit::{Failure, Status};
use super::runtime::one_more;
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
pub(super) const SHORT_WAIT: Duration = Duration::from_secs(5);

/// The receivers of reports.
#[derive(Clone)]
pub(super) struct Monitoring {
    pub(super) metrics_file: Option<PathBuf>,
    pub(super) pinger: Option<Pinger>,
    account: Option<AccountName>,
    /// The accounts that ping the same check, and whose last sync was not complete.
    failing: Arc<Mutex<BTreeSet<AccountName>>>,
}

impl Monitoring {
    /// Flags win over the environment, and the environment over the configuration.
    pub(super) fn new(context: &Context, flags: &MonitoringFlags) -> Result<Self, Failure> {
        let file = &context.config.file().monitoring;
        let by_file = file.metrics_file.as_deref();
        let metrics_file = match (&flags.metrics_file, by_file) {
            (Some(path), _) => Some(context.config.environment().in_full(path)?),
            (None, Some(path)) => Some(context.config.resolve(path)?),
            (None, None) => None,
        };
        let address = context.config.ping_address(flags.ping_url.as_deref())?;
        let url = address.map(|address| {
            let url = address.value.expose().parse::<PingUrl>();
            url.map_err(|error| match (address.source, &file.ping_url) {
                (config::Source::File { .. }, Some(url)) => {
                    let message = format!("`ping_url`: {error}");
                    context.config.invalid(&url.span(), message).into()
                }
                _ => Failure::usage(format!("--ping-url: {error}")),
            })
        });
        let url = url.transpose()?;
        if url.as_ref().is_some_and(|url| !url.is_loopback()) {
            context.config.check_proxy()?;
        }
        let pinger = url.map(Pinger::new).transpose();
        let pinger = pinger.map_err(|error| Failure {
            hint: error.hint().map(str::to_owned),
            ..Failure::usage(error.to_string())
        })?;
        Ok(Self {
            metrics_file,
            pinger,
            account: context.account(),
            failing: Arc::default(),
        })
    }

    /// Joins those of `all` that ping the same check: it hears a success only while none of their accounts fails.
    pub(super) fn join_checks(all: &mut [&mut Self]) {
        for index in 1..all.len() {
            let (before, rest) = all.split_at_mut(index);
            let own = rest
                .first_mut()
                .and_then(|it| Some((it.pinger.clone()?, it)));
            let Some((pinger, own)) = own else { continue };
            let has_check = |it: &&&mut Self| {
                it.pinger
                    .as_ref()
                    .is_some_and(|other| other.has_check_of(&pinger))
            };
            if let Some(first) = before.iter().find(has_check) {
                own.failing = Arc::clone(&first.failing);
            }
        }
    }

    /// The signal and the text for a check that other accounts may ping too.
    pub(super) fn of_check(&self, signal: Signal, body: String) -> (Signal, String) {
        let Some(account) = self.account else {
            return (signal, body);
        };
        let mut failing = lock(&self.failing);
        match signal {
            Signal::Failure => drop(failing.insert(account)),
            Signal::Success => drop(failing.remove(&account)),
            Signal::Start => {}
        }
        let body = format!("{account}: {body}");
        if signal != Signal::Success || failing.is_empty() {
            return (signal, body);
        }
        let others: Vec<_> = failing.iter().map(ToString::to_string).collect();
        let body = format!("{body}\nnot complete before: {}", others.join(", "));
        (Signal::Failure, body)
    }

    /// Sends the ping for the start of a sync, without waiting for an answer.
    pub(super) fn begin(&self, runtime: &Handle) -> Option<Pings> {
        let mut pings = self.pings()?;
        let Pings { pinger, run, .. } = &pings;
        let (pinger, run) = (pinger.clone(), *run);
        let body = self.account.map(|account| account.to_string());
        pings.start = Some(runtime.spawn(async move {
            pinger
                .ping(Signal::Start, run, &body.unwrap_or_default())
                .await
                .map_err(|error| error.to_string())
        }));
        Some(pings)
    }

    /// The pings of a sync that has not sent its start.
    pub(super) fn pings(&self) -> Option<Pings> {
        let pinger = self.pinger.clone()?;
        Some(Pings {
            pinger,
            run: Uuid::new_v4(),
            start: None,
        })
    }
}

/// Writes a file of metrics.
pub(super) fn write_metrics(
    path: &Path,
    terminal: Terminal,
    sources: &[Source<'_>],
    now: Timestamp,
) {
    // The file has no ages, because they would not advance in a file.
    let text = metrics::text(sources, now, false);
    // node_exporter's collector runs as another user. The metrics hold no secret.
    let written = replace_file(path, &text, Readers::All);
    if let Err(error) = written {
        terminal.warning(&format!("no metrics: {error}"));
    }
}

/// Reads the figures of these archives, and writes them to one file.
pub(super) fn write_metrics_of(contexts: &[&Context], path: &Path, cancellation: &Cancellation) {
    let mut read = Vec::new();
    for context in contexts {
        let mut figures = Figures::default();
        match read_figures(context, &mut figures, cancellation) {
            Ok(()) => read.push((context.account(), figures, context.terminal)),
            Err(failure) => {
                let text = format!("no metrics: {}", failure.message);
                context.terminal.warning(&text);
            }
        }
    }
    let sources = read.iter().map(|(account, figures, _)| Source {
        account: account.as_ref().map(AccountName::as_str),
        figures,
        daemon: None,
    });
    let sources: Vec<_> = sources.collect();
    if let Some((.., terminal)) = read.first() {
        write_metrics(path, *terminal, &sources, Timestamp::now());
    }
}

/// The pings of one sync.
pub(super) struct Pings {
    pinger: Pinger,
    run: Uuid,
    start: Option<JoinHandle<Result<(), String>>>,
}

impl Pings {
    /// Sends the ping for the end, after the ping for the start. Returns the errors of both, in words.
    pub(super) async fn end(self, signal: Signal, body: &str) -> Vec<String> {
        let mut errors = Vec::new();
        if let Some(start) = self.start {
            let started = start.await;
            errors.extend(
                started
                    .map_err(|error| error.to_string())
                    .and_then(|it| it)
                    .err(),
            );
        }
        let ended = self.pinger.ping(signal, self.run, body).await;
        errors.extend(ended.map_err(|error| error.to_string()).err());
        errors.dedup();
        errors
    }
}

/// The signal to the dead man's switch at the end of a sync. A sync that was told to stop is neither a success nor a
/// failure: the next sync will report, or the switch will notice its absence.
pub(super) fn signal(verdict: &Verdict, is_stopped: bool) -> Option<Signal> {
    match verdict {
        Ok(()) => Some(Signal::Success),
        Err(failure) if is_stopped || failure.status == Status::Locked => None,
        Err(_) => Some(Signal::Failure),
    }
}

/// The text of the ping.
pub(super) fn body(verdict: &Verdict, words: &str) -> String {
    let failure = verdict.as_ref().err();
    let message = failure.map(|failure| failure.message.as_str());
    let hint = failure.and_then(|failure| failure.hint.as_deref());
    let lines = [Some(words).filter(|words| !words.is_empty()), message, hint];
    lines.into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// Reads the figures of an archive. A missing archive, or one that needs an upgrade, leaves the figures unchanged.
///
/// Ends soon after one more request to stop, because a query on an archive that another program made may not end.
pub(super) fn read_figures(
    context: &Context,
    figures: &mut Figures,
    cancellation: &Cancellation,
) -> Result<(), Failure> {
    let lock_wait = match context.is_one_of_several() {
        true => LockWait::new(cancellation).up_to(SHORT_WAIT),
        false => LockWait::new(cancellation),
    };
    match archive::open_read_only_unless(&context.archive_path()?, &lock_wait) {
        Ok(mut connection) => {
            archive::end_when(&mut connection, one_more(cancellation))?;
            Ok(figures.update(&connection)?)
        }
        Err(archive::Error::Missing { .. } | archive::Error::Older { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
