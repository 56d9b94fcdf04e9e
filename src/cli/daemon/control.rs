//! Control of a running daemon by signals: stop, or reload the configuration.

use std::sync::Arc;

use archiver::core::threads;
use archiver::core::time::Timestamp;
use archiver::daemon::Command;
use archiver::daemon::exporter;
use archiver::web::{ListenAddress, Server, pages};
use tokio::sync::mpsc;

use super::Arguments;
use super::fleet::Fleet;
use super::service_manager;
use super::setup::{self, Setup, told_of_several};
use super::shared::Shared;
use crate::cli::exit::{Failure, Status};
use crate::cli::monitoring::Monitoring;
use crate::cli::runtime::{cannot_start, side_by_side};
use crate::cli::url;

/// Passes the signals on to the daemon.
pub(super) struct Control {
    pub(super) fleet: Arc<Fleet>,
    pub(super) arguments: Arguments,
    pub(super) server: Option<(ListenAddress, Server)>,
    /// The commands to each account of the fleet.
    pub(super) commands: Vec<mpsc::Sender<Command>>,
}

impl Control {
    /// Listens until the daemon is told to stop. The running syncs hear that request by themselves.
    pub(super) async fn listen(mut self, mut reloads: Reloads) {
        let stopped = self.fleet.common.stopped.clone();
        loop {
            tokio::select! {
                () = stopped.requested(1) => break,
                Some(()) = reloads.next() => self.reload().await,
            }
        }
        let terminal = self.fleet.context().terminal;
        terminal.info(if self.fleet.is_syncing() {
            "told to end: the running sync archives what it has"
        } else {
            "told to end"
        });
        service_manager::stopping();
        for commands in &self.commands {
            // A send to a daemon that has already ended fails, which does no harm.
            let _ = commands.send(Command::Stop).await;
        }
        // The server answers until the daemon has ended.
        std::future::pending::<()>().await;
    }

    async fn reload(&mut self) {
        service_manager::reloading();
        if let Err(failure) = self.read_again().await {
            let text = format!("the configuration stays as it was: {}", failure.message);
            let terminal = self.fleet.context().terminal;
            terminal.error(&text, failure.hint.as_deref());
        }
        service_manager::ready();
    }

    async fn read_again(&mut self) -> Result<(), Failure> {
        let context = self.fleet.context().reload()?;
        let now = (self.fleet.common.clock)();
        let mut setups = setup::of_each(&context, &self.arguments, now)?;
        let accounts = setups.iter().map(|setup| setup.context.account());
        if !accounts.eq(self.fleet.members.iter().map(Shared::account)) {
            let failure = Failure::usage("accounts were added, removed or renamed");
            return Err(failure.with_hint("restart the daemon"));
        }
        let listen = setup::listen(&context, &self.arguments)?;
        let (contexts, stopped) = (context.of_each(), self.fleet.common.stopped.clone());
        // A command may need time to print the token.
        let tokens = threads::answer_of(move || {
            side_by_side(contexts, |one| told_of_several(&one, one.token(&stopped)))
        });
        if let Ok(tokens) = tokens.map_err(cannot_start)?.await {
            tokens.into_iter().collect::<Result<Vec<_>, _>>()?;
        }
        self.listen_elsewhere(listen).await?;
        let mut receivers: Vec<_> = setups.iter_mut().map(|it| &mut it.monitoring).collect();
        Monitoring::join_checks(&mut receivers);
        self.fleet.put(context);
        for (index, setup) in setups.into_iter().enumerate() {
            self.follow(index, setup, now).await;
        }
        Ok(())
    }

    /// Goes on with new settings of an account.
    async fn follow(&self, index: usize, setup: Setup, now: Timestamp) {
        let (member, commands) = (&self.fleet.members[index], &self.commands[index]);
        let plan = setup.plan.clone();
        let next = plan.schedule().next_after(now);
        let has_pings = setup.monitoring.pinger.is_some();
        member.watch.reload(has_pings, setup.max_age_seconds);
        member.replace(setup);
        let _ = commands.send(Command::Follow(Box::new(plan))).await;
        let next = next.map_or("no time".to_owned(), |next| next.to_string());
        member.terminal.info(&format!(
            "the configuration was read again; next sync at {next}"
        ));
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
        match serve(listen, &self.fleet).await {
            Ok(server) => {
                self.server = server;
                Ok(())
            }
            Err(failure) => {
                self.server = serve(before, &self.fleet).await?;
                Err(failure)
            }
        }
    }
}

/// Starts the server for Prometheus and for browsers, if an address is configured.
pub(super) async fn serve(
    listen: Option<ListenAddress>,
    fleet: &Arc<Fleet>,
) -> Result<Option<(ListenAddress, Server)>, Failure> {
    let Some(listen) = listen else {
        return Ok(None);
    };
    let terminal = fleet.context().terminal;
    let probe: Arc<dyn exporter::Probe> = fleet.clone();
    let own = Arc::clone(fleet);
    let pages = pages(&listen, move |uri| url::command(&own.context(), uri));
    let router = exporter::router(probe).merge(pages);
    let server = crate::cli::serve::bind(&listen, router, terminal).await;
    let server = server.map_err(|failure| Failure {
        status: Status::Usage,
        ..failure
    })?;
    let text = format!("metrics at http://{}/metrics", server.address());
    terminal.info(&text);
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

    async fn next(&mut self) -> Option<()> {
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
