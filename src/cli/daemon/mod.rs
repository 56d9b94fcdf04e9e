//! `archiver daemon`: syncs on a schedule until it is told to stop.
//!
//! The daemon of the library decides when to sync. This folder does the sync and reports it. `setup` reads flags and
//! configuration, `job` runs one sync, `control` listens to signals, `watch` keeps the state that is shown,
//! `service_manager` tells systemd. Each account has a driver, a job and a watch of its own; `fleet` has all of them,
//! and `shared` what they share.

mod control;
mod fleet;
mod job;
mod service_manager;
mod setup;
mod shared;
mod watch;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use archiver::archive;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::Timestamp;
use archiver::daemon::{self, Alarm, AlarmError, Command, Start};
use archiver::web::ListenAddress;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::Context;
use super::exit::{Failure, Status};
use super::monitoring::{Monitoring, MonitoringFlags, SHORT_WAIT};
use super::runtime::{Hangup, Overdue, Worker, side_by_side, stop_signals};
use super::scope::{self, ScopeFlags};
use control::{Control, Reloads};
use fleet::Fleet;
use job::ScheduledSync;
use setup::{Setup, told_of_several};
use shared::{Common, Shared};

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
    let prepared = prepare(&context, arguments, (machine.clock)(), stopped);
    if stopped.is_requested() {
        terminal.info("told to end before it had started");
        return Ok(Status::Done);
    }
    let prepared = prepared?;
    let served = serve(context, prepared, arguments, machine, reloads, stopped);
    worker.runtime.block_on(served)
}

/// What a daemon begins with.
struct Prepared {
    setups: Vec<Setup>,
    /// The start of the last sync of each account that ended.
    last_runs: Vec<Option<Timestamp>>,
    listen: Option<ListenAddress>,
}

fn prepare(
    context: &Context,
    arguments: &Arguments,
    now: Timestamp,
    stopped: &Cancellation,
) -> Result<Prepared, Failure> {
    let mut setups = setup::of_each(context, arguments, now)?;
    let listen = setup::listen(context, arguments)?;
    // Problems that make every sync fail are reported now, and not at the first tick.
    let checks = side_by_side(setups.iter().collect(), |setup: &Setup| {
        let token = told_of_several(&setup.context, setup.context.token(stopped))?;
        let last_run = told_of_several(&setup.context, last_run(setup, stopped))?;
        Ok::<_, Failure>((token.is_some() && last_run.is_some(), last_run.flatten()))
    });
    let checks = checks.into_iter().collect::<Result<Vec<_>, _>>()?;
    if checks.iter().all(|(can_sync, _)| !can_sync) {
        return Err(Failure::failed("no account can be synced"));
    }
    let mut receivers: Vec<_> = setups.iter_mut().map(|it| &mut it.monitoring).collect();
    Monitoring::join_checks(&mut receivers);
    Ok(Prepared {
        setups,
        last_runs: checks.into_iter().map(|(_, last_run)| last_run).collect(),
        listen,
    })
}

async fn serve<A: Alarm>(
    context: Context,
    prepared: Prepared,
    arguments: &Arguments,
    machine: &Machine<A>,
    reloads: Reloads,
    stopped: &Cancellation,
) -> Result<Status, Failure> {
    let terminal = context.terminal;
    let common = Common::new(stopped.clone(), machine.clock);
    let members = side_by_side(prepared.setups, |setup| begin(setup, common.clone()));
    let members = members.into_iter().collect::<Result<_, _>>()?;
    let fleet = Arc::new(Fleet::new(context, common, members));
    let server = control::serve(prepared.listen, &fleet).await?;
    let (commands, drivers) = drivers(&fleet, prepared.last_runs, machine).await?;
    let control = Control {
        fleet: Arc::clone(&fleet),
        arguments: arguments.clone(),
        server,
        commands,
    };
    let listening = tokio::spawn(control.listen(reloads));
    service_manager::ready();
    all(drivers).await;
    fleet.common.wait_for_pings(PINGS_WITHIN).await;
    listening.abort();
    terminal.info("ended");
    Ok(Status::Done)
}

type Driver<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A driver for each account, and the senders of its commands.
async fn drivers<'a, A: Alarm + 'a>(
    fleet: &Arc<Fleet>,
    last_runs: Vec<Option<Timestamp>>,
    machine: &Machine<A>,
) -> Result<(Vec<mpsc::Sender<Command>>, Vec<Driver<'a>>), Failure> {
    let (mut commands, mut drivers) = (Vec::new(), Vec::<Driver<'a>>::new());
    for (member, last_run) in fleet.members.iter().zip(last_runs) {
        let (sender, receiver) = mpsc::channel(8);
        let start = Start {
            plan: member.setup().plan.clone(),
            last_run,
            clock: machine.clock,
            chance: machine.chance,
        };
        let mut alarm = (machine.alarm)().await?;
        let mut job = ScheduledSync::new(member.clone(), Arc::clone(fleet), Handle::current());
        commands.push(sender);
        drivers.push(Box::pin(async move {
            daemon::run(start, &mut alarm, &mut job, receiver).await;
        }));
    }
    Ok((commands, drivers))
}

/// Reads what is known of an account, and announces its syncs.
fn begin(setup: Setup, common: Common) -> Result<Shared, Failure> {
    let now = (common.clock)();
    let shared = Shared::new(setup, common);
    let setup = shared.setup();
    announce(&setup, now)?;
    look_for_archive(&setup, &shared)?;
    shared.read_figures(&setup);
    Ok(shared)
}

/// Waits until all are done.
async fn all(mut drivers: Vec<Driver<'_>>) {
    poll_fn(|waker| {
        drivers.retain_mut(|it| it.as_mut().poll(waker).is_pending());
        match drivers.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
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
    let longest = setup.context.is_one_of_several().then_some(SHORT_WAIT);
    let lock_wait = setup.context.lock_wait(&path, stopped, longest);
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
