//! `archiver export`: writes the archive as Parquet files, and checks them.

use std::path::{Path, PathBuf};

use archiver::core::account::AccountName;
use archiver::core::cancellation::Cancellation;
use archiver::output::lake::{self, Checked};
use archiver::query::export::{self, Source};
use archiver::query::status::{counted, grouped};

use super::Context;
use super::exit::{Failure, Status};
use super::runtime::{Hangup, stop_signals};

/// Flags of `archiver export`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The folder of the files; it is made if it does not exist
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The name of the account in DIR, for an archive that is not an account of the configuration
    #[arg(long = "as", value_name = "NAME")]
    name: Option<AccountName>,
    /// Write nothing if actions are missing in the archive
    #[arg(long)]
    require_complete: bool,
    /// Write nothing: hold the files of DIR against its manifest
    #[arg(long, conflicts_with_all = ["name", "require_complete"])]
    check: bool,
}

const AFTER_HELP: &str = "\
Examples:
  archiver export /data/lake
  archiver export /data/lake --require-complete
  archiver export /data/lake --account all
  archiver export /data/lake --check
  duckdb -c \"SELECT type, count(*) FROM read_parquet('/data/lake/actions/**/*.parquet') GROUP BY type\"

DIR gets actions/month=2026-11-01/actions.parquet and so on, and droplets, regions, region_features, region_sizes and \
sync_runs beside it. The month is a partition column of the type date; actions whose start is not known are in \
month=1970-01-01. With --account, or --as NAME, account=NAME is above the files of each table.

A second export writes the months in which something changed, and nothing if nothing did. It replaces a table in one \
step: readers and a kill see it as before or after. _manifest.json lists the files with their hashes, and the sync up \
to which they are complete. Files of others in DIR stay.

Exit status: 0 exported, or the files are as the manifest says; 1 failed, or they are not; 2 DIR is not usable; 3 the \
archive is incomplete, with --require-complete; 5 another export to DIR is running; 6 no usable archive.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let environment = context.config.environment();
    let folder = environment.in_full(&arguments.folder)?;
    if arguments.check {
        return check(context, &folder);
    }
    if arguments.name.is_some() {
        context.refuse_several("--as names one account", "leave it out")?;
    }
    let signals = stop_signals(Hangup::Stops, None)?;
    let cancellation = &signals.cancellation;
    if !context.has_several() {
        return export(context, arguments, &folder, cancellation);
    }
    let statuses = context.of_each().into_iter().map(|own| {
        let status = (own.terminal).told(export(&own, arguments, &folder, cancellation));
        own.basis.tell(own.terminal);
        status
    });
    Ok(Status::of_several(statuses))
}

/// Exports one archive, under the name of its account if it has one.
fn export(
    context: &Context,
    arguments: &Arguments,
    folder: &Path,
    cancellation: &Cancellation,
) -> Result<Status, Failure> {
    let connection = context.open_archive()?;
    let is_complete = !context.basis.is_incomplete();
    if arguments.require_complete && !is_complete {
        context.terminal.error("nothing is exported", None);
        return Ok(Status::Partial);
    }
    let account = arguments.name.or_else(|| context.account());
    let source = Source {
        connection: &connection,
        account: account.as_ref().map(AccountName::as_str),
        is_complete,
    };
    let exported = export::export(&source, folder, cancellation)?;
    let (actions, folder) = (grouped(exported.actions), folder.display());
    let written = counted(exported.changes.written as u64, "file");
    let removed = grouped(exported.changes.removed as u64);
    let text =
        format!("exported {actions} actions to {folder}: {written} written, {removed} removed");
    context.terminal.detail(1, &text);
    if exported.no_times > 0 {
        let cells = counted(exported.no_times, "cell");
        context.terminal.warning(&format!(
            "no time can be read in {cells} of the archive: the files have null there; `archiver verify` shows them"
        ));
    }
    Ok(Status::Done)
}

fn check(context: &Context, folder: &Path) -> Result<Status, Failure> {
    let Checked {
        manifest,
        problems,
        is_interrupted,
    } = lake::check(folder)?;
    for problem in &problems {
        context.terminal.error(problem, None);
    }
    let rows = grouped(manifest.files.iter().map(|file| file.rows).sum());
    let files = counted(manifest.files.len() as u64, "file");
    let text = format!("checked {files}, {rows} rows");
    context.terminal.detail(1, &text);
    if is_interrupted {
        let note = "an export was stopped before its end: the next one goes on from there";
        context.terminal.note(note);
    }
    if problems.is_empty() {
        return Ok(Status::Done);
    }
    let problems = counted(problems.len() as u64, "problem");
    Err(Failure::failed(format!("{}: {problems}", folder.display())).with_hint(
        "export again: it writes anew what is missing or damaged; remove what is not in the manifest",
    ))
}
