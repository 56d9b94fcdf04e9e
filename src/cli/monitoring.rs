//! Reports a sync to other programs: a file of metrics, and a dead man's switch.
//!
//! An error here is a warning, and never makes a sync fail.

use std::path::PathBuf;

use archiver::archive::{self, LockWait};
use archiver::core::cancellation::Cancellation;
use archiver::core::replace::{Readers, replace_file};
use archiver::core::time::Timestamp;
use archiver::daemon::metrics::{self, DaemonFigures, Figures};
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

/// The receivers of reports.
#[derive(Clone)]
pub(super) struct Monitoring {
    pub(super) metrics_file: Option<PathBuf>,
    pub(super) pinger: Option<Pinger>,
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
        let by_flag = match &flags.ping_url {
            Some(url) => Some(url.clone()),
            None => {
                let environment = context.config.environment();
                environment.text_or_refused("ARCHIVER_PING_URL")?
            }
        };
        let url = match (by_flag, &file.ping_url) {
            (Some(url), _) => {
                let url = url.parse::<PingUrl>();
                Some(url.map_err(|error| Failure::usage(format!("--ping-url: {error}")))?)
            }
            (None, Some(url)) => {
                let place = url.span();
                let url = url.get_ref().0.parse::<PingUrl>();
                let invalid = |error| {
                    context
                        .config
                        .invalid(&place, format!("`ping_url`: {error}"))
                };
                Some(url.map_err(invalid)?)
            }
            (None, None) => None,
        };
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
        })
    }

    /// Sends the ping for the start of a sync, without waiting for an answer.
    pub(super) fn begin(&self, runtime: &Handle) -> Option<Pings> {
        let mut pings = self.pings()?;
        let Pings { pinger, run, .. } = &pings;
        let (pinger, run) = (pinger.clone(), *run);
        pings.start = Some(runtime.spawn(async move {
            pinger
                .ping(Signal::Start, run, "")
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

    /// Writes the file of metrics, if one is configured.
    pub(super) fn write_metrics(
        &self,
        terminal: Terminal,
        figures: &Figures,
        daemon: Option<&DaemonFigures>,
        now: Timestamp,
    ) {
        if let Some(path) = &self.metrics_file {
            // The file has no ages, because they would not advance in a file.
            let text = metrics::text(figures, daemon, now, false);
            // node_exporter's collector runs as another user. The metrics hold no secret.
            let written = replace_file(path, &text, Readers::All);
            if let Err(error) = written {
                terminal.warning(&format!("no metrics: {error}"));
            }
        }
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
    match archive::open_read_only_unless(&context.archive_path()?, &LockWait::new(cancellation)) {
        Ok(mut connection) => {
            archive::end_when(&mut connection, one_more(cancellation))?;
            Ok(figures.update(&connection)?)
        }
        Err(archive::Error::Missing { .. } | archive::Error::Older { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
