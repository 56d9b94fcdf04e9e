//! What a daemon is told from outside while it runs: to end, or to read its configuration again.

use std::sync::Arc;
use std::time::Duration;

use archiver::daemon::Command;
use archiver::exporter::{Exporter, ListenAddress};
use tokio::sync::{mpsc, watch};

use super::Arguments;
use super::job::Shared;
use super::service_manager;
use super::setup::Setup;
use crate::cli::exit::Failure;
use crate::cli::runtime::cannot_start;

/// How long a sync may take to end of its own accord once the daemon is told to. It needs three seconds for pages that
/// are under way and one for indexes.
const END_WITHIN: Duration = Duration::from_secs(6);
/// When the daemon goes, whatever is still at work: SQLite takes back what is not committed. Service managers kill after
/// ten seconds or more.
const GONE_WITHIN: Duration = Duration::from_millis(8_500);

/// Passes on what signals say.
pub(super) struct Control {
    pub(super) shared: Shared,
    pub(super) arguments: Arguments,
    pub(super) exporter: Option<(ListenAddress, Exporter)>,
    pub(super) commands: mpsc::Sender<Command>,
    /// Tells the sync that is at work.
    pub(super) stop: watch::Sender<u32>,
}

impl Control {
    /// Until the daemon ends. `stopped` counts the signals that ask for that.
    pub(super) async fn listen(mut self, mut stopped: watch::Receiver<u32>, mut reloads: Reloads) {
        let stopped_early = stopped.clone();
        loop {
            tokio::select! {
                () = reach(&mut stopped, 1) => break,
                Some(()) = reloads.next() => self.reload(&stopped_early).await,
            }
        }
        let terminal = self.shared.terminal;
        terminal.info(if self.shared.watch.is_syncing() {
            "told to end: the sync at work archives what it has"
        } else {
            "told to end"
        });
        service_manager::stopping();
        self.stop.send_replace(1);
        // A daemon that has ended already needs no telling.
        let _ = self.commands.send(Command::Stop).await;
        // Twice means at once.
        let _ = tokio::time::timeout(END_WITHIN, reach(&mut stopped, 2)).await;
        self.stop.send_replace(2);
        // Whoever listens to the sync listens for as long as there is a sender.
        std::future::pending::<()>().await;
    }

    async fn reload(&mut self, stopped: &watch::Receiver<u32>) {
        service_manager::reloading();
        let terminal = self.shared.terminal;
        match self.read_again(stopped).await {
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

    async fn read_again(&mut self, stopped: &watch::Receiver<u32>) -> Result<String, Failure> {
        let before = self.shared.setup();
        let global = before.context.global.clone();
        let config = before.context.config.reload(global.config.as_deref())?;
        let context = crate::cli::Context {
            global,
            config,
            terminal: self.shared.terminal,
        };
        let now = (self.shared.clock)();
        let setup = Setup::new(context, &self.arguments, now)?;
        let is_given_up = || *stopped.borrow() > 0;
        // A command may take its time to print it.
        tokio::task::block_in_place(|| setup.context.token(&is_given_up))?;
        self.listen_elsewhere(&setup, &before).await?;
        let plan = setup.plan.clone();
        let next = plan.schedule().next_after(now);
        let has_pings = setup.monitoring.pinger.is_some();
        self.shared.watch.reload(has_pings, setup.max_age_seconds);
        self.shared.replace(setup);
        let _ = self.commands.send(Command::Follow(Box::new(plan))).await;
        Ok(next.map_or("no time".to_owned(), |next| next.to_string()))
    }

    /// Moves the server to where it is wanted now. The old address is given up first, since the new one may be the same in
    /// other words; where the new one is not to be had, the old one is taken again.
    async fn listen_elsewhere(&mut self, setup: &Setup, before: &Setup) -> Result<(), Failure> {
        if setup.listen.as_ref() == self.exporter.as_ref().map(|(address, _)| address) {
            return Ok(());
        }
        if let Some((_, exporter)) = self.exporter.take() {
            exporter.stop().await;
        }
        match serve(setup, &self.shared).await {
            Ok(exporter) => {
                self.exporter = exporter;
                Ok(())
            }
            Err(failure) => {
                self.exporter = serve(before, &self.shared).await?;
                Err(failure)
            }
        }
    }
}

/// Answers Prometheus, where that is wanted.
pub(super) async fn serve(
    setup: &Setup,
    shared: &Shared,
) -> Result<Option<(ListenAddress, Exporter)>, Failure> {
    let Some(listen) = &setup.listen else {
        return Ok(None);
    };
    let probe: Arc<dyn archiver::exporter::Probe> = shared.watch.clone();
    let exporter = Exporter::bind(listen, probe)
        .await
        .map_err(|error| Failure::usage(error.to_string()).with_hint(error.hint()))?;
    let text = format!("metrics at http://{}/metrics", exporter.address());
    shared.terminal.info(&text);
    Ok(Some((listen.clone(), exporter)))
}

/// Waits until so many signals have come.
async fn reach(signals: &mut watch::Receiver<u32>, count: u32) {
    if signals.wait_for(|signals| *signals >= count).await.is_err() {
        // Nobody is left who could send one.
        std::future::pending::<()>().await;
    }
}

/// Comes back when the daemon was told to end and has not.
pub(super) async fn overdue(mut stopped: watch::Receiver<u32>) {
    reach(&mut stopped, 1).await;
    tokio::time::sleep(GONE_WITHIN).await;
}

/// Signals to read the configuration again.
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
