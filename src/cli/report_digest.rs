//! `archiver report --all`: a line about each report, as for a mail in the morning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::{io, thread};

use archiver::core::model::DropletId;
use archiver::core::threads::lock;
use archiver::core::time::{Timestamp, Zone};
use archiver::output::{Format, Heading, RowWriter, Value};
use archiver::query::report::{self, Library, Report, WithTotal};
use archiver::query::status::counted;
use archiver::query::{self, Filter};

use super::Context;
use super::answer::AnswerFlags;
use super::exit::{Failure, Status};
use super::order::Order;
use super::pager;
use super::runtime::on_threads;
use super::union::{Question, Said};

/// The reports run on as many threads as there are processors, but the disk and the memory have limits too.
const MOST_THREADS: usize = 4;

/// The number of rows of an answer, and their droplets.
#[derive(Default)]
struct Counted {
    rows: u64,
    droplets: BTreeSet<i64>,
    /// The index of the column with the id of the droplet.
    droplet_column: Option<usize>,
    percent_columns: Vec<usize>,
    /// The percentages in the last row. That is the row of totals, if there is one.
    percents: Vec<String>,
}

/// The columns of the lines.
pub(super) const COLUMNS: [&str; 4] = ["name", "rows", "droplets", "found"];

type Answer<'a> = (&'a Report, Result<Counted, Failure>);

/// Runs each report with its defaults. A report that needs a value is left out.
pub(super) fn run(
    context: &Context,
    flags: &AnswerFlags,
    library: &Library,
) -> Result<Status, Failure> {
    if flags.output == Format::Table && flags.columns.is_empty() && !context.has_several() {
        return print_lines(context, flags, library);
    }
    let failed = Mutex::default();
    let question = Question::new(flags, &Filter::default(), Order::default());
    let answer = question.print(context, |own, rows| {
        let answers = whole(own, flags, library)?;
        write(&answers, rows).map_err(query::Error::Write)?;
        let found = match findings(answers) {
            // The rows of the other reports are printed first.
            Err(failure) if !own.is_one_of_several() => {
                *lock(&failed) = Some(failure);
                None
            }
            found => Some(found?),
        };
        Ok(Said {
            found,
            ..Said::default()
        })
    })?;
    let failed = lock(&failed).take();
    failed.map_or(Ok(answer.status), Err)
}

fn write(answers: &[Answer<'_>], rows: &mut dyn RowWriter) -> io::Result<()> {
    rows.header(&COLUMNS.map(Heading::plain))?;
    let number = |number| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    for (report, answer) in answers {
        let Ok(counted) = answer else { continue };
        let has_droplets = counted.droplet_column.is_some();
        let droplets = has_droplets.then(|| number(counted.droplets.len() as u64));
        rows.row(&[
            Value::Text(&report.name),
            number(counted.rows),
            droplets.unwrap_or(Value::Null),
            Value::Text(&words(report, counted)),
        ])?;
    }
    Ok(())
}

/// Prints the answers as lines for people.
fn print_lines(
    context: &Context,
    flags: &AnswerFlags,
    library: &Library,
) -> Result<Status, Failure> {
    let answers = whole(context, flags, library)?;
    let lines = answers.iter().filter_map(|(report, answer)| {
        let words = words(report, answer.as_ref().ok()?);
        Some(format!("{}: {words}\n", report.name))
    });
    let lines: String = lines.collect();
    pager::print(context, |stdout| stdout.write_all(lines.as_bytes()))?;
    if context.terminal.shows_answers {
        context.basis.tell_age(context.terminal);
    }
    Ok(flags.status(findings(answers)?, context.basis.doubt()))
}

/// The answers about a whole archive.
fn whole<'a>(
    context: &Context,
    flags: &AnswerFlags,
    library: &'a Library,
) -> Result<Vec<Answer<'a>>, Failure> {
    // A missing action may be what a report did not find, or what a row says did not happen.
    context.basis.note_absence();
    let connection = context.open_archive()?;
    context.basis.note_unarchived(&connection, None, false)?;
    Ok(asked(context, library, &flags.tz, None))
}

/// The number of reports that found something they check for.
fn findings(answers: Vec<Answer<'_>>) -> Result<u64, Failure> {
    let found = |(report, answer): Answer<'_>| Ok(answer?.rows > 0 && report.is_check);
    answers.into_iter().map(|it| found(it).map(u64::from)).sum()
}

