//! `archiver sync`: syncs the selected accounts side by side, and reports the results.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use archiver::api::SharedPacer;
use archiver::archive;
use archiver::core::account::AccountName;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::{TimeError, parse_duration};
use archiver::output::{visible_json, wrapped};
use archiver::sync::{self, Forecast, Known, Settings};
use indicatif::MultiProgress;
use serde::Serialize;

use super::Context;
use super::attempt::{self, Attempt, Verdict};
use super::exit::{Failure, Status, kept_locked, unless_closed};
use super::monitoring::{self, Failing, Monitoring, MonitoringFlags};
use super::pager::{self, DocumentFormat};
use super::progress::Progress;
use super::runtime::{Hangup, Overdue, Worker, runtime, side_by_side, stop_signals};
use super::scope::ScopeFlags;
use super::summary::{self, Summary};
use super::terminal::{Terminal, lead_of};

const AFTER_HELP: &str = "\
Examples:
  archiver sync
  archiver sync --droplet 3164444 --tag production
  archiver sync --dry-run

Exit status 0 is a promise: every action that the API listed in scope when the sync began is archived. If some of the \
API's servers lag behind others, the most recent answer counts. For droplets the promise covers every action whose \
resource_id is the droplet. Other actions in a droplet's own listing are archived when that listing is read: at \
first, with --full, and at least once a day (recheck under [sync] in the configuration).

With several accounts (--account), each has its own lock, token and pace, and no failure stops the others. Exit status: \
the one that all accounts have, else 3.";

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
    pub(super) dry_run: bool,
    /// The longest wait for another sync, or for a program that keeps the archive locked, such as 60s [default: no wait
    /// for a sync, a minute for a program]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    /// The format of the summary: text, for people on stderr, or json, for scripts on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    #[arg(hide_possible_values = true)]
    output: DocumentFormat,
    #[command(flatten)]
    monitoring: MonitoringFlags,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    context.refuse_shared_tokens()?;
    let (bars, failing) = (MultiProgress::new(), Failing::default());
    let contexts = context.of_each();
    let plans = side_by_side(contexts.iter().collect(), |one| {
        Planned::new(one, arguments, &bars, &failing)
    });
    if arguments.dry_run {
        let outcomes = each(&contexts, plans, &bars, |plan| plan.forecast());
        return end(context, arguments, outcomes);
    }
    let signals = stop_signals(Hangup::Stops, Some(overdue(context.terminal, &bars)))?;
    // Several accounts may have one file.
    let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for plan in plans.iter().flatten() {
        if let Some(path) = plan.monitoring.metrics_file.clone() {
            files.entry(path).or_default().push(plan.context);
        }
    }
    let stopped = &signals.cancellation;
    let outcomes = each(&contexts, plans, &bars, |plan| plan.perform(stopped));
    for (path, contexts) in files {
        monitoring::write_metrics_of(&contexts, &path, stopped);
    }
    // Keep listening: printing the error may block when stderr is not read.
    std::mem::forget(signals);
    end(context, arguments, outcomes)
}

/// A sync that is not under way yet.
struct Planned<'a> {
    context: &'a Context,
    arguments: &'a Arguments,
    progress: Progress,
    monitoring: Monitoring,
    settings: Settings,
}

/// The result, for scripts.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Summary(Summary),
    Cost(Forecast),
}

impl<'a> Planned<'a> {
    fn new(
        context: &'a Context,
        arguments: &'a Arguments,
        bars: &MultiProgress,
        failing: &Failing,
    ) -> Result<Self, Failure> {
        let monitoring = Monitoring::new(context, &arguments.monitoring, failing)?;
        let path = context.archive_path()?;
        let archive = format!("archive {}", path.display());
        context.terminal.detail(1, &archive);
        let scope = arguments.scope.scope(context)?;
        Ok(Self {
            settings: attempt::settings(context, scope, arguments.full)?,
            context,
            arguments,
            progress: Progress::among(context.terminal, bars),
            monitoring,
        })
    }

    /// Syncs, and tells people and the check how it went.
    fn perform(self, cancellation: &Cancellation) -> Result<(Verdict, Option<Answer>), Failure> {
        let (context, progress, monitoring) = (self.context, &self.progress, &self.monitoring);
        // One extra thread is enough: a sync never does more than two things at once.
        let worker = Worker::start()?;
        let runtime = &worker.runtime;
        runtime.spawn(progress.clone().stop_at(cancellation.clone()));
        let attempt = Attempt {
            context,
            progress,
            settings: self.settings,
            pacer: SharedPacer::new(attempt::pace(context)),
            wait: self.arguments.wait,
            // A single command does not know whether an archive existed before.
            must_exist: false,
            cancellation,
        };
        let mut ended = monitoring.perform(attempt, runtime, || {});
        if ended.done.is_some() {
            let verbosity = self.arguments.verbosity(context.terminal);
            progress.suspended(|| context.terminal.detail(verbosity, &ended.words));
        }
        for error in runtime.block_on(monitoring.end(&mut ended)) {
            progress.suspended(|| context.terminal.warning(&error.to_string()));
        }
        let summary = ended.done.map(|done| Answer::Summary(done.summary));
        Ok((ended.verdict, summary))
    }

