//! `archiver import`: archives the actions of files, and reports the result.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use archiver::archive::{ArchiveLock, Import, Store};
use archiver::core::cancellation::Cancellation;
use archiver::core::files;
use archiver::core::time::Timestamp;
use archiver::output::{grouped, visible, visible_json, wrapped};
use archiver::query::status::counted;
use archiver::sync::import::{self, Dump, MOST_DESCRIBED, Progress};
use indicatif::{MultiProgress, ProgressBar};
use serde::Serialize;
use serde_json::{Value, json};

use super::Context;
use super::attempt::{look_for_archive, upgraded};
use super::exit::{Failure, Status, kept_locked, unless_closed};
use super::pager::DocumentFormat;
use super::progress::bar;
use super::runtime::{Hangup, one_more, stop_signals};
use super::sync::{duration, overdue};

const AFTER_HELP: &str = "\
FILE is a dump of `doctl ... -o json`, an answer of the API, JSON lines as `archiver query -o jsonl` writes them, or \
another archive. Compressed files (gzip) are unpacked, and - is stdin. The contents tell what a file is, not its name.

Examples:
  archiver import actions-2019.json.gz
  doctl compute action list -o json | archiver import -
  archiver import --dry-run old/archive.db

An import only adds what the archive lacks, and the end of an action that had not ended: it replaces no known value. It \
proves nothing about completeness, so the next sync reads as much as without it. `archiver show` and `archiver status` tell \
which actions no sync has seen. A dump does not say whose actions it has: import only those of your own account.

Exit status: 0 all imported; 1 failed; 2 not a dump of actions, or an archive of another account: nothing of it was \
imported; 3 a part was imported: stderr says which rows are no actions, or where a file breaks off; 5 a sync is \
running; 6 no usable archive.";

/// Flags of `archiver import`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The files; - is stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Show the result of an import, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The longest wait for a sync, or for a program that keeps the archive locked, such as 60s [default: no wait for a
    /// sync, a minute for a program]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    /// The format of the summary: text, for people on stderr, or json, for scripts on stdout
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    #[arg(hide_possible_values = true)]
    output: DocumentFormat,
}

/// The result of one file.
#[derive(Default, Serialize)]
struct FileSummary {
    path: String,
    outcome: &'static str,
    /// `None` when nothing of it was imported.
    kind: Option<&'static str>,
    sha256: Option<String>,
    rows_read: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
    message: Option<String>,
    /// The reason why nothing of the file, or only a part of it, was imported.
    #[serde(skip)]
    failure: Option<Failure>,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let bars = MultiProgress::new();
    let bar = bar(context.terminal, &bars, "{bar:12} {wide_msg}");
    let signals = stop_signals(Hangup::Stops, Some(overdue(context.terminal, &bars)))?;
    let mut session = Session {
        context,
        arguments,
        path: context.archive_path()?,
        cancellation: &signals.cancellation,
        bar,
        opened: None,
    };
    let started_at = Timestamp::now();
    let mut files = Vec::new();
    let imported = session.import_all(&mut files);
    let written = imported.and(session.close());
    session.bar.finish_and_clear();
    if arguments.output == DocumentFormat::Json {
        let text = as_json(&files, arguments.dry_run, started_at).to_string();
        unless_closed(writeln!(io::stdout(), "{}", visible_json(&text)))?;
    }
    tell(context, arguments, &files)?;
    // Keep listening: printing the error may block when stderr is not read.
    std::mem::forget(signals);
    Ok(verdict(context, &files, written))
}

/// The import of several files into one archive.
struct Session<'a> {
    context: &'a Context,
    arguments: &'a Arguments,
    path: PathBuf,
    cancellation: &'a Cancellation,
    bar: ProgressBar,
    /// The archive, once a file has shown its first action, and its lock unless nothing is written.
    opened: Option<(Store, Option<ArchiveLock>)>,
}

impl Session<'_> {
    /// Imports each file. A file that cannot be imported does not stop the others; an archive that cannot be written
    /// does.
    fn import_all(&mut self, results: &mut Vec<FileSummary>) -> Result<(), Failure> {
        for file in &self.arguments.files {
            if self.cancellation.is_requested() && !results.is_empty() {
                break;
            }
            let name = file.display().to_string();
            let imported = match self.dump(file) {
                Ok(dump) => {
                    let mut listener = listener(self.context, &self.bar, &name);
                    let cancellation = self.cancellation;
                    dump.import(self.store()?, Timestamp::now, cancellation, &mut listener)
                }
                Err(error) => Err(error),
            };
            if let Err(import::Error::Write(error)) = imported {
                return Err(kept_locked(&self.path, error));
            }
            results.push(match imported {
                Ok((import, is_whole)) => FileSummary::new(import, is_whole),
                Err(error) => FileSummary::failed(name, error.into()),
            });
        }
        Ok(())
    }

    fn dump(&self, file: &Path) -> Result<Dump, import::Error> {
        // Opening and closing the file of an archive would drop the locks on it.
        let [there, archive] = [file, &self.path].map(std::fs::metadata);
        if let (Ok(there), Ok(archive)) = (there, archive)
            && files::is_same(&there, &archive)
        {
            let text = format!("{} is the archive itself", file.display());
            return Err(import::Error::Refused(text));
        }
        let lock_wait = (self.context).lock_wait(file, self.cancellation, self.arguments.wait);
        Dump::open(file, &lock_wait, self.cancellation)
    }

    fn store(&mut self) -> Result<&mut Store, Failure> {
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => self.open()?,
        };
        Ok(&mut self.opened.insert(opened).0)
    }

    /// Opens the archive as a sync does. To show a result, copies it.
    fn open(&self) -> Result<(Store, Option<ArchiveLock>), Failure> {
        let (path, wait) = (&self.path, self.arguments.wait);
        let lock_wait = (self.context).lock_wait(path, self.cancellation, wait);
        let failed = |error| kept_locked(path, error);
        if self.arguments.dry_run {
            let copy = Store::rehearsal(path, &lock_wait).map_err(failed)?;
            return Ok((copy, None));
        }
        look_for_archive(self.context, path, false)?;
        let lock = ArchiveLock::acquire_unless(
            path,
            Timestamp::now(),
            wait.unwrap_or_default(),
            self.cancellation,
        )?;
        let store = Store::open_unless(path, false, &lock_wait).map_err(failed)?;
        if let Some(upgrade) = &store.upgrade {
            self.context.terminal.note(&upgraded(upgrade));
        }
        Ok((store, Some(lock)))
    }

    /// Makes the indexes that were put off, closes the archive, and then drops its lock.
    fn close(&mut self) -> Result<(), Failure> {
        let Some((mut store, Some(_lock))) = self.opened.take() else {
            return Ok(());
        };
        let made = store.make_deferred_indexes(one_more(self.cancellation));
        made.and(store.close())
            .map_err(|error| kept_locked(&self.path, error))
    }
}

