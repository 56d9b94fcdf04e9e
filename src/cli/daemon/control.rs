//! A running daemon: starts the syncs of its accounts when they are due, reloads the configuration, and stops.

use std::sync::{Arc, Mutex};

use archiver::core::cancellation::Cancellation;
use archiver::core::threads::{self, lock};
use archiver::core::time::Timestamp;
use archiver::daemon::{Alarm, exporter};
use archiver::web::{ListenAddress, Server, pages};
use tokio::signal::unix::Signal;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::task::JoinSet;

use super::accounts::{Account, Fleet};
use super::setup::{Prepared, Setup};
use super::{Arguments, Machine, notify, sync};
use crate::cli::exit::{Failure, Status};
use crate::cli::monitoring::Failing;
use crate::cli::runtime::{ACCOUNTS_AT_ONCE, cannot_start};
use crate::cli::terminal::Terminal;
use crate::cli::{Context, serve};

/// Controls all accounts.
pub(super) struct Control {
    fleet: Arc<Fleet>,
    arguments: Arguments,
    /// A reload may move it.
    server: Arc<AsyncMutex<Listening>>,
    /// The syncs under way, and the pings for their ends.
    syncs: JoinSet<()>,
    /// The reload under way, if there is one.
    reload: JoinSet<Reloaded>,
    /// True when the service manager asks for signs of life.
    has_watchdog: bool,
}

/// The address from the configuration, and the server there.
type Listening = Option<(ListenAddress, Server)>;
type Reloaded = Result<(Context, Vec<Setup>), Failure>;

impl Control {
    pub(super) fn new<A>(
        context: Context,
        arguments: &Arguments,
        machine: &Machine<A>,
        stopped: &Cancellation,
        failing: Failing,
    ) -> Self {
        Self {
            fleet: Arc::new(Fleet {
                stopped: stopped.clone(),
                clock: machine.clock,
                chance: machine.chance,
                turns: Semaphore::new(ACCOUNTS_AT_ONCE),
                context: Mutex::new(Arc::new(context)),
                failing,
                accounts: Mutex::default(),
            }),
            arguments: arguments.clone(),
            server: Arc::default(),
            syncs: JoinSet::new(),
            reload: JoinSet::new(),
            has_watchdog: sd_notify::watchdog_enabled().is_some(),
        }
    }

    /// Runs until the daemon is told to stop, and the syncs have ended.
    pub(super) async fn run(
        mut self,
        prepared: Prepared,
        mut reloads: Signal,
        mut alarm: impl Alarm,
    ) -> Result<Status, Failure> {
        self.follow(prepared.accounts);
        listen_elsewhere(&self.server, prepared.listen, &self.fleet).await?;
        notify("READY=1");
        let stopped = self.fleet.stopped.clone();
        loop {
            let next = self.beat();
            tokio::select! {
                biased;
                () = stopped.requested(1) => break,
                Some(_) = self.syncs.join_next() => {}
                Some(Ok(read)) = self.reload.join_next() => self.go_on(read),
                Some(()) = reloads.recv(), if self.reload.is_empty() => self.read_again(),
                () = alarm.wait_until(next) => {}
            }
        }
        let terminal = self.terminal();
        // A sync without a turn has not begun, or only its pings are under way.
        terminal.info(match self.fleet.turns.available_permits() {
            ACCOUNTS_AT_ONCE => "told to end",
            _ => "told to end: the running sync archives what it has",
        });
        notify("STOPPING=1");
        // The server answers until all syncs have ended.
        while self.syncs.join_next().await.is_some() {}
        while self.reload.join_next().await.is_some() {}
        terminal.info("ended");
        Ok(Status::Done)
    }

    fn terminal(&self) -> Terminal {
        lock(&self.fleet.context).terminal
    }

    /// Starts the syncs that are due, and shows that the daemon is alive. Returns the time of the next step.
    fn beat(&mut self) -> Option<Timestamp> {
        if self.has_watchdog {
            notify("WATCHDOG=1");
        }
        let now = (self.fleet.clock)();
        let accounts = lock(&self.fleet.accounts).clone();
        for account in &accounts {
            if lock(account).step(now, self.fleet.chance) {
                let sync = sync::run(Arc::clone(&self.fleet), Arc::clone(account));
                self.syncs.spawn(sync);
            }
        }
        let next = accounts.iter().map(|it| lock(it).planner.next());
        next.flatten().min()
    }

