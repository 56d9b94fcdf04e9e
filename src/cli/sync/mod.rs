//! `archiver sync`: runs a sync and reports the result. `one` syncs one archive, `several` those of several accounts.

mod one;
mod several;

use std::time::Duration;

use archiver::core::time::parse_duration;

use super::Context;
use super::exit::{Failure, Status};
use super::monitoring::MonitoringFlags;
use super::scope::ScopeFlags;
use super::terminal::Terminal;

const AFTER_HELP: &str = "\
Examples:
  archiver sync
  archiver sync --droplet 3164444 --tag production
  archiver sync --dry-run

Exit status 0 is a promise: every action that the API listed in scope when the sync began is archived. If some of the \
API's servers lag behind others, the most recent answer counts. For droplets the promise covers every action whose \
resource_id is the droplet. Other actions in a droplet's own listing are archived when that listing is read: at \
first, with --full, and at least once a day (recheck under [sync] in the configuration).

With several accounts (--account), each has its own lock, token and pace, and no failure stops the others. Exit status: \
the one that all accounts have, else 3.";

/// Flags of `archiver sync`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    scope: ScopeFlags,
    /// Read every page again, even if it is archived
    #[arg(long)]
    full: bool,
    /// Show the cost of a sync, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The longest wait for another sync, or for a program that keeps the archive locked, such as 60s [default: no wait
    /// for a sync, a minute for a program]
    #[arg(long, value_name = "DURATION")]
    wait: Option<String>,
    /// The format of the summary: text, for people on stderr, or json, for scripts on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    #[arg(hide_possible_values = true)]
    output: SummaryFormat,
    #[command(flatten)]
    monitoring: MonitoringFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum SummaryFormat {
    /// For people, on stderr
    Text,
    /// For scripts, on stdout
    Json,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    if context.has_several() {
        several::run(context, arguments)
    } else {
        one::run(context, arguments)
    }
}

impl Arguments {
    /// True when nothing is to be written.
    pub(super) fn is_forecast(&self) -> bool {
        self.dry_run
    }

    /// The verbosity at which the result is told. Cron sees nothing of a success.
    fn verbosity(&self, terminal: Terminal) -> u8 {
        let is_read = terminal.is_interactive && self.output == SummaryFormat::Text;
        u8::from(!is_read)
    }
}

/// The longest wait for the lock of another sync or program.
pub(super) fn wait(text: &str) -> Result<Duration, Failure> {
    let seconds =
        parse_duration(text).map_err(|error| Failure::usage(format!("--wait: {error}")))?;
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}
