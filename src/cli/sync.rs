//! `archiver sync`: one sync → what it came to.

use std::io::{self, Write};
use std::time::Duration;

use archiver::store;
use archiver::sync::{self, Known, Settings};
use archiver::time::parse_duration;

use super::Context;
use super::attempt::{self, Attempt, Done};
use super::exit::{Failure, Status, unless_closed};
use super::progress::Progress;
use super::runtime::{runtime, stop_signals};
use super::scope::ScopeFlags;
use super::summary;

/// Flags of `archiver sync`.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeFlags,
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

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let wait = wait(arguments)?;
    let path = context.archive_path()?;
    let progress = Progress::new(context.terminal);
    context
        .terminal
        .detail(1, &format!("archive {}", path.display()));
    let scope = arguments.scope.scope(context.config.file());
    let settings = attempt::settings(context, scope, arguments.full);
    if arguments.dry_run {
        return forecast(context, arguments, &progress, &settings);
    }
    // One thread besides this one: two things at once is all there is to do in a sync.
    let runtime = runtime(1)?;
    let attempt = Attempt {
        context,
        progress: &progress,
        settings,
        wait,
    };
    let begin = || runtime.block_on(async { stop_signals() });
    let done = attempt.perform(runtime.handle(), begin)?;
    tell(context, arguments, &done)?;
    attempt::verdict(&done)?;
    Ok(Status::Done)
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
    progress: &Progress,
    settings: &Settings,
) -> Result<Status, Failure> {
    let path = context.archive_path()?;
    let client = attempt::client(context, progress)?;
    let known = match store::open_read_only(&path) {
        Ok(archive) if !arguments.full => Known {
            coverage: store::coverage_by_listing(&archive)?,
            followed: store::followed(&archive)?,
        },
        Ok(_) | Err(store::Error::Missing { .. }) => Known::default(),
        Err(error) => return Err(error.into()),
    };
    let pace = attempt::pace(context);
    let forecast = sync::forecast(&client, &settings.scope, pace, known);
    let forecast = runtime(1)?.block_on(forecast)?;
    let text = match arguments.output {
        SummaryFormat::Text => summary::forecast_in_words(&forecast),
        SummaryFormat::Json => summary::forecast_as_json(&forecast),
    };
    unless_closed(writeln!(io::stdout(), "{text}"))
}

fn tell(context: &Context, arguments: &Arguments, done: &Done) -> Result<(), Failure> {
    if arguments.output == SummaryFormat::Json {
        let mut stdout = io::stdout().lock();
        let text = serde_json::to_string(&done.summary).map_err(io::Error::from);
        unless_closed(text.and_then(|text| writeln!(stdout, "{text}")))?;
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
