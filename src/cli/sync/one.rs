//! A sync of one archive, from its settings to the reports about it.

use std::io::{self, Write};
use std::time::Duration;

use archiver::api::SharedPacer;
use archiver::archive;
use archiver::core::cancellation::Cancellation;
use archiver::output::{visible_json, wrapped};
use archiver::sync::{self, Forecast, Known, Settings};

use super::{Arguments, SummaryFormat, wait};
use crate::cli::Context;
use crate::cli::attempt::{self, Attempt, Done, Verdict};
use crate::cli::exit::{Failure, Status, kept_locked, unless_closed};
use crate::cli::monitoring::{self, Monitoring, Pings};
use crate::cli::progress::Progress;
use crate::cli::runtime::{Hangup, Overdue, Worker, runtime, stop_signals};
use crate::cli::summary;
use crate::cli::terminal::Terminal;

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let planned = Planned::new(context, arguments, Progress::new(context.terminal))?;
    if arguments.dry_run {
        return print_forecast(context, arguments, &planned.forecast()?);
    }
    let overdue = overdue(context.terminal, &planned.progress);
    let signals = stop_signals(Hangup::Stops, Some(overdue))?;
    let mut told = Ok(());
    let print = |done: &Done| {
        told = print_summary(arguments, done);
    };
    let verdict = planned.perform(&signals.cancellation, print);
    // Keep listening: printing the error may block when stderr is not read.
    std::mem::forget(signals);
    told.and(verdict).map(|()| Status::Done)
}

/// A sync that is not under way yet.
pub(super) struct Planned<'a> {
    context: &'a Context,
    arguments: &'a Arguments,
    progress: Progress,
    pub(super) monitoring: Monitoring,
    settings: Settings,
    wait: Option<Duration>,
}

impl<'a> Planned<'a> {
    pub(super) fn new(
        context: &'a Context,
        arguments: &'a Arguments,
        progress: Progress,
    ) -> Result<Self, Failure> {
        let wait = arguments.wait.as_deref().map(wait).transpose()?;
        let monitoring = Monitoring::new(context, &arguments.monitoring)?;
        let path = context.archive_path()?;
        let archive = format!("archive {}", path.display());
        context.terminal.detail(1, &archive);
        let scope = arguments.scope.scope(context)?;
        Ok(Self {
            settings: attempt::settings(context, scope, arguments.full)?,
            context,
            arguments,
            progress,
            monitoring,
            wait,
        })
    }

    /// Syncs, passes the result to `print`, and tells people and other programs how it went.
    pub(super) fn perform(self, cancellation: &Cancellation, print: impl FnOnce(&Done)) -> Verdict {
        // One extra thread is enough: a sync never does more than two things at once.
        let worker = Worker::start()?;
        let runtime = &worker.runtime;
        runtime.spawn(stop(self.progress.clone(), cancellation.clone()));
        let mut pings = None;
        let attempt = Attempt {
            context: self.context,
            progress: &self.progress,
            settings: self.settings,
            pacer: SharedPacer::new(attempt::pace(self.context)),
            wait: self.wait,
            // A single command does not know whether an archive existed before.
            must_exist: false,
            cancellation,
        };
        let outcome = attempt.perform(runtime, || pings = self.monitoring.begin(runtime));
        let done = outcome.as_ref().ok();
        if let Some(done) = done {
            print(done);
            self.progress
                .suspended(|| tell(self.context, self.arguments, done));
        }
        let verdict = attempt::verdict(&outcome);
        let aftermath = Aftermath {
            context: self.context,
            cancellation,
            monitoring: &self.monitoring,
            pings,
            done,
            verdict: &verdict,
        };
        runtime.block_on(aftermath.tell());
        verdict
    }

    /// The cost of the sync.
    pub(super) fn forecast(&self) -> Result<Forecast, Failure> {
        let Self { context, wait, .. } = *self;
        let path = context.archive_path()?;
        let pace = attempt::pace(context);
        let token = context.token(&Cancellation::never())?;
        let client = attempt::client(context, &self.progress, SharedPacer::new(pace), token)?;
        let lock_wait = context.lock_wait(&path, &Cancellation::never(), wait);
        let known = match archive::open_read_only_unless(&path, &lock_wait) {
            Ok(archive) if !self.arguments.full => Known {
                coverage: archive::coverage_by_listing(&archive)?,
                followed: archive::followed(&archive)?,
            },
            Ok(_) | Err(archive::Error::Missing { .. }) => Known::default(),
            Err(error) => return Err(kept_locked(&path, error)),
        };
        let forecast = sync::forecast(&client, &self.settings.scope, pace, known);
        let forecast = runtime()?.block_on(forecast);
        self.progress.finish();
        let forecast = forecast?;
        for tag in &forecast.unused_tags {
            let text = format!("no droplet has {tag}");
            context.terminal.warning(&text);
        }
        Ok(forecast)
    }
}

/// Prints the cost of a sync.
fn print_forecast(
    context: &Context,
    arguments: &Arguments,
    forecast: &Forecast,
) -> Result<Status, Failure> {
    let text = match arguments.output {
        SummaryFormat::Text => {
            let words = summary::forecast_in_words(forecast);
            wrapped(&words, context.terminal.width, 2)
        }
        SummaryFormat::Json => summary::forecast_as_json(forecast).to_string(),
    };
    unless_closed(writeln!(io::stdout(), "{text}"))
}

/// Shows that the sync stops, once a signal asks for it.
async fn stop(bar: Progress, heard: Cancellation) {
    heard.requested(1).await;
    bar.stop();
}

/// The end of a sync that a second signal stops.
fn overdue(terminal: Terminal, progress: &Progress) -> Overdue {
    let bar = progress.clone();
    Overdue {
        status: Status::Partial,
        say: Box::new(move || {
            bar.finish();
            terminal.failure(&attempt::stopped_at_once());
        }),
    }
}

/// The reports to other programs after a sync.
struct Aftermath<'a> {
    context: &'a Context,
    cancellation: &'a Cancellation,
    monitoring: &'a Monitoring,
    pings: Option<Pings>,
    done: Option<&'a Done>,
    verdict: &'a Verdict,
}

impl Aftermath<'_> {
    async fn tell(self) {
        let terminal = self.context.terminal;
        if let Some(path) = &self.monitoring.metrics_file {
            monitoring::write_metrics_of(&[self.context], path, self.cancellation);
        }
        let is_stopped = self.cancellation.is_requested();
        let words = self.done.map(|done| summary::in_words(&done.report));
        let pings = self.pings.or_else(|| self.monitoring.pings());
        if let (Some(pings), Some(signal)) = (pings, monitoring::signal(self.verdict, is_stopped)) {
            let body = monitoring::body(self.verdict, &words.unwrap_or_default());
            let (signal, body) = self.monitoring.of_check(signal, body);
            for error in pings.end(signal, &body).await {
                terminal.warning(&error);
            }
        }
    }
}

/// Prints the summary for scripts, if it is asked for.
fn print_summary(arguments: &Arguments, done: &Done) -> Result<(), Failure> {
    if arguments.output == SummaryFormat::Text {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    let text = serde_json::to_string(&done.summary).map_err(io::Error::from);
    unless_closed(text.and_then(|text| writeln!(stdout, "{}", visible_json(&text)))).map(drop)
}

/// Tells people the result.
fn tell(context: &Context, arguments: &Arguments, done: &Done) {
    let verbosity = arguments.verbosity(context.terminal);
    let words = summary::in_words(&done.report);
    context.terminal.detail(verbosity, &words);
}
