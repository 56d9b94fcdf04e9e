//! A running daemon: takes on its accounts, reloads the configuration, and stops.

use std::sync::{Arc, Mutex};

use archiver::core::threads::lock;
use archiver::daemon::{Alarm, exporter};
use archiver::web::{ListenAddress, Server, pages};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::driver::Driver;
use super::fleet::{Fleet, Member};
use super::service_manager;
use super::setup::Prepared;
use super::state::State;
use super::{Arguments, announce};
use crate::cli::exit::{Failure, Status};
use crate::cli::runtime::cannot_start;
use crate::cli::serve;

/// Controls the drivers of all accounts.
pub(super) struct Control<A> {
    pub(super) fleet: Arc<Fleet>,
    pub(super) arguments: Arguments,
    pub(super) alarm: fn() -> A,
    pub(super) server: Option<(ListenAddress, Server)>,
    pub(super) drivers: JoinSet<()>,
}

impl<A: Alarm> Control<A> {
    /// Runs until the daemon is told to stop, and the syncs have ended.
    pub(super) async fn run(
        mut self,
        prepared: Prepared,
        mut reloads: Reloads,
    ) -> Result<Status, Failure> {
        let listen = prepared.listen.clone();
        let drivers = self.follow(prepared);
        self.server = listen_on(listen, &self.fleet).await?;
        self.start(drivers);
        service_manager::ready();
        let stopped = self.fleet.stopped.clone();
        loop {
            tokio::select! {
                () = stopped.requested(1) => break,
                Some(()) = reloads.next() => self.reload().await,
            }
        }
        let terminal = lock(&self.fleet.context).terminal;
        terminal.info(if self.fleet.is_syncing() {
            "told to end: the running sync archives what it has"
        } else {
            "told to end"
        });
        service_manager::stopping();
        // The server answers until all syncs have ended.
        while self.drivers.join_next().await.is_some() {}
        terminal.info("ended");
        Ok(Status::Done)
    }

    async fn reload(&mut self) {
        service_manager::reloading();
        if let Err(failure) = self.read_again().await {
            let text = format!("the configuration stays as it was: {}", failure.message);
            let terminal = lock(&self.fleet.context).terminal;
            terminal.error(&text, failure.hint.as_deref());
        }
        service_manager::ready();
    }

    async fn read_again(&mut self) -> Result<(), Failure> {
        let context = lock(&self.fleet.context).reload()?;
        let (now, stopped) = ((self.fleet.clock)(), &self.fleet.stopped);
        let prepared = Prepared::new(&context, &self.arguments, now, stopped)?;
        self.listen_elsewhere(prepared.listen.clone()).await?;
        *lock(&self.fleet.context) = Arc::new(context);
        let drivers = self.follow(prepared);
        self.start(drivers);
        Ok(())
    }

    /// Goes on with the known accounts, takes on new ones, and lets go of the others. Returns the drivers of the new
    /// ones.
    fn follow(&self, prepared: Prepared) -> Vec<Driver> {
        let now = (self.fleet.clock)();
        let mut members = lock(&self.fleet.members);
        let mut known = std::mem::take(&mut *members);
        let mut drivers = Vec::new();
        for account in prepared.accounts {
            let name = account.setup.context.account();
            if let Some(place) = known.iter().position(|member| member.account() == name) {
                let member = known.swap_remove(place);
                member.follow(account.setup, now);
                members.push(member);
                continue;
            }
            let mut state = State::new(now, account.figures);
            state.follow(&account.setup);
            state.archive = announce(&account.setup, account.path, now);
            let member = Member {
                setup: watch::Sender::new(Arc::new(account.setup)),
                state: Arc::new(Mutex::new(state)),
            };
            drivers.push(Driver::new(&self.fleet, &member));
            members.push(member);
        }
        drivers
    }

    fn start(&mut self, drivers: Vec<Driver>) {
        for driver in drivers {
            self.drivers.spawn(driver.run((self.alarm)()));
        }
    }

    /// Moves the server to its new address. Frees the old address first, since the new one may be the same in other
    /// words. Listens on the old address again when the new one cannot be used.
    async fn listen_elsewhere(&mut self, listen: Option<ListenAddress>) -> Result<(), Failure> {
        let before = self.server.as_ref().map(|(address, _)| address.clone());
        if listen == before {
            return Ok(());
        }
        if let Some((_, server)) = self.server.take() {
            server.stop().await;
        }
        let moved = listen_on(listen, &self.fleet).await;
        self.server = match &moved {
            Ok(_) => None,
            Err(_) => listen_on(before, &self.fleet).await?,
        };
        moved.map(|server| self.server = server)
    }
}

/// Starts the server for Prometheus and for browsers, if an address is configured.
async fn listen_on(
    listen: Option<ListenAddress>,
    fleet: &Arc<Fleet>,
) -> Result<Option<(ListenAddress, Server)>, Failure> {
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
    terminal.info(&format!("metrics at http://{}/metrics", server.address()));
    Ok(Some((listen, server)))
}

/// The signals to reload the configuration.
pub(super) struct Reloads {
    #[cfg(unix)]
    signals: tokio::signal::unix::Signal,
}

impl Reloads {
    pub(super) fn listen() -> Result<Self, Failure> {
        #[cfg(unix)]
        let signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())
            .map_err(cannot_start)?;
        Ok(Self {
            #[cfg(unix)]
            signals,
        })
    }

    pub(super) async fn next(&mut self) -> Option<()> {
        #[cfg(unix)]
        {
            self.signals.recv().await
        }
        #[cfg(not(unix))]
        {
            std::future::pending().await
        }
    }
}
