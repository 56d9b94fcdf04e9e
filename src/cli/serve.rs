//! `archiver serve`: shows the archive in a browser, until it is told to stop.

use archiver::archive;
use archiver::core::cancellation::Cancellation;
use archiver::web::{ListenAddress, Server, pages};
use axum::Router;
use axum::routing::get;

use super::Context;
use super::exit::{Failure, Status};
use super::runtime::{Hangup, runtime, stop_signals};
use super::terminal::Terminal;
use super::url;

/// Flags of `archiver serve`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The address, or only its port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9185")]
    listen: ListenAddress,
}

const AFTER_HELP: &str = "\
Examples:
  archiver serve
  archiver serve --listen 8080 --db /srv/archive.db

The overview is at /. Every question has an address too, with the same words as on the command line:
  /query?type=reboot&since=7d        archiver query --type reboot --since 7d
  /timeline/web-01                   archiver timeline web-01
  /report/downtime.json?tag=web      archiver report downtime --tag web -o json

The server only reads, and delays no sync. There is no password: whoever reaches the address reads the whole history. \
For others than you, put a reverse proxy with a password in front of it.

Signals: TERM and INT end it at once with exit status 0.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let signals = stop_signals(Hangup::Stops, None)?;
    runtime()?.block_on(serve(context, &arguments.listen, &signals.cancellation))?;
    Ok(Status::Done)
}

async fn serve(
    context: &Context,
    listen: &ListenAddress,
    stopped: &Cancellation,
) -> Result<(), Failure> {
    let terminal = context.terminal;
    let own = context.clone();
    let pages = pages(listen, move |uri| url::command(&own, uri));
    let router = Router::new().route("/healthz", get(|| async { "alive\n" }));
    let server = bind(listen, router.merge(pages), terminal).await?;
    for own in context.of_each() {
        if let Err(error) = archive::expect_archive(&own.archive_path()?) {
            let text = format!("there is nothing to show yet: {error}");
            own.terminal.warning(&text);
        }
    }
    stopped.requested(1).await;
    server.stop().await;
    Ok(())
}

/// Listens, and says where. Warns when others may read the archive.
pub(super) async fn bind(
    listen: &ListenAddress,
    router: Router,
    terminal: Terminal,
) -> Result<Server, Failure> {
    let server = Server::bind(listen, router)
        .await
        .map_err(|error| Failure {
            status: Status::Failed,
            message: error.to_string(),
            hint: Some(error.hint().to_owned()),
        })?;
    let address = server.address();
    terminal.info(&format!("pages at http://{address}/"));
    if !address.ip().is_loopback() {
        terminal.warning(
            "everyone who can reach this address can read the whole history; listen on 127.0.0.1, and put a reverse \
             proxy with a password before it",
        );
    }
    Ok(server)
}
