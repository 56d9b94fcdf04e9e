//! `archiver status`: prints how fresh and complete the archive is on stdout, and sets an exit status for monitoring.

use std::io::{self, Write};
use std::path::Path;

use archiver::archive::LockState;
use archiver::core::time::{Timestamp, parse_duration};
use archiver::output::{self, Format, Heading, Look, Options, RowWriter, Value, visible, wrapped};
use archiver::query::status::{self, ListingStatus, Run, State};
use serde::Serialize;

use super::Context;
use super::answer::{self, AnswerFlags};
use super::attempt::audit_seconds;
use super::document;
use super::exit::{Failure, Status};
use super::pager;
use super::status_lines::Lines;

/// Flags of `archiver status`.
#[derive(clap::Args)]
#[command(
    after_help = AFTER_HELP,
    mut_arg("exit_code", |flag| flag.help("Exit with 10 unless the archive is complete, and fresh enough for --max-age")),
    mut_arg("output", |flag| flag.help("table; json for everything in one object; jsonl, csv, tsv or markdown for the listings")),
)]
pub(super) struct Arguments {
    /// An archive whose last complete sync began longer ago is stale, such as 2h
    #[arg(long, value_name = "DURATION")]
    max_age: Option<String>,
    #[command(flatten)]
    answer: AnswerFlags,
}

const AFTER_HELP: &str = "\
Examples:
  archiver status
  archiver status --max-age 2h --exit-code
  archiver status -o json

The first line is the verdict:
  complete      all that was listed when the last complete sync began is archived
  stale         the same, but it began longer ago than --max-age, or in the future, by a clock that was wrong
  incomplete    a sync archived a part of what is new, or none was complete yet
  never synced  nothing is archived
The verdict is about the scope of the last sync: the account or some droplets.

Exit status: 0 for any archive that can be read; with --exit-code, 10 for any but a complete one; 6 when there is \
none. So with --exit-code, for cron or Nagios, 0 is good and anything else is a problem.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let flags = &arguments.answer;
    flags.columns()?;
    let max_age = arguments.max_age.as_deref().map(parse_duration).transpose();
    let max_age = max_age.map_err(|error| Failure::usage(format!("--max-age: {error}")))?;
    let path = context.archive_path()?;
    let now = Timestamp::now();
    let lock = LockState::of(&path);
    let status = status::read(&context.open_archive_itself()?, &lock, now, max_age)?;
    let round_seconds = audit_seconds(context)?.map(|pace| status.proof.round_seconds(pace));
    match flags.output {
        Format::Table if flags.columns.is_empty() => {
            let page = Page {
                context,
                flags,
                status: &status,
                round_seconds,
                now,
            };
            let mut hidden = Vec::new();
            pager::print(context, |stdout| {
                hidden = page.print(&path, &lock, stdout)?;
                Ok(())
            })?;
            answer::tell_hidden(context.terminal, &hidden, "-o json");
        }
        Format::Json => print_json(context, (&path, &lock), &status, round_seconds)?,
        _ => {
            if flags.output == Format::Html {
                context.terminal.note(&status.verdict.text);
            }
            print_listings(context, flags, &status.listings)?;
        }
    }
    let is_problem = status.verdict.state != State::Complete;
    Ok(if flags.exit_code && is_problem {
        Status::Found
    } else {
        Status::Done
    })
}

/// The whole status, for scripts.
#[derive(Serialize)]
struct Document<'a> {
    path: String,
    is_sync_running: Option<bool>,
    audit_round_seconds: Option<i64>,
    #[serde(flatten)]
    status: &'a status::Status,
}

fn print_json(
    context: &Context,
    (path, lock): (&Path, &LockState),
    status: &status::Status,
    audit_round_seconds: Option<i64>,
) -> Result<(), Failure> {
    let document = Document {
        path: path.display().to_string(),
        is_sync_running: match lock {
            LockState::Free => Some(false),
            LockState::Held { .. } => Some(true),
            LockState::Left { .. } => None,
        },
        audit_round_seconds,
        status,
    };
    document::print_json(context, &document)?;
    Ok(())
}

fn print_listings(
    context: &Context,
    flags: &AnswerFlags,
    listings: &[ListingStatus],
) -> Result<(), Failure> {
    answer::print(context, flags, |printer| {
        let written = printer.header(&LISTING.map(Heading::named)).and_then(|()| {
            let mut listings = listings.iter();
            listings.try_for_each(|listing| printer.row(&listing_values(listing)))
        });
        written.map_err(archiver::query::Error::Write)
    })?;
    Ok(())
}

const LISTING: [&str; 11] = [
    "path",
    "droplet_id",
    "droplet_name",
    "total",
    "covered",
    "missing",
    "complete_total",
    "complete_at",
    "proven_since",
    "read_through",
    "gone_at",
];

/// The values of a listing, in the order of [`LISTING`].
fn listing_values(listing: &ListingStatus) -> [Value<'_>; 11] {
    let number = |number: Option<u64>| {
        number.map_or(Value::Null, |it| {
            Value::Integer(i64::try_from(it).unwrap_or(i64::MAX))
        })
    };
    let through = if listing.is_followed {
        "the account's"
    } else {
        "itself"
    };
    [
        Value::Text(&listing.path),
        listing.droplet_id.map_or(Value::Null, Value::Integer),
        text(listing.droplet_name.as_ref()),
        number(listing.total),
        number(Some(listing.covered)),
        number(Some(listing.missing)),
        number(listing.complete_total),
        text(listing.complete_at.as_ref()),
        text(listing.proven_since.as_ref()),
        Value::Text(through),
        text(listing.gone_at.as_ref()),
    ]
}

