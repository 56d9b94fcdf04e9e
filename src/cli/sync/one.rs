//! A sync of one archive, from its settings to the reports about it.

use std::time::Duration;

use archiver::api::SharedPacer;
use archiver::archive;
use archiver::core::cancellation::Cancellation;
use archiver::sync::{self, Forecast, Known, Settings};
use indicatif::MultiProgress;
use serde::Serialize;

use super::Arguments;
use crate::cli::Context;
use crate::cli::attempt::{self, Attempt, Verdict};
use crate::cli::exit::{Failure, kept_locked};
use crate::cli::monitoring::{Failing, Monitoring};
use crate::cli::progress::Progress;
use crate::cli::runtime::{Worker, runtime};
use crate::cli::summary::{self, Summary};

/// A sync that is not under way yet.
pub(super) struct Planned<'a> {
    context: &'a Context,
    arguments: &'a Arguments,
    wait: Option<Duration>,
    progress: Progress,
    pub(super) monitoring: Monitoring,
    settings: Settings,
}

/// The result, for scripts.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Summary(Summary),
    Cost(Forecast),
}

impl<'a> Planned<'a> {
    pub(super) fn new(
        context: &'a Context,
        arguments: &'a Arguments,
        wait: Option<Duration>,
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
            wait,
            progress: Progress::among(context.terminal, bars),
            monitoring,
        })
    }

    /// Syncs, and tells people and the check how it went.
    pub(super) fn perform(
        self,
        cancellation: &Cancellation,
    ) -> Result<(Verdict, Option<Answer>), Failure> {
        let Self {
            context,
            progress,
            monitoring,
            ..
        } = self;
        // One extra thread is enough: a sync never does more than two things at once.
        let worker = Worker::start()?;
        let runtime = &worker.runtime;
        runtime.spawn(progress.clone().stop_at(cancellation.clone()));
        let attempt = Attempt {
            context,
            progress: &progress,
            settings: self.settings,
            pacer: SharedPacer::new(attempt::pace(context)),
            wait: self.wait,
            // A single command does not know whether an archive existed before.
            must_exist: false,
            cancellation,
        };
        let mut begun = None;
        let outcome = attempt.perform(runtime, || begun = monitoring.begin(runtime));
        let verdict = attempt::verdict(&outcome);
        let done = outcome.ok();
        let words = done.as_ref().map(|done| summary::in_words(&done.report));
        if let Some(words) = &words {
            let verbosity = self.arguments.verbosity(context.terminal);
            progress.suspended(|| context.terminal.detail(verbosity, words));
        }
        let (words, is_stopped) = (words.unwrap_or_default(), cancellation.is_requested());
        let errors = monitoring.end(begun, &verdict, &words, is_stopped);
        for error in runtime.block_on(errors) {
            progress.suspended(|| context.terminal.warning(&error.to_string()));
        }
        Ok((verdict, done.map(|done| Answer::Summary(done.summary))))
    }

    /// The cost of the sync.
    pub(super) fn forecast(self) -> Result<(Verdict, Option<Answer>), Failure> {
        let Self { context, wait, .. } = self;
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
            (context.terminal).warning(&format!("no droplet has {tag}"));
        }
        Ok((Ok(()), Some(Answer::Cost(forecast))))
    }
}
