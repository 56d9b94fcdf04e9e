//! `archiver status`: prints how fresh and complete the archive is on stdout, and sets an exit status for monitoring.

use std::collections::BTreeSet;

use archiver::archive::LockState;
use archiver::core::account::AccountName;
use archiver::core::time::{Timestamp, parse_duration};
use archiver::output::{Format, Heading, Look, Value, visible, wrapped};
use archiver::query::status::{self, ListingStatus, Run};
use archiver::query::{self, Filter};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::attempt::audit_seconds;
use super::exit::{Failure, Status};
use super::order::Order;
use super::pager;
use super::status_lines::{Lines, Report};
use super::terminal::lead_of;
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
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_age: Option<i64>,
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
    let now = Timestamp::now();
    let is_page = flags.output == Format::Table && flags.columns.is_empty();
    if !is_page && flags.output != Format::Json {
        return list(context, arguments, now);
    }
    let answers = union::each(context, &Filter::default(), |own| read(own, arguments, now))?;
    if let Some(status) = answers.nothing() {
        return Ok(status);
    }
    if is_page {
        print_pages(context, flags, &answers.all, now)?;
    } else {
        pager::print_json_of_each(context, &answers.all)?;
    }
    let problems = answers.all.iter().filter(|(_, report)| report.is_problem());
    Ok(answers.status(flags, problems.count() as u64))
}

/// Shows the listings in one table.
fn list(context: &Context, arguments: &Arguments, now: Timestamp) -> Result<Status, Failure> {
    let flags = &arguments.answer;
    let question = Question::new(flags, &Filter::default(), Order::default());
    let answer = question.print(context, |own, rows| {
        let report = read(own, arguments, now)?;
        let mut listings = report.status.listings.iter().map(listing_values);
        let written = rows.header(&LISTING.map(Heading::named));
        let written = written.and_then(|()| listings.try_for_each(|values| rows.row(&values)));
        written.map_err(query::Error::Write)?;
        if flags.output == Format::Html {
            own.terminal.note(&report.status.verdict.text);
        }
        Ok(Said {
            found: Some(u64::from(report.is_problem())),
            ..Said::default()
        })
    })?;
    Ok(answer.status)
}

fn read(context: &Context, arguments: &Arguments, now: Timestamp) -> Result<Report, Failure> {
    let path = context.archive_path()?;
    let lock = LockState::of(&path);
    let status = status::read(
        &context.open_archive_itself()?,
        &lock,
        now,
        arguments.max_age,
    )?;
    let pace = audit_seconds(context)?;
    Ok(Report {
        path: path.display().to_string(),
        is_sync_running: match lock {
            LockState::Free => Some(false),
            LockState::Held { .. } => Some(true),
            LockState::Left { .. } => None,
        },
        audit_round_seconds: pace.map(|pace| status.proof.round_seconds(pace)),
        lock,
        status,
    })
}

/// Prints the statuses for people. A status has an account where there are several.
fn print_pages(
    context: &Context,
    flags: &AnswerFlags,
    pages: &[(Option<AccountName>, Report)],
    now: Timestamp,
) -> Result<(), Failure> {
    let mut hidden = BTreeSet::new();
    pager::print(context, |stdout| {
        for (place, (account, report)) in pages.iter().enumerate() {
            if place > 0 {
                writeln!(stdout)?;
            }
            let (width, status) = (context.terminal.width, &report.status);
            let verdict = format!("{}{}", lead_of(*account), status.verdict.text);
            writeln!(stdout, "{}\n", wrapped(&visible(&verdict), width, 2))?;
            let lines = Lines {
                report,
                zone: &flags.tz,
                now,
            };
            for (name, text) in lines.all() {
                let line = format!("{name:<INDENT$}{}", visible(&text));
                writeln!(stdout, "{}", wrapped(&line, width, INDENT))?;
            }
            let message = |run: &Run| Some(run.message.as_ref()?.replace('\n', "; "));
            let messages: Vec<_> = status.runs.iter().map(message).collect();
            let runs = run_table(&status.runs, &messages);
            for (headings, rows) in [listing_table(&status.listings), runs] {
                if !rows.is_empty() {
                    writeln!(stdout)?;
                    let terminal = context.terminal;
                    let rest = answer::print_table(terminal, Some(flags), stdout, &headings, &rows);
                    hidden.extend(rest?);
                }
            }
        }
        Ok(())
    })?;
    let hidden: Vec<_> = hidden.into_iter().collect();
    answer::tell_hidden(context.terminal, &hidden, "-o json");
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
    let number = |number: u64| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let through = match listing.is_followed {
        true => "the account's",
        false => "itself",
    };
    [
        Value::Text(&listing.path),
        listing.droplet_id.map_or(Value::Null, Value::Integer),
        listing.droplet_name.as_deref().into(),
        listing.total.map_or(Value::Null, number),
        number(listing.covered),
        number(listing.missing),
        listing.complete_total.map_or(Value::Null, number),
        listing.complete_at.as_deref().into(),
        listing.proven_since.as_deref().into(),
        Value::Text(through),
        listing.gone_at.as_deref().into(),
    ]
}

/// The width of the names at the start of each line.
const INDENT: usize = 10;

/// The headings and the rows of a table.
type Table<'a> = (Vec<Heading<'static>>, Vec<Vec<Value<'a>>>);

/// The listings. A droplet has a name in place of a path.
fn listing_table(listings: &[ListingStatus]) -> Table<'_> {
    const NAME: usize = 2;
    let mut headings = LISTING.map(Heading::named).to_vec();
    for heading in &mut headings {
        match heading.name {
            "path" => (heading.title, heading.rank) = ("listing", 0),
            "complete_total" | "covered" => heading.rank = 60,
            "read_through" => heading.rank = 50,
            "proven_since" => (heading.look, heading.rank) = (Look::Time, 40),
            _ => {}
        }
    }
    headings.remove(NAME);
    let rows = listings.iter().map(|listing| {
        let mut values = listing_values(listing).to_vec();
        if let name @ Value::Text(_) = values.remove(NAME) {
            values[0] = name;
        }
        values
    });
    (headings, rows.collect())
}

fn run_table<'a>(runs: &'a [Run], messages: &'a [Option<String>]) -> Table<'a> {
    let headings = [
        ("sync", 10),
        ("started_at", 0),
        ("took_seconds", 20),
        ("outcome", 0),
        ("requests", 30),
        ("inserted", 10),
        ("updated", 40),
        ("message", 0),
    ];
    let mut headings = headings.map(|(name, rank)| Heading {
        rank,
        ..Heading::named(name)
    });
    // The number of a sync counts nothing.
    headings[0].look = Look::Plain;
    let rows = runs.iter().zip(messages).map(|(run, message)| {
        vec![
            Value::Integer(run.id),
            Value::Text(&run.started_at),
            took(run).map_or(Value::Null, Value::Integer),
            Value::Text(run.outcome.as_str()),
            Value::Integer(run.requests),
            Value::Integer(run.inserted),
            Value::Integer(run.updated),
            message.as_deref().into(),
        ]
    });
    (headings.to_vec(), rows.collect())
}

fn took(run: &Run) -> Option<i64> {
    let started_at: Timestamp = run.started_at.parse().ok()?;
    let finished_at: Timestamp = run.finished_at.as_deref()?.parse().ok()?;
    Some(finished_at.epoch_seconds() - started_at.epoch_seconds())
}
