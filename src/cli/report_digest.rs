//! `archiver report --all`: a line about each report, as for a mail in the morning.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Mutex;
use std::thread;

use archiver::core::model::DropletId;
use archiver::core::threads::lock;
use archiver::core::time::{Timestamp, Zone};
use archiver::output::{Format, Heading, RowWriter, Value};
use archiver::query::Filter;
use archiver::query::report::{self, Kind, Library, Parameter, Report, WithTotal};
use archiver::query::status::counted;

use rusqlite::Connection;

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status};
use super::order::Order;
use super::pager;
use super::union;

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

type Answer<'a> = (&'a Report, Result<Counted, report::Error>);

/// Runs each report with its defaults. A report that needs a value is left out.
pub(super) fn run(
    context: &Context,
    flags: &AnswerFlags,
    library: &Library,
) -> Result<Status, Failure> {
    if context.member.is_none() {
        for problem in library.problems() {
            context.terminal.warning(&problem.to_string());
        }
    }
    if context.has_several() {
        let order = (&Order::default(), None);
        return union::rows(context, flags, order, &Filter::default(), |own| {
            run(own, flags, library)
        });
    }
    let connection = context.open_archive()?;
    context.basis.note_unarchived(&connection, None, false)?;
    let answers = asked(context, library, (&flags.tz, None), connection)?;
    let is_found = |(report, answer): &Answer<'_>| {
        report.is_check && answer.as_ref().is_ok_and(|counted| counted.rows > 0)
    };
    let has_findings = answers.iter().any(is_found);
    print(context, flags, &answers)?;
    if let Some(error) = answers.into_iter().find_map(|(_, answer)| answer.err()) {
        return Err(error.into());
    }
    // A missing action may be what a report did not find, or what a row says did not happen.
    Ok(match flags.exit_code {
        true if context.basis.is_incomplete() => Status::Partial,
        true if has_findings => Status::Found,
        _ => Status::Done,
    })
}

/// The name of each report and its answer in one line. A report that fails is left out. With `droplets`: the answers
/// about these, of the reports about droplets.
pub(super) fn lines(
    context: &Context,
    library: &Library,
    zone: &Zone,
    droplets: Option<&[DropletId]>,
) -> Result<Vec<(String, String)>, Failure> {
    let connection = context.open_archive_itself()?;
    let answers = asked(context, library, (zone, droplets), connection)?;
    let line = |(report, answer): (&Report, Result<Counted, _>)| {
        Some((report.name.clone(), words(report, &answer.ok()?)))
    };
    Ok(answers.into_iter().filter_map(line).collect())
}

/// The answer of each report with its defaults. A report that needs a value is left out.
fn asked<'a>(
    context: &Context,
    library: &'a Library,
    (zone, droplets): (&Zone, Option<&[DropletId]>),
    connection: Connection,
) -> Result<Vec<Answer<'a>>, Failure> {
    let has_defaults = |report: &&Report| report.parameters.iter().all(|it| it.default.is_some());
    let is_about = |report: &&Report| droplets.is_none() || droplet_parameter(report).is_some();
    let reports = library.reports().iter().filter(has_defaults);
    let reports: Vec<&Report> = reports.filter(is_about).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let others = (1..threads.min(MOST_THREADS)).map(|_| context.open_archive_itself());
    let mut connections = others.collect::<Result<Vec<_>, _>>()?;
    connections.push(connection);
    let now = Timestamp::now();
    Ok(answers(&reports, connections, |connection, report| {
        let context = report::Context {
            connection,
            now,
            zone,
        };
        ask(report, &context, droplets)
    }))
}

/// The droplets as the value of a parameter. Digits that begin with a 0 are an id, and never a name.
pub(super) fn ids_text(droplets: &[DropletId]) -> String {
    let ids: Vec<_> = droplets.iter().map(|id| format!("0{id}")).collect();
    ids.join(",")
}

fn droplet_parameter(report: &Report) -> Option<&Parameter> {
    let mut parameters = report.parameters.iter();
    parameters.find(|it| it.kind == Kind::Droplets)
}

/// The answers in the order of the reports. Each connection answers on a thread of its own.
fn answers<'a, C: Send>(
    reports: &[&'a Report],
    connections: Vec<C>,
    ask: impl Fn(&C, &Report) -> Result<Counted, report::Error> + Sync,
) -> Vec<Answer<'a>> {
    // From the last to the first, because one of the last takes the longest: no thread should begin it when the others
    // have nothing left to do.
    let waiting = Mutex::new(reports.iter().enumerate().rev());
    let next = || lock(&waiting).next();
    let work = |connection: C| {
        let mut found = Vec::new();
        while let Some((place, report)) = next() {
            found.push((place, (*report, ask(&connection, report))));
        }
        found
    };
    let mut found: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .map(|connection| scope.spawn(|| work(connection)))
            .collect();
        let joined = threads.into_iter().filter_map(|thread| thread.join().ok());
        joined.flatten().collect()
    });
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, answer)| answer).collect()
}

fn ask(
    report: &Report,
    context: &report::Context<'_>,
    droplets: Option<&[DropletId]>,
) -> Result<Counted, report::Error> {
    let connection = context.connection;
    let mut texts = BTreeMap::new();
    if let Some((parameter, droplets)) = droplet_parameter(report).zip(droplets) {
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

fn print(context: &Context, flags: &AnswerFlags, answers: &[Answer<'_>]) -> Result<(), Failure> {
    let answered = answers
        .iter()
        .filter_map(|(report, answer)| Some((*report, answer.as_ref().ok()?)));
    let is_alone = context.member.is_none();
    if flags.output == Format::Table && flags.columns.is_empty() && is_alone {
        let lines: Vec<_> = answered
            .map(|(report, counted)| format!("{}: {}\n", report.name, words(report, counted)))
            .collect();
        pager::print(context, |stdout| {
            stdout.write_all(lines.concat().as_bytes())
        })?;
        if context.terminal.shows_answers {
            context.basis.tell_age(context.terminal);
        }
        return Ok(());
    }
    let headings = COLUMNS.map(Heading::plain);
    answer::print(context, flags, |printer| {
        printer.header(&headings).map_err(report::Error::Write)?;
        for (report, counted) in answered {
            let number = |number| Value::Integer(i64::try_from(number).unwrap_or(i64::MAX));
            let found = words(report, counted);
            let values = [
                Value::Text(&report.name),
                number(counted.rows),
                counted.droplet_column.map_or(Value::Null, |_| {
                    number(u64::try_from(counted.droplets.len()).unwrap_or(u64::MAX))
                }),
                Value::Text(&found),
            ];
            printer.row(&values).map_err(report::Error::Write)?;
        }
        Ok::<_, report::Error>(())
    })
    .map(|_| ())
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

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