/// The name of each report and its answer in one line. A report that fails is left out. With `droplets`: the answers
/// about these, of the reports about droplets.
pub(super) fn lines(
    context: &Context,
    library: &Library,
    zone: &Zone,
    droplets: Option<&[DropletId]>,
) -> Vec<(String, String)> {
    let line =
        |(report, answer): Answer<'_>| Some((report.name.clone(), words(report, &answer.ok()?)));
    let answers = asked(context, library, zone, droplets).into_iter();
    answers.filter_map(line).collect()
}

/// The answer of each report with its defaults. A report that needs a value is left out.
fn asked<'a>(
    context: &Context,
    library: &'a Library,
    zone: &Zone,
    droplets: Option<&[DropletId]>,
) -> Vec<Answer<'a>> {
    let has_defaults = |report: &&Report| report.parameters.iter().all(|it| it.default.is_some());
    let is_about =
        |report: &&Report| droplets.is_none() || report.droplet_parameters().next().is_some();
    let reports = library.reports.iter().filter(has_defaults);
    let reports: Vec<&Report> = reports.filter(is_about).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let now = Timestamp::now();
    on_threads(threads.min(MOST_THREADS), reports, |report| {
        let connection = context.open_archive_itself();
        let answer = connection.and_then(|connection| {
            let context = report::Context {
                connection: &connection,
                now,
                zone,
                narrow: &|filter| filter,
            };
            Ok(ask(report, &context, droplets)?)
        });
        (report, answer)
    })
}

/// The droplets as the value of a parameter. Digits that begin with a 0 are an id, and never a name.
pub(super) fn ids_text(droplets: &[DropletId]) -> String {
    let ids: Vec<_> = droplets.iter().map(|id| format!("0{id}")).collect();
    ids.join(",")
}

fn ask(
    report: &Report,
    context: &report::Context<'_>,
    droplets: Option<&[DropletId]>,
) -> Result<Counted, report::Error> {
    let connection = context.connection;
    let mut texts = BTreeMap::new();
    if let Some((parameter, droplets)) = report.droplet_parameters().next().zip(droplets) {
        texts.insert(parameter.name.clone(), ids_text(droplets));
    }
    let bound = report.bind(&texts, context)?;
    let mut counted = Counted::default();
    let Some(total) = report.total.as_ref().filter(|_| !report.is_check) else {
        report::run(connection, report, &bound, &mut counted)?;
        return Ok(counted);
    };
    let mut writer = WithTotal::new(&mut counted, total);
    let rows = report::run(connection, report, &bound, &mut writer)?;
    writer.write_total().map_err(report::Error::Write)?;
    Ok(Counted { rows, ..counted })
}

/// `12 outages of 5 droplets in 90 days`, `none in 90 days`, `3 droplets`, `99.1 to 99.8 % of 3 droplets in 90 days`.
fn words(report: &Report, counted_rows: &Counted) -> String {
    let noun = report.noun.as_deref().unwrap_or("row");
    let rows = match counted_rows.rows {
        0 => "none".to_owned(),
        _ if report.total.is_some() && !report.is_check => {
            let mut bounds = counted_rows.percents.clone();
            bounds.dedup();
            format!("{} %", bounds.join(" to "))
        }
        rows => counted(rows, noun),
    };
    let droplets = match counted_rows.droplets.len() {
        0 => String::new(),
        _ if noun == "droplet" => String::new(),
        droplets => format!(" of {}", counted(droplets as u64, "droplet")),
    };
    let since = report.parameter("since");
    let days = since.and_then(|it| it.default.as_deref()?.strip_suffix('d'));
    let window = days.map_or_else(String::new, |days| format!(" in {days} days"));
    format!("{rows}{droplets}{window}")
}

impl RowWriter for Counted {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.droplet_column = headings.iter().position(|it| it.name == "droplet_id");
        let named = headings.iter().enumerate();
        let percents = named.filter(|(_, heading)| heading.name.ends_with("_percent"));
        self.percent_columns = percents.map(|(index, _)| index).collect();
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.rows += 1;
        if let Some(Value::Integer(droplet)) = self.droplet_column.and_then(|it| values.get(it)) {
            self.droplets.insert(*droplet);
        }
        let percents = self.percent_columns.iter().filter_map(|it| values.get(*it));
        self.percents = percents
            .filter_map(|value| match value {
                Value::Real(percent) => Some(percent.to_string()),
                _ => None,
            })
            .collect();
        Ok(())
    }
}
