//! The syncs of several accounts, side by side: each has its own lock, token, quota and pace. A failure of one stops no
//! other.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use archiver::output::wrapped;
use indicatif::MultiProgress;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::one::Planned;
use super::{Arguments, SummaryFormat, wait};
use crate::cli::attempt::Verdict;
use crate::cli::exit::{Failure, Status, unless_closed};
use crate::cli::monitoring::{self, Monitoring};
use crate::cli::progress::Progress;
use crate::cli::runtime::{Hangup, Overdue, side_by_side, stop_signals};
use crate::cli::{Context, attempt, document, summary};

/// The result of each account, for scripts.
#[derive(Serialize)]
struct Document {
    accounts: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    account: String,
    /// The exit status of the account alone.
    #[serde(serialize_with = "code")]
    status: Status,
    error: Option<String>,
    /// The summary of the sync, or its cost.
    #[serde(flatten)]
    summary: Option<Value>,
    /// The cost in words.
    #[serde(skip)]
    words: Option<String>,
}

fn code<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u8(status.code())
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    context.refuse_shared_tokens()?;
    arguments.wait.as_deref().map(wait).transpose()?;
    let bars = MultiProgress::new();
    let contexts = context.of_each();
    let planned = side_by_side(contexts.iter().collect(), |one: &Context| {
        Planned::new(one, arguments, Progress::among(one.terminal, &bars))
    });
    let several = Several {
        context,
        arguments,
        bars,
    };
    let outcomes = if arguments.dry_run {
        several.forecasts(&contexts, planned)?
    } else {
        several.syncs(&contexts, planned)?
    };
    several.end(outcomes)
}

/// The syncs of several accounts.
struct Several<'a> {
    context: &'a Context,
    arguments: &'a Arguments,
    bars: MultiProgress,
}

type Plans<'a> = Vec<Result<Planned<'a>, Failure>>;

impl Several<'_> {
    fn syncs(&self, contexts: &[Context], mut plans: Plans<'_>) -> Result<Vec<Outcome>, Failure> {
        let signals = stop_signals(Hangup::Stops, Some(self.overdue()))?;
        let mut receivers = Vec::new();
        let mut files: BTreeMap<PathBuf, Vec<&Context>> = BTreeMap::new();
        for (one, plan) in contexts.iter().zip(&mut plans) {
            let Ok(plan) = plan else { continue };
            // Several accounts may have one file, which is written at the end.
            if let Some(path) = plan.monitoring.metrics_file.take() {
                files.entry(path).or_default().push(one);
            }
            receivers.push(&mut plan.monitoring);
        }
        Monitoring::join_checks(&mut receivers);
        let work = contexts.iter().zip(plans).collect();
        let outcomes = side_by_side(work, |(one, plan): (&Context, Result<Planned<'_>, _>)| {
            let mut summary = None;
            let verdict = plan.and_then(|plan| {
                plan.perform(&signals.cancellation, |done| {
                    summary = serde_json::to_value(&done.summary).ok();
                })
            });
            self.outcome(one, verdict, summary)
        });
        for (path, contexts) in files {
            monitoring::write_metrics_of(&contexts, &path, &signals.cancellation);
        }
        // Keep listening: printing the error may block when stderr is not read.
        std::mem::forget(signals);
        Ok(outcomes)
    }

    fn forecasts(&self, contexts: &[Context], plans: Plans<'_>) -> Result<Vec<Outcome>, Failure> {
        let work = contexts.iter().zip(plans).collect();
        let outcomes = side_by_side(work, |(one, plan): (&Context, Result<Planned<'_>, _>)| {
            let forecast = plan.and_then(|plan| plan.forecast());
            let cost = forecast.as_ref().ok();
            let summary = cost.map(summary::forecast_as_json);
            let words = cost.map(summary::forecast_in_words);
            let outcome = self.outcome(one, forecast.map(drop), summary);
            Outcome { words, ..outcome }
        });
        if self.arguments.output == SummaryFormat::Text {
            let mut stdout = io::stdout().lock();
            let lines = outcomes
                .iter()
                .filter_map(|it| Some((&it.account, it.words.as_ref()?)));
            let mut lines = lines.map(|(account, words)| format!("{account}: {words}"));
            let width = self.context.terminal.width;
            unless_closed(
                lines.try_for_each(|line| writeln!(stdout, "{}", wrapped(&line, width, 2))),
            )?;
        }
        Ok(outcomes)
    }

    /// Tells people about a failure, as soon as it is known.
    fn outcome(&self, context: &Context, verdict: Verdict, summary: Option<Value>) -> Outcome {
        let account = context.account().map(|account| account.to_string());
        let error = verdict
            .as_ref()
            .err()
            .map(|failure| failure.message.clone());
        let verdict = verdict.map(|()| Status::Done);
        let status = self.bars.suspend(|| context.terminal.told(verdict));
        Outcome {
            account: account.unwrap_or_default(),
            status,
            error,
            summary,
            words: None,
        }
    }

    /// The exit status for all, and the summary.
    fn end(&self, accounts: Vec<Outcome>) -> Result<Status, Failure> {
        let count = accounts.len();
        let failed = accounts.iter().filter(|it| it.status != Status::Done);
        let failed: Vec<_> = failed
            .map(|it| format!("{} {}", it.account, it.status.code()))
            .collect();
        let status = Status::of_several(accounts.iter().map(|it| it.status));
        if self.arguments.output == SummaryFormat::Json {
            document::print_json(self.context, &Document { accounts })?;
        }
        if failed.is_empty() {
            let verbosity = self.arguments.verbosity(self.context.terminal);
            let text = format!("all {count} accounts are done, and complete");
            self.context.terminal.detail(verbosity, &text);
            return Ok(Status::Done);
        }
        let complete = count - failed.len();
        Err(Failure {
            status,
            message: format!(
                "{complete} of {count} accounts are complete; exit status of the others: {}",
                failed.join(", ")
            ),
            hint: None,
        })
    }

    /// The end of syncs that a second signal stops.
    fn overdue(&self) -> Overdue {
        let (bars, terminal) = (self.bars.clone(), self.context.terminal);
        Overdue {
            status: Status::Partial,
            say: Box::new(move || {
                // Without bars, the message is no less true.
                let _ = bars.clear();
                terminal.failure(&attempt::stopped_at_once());
            }),
        }
    }
}
