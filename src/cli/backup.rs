//! `archiver backup`: copies the archive to a new file.

use std::path::PathBuf;

use archiver::archive;
use archiver::query::status::grouped;
use serde_json::json;

use super::Context;
use super::exit::{Failure, Status};
use super::pager::{DocumentFormat, print_json};
use super::runtime::{Hangup, stop_signals};

/// Flags of `archiver backup`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The path of the copy; it must not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The format of the report: json is always printed, text only with -v
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    #[arg(hide_possible_values = true)]
    output: DocumentFormat,
}

const AFTER_HELP: &str = "\
Examples:
  archiver backup /backups/archive-$(date +%F).db
  archiver backup -v /backups/archive.db
  archiver verify --db /backups/archive.db

The copy is the archive of one moment, also while a sync runs. It is read back and checked before it gets its name: a \
FILE that exists is complete. Only its owner can read it (mode 0600). A signal to stop, or a closed terminal, removes \
the partial copy. A killed copy, or a crash of the machine, leaves .FILE.XXXXXX.partial: the next copy to FILE removes \
it. `cp` and rsync may copy half a transaction while a sync runs; this command does not.

To restore: let no sync run, put the copy in the place of the archive, and sync. The sync reads only what is new.
  systemctl stop archiver
  rm -f archive.db-wal archive.db-shm archive.db-journal
  cp /backups/archive.db archive.db
  archiver sync

Exit status: 0 copied; 1 failed, and no copy is left, unless it says that it cannot write the answer: then FILE exists \
and is complete; 2 FILE, or a FILE-wal, -shm or -journal of an earlier database, exists already; 6 no usable archive.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let archive = context.archive_path()?;
    let target = context.config.environment().in_full(&arguments.file)?;
    // An interrupted backup removes its partial copy.
    let signals = stop_signals(Hangup::Stops, None)?;
    let copied = archive::back_up(&archive, &target, &signals.cancellation)?;
    let actions = copied.rows.get("actions").copied().unwrap_or(0);
    let words = format!(
        "copied {} actions, {} bytes, schema version {}, to {}",
        grouped(actions),
        grouped(copied.bytes),
        copied.schema_version,
        target.display()
    );
    context.terminal.detail(1, &words);
    if arguments.output == DocumentFormat::Text {
        return Ok(Status::Done);
    }
    let document = json!({
        "path": target.display().to_string(),
        "bytes": copied.bytes,
        "schema_version": copied.schema_version,
        "actions": actions,
        "rows": copied.rows,
    });
    print_json(context, &document)
}