fn text(text: Option<&String>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(text))
}

/// The width of the names at the start of each line.
const INDENT: usize = 10;

/// The status for people.
struct Page<'a> {
    context: &'a Context,
    flags: &'a AnswerFlags,
    status: &'a status::Status,
    /// The duration of a full round of audits in seconds; `None` when audits are off.
    round_seconds: Option<i64>,
    now: Timestamp,
}

impl Page<'_> {
    /// Returns the columns that did not fit.
    fn print(
        &self,
        path: &Path,
        lock: &LockState,
        sink: &mut dyn Write,
    ) -> io::Result<Vec<String>> {
        let width = self.context.terminal.width;
        let verdict = visible(&self.status.verdict.text);
        writeln!(sink, "{}\n", wrapped(&verdict, width, 2))?;
        let lines = Lines {
            status: self.status,
            zone: &self.flags.tz,
            round_seconds: self.round_seconds,
            now: self.now,
        };
        for (name, text) in lines.all(path, lock) {
            let line = format!("{name:<INDENT$}{}", visible(&text));
            writeln!(sink, "{}", wrapped(&line, width, INDENT))?;
        }
        let mut hidden = Vec::new();
        if !self.status.listings.is_empty() {
            writeln!(sink)?;
            let mut table = self.table(sink);
            self.write_listings(table.as_mut())?;
            table.finish()?;
            hidden.extend(table.hidden().iter().map(ToString::to_string));
        }
        if !self.status.runs.is_empty() {
            writeln!(sink)?;
            let mut table = self.table(sink);
            self.write_runs(table.as_mut())?;
            table.finish()?;
            hidden.extend(table.hidden().iter().map(ToString::to_string));
        }
        Ok(hidden)
    }

    /// The listings. A droplet has a name in place of a path.
    fn write_listings(&self, table: &mut dyn RowWriter) -> io::Result<()> {
        let headings = LISTING.map(|name| {
            let heading = Heading::named(name);
            let (title, rank) = match name {
                "path" => ("listing", 0),
                "complete_total" | "covered" => (heading.title, 60),
                "read_through" => (heading.title, 50),
                "proven_since" => (heading.title, 40),
                _ => (heading.title, heading.rank),
            };
            let look = match name {
                "proven_since" => Look::Time,
                _ => heading.look,
            };
            Heading {
                title,
                rank,
                look,
                ..heading
            }
        });
        let without_name = |index: &usize| LISTING[*index] != "droplet_name";
        let shown: Vec<usize> = (0..LISTING.len()).filter(without_name).collect();
        let headings: Vec<_> = shown.iter().map(|index| headings[*index]).collect();
        table.header(&headings)?;
        self.status.listings.iter().try_for_each(|listing| {
            let mut values = listing_values(listing);
            if let Some(name) = &listing.droplet_name {
                values[0] = Value::Text(name);
            }
            let values: Vec<_> = shown.iter().map(|index| values[*index]).collect();
            table.row(&values)
        })
    }

    fn table<'sink>(&self, sink: &'sink mut dyn Write) -> Box<dyn RowWriter + 'sink> {
        let options = Options {
            header: !self.flags.no_header,
            width: self.context.terminal.width,
            hides_columns: true,
            is_colored: self.context.terminal.colors_answers,
            zone: self.flags.tz.clone(),
            ..Options::default()
        };
        output::writer(Format::Table, options, sink)
    }

    fn write_runs(&self, table: &mut dyn RowWriter) -> io::Result<()> {
        table.header(&run_headings())?;
        for run in &self.status.runs {
            let message = run.message.as_ref();
            let message = message.map(|it| it.lines().collect::<Vec<_>>().join("; "));
            table.row(&[
                Value::Integer(run.id),
                Value::Text(&run.started_at),
                took(run).map_or(Value::Null, Value::Integer),
                Value::Text(run.outcome.as_str()),
                Value::Integer(run.requests),
                Value::Integer(run.inserted),
                Value::Integer(run.updated),
                text(message.as_ref()),
            ])?;
        }
        Ok(())
    }
}

fn run_headings() -> [Heading<'static>; 8] {
    let names = [
        "sync",
        "started_at",
        "took_seconds",
        "outcome",
        "requests",
        "inserted",
        "updated",
        "message",
    ];
    names.map(|name| {
        let rank = match name {
            "updated" => 40,
            "requests" => 30,
            "took_seconds" => 20,
            "sync" | "inserted" => 10,
            _ => 0,
        };
        let heading = match name {
            "sync" => Heading::plain(name),
            _ => Heading::named(name),
        };
        Heading { rank, ..heading }
    })
}

fn took(run: &Run) -> Option<i64> {
    let started_at: Timestamp = run.started_at.parse().ok()?;
    let finished_at: Timestamp = run.finished_at.as_deref()?.parse().ok()?;
    Some(finished_at.epoch_seconds() - started_at.epoch_seconds())
}

impl From<status::Error> for Failure {
    fn from(error: status::Error) -> Self {
        match error {
            status::Error::Read(source) => archiver::query::Error::Read(source).into(),
            status::Error::Store(source) => source.into(),
        }
    }
}
