//! `archiver daemon`: syncs on a schedule until it is told to stop.
//!
//! The planner of the library decides when to sync. `setup` reads flags and configuration. `accounts` has the plan and
//! the state of each account, `control` starts what is due, and `sync` does it. This file tells systemd.

mod accounts;
mod control;
mod setup;
mod sync;

use std::path::PathBuf;

use archiver::archive;
use archiver::core::time::Timestamp;
use archiver::daemon::Alarm;
use tokio::signal::unix::{SignalKind, signal};

use super::Context;
use super::exit::{Failure, Status};
use super::monitoring::{Failing, MonitoringFlags};
use super::runtime::{Hangup, Overdue, Worker, cannot_start, stop_signals};
use super::scope::{self, ScopeFlags};
use control::Control;
use setup::{Prepared, Setup};

/// Flags of `archiver daemon`.
#[derive(Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeFlags,
    /// The schedule: '*/15 * * * *', '30 2 * * *' or @hourly; with six fields, the first is seconds
    #[arg(long, value_name = "EXPR")]
    cron: Option<String>,
    /// The time zone of the schedule, such as Europe/Dublin [default: UTC]
    #[arg(long, value_name = "AREA/CITY")]
    timezone: Option<String>,
    /// Delay each sync by up to this long, at random, such as 5m
    #[arg(long, value_name = "DURATION")]
    jitter: Option<String>,
    /// Serve /metrics, /healthz, /readyz and the pages of `archiver serve` on this address, such as 127.0.0.1:9184
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// /readyz fails when the last complete sync began longer ago [default: two ticks and ten minutes]
    #[arg(long, value_name = "DURATION")]
    max_age: Option<String>,
    #[command(flatten)]
    monitoring: MonitoringFlags,
}

const AFTER_HELP: &str = "\
Examples:
  archiver daemon --cron '*/15 * * * *'
  archiver daemon --cron '30 2 * * *' --timezone Europe/Dublin -v
  archiver daemon --cron @hourly --jitter 5m --listen 127.0.0.1:9184

A tick is skipped while a sync is running. One sync makes up for all missed ticks. The daemon retries a failed sync \
after a wait. No run is lost or doubled when clocks are set forward or back. -v also prints the next five runs. Each \
account (--account) has its own schedule, or that of the top level of the configuration.

Signals: TERM and INT end it within five seconds with exit status 0, a second one ends it at once. HUP reads the \
configuration again.";

/// The clock, randomness and alarm of a daemon; a test has its own.
pub(crate) struct Machine<A> {
    /// The clock.
    pub(crate) clock: fn() -> Timestamp,
    /// A random number in `[0, 1)`, a new one for each call.
    pub(crate) chance: fn() -> f64,
    /// Wakes the daemon up.
    pub(crate) alarm: fn() -> A,
}

/// The number of runs that `-v` announces.
const RUNS_ANNOUNCED: usize = 5;

pub(super) fn run<A: Alarm>(
    context: &Context,
    arguments: &Arguments,
    machine: &Machine<A>,
) -> Result<Status, Failure> {
    let environment = context.config.environment();
    let terminal = context.terminal.of_a_service(environment);
    let context = Context {
        terminal,
        ..context.clone()
    };
    let overdue = Overdue {
        status: Status::Done,
        say: Box::new(move || {
            terminal.warning("the sync did not end in time: its committed pages are kept");
        }),
    };
    // Work of this thread that has not ended with the process is given up, and SQLite rolls back uncommitted changes.
    let worker = Worker::start()?;
    // From here on SIGHUP no longer ends the process. A SIGHUP that arrives during the start is handled after it.
    let reloads = worker
        .runtime
        .block_on(async { signal(SignalKind::hangup()) });
    let reloads = reloads.map_err(cannot_start)?;
    let stopped = stop_signals(Hangup::IsNoMatter, Some(overdue))?;
    let stopped = &stopped.cancellation;
    let failing = Failing::default();
    let now = (machine.clock)();
    let prepared = Prepared::new(&context, arguments, now, (stopped, &failing));
    if stopped.is_requested() {
        terminal.info("told to end before it had started");
        return Ok(Status::Done);
    }
    let control = Control::new(context, arguments, machine, stopped, failing);
    let run = control.run(prepared?, reloads, (machine.alarm)());
    worker.runtime.block_on(run)
}

/// Tells systemd, if it listens (`sd_notify(3)`). A missing listener is not an error, and a failed notification cannot
/// be reported to systemd.
fn notify(state: &str) {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Custom(state)]);
}

/// Logs the schedule and the next runs. Returns the path of the archive if there is one, which no sync may replace by a
/// new one.
fn announce(setup: &Setup, now: Timestamp) -> Option<PathBuf> {
    let schedule = &setup.plan.schedule;
    let terminal = setup.context.terminal;
    let next = schedule.next_after(now);
    terminal.info(&format!(
        "archiver {} syncs {} to {} at {} in the time zone {}, next at {}",
        env!("CARGO_PKG_VERSION"),
        scope::in_words(&setup.settings.scope),
        setup.path.display(),
        schedule.text,
        schedule.zone,
        next.map_or("no time".to_owned(), |next| next.to_string()),
    ));
    for tick in schedule.after(now).take(RUNS_ANNOUNCED) {
        terminal.detail(1, &format!("a run at {}", tick.in_zone(&schedule.zone)));
    }
    if let Err(archive::Error::Missing { .. }) = archive::expect_archive(&setup.path) {
        let path = setup.path.display();
        let text = format!("there is no archive at {path} yet: the first sync starts a new one");
        terminal.info(&text);
        return None;
    }
    Some(setup.path.clone())
}
