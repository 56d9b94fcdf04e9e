//! `archiver status`: prints how fresh and complete the archive is on stdout, and sets an exit status for monitoring.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use archiver::archive::LockState;
use archiver::core::account::AccountName;
use archiver::core::time::{Timestamp, parse_duration};
use archiver::output::{self, Format, Heading, Look, Options, RowWriter, Value, visible, wrapped};
use archiver::query::status::{self, ListingStatus, Run, State};
use archiver::query::{self, Filter};
use serde::Serialize;

use super::Context;
use super::answer::{self, AnswerFlags};
use super::attempt::audit_seconds;
use super::document;
use super::exit::{Failure, Status};
use super::order::Order;
use super::pager;
use super::status_lines::Lines;
use super::union::{self, Question, Said};

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
    let now = Timestamp::now();
    let is_page = flags.output == Format::Table && flags.columns.is_empty();
    if !is_page && flags.output != Format::Json {
        return list(context, arguments, now);
    }
    let answers = union::each(context, &Filter::default(), |own| read(own, arguments, now))?;
    if let Some(status) = answers.nothing() {
        return Ok(status);
    }
    let all = answers.all.iter();
    if is_page {
        let pages = all.map(|(account, facts)| facts.page(*account, now));
        print_pages(context, flags, &pages.collect::<Vec<_>>())?;
    } else {
        let documents = all.map(|(account, facts)| (*account, facts.document()));
        document::print_json_of_each(context, &documents.collect::<Vec<_>>())?;
    }
    let problems = answers.all.iter().map(|(_, facts)| facts.problems());
    Ok(answers.status(flags, problems.sum()))
}

/// Shows the listings in one table.
fn list(context: &Context, arguments: &Arguments, now: Timestamp) -> Result<Status, Failure> {
    let flags = &arguments.answer;
    let question = Question::new(flags, &Filter::default(), Order::default());
    let answer = question.print(context, |own, rows| {
        let facts = read(own, arguments, now)?;
        write_listings(&facts.status.listings, rows).map_err(query::Error::Write)?;
        if flags.output == Format::Html {
            own.terminal.note(&facts.status.verdict.text);
        }
        Ok(Said {
            found: Some(facts.problems()),
            ..Said::default()
        })
    })?;
    Ok(answer.status)
}

/// What is known about one archive.
struct Facts {
    path: PathBuf,
    lock: LockState,
    status: status::Status,
    /// The duration of a full round of audits in seconds; `None` when audits are off.
    round_seconds: Option<i64>,
}

fn read(context: &Context, arguments: &Arguments, now: Timestamp) -> Result<Facts, Failure> {
    let max_age = arguments.max_age.as_deref().map(parse_duration).transpose();
    let max_age = max_age.map_err(|error| Failure::usage(format!("--max-age: {error}")))?;
    let path = context.archive_path()?;
    let lock = LockState::of(&path);
    let status = status::read(&context.open_archive_itself()?, &lock, now, max_age)?;
    let pace = audit_seconds(context)?;
    Ok(Facts {
        round_seconds: pace.map(|pace| status.proof.round_seconds(pace)),
        path,
        lock,
        status,
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

impl Facts {
    fn document(&self) -> Document<'_> {
        Document {
            path: self.path.display().to_string(),
            is_sync_running: match self.lock {
                LockState::Free => Some(false),
                LockState::Held { .. } => Some(true),
                LockState::Left { .. } => None,
            },
            audit_round_seconds: self.round_seconds,
            status: &self.status,
        }
    }

    /// With `--exit-code`, any archive but a complete one is a problem.
    fn problems(&self) -> u64 {
        u64::from(self.status.verdict.state != State::Complete)
    }

    fn page(&self, account: Option<AccountName>, now: Timestamp) -> Page<'_> {
        Page {
            account,
            facts: self,
            now,
        }
    }
}

/// Prints the statuses for people.
fn print_pages(context: &Context, flags: &AnswerFlags, pages: &[Page<'_>]) -> Result<(), Failure> {
    let mut hidden = BTreeSet::new();
    pager::print(context, |stdout| {
        for (place, page) in pages.iter().enumerate() {
            if place > 0 {
                writeln!(stdout)?;
            }
            hidden.extend(page.print((context, flags), stdout)?);
        }
        Ok(())
    })?;
    let hidden: Vec<_> = hidden.into_iter().collect();
    answer::tell_hidden(context.terminal, &hidden, "-o json");
    Ok(())
}

fn write_listings(listings: &[ListingStatus], rows: &mut dyn RowWriter) -> io::Result<()> {
    rows.header(&LISTING.map(Heading::named))?;
    let mut listings = listings.iter();
    listings.try_for_each(|listing| rows.row(&listing_values(listing)))
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
    /// The account, if there are several.
    account: Option<AccountName>,
    facts: &'a Facts,
    now: Timestamp,
}

impl Page<'_> {
    /// Returns the columns that did not fit.
    fn print(
        &self,
        (context, flags): (&Context, &AnswerFlags),
        sink: &mut dyn Write,
    ) -> io::Result<Vec<String>> {
        let Facts {
            path,
            lock,
            status,
            round_seconds,
        } = self.facts;
        let width = context.terminal.width;
        let account = self.account.map(|account| format!("{account}: "));
        let verdict = format!("{}{}", account.unwrap_or_default(), status.verdict.text);
        writeln!(sink, "{}\n", wrapped(&visible(&verdict), width, 2))?;
        let lines = Lines {
            status,
            zone: &flags.tz,
            round_seconds: *round_seconds,
            now: self.now,
        };
        for (name, text) in lines.all(path, lock) {
            let line = format!("{name:<INDENT$}{}", visible(&text));
            writeln!(sink, "{}", wrapped(&line, width, INDENT))?;
        }
        let mut hidden = Vec::new();
        if !status.listings.is_empty() {
            writeln!(sink)?;
            let mut table = table((context, flags), sink);
            self.write_listings(table.as_mut())?;
            table.finish()?;
            hidden.extend(table.hidden().iter().map(ToString::to_string));
        }
        if !status.runs.is_empty() {
            writeln!(sink)?;
            let mut table = table((context, flags), sink);
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
        self.facts.status.listings.iter().try_for_each(|listing| {
            let mut values = listing_values(listing);
            if let Some(name) = &listing.droplet_name {
                values[0] = Value::Text(name);
            }
            let values: Vec<_> = shown.iter().map(|index| values[*index]).collect();
            table.row(&values)
        })
    }

    fn write_runs(&self, table: &mut dyn RowWriter) -> io::Result<()> {
        table.header(&run_headings())?;
        for run in &self.facts.status.runs {
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

fn table<'sink>(
    (context, flags): (&Context, &AnswerFlags),
    sink: &'sink mut dyn Write,
) -> Box<dyn RowWriter + 'sink> {
    let options = Options {
        header: !flags.no_header,
        width: context.terminal.width,
        hides_columns: true,
        is_colored: context.terminal.colors_answers,
        zone: flags.tz.clone(),
        ..Options::default()
    };
    output::writer(Format::Table, options, sink)
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
