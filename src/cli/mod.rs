//! The command line: flags in, library calls, text and an exit status out.
//!
//! Everything that prints is in this folder. The library does the work and reports events. Answers go to stdout,
//! everything else to stderr. Each command has one file. `filter` has the filter flags, `grammar` knows the words of
//! command lines, `answer` prints rows, `outlet` keeps them for a slow reader, `basis` tells what they are based on,
//! `context` has the accounts and their archives, `order` compares rows and merges those of several accounts,
//! `searched` words what an empty answer was about, `pager` prints documents and shows answers that are longer than the
//! screen, `decided` reads a setting from a flag or the configuration, `summary` words the result of a sync,
//! `status_lines` the facts of `status`, `exit` maps errors to statuses and hints, `help` lays out help, `mistake`
//! explains arguments that are wrong, `runtime` has threads and signals, `progress` draws the bar, `terminal` knows the
//! streams, `written` is a command as the user wrote it. `union` asks the archive of each account, and has what follows
//! from all answers.

mod accounts;
mod answer;
mod attempt;
mod auth;
mod backup;
mod basis;
mod completions;
mod config;
mod context;
mod daemon;
mod decided;
mod droplets;
mod exit;
mod export;
mod filter;
mod grammar;
mod help;
mod import;
mod last;
mod man;
mod mistake;
mod monitoring;
mod order;
mod outlet;
mod page;
mod pager;
mod progress;
mod query;
mod report;
mod report_digest;
mod runtime;
mod schema;
mod scope;
mod searched;
mod serve;
mod show;
mod sql;
mod stats;
mod status;
mod status_lines;
mod summary;
mod sync;
mod terminal;
mod timeline;
mod union;
mod verify;
mod written;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use archiver::config::{Config, Environment};
use archiver::core::time::Timestamp;
use archiver::daemon::{Alarm, Heartbeat};
use archiver::query::report::Library;
use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand};

use context::Context;
pub(crate) use daemon::Machine;
use exit::{Failure, MEANINGS, Status, unless_closed};
use runtime::end_at_signals_as_first_process;
use terminal::{ColorChoice, LogFormat, Terminal};
use written::Written;

/// Archives the action history of DigitalOcean droplets, and answers questions about it
#[derive(Parser)]
#[command(
    name = "archiver",
    version,
    disable_help_flag = true,
    after_help = after_help()
)]
struct Arguments {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    request: Request,
}

const AFTER_HELP: &str = "\
Examples:
  export DIGITALOCEAN_TOKEN=dop_v1_...
  archiver sync
  archiver query --type reboot --since 2020-07-01
  archiver query --droplet web-01 --since '2 weeks ago' -o csv
  archiver query --at '2020-07-20 19:30' --around 30m
  archiver last @power --droplet web-01
  archiver sql 'SELECT type, count(*) FROM actions GROUP BY type'
  archiver status --max-age 2h --exit-code";

fn after_help() -> String {
    let meanings = MEANINGS.map(|(status, meaning)| format!("{} {meaning}", status.code()));
    format!("{AFTER_HELP}\n\nExit status: {}.", meanings.join("; "))
}

/// Flags of every command.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The archive [default: $ARCHIVER_DB, the configuration, or $XDG_DATA_HOME/archiver/archive.db]
    #[arg(long, value_name = "FILE", global = true)]
    db: Option<PathBuf>,
    /// The account, or `all`; repeatable [default: $ARCHIVER_ACCOUNT, or default_account in the configuration]
    #[arg(long, value_name = "NAME", value_delimiter = ',', global = true)]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    account: Vec<String>,
    /// The configuration [default: $ARCHIVER_CONFIG, or $XDG_CONFIG_HOME/archiver/config.toml]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The API [default: $DIGITALOCEAN_API_URL, the configuration, or https://api.digitalocean.com]
    #[arg(long, value_name = "URL", global = true)]
    api_url: Option<String>,
    /// Use the token of this doctl context, whatever else is set
    #[arg(long, value_name = "NAME", global = true)]
    doctl_context: Option<String>,
    /// Show details; -vv also shows every request
    #[arg(short, long, action = ArgAction::Count, global = true)]
    verbose: u8,
    /// Print only errors
    #[arg(short, long, conflicts_with = "verbose", global = true)]
    quiet: bool,
    /// When to use colours: auto, always or never
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    #[arg(hide_possible_values = true, global = true)]
    color: ColorChoice,
    /// The format of messages on stderr: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    #[arg(hide_possible_values = true, global = true)]
    log_format: LogFormat,
    /// Never show a long answer in a pager ($ARCHIVER_PAGER, $PAGER or less)
    #[arg(long, global = true)]
    no_pager: bool,
    /// Print help
    #[arg(short = 'h', long = "help", action = ArgAction::Help, global = true)]
    _help: Option<bool>,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
enum Request {
    #[command(flatten)]
    Archive(Command),
    // These need no configuration, or make one.
    /// Make a configuration, or show the values in force
    Config(config::Arguments),
    /// Print the completions for a shell
    Completions(completions::Arguments),
    /// Write the manual pages
    Man(man::Arguments),
}