    /// The cost of the sync.
    fn forecast(self) -> Result<(Verdict, Option<Answer>), Failure> {
        let (context, arguments) = (self.context, self.arguments);
        let path = context.archive_path()?;
        let pace = attempt::pace(context);
        let token = context.token(&Cancellation::never())?;
        let client = attempt::client(context, &self.progress, SharedPacer::new(pace), token)?;
        let lock_wait = context.lock_wait(&path, &Cancellation::never(), arguments.wait);
        let known = match archive::open_read_only_unless(&path, &lock_wait) {
            Ok(archive) if !arguments.full => Known {
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
            (context.terminal).warning(&format!("no droplet has {tag}"));
        }
        Ok((Ok(()), Some(Answer::Cost(forecast))))
    }
}

/// The end of the sync of an account.
struct Outcome<'a> {
    context: &'a Context,
    verdict: Verdict,
    answer: Option<Answer>,
}

/// Does the work of each account. Of several accounts, tells each failure as soon as it is known.
fn each<'a>(
    contexts: &'a [Context],
    plans: Vec<Result<Planned<'a>, Failure>>,
    bars: &MultiProgress,
    work: impl Fn(Planned<'a>) -> Result<(Verdict, Option<Answer>), Failure> + Sync,
) -> Vec<Outcome<'a>> {
    let plans = contexts.iter().zip(plans).collect();
    side_by_side(plans, |(context, plan): (&Context, Result<_, _>)| {
        let ended = plan.and_then(&work);
        let (verdict, answer) = ended.unwrap_or_else(|failure| (Err(failure), None));
        if let (Err(failure), true) = (&verdict, context.is_one_of_several()) {
            bars.suspend(|| context.terminal.failure(failure));
        }
        Outcome {
            context,
            verdict,
            answer,
        }
    })
}

/// Prints the results, and sums up those of several accounts.
fn end(
    context: &Context,
    arguments: &Arguments,
    mut outcomes: Vec<Outcome<'_>>,
) -> Result<Status, Failure> {
    print(context, arguments, &outcomes)?;
    if !context.has_several() {
        let verdict = outcomes.pop().map_or(Ok(()), |it| it.verdict);
        return verdict.map(|()| Status::Done);
    }
    let count = outcomes.len();
    let failed = outcomes.iter().filter(|it| it.verdict.is_err());
    let failed =
        failed.filter_map(|it| Some(format!("{} {}", it.context.account()?, it.status().code())));
    let failed: Vec<_> = failed.collect();
    if failed.is_empty() {
        let text = format!("all {count} accounts are done, and complete");
        let verbosity = arguments.verbosity(context.terminal);
        context.terminal.detail(verbosity, &text);
        return Ok(Status::Done);
    }
    let complete = count - failed.len();
    let message = format!(
        "{complete} of {count} accounts are complete; exit status of the others: {}",
        failed.join(", ")
    );
    let status = Status::of_several(outcomes.iter().map(Outcome::status));
    Err(Failure::new(status, message))
}

/// The result of one of several accounts, for scripts.
#[derive(Serialize)]
struct Row<'a> {
    /// The exit status of the account alone.
    status: u8,
    error: Option<&'a str>,
    #[serde(flatten)]
    answer: &'a Option<Answer>,
}

impl Outcome<'_> {
    fn status(&self) -> Status {
        attempt::status_of(&self.verdict)
    }

    fn cost_in_words(&self) -> Option<String> {
        let Some(Answer::Cost(forecast)) = &self.answer else {
            return None;
        };
        let words = summary::forecast_in_words(forecast);
        Some(lead_of(self.context.terminal.account) + &words)
    }

    fn row(&self) -> (Option<AccountName>, Row<'_>) {
        let failure = self.verdict.as_ref().err();
        let row = Row {
            status: self.status().code(),
            error: failure.map(|failure| failure.message.as_str()),
            answer: &self.answer,
        };
        (self.context.account(), row)
    }
}

/// Prints the summaries for scripts, or the costs for people.
fn print(
    context: &Context,
    arguments: &Arguments,
    outcomes: &[Outcome<'_>],
) -> Result<Status, Failure> {
    let lines: Vec<String> = match arguments.output {
        DocumentFormat::Text => {
            let lines = outcomes.iter().filter_map(Outcome::cost_in_words);
            let width = context.terminal.width;
            lines.map(|line| wrapped(&line, width, 2)).collect()
        }
        DocumentFormat::Json if context.has_several() => {
            let rows: Vec<_> = outcomes.iter().map(Outcome::row).collect();
            return pager::print_json_of_each(context, &rows);
        }
        DocumentFormat::Json => {
            let answers = outcomes.iter().filter_map(|it| it.answer.as_ref());
            let texts = answers.map(|it| serde_json::to_string(it).unwrap_or_default());
            texts.map(|text| visible_json(&text).into_owned()).collect()
        }
    };
    let mut stdout = io::stdout().lock();
    unless_closed(lines.iter().try_for_each(|line| writeln!(stdout, "{line}")))
}

/// The end of syncs that a second signal stops.
pub(super) fn overdue(terminal: Terminal, bars: &MultiProgress) -> Overdue {
    let bars = bars.clone();
    Overdue {
        status: Status::Partial,
        say: Box::new(move || {
            // Without bars, the message is no less true.
            let _ = bars.clear();
            terminal.failure(&attempt::stopped_at_once());
        }),
    }
}

impl Arguments {
    /// The verbosity at which the result is told. Cron sees nothing of a success.
    fn verbosity(&self, terminal: Terminal) -> u8 {
        u8::from(!terminal.is_interactive || self.output == DocumentFormat::Json)
    }
}

/// The value of a flag for a length of time.
pub(super) fn duration(text: &str) -> Result<Duration, TimeError> {
    let seconds = parse_duration(text)?;
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}
