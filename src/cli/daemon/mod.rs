//! `archiver daemon`: syncs on a schedule until it is told to stop.
//!
//! The daemon of the library decides when to sync. This folder does the sync and reports it. `setup` reads flags and
//! configuration, `job` runs one sync, `control` listens to signals, `watch` keeps the state that is shown,
//! `service_manager` tells systemd.

mod control;
mod job;
mod service_manager;
mod setup;
mod watch;

use std::pin::Pin;
use std::time::Duration;

use archiver::archive;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::Timestamp;
use archiver::daemon::{self, Alarm, AlarmError, Start};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::Context;
use super::exit::{Failure, Status};
use super::monitoring::MonitoringFlags;
use super::runtime::{Hangup, Overdue, Worker, stop_signals};
use super::scope::{self, ScopeFlags};
use control::{Control, Reloads};
use job::{ScheduledSync, Shared};
use setup::Setup;

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
after a wait. No run is lost or doubled when clocks are set forward or back. -v also prints the next five runs.

Signals: TERM and INT end it within five seconds with exit status 0, a second one ends it at once. HUP reads the \
configuration again.";

/// The clock, randomness and alarm of a daemon; a test has its own.
pub(crate) struct Machine<A> {
    /// The clock.
    pub(crate) clock: fn() -> Timestamp,
    /// A random number in `[0, 1)`, a new one for each call.
    pub(crate) chance: fn() -> f64,
    /// Wakes the daemon up; made on the runtime.
    pub(crate) alarm: fn() -> Starting<A>,
}

/// An alarm that is being made.
pub(crate) type Starting<A> = Pin<Box<dyn Future<Output = Result<A, AlarmError>>>>;

/// The number of runs that `-v` announces.
const RUNS_ANNOUNCED: usize = 5;
/// The time for the last pings when the daemon ends.
const PINGS_WITHIN: Duration = Duration::from_secs(1);

pub(super) fn run<A: Alarm>(
    context: &Context,
    arguments: &Arguments,
    machine: &Machine<A>,
) -> Result<Status, Failure> {
    let environment = context.config.environment();
    let context = Context {
        terminal: context.terminal.of_a_service(environment),
        ..context.clone()
    };
    let terminal = context.terminal;
    let overdue = Overdue {
        status: Status::Done,
        say: Box::new(move || {
            terminal.warning("the sync did not end in time: its committed pages are kept");
        }),
    };
    // Work of this thread that has not ended with the process is given up, and SQLite rolls back uncommitted changes.
    let worker = Worker::start()?;
    // From here on SIGHUP no longer ends the process. A SIGHUP that arrives during the start is handled after it.
    let reloads = worker.runtime.block_on(async { Reloads::listen() })?;
    let signals = stop_signals(Hangup::IsNoMatter, Some(overdue))?;
    let stopped = &signals.cancellation;
    let prepared = prepare(context, arguments, (machine.clock)(), stopped);
    if stopped.is_requested() {
        terminal.info("told to end before it had started");
        return Ok(Status::Done);
    }
    let (setup, last_run) = prepared?;
    let served = serve(setup, arguments, machine, last_run, reloads, stopped);
    worker.runtime.block_on(served)
}

/// The setup, and the start of the last sync that ended.
fn prepare(
    context: Context,
    arguments: &Arguments,
    now: Timestamp,
    stopped: &Cancellation,
) -> Result<(Setup, Option<Timestamp>), Failure> {
    let setup = Setup::new(context, arguments, now)?;
    // Problems that make every sync fail are reported now, and not at the first tick.
    setup.context.token(stopped)?;
    let last_run = last_run(&setup, stopped)?;
    Ok((setup, last_run))
}

async fn serve<A: Alarm>(
    setup: Setup,
    arguments: &Arguments,
    machine: &Machine<A>,
    last_run: Option<Timestamp>,
    reloads: Reloads,
    stopped: &Cancellation,
) -> Result<Status, Failure> {
    let (commands, receiver) = mpsc::channel(8);
    let start = Start {
        plan: setup.plan.clone(),
        last_run,
        clock: machine.clock,
        chance: machine.chance,
    };
    let shared = Shared::new(setup, stopped.clone(), machine.clock);
    let setup = shared.setup();
    announce(&setup, (machine.clock)())?;
    look_for_archive(&setup, &shared)?;
    shared.read_figures(&setup);
    let control = Control {
        server: control::serve(&setup, &shared).await?,
        shared: shared.clone(),
        arguments: arguments.clone(),
        commands,
    };
    let mut alarm = (machine.alarm)().await?;
    let listening = tokio::spawn(control.listen(reloads));
    service_manager::ready();
    let mut job = ScheduledSync::new(shared.clone(), Handle::current());
    daemon::run(start, &mut alarm, &mut job, receiver).await;
    shared.wait_for_pings(PINGS_WITHIN).await;
    listening.abort();
    shared.terminal.info("ended");
    Ok(Status::Done)
}

impl From<AlarmError> for Failure {
    fn from(error: AlarmError) -> Self {
        Self {
            status: Status::Failed,
            message: error.to_string(),
            hint: None,
        }
    }
}

/// The start of the last sync that ended, if it is known. The archive may not exist yet, or need an upgrade by the next
/// sync.
fn last_run(setup: &Setup, stopped: &Cancellation) -> Result<Option<Timestamp>, Failure> {
    let path = setup.context.archive_path()?;
    let lock_wait = setup.context.lock_wait(&path, stopped, None);
    let read = archive::open_read_only_unless(&path, &lock_wait);
    match read.and_then(|connection| archive::last_ended_run(&connection)) {
        Ok(last) => Ok(last),
        Err(archive::Error::Missing { .. } | archive::Error::Older { .. }) => Ok(None),
        Err(error) if error.is_unusable_archive() => Err(error.into()),
        Err(error) => {
            let text = format!("the log of syncs cannot be read now: {error}");
            setup.context.terminal.warning(&text);
            Ok(None)
        }
    }
}

/// Records an existing archive, which no sync may replace by a new one, or announces that the first sync makes a new
/// one.
fn look_for_archive(setup: &Setup, shared: &Shared) -> Result<(), Failure> {
    let archive = setup.context.archive_path()?;
    if let Err(archive::Error::Missing { .. }) = archive::expect_archive(&archive) {
        let archive = archive.display();
        let text = format!("there is no archive at {archive} yet: the first sync starts a new one");
        shared.terminal.info(&text);
    } else {
        shared.watch.saw(archive);
    }
    Ok(())
}

/// Logs the schedule and the next runs.
fn announce(setup: &Setup, now: Timestamp) -> Result<(), Failure> {
    let schedule = setup.plan.schedule();
    let terminal = setup.context.terminal;
    let next = schedule.next_after(now);
    terminal.info(&format!(
        "archiver {} syncs {} to {} at {} in the time zone {}, next at {}",
        env!("CARGO_PKG_VERSION"),
        scope::in_words(&setup.settings.scope),
        setup.context.archive_path()?.display(),
        schedule.as_str(),
        schedule.zone(),
        next.map_or("no time".to_owned(), |next| next.to_string()),
    ));
    for tick in schedule.upcoming(now, RUNS_ANNOUNCED) {
        terminal.detail(1, &format!("a run at {}", tick.in_zone(schedule.zone())));
    }
    Ok(())
}