/// The commands that have an archive.
#[derive(Subcommand)]
enum Command {
    /// Archive new actions from the API
    Sync(sync::Arguments),
    /// Sync on a schedule until stopped
    Daemon(daemon::Arguments),
    /// Archive the actions of files: old dumps, other archives
    Import(import::Arguments),
    /// Show the actions that match
    Query(query::Arguments),
    /// Show when something last happened to each droplet
    Last(last::Arguments),
    /// Show the inventory: every droplet that the archive knows
    Droplets(droplets::Arguments),
    /// Show everything that is known about one action
    Show(show::Arguments),
    /// Count the actions that match, by type, droplet, week and more
    Stats(stats::Arguments),
    /// List the named questions, or answer one of them
    Report(report::Arguments),
    /// Show the life of one droplet: its actions, and the time between them
    Timeline(timeline::Arguments),
    /// Answer any question, in SQL
    Sql(sql::Arguments),
    /// Show the archive in a browser
    Serve(serve::Arguments),
    /// Show the tables and views of the archive
    Schema(schema::Arguments),
    /// Write the history as one HTML page, with charts
    Page(page::Arguments),
    /// Show how fresh and complete the archive is
    Status(status::Arguments),
    /// List the accounts, and how fresh and complete their archives are
    Accounts(accounts::Arguments),
    /// Check the token: its account and its scopes
    Auth(auth::Arguments),
    /// Check that the archive is sound
    Verify(verify::Arguments),
    /// Copy the archive; a sync may run meanwhile
    Backup(backup::Arguments),
    /// Write the archive as Parquet files for query engines
    Export(export::Arguments),
}

/// Runs the command in `arguments`, which begin with the name of the program.
pub(crate) fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
) -> ExitCode {
    let machine = Machine {
        clock: Timestamp::now,
        chance: fastrand::f64,
        alarm: Heartbeat::default,
    };
    run_on(&machine, arguments, environment)
}

/// Runs the command with this `machine`, which gives a daemon its clock and alarm.
pub(crate) fn run_on<A: Alarm>(
    machine: &Machine<A>,
    arguments: impl IntoIterator<Item = OsString>,
    environment: Environment,
) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let library = report::library(&arguments, &environment, Arguments::command);
    let (Arguments { global, request }, written) = match parse(arguments, &library, &environment) {
        Ok(arguments) => arguments,
        Err(status) => return status.code().into(),
    };
    let terminal = Terminal::new(&environment, &global);
    let outcome = match request {
        Request::Config(it) => config::run(&it, global, environment, terminal, written),
        Request::Completions(arguments) => completions::run(&arguments, &environment),
        Request::Man(arguments) => man::run(&arguments, &environment),
        Request::Archive(command) => {
            let context = Context::new(global, environment, terminal, written);
            context.and_then(|context| {
                let outcome = execute(&context, command, &library, machine);
                context.basis.tell(terminal);
                outcome
            })
        }
    };
    terminal.told(outcome).code().into()
}

/// The whole command line. Each report is a command of its own.
fn root(library: &Library) -> clap::Command {
    Arguments::command().mut_subcommand("report", |it| report::command(it, library))
}

/// Parses the arguments. Otherwise prints help, or the mistake.
fn parse(
    arguments: Vec<OsString>,
    library: &Library,
    environment: &Environment,
) -> Result<(Arguments, Written), Status> {
    let width = help::width(environment);
    let mut root = help::laid_out(root(library), width);
    let arguments = mistake::joined(&root, arguments);
    let parsed = root.try_get_matches_from_mut(&arguments);
    let parsed = parsed.and_then(|matches| {
        let written = Written::of(&root, &matches);
        Arguments::from_arg_matches(&matches).map(|arguments| (arguments, written))
    });
    let error = match parsed {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error,
    };
    let terminal = Terminal::new(environment, &Global::default());
    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            terminal.help(&mistake::without_command(&root, &arguments, width));
            Err(Status::Usage)
        }
        _ if error.use_stderr() => {
            // An unknown command may be the name of a report.
            let library = Library::load(Config::folder(None, environment).as_deref());
            terminal.failure(&mistake::failure(&error, &root, &arguments, &library));
            Err(Status::Usage)
        }
        // Help and version are errors only to clap.
        _ => Err(unless_closed(error.print()).unwrap_or_else(|failure| failure.status)),
    }
}

fn execute<A: Alarm>(
    context: &Context,
    command: Command,
    library: &Library,
    machine: &Machine<A>,
) -> Result<Status, Failure> {
    match &command {
        // These handle signals themselves.
        Command::Sync(arguments) if !arguments.dry_run => {}
        Command::Daemon(_) | Command::Import(_) | Command::Serve(_) => {}
        Command::Backup(_) | Command::Export(_) => {}
        _ => end_at_signals_as_first_process()?,
    }
    match command {
        Command::Daemon(arguments) => daemon::run(context, &arguments, machine),
        Command::Sync(arguments) => sync::run(context, &arguments),
        Command::Import(arguments) => import::run(context, &arguments),
        Command::Query(arguments) => query::run(context, &arguments),
        Command::Last(arguments) => last::run(context, &arguments),
        Command::Droplets(arguments) => droplets::run(context, &arguments),
        Command::Show(arguments) => show::run(context, &arguments),
        Command::Stats(arguments) => stats::run(context, &arguments),
        Command::Report(arguments) => report::run(context, &arguments, library),
        Command::Timeline(arguments) => timeline::run(context, &arguments),
        Command::Sql(arguments) => sql::run(context, &arguments),
        Command::Page(arguments) => page::run(context, &arguments, library),
        Command::Serve(arguments) => serve::run(context, &arguments),
        Command::Schema(arguments) => schema::run(context, &arguments),
        Command::Status(arguments) => status::run(context, &arguments),
        Command::Accounts(arguments) => accounts::run(context, &arguments),
        Command::Auth(arguments) => auth::run(context, &arguments),
        Command::Verify(arguments) => verify::run(context, &arguments),
        Command::Backup(arguments) => backup::run(context, &arguments),
        Command::Export(arguments) => export::run(context, &arguments),
    }
}
