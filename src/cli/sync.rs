//! `archiver sync`: runs one sync and reports the result.

use std::io::{self, Write};
use std::time::Duration;

use archiver::api::SharedPacer;
use archiver::archive;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::{Timestamp, parse_duration};
use archiver::daemon::metrics::Figures;
use archiver::output::{visible_json, wrapped};
use archiver::sync::{self, Known, Settings};

use super::Context;
use super::attempt::{self, Attempt, Done, Verdict};
use super::exit::{Failure, Status, kept_locked, unless_closed};
use super::monitoring::{self, Monitoring, MonitoringFlags, Pings};
use super::progress::Progress;
use super::runtime::{Hangup, Overdue, Worker, runtime, stop_signals};
use super::scope::ScopeFlags;
use super::summary;
use super::terminal::Terminal;

const AFTER_HELP: &str = "\
Examples:
  archiver sync
  archiver sync --droplet 3164444 --tag production
  archiver sync --dry-run

Exit status 0 is a promise: every action that the API listed in scope when the sync began is archived. If some of the \
API's servers lag behind others, the most recent answer counts. For droplets the promise covers every action whose \
resource_id is the droplet. Other actions in a droplet's own listing are archived when that listing is read: at \
first, with --full, and at least once a day (recheck under [sync] in the configuration).";

/// Flags of `archiver sync`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeFlags,
    /// Read every page again, even if it is archived
    #[arg(long)]
    full: bool,
    /// Show the cost of a sync, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The longest wait for another sync, or for a program that keeps the archive locked, such as 60s [default: no wait
    /// for a sync, a minute for a program]
    #[arg(long, value_name = "DURATION")]
    wait: Option<String>,
    /// The format of the summary: text, for people on stderr, or json, for scripts on stdout
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    output: SummaryFormat,
    #[command(flatten)]
    monitoring: MonitoringFlags,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SummaryFormat {
    /// For people, on stderr
    #[default]
    Text,
    /// For scripts, on stdout
    Json,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let wait = arguments.wait.as_deref().map(wait).transpose()?;
    let monitoring = Monitoring::new(context, &arguments.monitoring)?;
    let path = context.archive_path()?;
    let progress = Progress::new(context.terminal);
    context
        .terminal
        .detail(1, &format!("archive {}", path.display()));
    let scope = arguments.scope.scope(context)?;
    let settings = attempt::settings(context, scope, arguments.full)?;
    if arguments.dry_run {
        return forecast(context, arguments, &progress, &settings);
    }
    perform(context, arguments, &progress, settings, (&monitoring, wait))
}

/// Runs the sync, and tells people and other programs how it went.
fn perform(
    context: &Context,
    arguments: &Arguments,
    progress: &Progress,
    settings: Settings,
    (monitoring, wait): (&Monitoring, Option<Duration>),
) -> Result<Status, Failure> {
    let signals = stop_signals(Hangup::Stops, Some(overdue(context.terminal, progress)))?;
    // One extra thread is enough: a sync never does more than two things at once.
    let worker = Worker::start()?;
    let runtime = &worker.runtime;
    runtime.spawn(stop(progress.clone(), signals.cancellation.clone()));
    let mut pings = None;
    let attempt = Attempt {
        context,
        progress,
        settings,
        pacer: SharedPacer::new(attempt::pace(context)),
        wait,
        // A single command does not know whether an archive existed before.
        must_exist: false,
        cancellation: &signals.cancellation,
    };
    let outcome = attempt.perform(runtime, || pings = monitoring.begin(runtime));
    let done = outcome.as_ref().ok();
    let told = done.map_or(Ok(()), |done| tell(context, arguments, done));
    let verdict = attempt::verdict(&outcome);
    let aftermath = Aftermath {
        context,
        cancellation: &signals.cancellation,
        monitoring,
        pings,
        done,
        verdict: &verdict,
    };
    runtime.block_on(aftermath.tell());
    // Keep listening: printing the error may block when stderr is not read.
    std::mem::forget(signals);
    told.and(verdict).map(|()| Status::Done)
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
        if self.monitoring.metrics_file.is_some() {
            let mut figures = Figures::default();
            match monitoring::read_figures(self.context, &mut figures, self.cancellation) {
                Ok(()) => self
                    .monitoring
                    .write_metrics(terminal, &figures, None, Timestamp::now()),
                Err(failure) => terminal.warning(&format!("no metrics: {}", failure.message)),
            }
        }
        let is_stopped = self.cancellation.is_requested();
        let words = self.done.map(|done| summary::in_words(&done.report));
        let pings = self.pings.or_else(|| self.monitoring.pings());
        if let (Some(pings), Some(signal)) = (pings, monitoring::signal(self.verdict, is_stopped)) {
            let body = monitoring::body(self.verdict, &words.unwrap_or_default());
            for error in pings.end(signal, &body).await {
                terminal.warning(&error);
            }
        }
    }
}

impl Arguments {
    /// True when nothing is to be written.
    pub(super) fn is_forecast(&self) -> bool {
        self.dry_run
    }
}

/// The longest wait for the lock of another sync or program.
pub(super) fn wait(text: &str) -> Result<Duration, Failure> {
    let seconds =
        parse_duration(text).map_err(|error| Failure::usage(format!("--wait: {error}")))?;
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

/// Prints the cost of a sync.
fn forecast(
    context: &Context,
    arguments: &Arguments,
    progress: &Progress,
    settings: &Settings,
) -> Result<Status, Failure> {
    let path = context.archive_path()?;
    let pace = attempt::pace(context);
    let token = context.token(&Cancellation::never())?;
    let client = attempt::client(context, progress, SharedPacer::new(pace), token)?;
    let wait = arguments.wait.as_deref().map(wait).transpose()?;
    let lock_wait = context.lock_wait(&path, &Cancellation::never(), wait);
    let known = match archive::open_read_only_unless(&path, &lock_wait) {
        Ok(archive) if !arguments.full => Known {
            coverage: archive::coverage_by_listing(&archive)?,
            followed: archive::followed(&archive)?,
        },
        Ok(_) | Err(archive::Error::Missing { .. }) => Known::default(),
        Err(error) => return Err(kept_locked(&path, error)),
    };
    let forecast = sync::forecast(&client, &settings.scope, pace, known);
    let forecast = runtime()?.block_on(forecast);
    progress.finish();
    let forecast = forecast?;
    for tag in &forecast.unused_tags {
        let text = format!("no droplet has {tag}");
        context.terminal.warning(&text);
    }
    let text = match arguments.output {
        SummaryFormat::Text => {
            let words = summary::forecast_in_words(&forecast);
            wrapped(&words, context.terminal.width, 2)
        }
        SummaryFormat::Json => summary::forecast_as_json(&forecast),
    };
    unless_closed(writeln!(io::stdout(), "{text}"))
}

fn tell(context: &Context, arguments: &Arguments, done: &Done) -> Result<(), Failure> {
    if arguments.output == SummaryFormat::Json {
        let mut stdout = io::stdout().lock();
        let text = serde_json::to_string(&done.summary).map_err(io::Error::from);
        unless_closed(text.and_then(|text| writeln!(stdout, "{}", visible_json(&text))))?;
    }
    let verbosity = if context.terminal.is_interactive && arguments.output == SummaryFormat::Text {
        0
    } else {
        1
    };
    context
        .terminal
        .detail(verbosity, &summary::in_words(&done.report));
    Ok(())
}