    /// Reads the configuration again, beside everything else: a command that prints a token may take a minute, and the
    /// name of an address a while.
    fn read_again(&mut self) {
        if let Ok(now) = sd_notify::NotifyState::monotonic_usec_now() {
            notify(&format!("RELOADING=1\n{now}"));
        }
        let (fleet, server) = (Arc::clone(&self.fleet), Arc::clone(&self.server));
        let arguments = self.arguments.clone();
        self.reload.spawn(async move {
            let (context, prepared) = reloaded(&fleet, arguments).await?;
            listen_elsewhere(&server, prepared.listen, &fleet).await?;
            Ok((context, prepared.accounts))
        });
    }

    /// Goes on with what was read, or as before.
    fn go_on(&mut self, read: Reloaded) {
        match read {
            Ok((context, accounts)) => {
                *lock(&self.fleet.context) = Arc::new(context);
                self.follow(accounts);
            }
            Err(failure) => {
                let text = format!("the configuration stays as it was: {}", failure.message);
                self.terminal().error(&text, failure.hint.as_deref());
            }
        }
        notify("READY=1");
    }

    /// Goes on with the known accounts, takes on new ones, and lets go of the others.
    fn follow(&self, setups: Vec<Setup>) {
        let (now, chance) = ((self.fleet.clock)(), self.fleet.chance);
        let mut known = lock(&self.fleet.accounts).clone();
        let accounts = setups.into_iter().map(|setup| {
            let name = setup.context.account();
            match known.iter().position(|it| lock(it).name() == name) {
                Some(place) => {
                    let account = known.swap_remove(place);
                    lock(&account).follow(setup, now, chance());
                    account
                }
                None => Arc::new(Mutex::new(Account::new(setup, now, chance()))),
            }
        });
        let accounts = accounts.collect();
        for account in known {
            let account = lock(&account);
            lock(&self.fleet.failing).retain(|name, _| Some(*name) != account.name());
            account
                .terminal()
                .info("this account is not synced any more");
        }
        *lock(&self.fleet.accounts) = accounts;
    }
}

/// Reads the configuration in a thread of its own.
async fn reloaded(
    fleet: &Arc<Fleet>,
    arguments: Arguments,
) -> Result<(Context, Prepared), Failure> {
    let fleet = Arc::clone(fleet);
    let read = threads::answer_of(move || {
        let context = Arc::clone(&lock(&fleet.context)).reload()?;
        let now = (fleet.clock)();
        let prepared = Prepared::new(&context, &arguments, now, (&fleet.stopped, &fleet.failing))?;
        Ok((context, prepared))
    });
    let text = "reading it ended unexpectedly: this is a defect of archiver";
    let read = read.map_err(cannot_start)?.await;
    read.unwrap_or_else(|_| Err(Failure::failed(text)))
}

/// Moves the server to its new address. Frees the old address first, since the new one may be the same in other words.
/// Listens on the old address again when the new one cannot be used.
async fn listen_elsewhere(
    server: &AsyncMutex<Listening>,
    listen: Option<ListenAddress>,
    fleet: &Arc<Fleet>,
) -> Result<(), Failure> {
    let mut server = server.lock().await;
    let before = server.as_ref().map(|(address, _)| address.clone());
    if listen == before {
        return Ok(());
    }
    if let Some((_, old)) = server.take() {
        old.stop().await;
    }
    let moved = listen_on(listen, fleet).await;
    match moved {
        Ok(moved) => *server = moved,
        Err(failure) => {
            *server = listen_on(before, fleet).await?;
            return Err(failure);
        }
    }
    Ok(())
}

/// Starts the server for Prometheus and for browsers, if an address is configured.
async fn listen_on(
    listen: Option<ListenAddress>,
    fleet: &Arc<Fleet>,
) -> Result<Listening, Failure> {
    let Some(listen) = listen else {
        return Ok(None);
    };
    let terminal = lock(&fleet.context).terminal;
    let own = Arc::clone(fleet);
    let pages = pages(&listen, move |uri| {
        let context = Arc::clone(&lock(&own.context));
        serve::command_of(&context, uri)
    });
    let router = exporter::router(fleet.clone()).merge(pages);
    let server = serve::bind(&listen, router, terminal).await;
    let server = server.map_err(|failure| Failure {
        status: Status::Usage,
        ..failure
    })?;
    terminal.info(&format!("metrics at http://{}/metrics", server.address));
    Ok(Some((listen, server)))
}
