//! `archiver serve`: shows the archive in a browser, until it is told to stop.
//!
//! A URL stands for a command: `/timeline/web-01?since=7d` is `archiver timeline --since=7d -- web-01`. It comes from
//! anyone who can reach the server. So it names only commands that read the archive, and only their own flags: not the
//! flags of every command, and none that changes where the answer goes. Each value is one argument, in one piece with its
//! flag, and no shell sees it.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process;

use archiver::archive;
use archiver::config::Config;
use archiver::core::cancellation::Cancellation;
use archiver::web::{ListenAddress, Refusal, Server, StatusCode, Uri, pages};
use axum::Router;
use axum::routing::get;
use clap::{Arg, Command, CommandFactory};
use percent_encoding::percent_decode_str;

use super::Context;
use super::exit::{Failure, Status};
use super::report;
use super::runtime::{Hangup, runtime, stop_signals};
use super::terminal::Terminal;

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
    let pages = pages(listen, move |uri| command_of(&own, uri));
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
        .map_err(|error| Failure::failed(error.to_string()).with_hint(error.hint()))?;
    let address = server.address;
    terminal.info(&format!("pages at http://{address}/"));
    if !address.ip().is_loopback() {
        terminal.warning(
            "everyone who can reach this address can read the whole history; listen on 127.0.0.1, and put a reverse \
             proxy with a password before it",
        );
    }
    Ok(server)
}

/// The commands that have a URL. The page is at `/`.
const COMMANDS: [&str; 8] = [
    "query", "last", "droplets", "stats", "status", "report", "timeline", "show",
];
const PAGE: &str = "page";
/// The flags that the server sets itself, or that make an answer something else than rows.
const CLOSED: [&str; 3] = ["output", "exit-code", "show-sql"];

/// The command for a URL, as a process that has no token.
pub(super) fn command_of(context: &Context, uri: &Uri) -> Result<process::Command, Refusal> {
    let arguments = arguments(context, uri)?;
    // Unlike its path, this is the running program even after an update.
    let own = Path::new("/proc/self/exe");
    let own = if own.exists() {
        own.to_owned()
    } else {
        std::env::current_exe().map_err(|error| cannot(&error))?
    };
    let mut command = process::Command::new(own);
    std::os::unix::process::CommandExt::arg0(&mut command, "archiver");
    let environment = context.config.environment();
    command.args(arguments).env_clear();
    command.envs(environment.without_secrets());
    Ok(command)
}

fn cannot(error: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// The archive, the configuration and the accounts of the server, in flags.
fn surroundings(context: &Context) -> Result<Vec<OsString>, Refusal> {
    let flag = |name: &str, path: &Path| [name.as_ref(), path.as_os_str()].join("=".as_ref());
    let config = context.global.config.as_deref();
    let config = config.map(|path| flag("--config", path));
    let accounts = context.accounts.iter().filter_map(Config::account);
    let accounts = accounts.map(|name| format!("--account={name}").into());
    let mut words: Vec<OsString> = config.into_iter().chain(accounts).collect();
    // Each of several accounts has its own archive.
    if !context.has_several() {
        let path = context.archive_path();
        let path = path.map_err(|failure| cannot(&failure.message))?;
        words.push(flag("--db", &path));
    }
    Ok(words)
}

/// The arguments of the command.
fn arguments(context: &Context, uri: &Uri) -> Result<Vec<OsString>, Refusal> {
    let (path, format) = match uri.path().strip_suffix(".json") {
        Some(path) => (path, "json"),
        None => (uri.path(), "html"),
    };
    let mut segments = path.split('/').skip(1).map(decoded);
    let name = segments.next().ok_or_else(nowhere)??;
    let known = COMMANDS.into_iter().find(|known| *known == name);
    let (name, format) = match known {
        None if uri.path() == "/" => (PAGE, "-"),
        known => (known.ok_or_else(nowhere)?, format),
    };
    let mut words = surroundings(context)?;
    words.push(name.into());
    let environment = context.config.environment();
    let library = report::library(&words, environment, super::Arguments::command);
    let root = super::root(&library);
    let mut command = root.find_subcommand(name).ok_or_else(nowhere)?;
    let mut values = Vec::new();
    for segment in segments {
        let segment = segment?;
        let mut below = command.get_subcommands();
        match below.find(|it| it.get_name() == segment) {
            Some(named) => {
                command = named;
                words.push(segment.into());
            }
            None => values.push(OsString::from(segment)),
        }
    }
    let is_empty = values.iter().any(|value| value.is_empty());
    if is_empty || values.len() > command.get_positionals().count() {
        return Err(nowhere());
    }
    words.extend(flags(command, uri.query().unwrap_or_default())?);
    words.extend(["--output", format, "--linked", "--"].map(Into::into));
    words.extend(values);
    Ok(words)
}

fn nowhere() -> Refusal {
    let known = COMMANDS.map(|name| format!("/{name}")).join(", ");
    Refusal::new(StatusCode::NOT_FOUND, "there is no such page")
        .with_hint(format!("the overview is at /, answers are at {known}"))
}

/// The flags in a query. A form sends its empty fields too: they are no flags.
fn flags(command: &Command, query: &str) -> Result<Vec<OsString>, Refusal> {
    let mut words = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let pair = pair.replace('+', " ");
        let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
        let (name, value) = (decoded(name)?, decoded(value)?);
        let mut open = command.get_arguments().filter(|flag| is_open(flag));
        let is_named = |flag: &&Arg| {
            let aliases = flag.get_visible_aliases().unwrap_or_default();
            flag.get_long() == Some(&name) || aliases.contains(&name.as_str())
        };
        let Some(flag) = open.find(is_named) else {
            let text = format!("`{}` takes no `{name}` here", command.get_name());
            return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
        };
        if !value.is_empty() {
            words.push(format!("--{name}={value}").into());
        } else if !flag.get_action().takes_values() {
            words.push(format!("--{name}").into());
        }
    }
    Ok(words)
}

/// True for a flag that a URL may set. None of them reads or writes another file.
fn is_open(flag: &Arg) -> bool {
    let is_closed = flag.get_long().is_none_or(|long| CLOSED.contains(&long));
    let takes_a_path = flag.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    !is_closed && !takes_a_path && !flag.is_hide_set() && !flag.is_global_set()
}

/// A part of a URL as text.
fn decoded(part: &str) -> Result<String, Refusal> {
    let text = percent_decode_str(part).decode_utf8();
    let text = text.ok().filter(|text| !text.contains('\0'));
    text.map(Into::into)
        .ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, "the address is not valid text"))
}
