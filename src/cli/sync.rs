//! `archiver sync`: configuration → client and store → one sync → what it came to.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use archiver::api::{Client, ClientSettings, Pace, RetryPolicy};
use archiver::model::DropletId;
use archiver::store::{self, ArchiveLock, Outcome, Store};
use archiver::sync::{self, Known, Report, Scope, Settings};
use archiver::time::{Timestamp, parse_duration};
use tokio::sync::watch;

use super::Context;
use super::exit::{Failure, Status, unless_closed};
use super::progress::Progress;
use super::summary::{self, Summary};

/// Flags of `archiver sync`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Archive this droplet (repeatable, or comma-separated)
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    droplet: Vec<DropletId>,
    /// Archive the droplets that have this tag now (repeatable, or comma-separated)
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tag: Vec<String>,
    /// Archive the whole account: every resource, destroyed droplets too
    #[arg(long, conflicts_with_all = ["droplet", "tag"])]
    all: bool,
    /// Page through everything again, whatever is archived
    #[arg(long)]
    full: bool,
    /// Say what a sync would cost, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for another sync to finish, such as 60s
    #[arg(long, value_name = "DURATION")]
    wait: Option<String>,
    /// How to print the summary
    #[arg(short, long, value_name = "FORMAT", value_enum, default_value_t)]
    output: SummaryFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum SummaryFormat {
    /// For people, on stderr
    #[default]
    Text,
    /// For scripts, on stdout
    Json,
}

/// Pages under way at once, unless the configuration says otherwise.
const CONCURRENCY: usize = 4;

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let wait = wait(arguments)?;
    let path = context.archive_path()?;
    let progress = Progress::new(context.terminal);
    context
        .terminal
        .detail(1, &format!("archive {}", path.display()));
    let client = client(context, &progress)?;
    let settings = settings(context, arguments);
    if arguments.dry_run {
        return forecast(context, arguments, &client, &settings);
    }
    let started_at = Timestamp::now();
    let _lock = ArchiveLock::acquire(&path, started_at, wait)?;
    let mut store = Store::open(&path)?;
    let outcome = read(Arc::new(client), &mut store, &settings, &progress);
    progress.finish();
    let closed = store.close();
    let report = outcome?;
    closed?;
    let summary = Summary::of(&report, &settings, started_at, Timestamp::now());
    tell(context, arguments, &summary, &report)
}

/// How long to wait for the lock.
fn wait(arguments: &Arguments) -> Result<Duration, Failure> {
    let Some(text) = &arguments.wait else {
        return Ok(Duration::ZERO);
    };
    let seconds =
        parse_duration(text).map_err(|error| Failure::usage(format!("--wait: {error}")))?;
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

/// What a sync would cost.
fn forecast(
    context: &Context,
    arguments: &Arguments,
    client: &Client,
    settings: &Settings,
) -> Result<Status, Failure> {
    let path = context.archive_path()?;
    let known = match store::open_read_only(&path) {
        Ok(archive) if !arguments.full => Known {
            coverage: store::coverage_by_listing(&archive)?,
            followed: store::followed(&archive)?,
        },
        Ok(_) | Err(store::Error::Missing { .. }) => Known::default(),
        Err(error) => return Err(error.into()),
    };
    let pace = pace(context);
    let forecast = runtime()?.block_on(sync::forecast(client, &settings.scope, pace, known))?;
    let text = match arguments.output {
        SummaryFormat::Text => summary::forecast_in_words(&forecast),
        SummaryFormat::Json => summary::forecast_as_json(&forecast),
    };
    unless_closed(writeln!(io::stdout(), "{text}"))
}

fn client(context: &Context, progress: &Progress) -> Result<Client, Failure> {
    let origin = context.config.origin(context.global.api_url.as_deref())?;
    let token = context.config.token()?;
    context
        .terminal
        .detail(1, &format!("API {origin}, token from {}", token.source));
    let listener = progress.clone();
    let client = Client::new(ClientSettings {
        origin,
        token: token.secret,
        pace: pace(context),
        retry: RetryPolicy::default(),
        clock: Timestamp::now,
        on_event: Arc::new(move |event| listener.client_event(event)),
    })?;
    Ok(client)
}

fn pace(context: &Context) -> Pace {
    let limits = context.config.file.limits;
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

fn settings(context: &Context, arguments: &Arguments) -> Settings {
    let file = &context.config.file;
    let by_flag = (&arguments.droplet, &arguments.tag);
    let by_file = (&file.sync.droplets, &file.sync.tags);
    let is_by_flag = arguments.all || !by_flag.0.is_empty() || !by_flag.1.is_empty();
    let (ids, tags) = if is_by_flag { by_flag } else { by_file };
    let scope = if ids.is_empty() && tags.is_empty() {
        Scope::Account
    } else {
        Scope::Droplets {
            ids: ids.iter().copied().collect(),
            tags: tags.iter().cloned().collect(),
        }
    };
    let concurrency = file
        .limits
        .concurrency
        .and_then(|pages| usize::try_from(pages.get()).ok());
    Settings {
        scope,
        full: arguments.full,
        concurrency: concurrency.unwrap_or(CONCURRENCY),
        clock: Timestamp::now,
    }
}

/// Runs the sync on this thread, which writes the store, while another one talks to the network and decodes answers.
fn read(
    client: Arc<Client>,
    store: &mut Store,
    settings: &Settings,
    progress: &Progress,
) -> Result<Report, Failure> {
    runtime()?.block_on(async {
        let signals = signals().map_err(cannot_start)?;
        let mut twice = signals.clone();
        tokio::select! {
            report = sync::run(client, store, settings, progress, signals) => Ok(report?),
            _ = twice.wait_for(|signals| *signals >= 2) => Err(Failure {
                status: Status::Partial,
                message: "stopped at once; what was archived is kept".to_owned(),
                hint: None,
            }),
        }
    })
}

/// One thread besides this one: two things at once is all there is to do in a sync.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(cannot_start)
}

fn cannot_start(error: io::Error) -> Failure {
    Failure {
        status: Status::Failed,
        message: format!("cannot start: {error}"),
        hint: None,
    }
}

/// Counts the signals that ask to stop.
fn signals() -> io::Result<watch::Receiver<u32>> {
    let (sender, receiver) = watch::channel(0);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                sender.send_modify(|signals| *signals += 1);
            }
        });
    }
    #[cfg(not(unix))]
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            sender.send_modify(|signals| *signals += 1);
        }
    });
    Ok(receiver)
}

fn tell(
    context: &Context,
    arguments: &Arguments,
    summary: &Summary,
    report: &Report,
) -> Result<Status, Failure> {
    if arguments.output == SummaryFormat::Json {
        let mut stdout = io::stdout().lock();
        let text = serde_json::to_string(summary).map_err(io::Error::from);
        unless_closed(text.and_then(|text| writeln!(stdout, "{text}")))?;
    }
    let verbosity = if context.terminal.is_interactive && arguments.output == SummaryFormat::Text {
        0
    } else {
        1
    };
    context
        .terminal
        .detail(verbosity, &summary::in_words(report));
    let status = match report.outcome() {
        Outcome::Complete => return Ok(Status::Done),
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
