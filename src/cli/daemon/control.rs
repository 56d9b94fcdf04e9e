//! Control of a running daemon by signals: stop, or reload the configuration.

use std::sync::Arc;

use archiver::core::threads;
use archiver::daemon::Command;
use archiver::daemon::exporter;
use archiver::web::{ListenAddress, Server, pages};
use tokio::sync::mpsc;

use super::Arguments;
use super::job::Shared;
use super::service_manager;
use super::setup::Setup;
use crate::cli::exit::{Failure, Status};
use crate::cli::runtime::cannot_start;
use crate::cli::url;

/// Passes the signals on to the daemon.
pub(super) struct Control {
    pub(super) shared: Shared,
    pub(super) arguments: Arguments,
    pub(super) server: Option<(ListenAddress, Server)>,
    pub(super) commands: mpsc::Sender<Command>,
}

impl Control {
    /// Listens until the daemon is told to stop. The running sync hears that request by itself.
    pub(super) async fn listen(mut self, mut reloads: Reloads) {
        let stopped = self.shared.stopped.clone();
        loop {
            tokio::select! {
                () = stopped.requested(1) => break,
                Some(()) = reloads.next() => self.reload().await,
            }
        }
        let terminal = self.shared.terminal;
        terminal.info(if self.shared.watch.is_syncing() {
            "told to end: the running sync archives what it has"
        } else {
            "told to end"
        });
        service_manager::stopping();
        // A send to a daemon that has already ended fails, which does no harm.
        let _ = self.commands.send(Command::Stop).await;
        // The server answers until the daemon has ended.
        std::future::pending::<()>().await;
    }

    async fn reload(&mut self) {
        service_manager::reloading();
        let terminal = self.shared.terminal;
        match self.read_again().await {
            Ok(next) => terminal.info(&format!(
                "the configuration was read again; next sync at {next}"
            )),
            Err(failure) => {
                let text = format!("the configuration stays as it was: {}", failure.message);
                terminal.error(&text, failure.hint.as_deref());
            }
        }
        service_manager::ready();
    }

    async fn read_again(&mut self) -> Result<String, Failure> {
        let before = self.shared.setup();
        let context = before.context.reload()?;
        let now = (self.shared.clock)();
        let setup = Setup::new(context, &self.arguments, now)?;
        let (context, stopped) = (setup.context.clone(), self.shared.stopped.clone());
        // A command may need time to print the token.
        let token = threads::answer_of(move || context.token(&stopped));
        if let Ok(token) = token.map_err(cannot_start)?.await {
            token?;
        }
        self.listen_elsewhere(&setup, &before).await?;
        let plan = setup.plan.clone();
        let next = plan.schedule().next_after(now);
        let has_pings = setup.monitoring.pinger.is_some();
        self.shared.watch.reload(has_pings, setup.max_age_seconds);
        self.shared.replace(setup);
        let _ = self.commands.send(Command::Follow(Box::new(plan))).await;
        Ok(next.map_or("no time".to_owned(), |next| next.to_string()))
    }

    /// Moves the server to its new address. Frees the old address first, since the new one may be the same in other
    /// words. Listens on the old address again when the new one cannot be used.
    async fn listen_elsewhere(&mut self, setup: &Setup, before: &Setup) -> Result<(), Failure> {
        if setup.listen.as_ref() == self.server.as_ref().map(|(address, _)| address) {
            return Ok(());
        }
        if let Some((_, server)) = self.server.take() {
            server.stop().await;
        }
        match serve(setup, &self.shared).await {
            Ok(server) => {
                self.server = server;
                Ok(())
            }
            Err(failure) => {
                self.server = serve(before, &self.shared).await?;
                Err(failure)
            }
        }
    }
}

/// Starts the server for Prometheus and for browsers, if an address is configured.
pub(super) async fn serve(
    setup: &Setup,
    shared: &Shared,
) -> Result<Option<(ListenAddress, Server)>, Failure> {
    let Some(listen) = &setup.listen else {
        return Ok(None);
    };
    let probe: Arc<dyn archiver::daemon::exporter::Probe> = shared.watch.clone();
    let own = shared.clone();
    let pages = pages(listen, move |uri| url::question(&own.setup().context, uri));
    let router = exporter::router(probe).merge(pages);
    let server = crate::cli::serve::bind(listen, router, shared.terminal).await;
    let server = server.map_err(|failure| Failure {
        status: Status::Usage,
        ..failure
    })?;
    let text = format!("metrics at http://{}/metrics", server.address());
    shared.terminal.info(&text);
    Ok(Some((listen.clone(), server)))
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