/// The summary for scripts.
fn as_json(files: &[FileSummary], is_dry: bool, started_at: Timestamp) -> Value {
    let all = |outcome| files.iter().all(|file| file.outcome == outcome);
    let total = |count: fn(&FileSummary) -> u64| files.iter().map(count).sum::<u64>();
    json!({
        "outcome": match () {
            () if all("failed") => "failed",
            () if all("complete") => "complete",
            () => "partial",
        },
        "dry_run": is_dry,
        "started_at": started_at.to_string(),
        "finished_at": Timestamp::now().to_string(),
        "rows_read": total(|file| file.rows_read),
        "inserted": total(|file| file.inserted),
        "updated": total(|file| file.updated),
        "unchanged": total(|file| file.unchanged),
        "refused": total(|file| file.refused),
        "files": files,
    })
}

impl FileSummary {
    fn failed(path: String, failure: Failure) -> Self {
        Self {
            path,
            outcome: "failed",
            message: Some(failure.message.clone()),
            failure: Some(failure),
            ..Self::default()
        }
    }

    fn new(import: Import, is_whole: bool) -> Self {
        let path = import.path;
        Self {
            outcome: match &import.message {
                None => "complete",
                Some(_) if is_whole => "partial",
                Some(_) => "interrupted",
            },
            kind: Some(import.kind.as_str()),
            rows_read: import.rows_read,
            inserted: import.recorded.inserted,
            updated: import.recorded.updated,
            unchanged: import.recorded.unchanged,
            refused: import.refused,
            failure: import.message.as_ref().map(|message| {
                let message = format!("{path} was imported only in part: {message}");
                Failure::new(Status::Partial, message)
            }),
            path,
            sha256: import.sha256,
            message: import.message,
        }
    }

    fn in_words(&self) -> String {
        format!(
            "{}: {}: {}, {} updated, {} unchanged; {} refused",
            self.path,
            self.outcome,
            counted(self.inserted, "new action"),
            grouped(self.updated),
            grouped(self.unchanged),
            counted(self.refused, "row"),
        )
    }
}

fn tell(context: &Context, arguments: &Arguments, files: &[FileSummary]) -> Result<(), Failure> {
    let terminal = context.terminal;
    let is_json = arguments.output == DocumentFormat::Json;
    for file in files {
        if file.refused > MOST_DESCRIBED {
            let more = counted(file.refused - MOST_DESCRIBED, "more row");
            terminal.warning(&format!("{}: {more} refused", file.path));
        }
        if file.kind.is_none() {
            continue;
        }
        let text = file.in_words();
        if arguments.dry_run && !is_json {
            let text = format!("{text}; nothing was written");
            let text = wrapped(&visible(&text), terminal.width, 2);
            unless_closed(writeln!(io::stdout(), "{text}"))?;
        } else {
            terminal.detail(u8::from(is_json || !terminal.is_interactive), &text);
        }
    }
    Ok(())
}

/// Shows the progress of one file, and its refused rows.
fn listener(context: &Context, bar: &ProgressBar, file: &str) -> impl FnMut(&Progress<'_>) + use<> {
    let (terminal, bar) = (context.terminal, bar.clone());
    let file = file.to_owned();
    move |progress| {
        for row in progress.refused {
            bar.suspend(|| terminal.warning(&format!("{file}, {row}")));
        }
        bar.set_length(progress.length);
        bar.set_position(progress.read);
        let text = format!("{file}: {} rows", grouped(progress.rows));
        bar.set_message(visible(&text).into_owned());
    }
}

/// The exit status: that of the only file, or partial as soon as a file of several was imported. Shows all failures.
fn verdict(context: &Context, files: &[FileSummary], written: Result<(), Failure>) -> Status {
    let failures = files.iter().filter_map(|file| file.failure.as_ref());
    let status = match (&written, failures.clone().next()) {
        (Err(failure), _) => failure.status,
        (_, Some(_)) if files.iter().any(|file| file.kind.is_some()) => Status::Partial,
        (_, Some(first)) => first.status,
        (_, None) => Status::Done,
    };
    for failure in failures.chain(written.as_ref().err()) {
        context.terminal.failure(failure);
    }
    status
}
