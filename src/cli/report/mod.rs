//! `archiver report`: lists the reports, or prints the answer of one of them.
//!
//! Each report is a command of its own, with its parameters as flags, so that `--help` explains the report and its
//! parameters. The commands come from the library of reports when the program starts. The library includes the user's
//! own reports.

mod arguments;

use std::collections::BTreeMap;
use std::ffi::OsString;

use archiver::config::{Config, Environment};
use archiver::core::time::{Timestamp, parse_period};
use archiver::output::{Format, Heading, RowWriter, Value, visible};
use archiver::query::Filter;
use archiver::query::report::{self, Bound, Library, Report};
use clap::Command;
use rusqlite::Connection;

use crate::cli::Context;
use crate::cli::answer::{self, AnswerFlags};
use crate::cli::basis::Doubt;
use crate::cli::exit::{Failure, Status};
use crate::cli::filter;
use crate::cli::grammar::path_of;
use crate::cli::help;
use crate::cli::order::{Order, Way};
use crate::cli::pager;
use crate::cli::report_digest;
use crate::cli::searched;
use crate::cli::union::{self, Question, Said};
pub(super) use arguments::{Arguments, command};
use arguments::{Chosen, DURING, harmless, taken_flags};

/// The columns of the list of reports.
pub(super) const COLUMNS: [&str; 4] = ["name", "title", "parameters", "summary"];

/// The reports. Empty when `arguments` ask for another command, which does not need the user's files.
pub(super) fn library(
    arguments: &[OsString],
    environment: &Environment,
    root: fn() -> Command,
) -> Library {
    let is_asked_for = |word: &str| arguments.iter().any(|argument| argument == word);
    if !["report", "page", "help"].into_iter().any(is_asked_for) {
        return Library::default();
    }
    let folder = Config::folder(path_of(arguments, "--config").as_deref(), environment);
    let taken = taken_flags(&root());
    Library::load(folder.as_deref())
        .without_parameters(|name| taken.contains(&name.replace('_', "-")))
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    library: &Library,
) -> Result<Status, Failure> {
    let Some(name) = context.written.words.get(1) else {
        for problem in &library.problems {
            context.terminal.warning(problem);
        }
        return match arguments.all {
            true => report_digest::run(context, &arguments.answer, library),
            false => list(context, &arguments.answer, library),
        };
    };
    let report = library.get(name)?;
    let chosen = Chosen::new(&context.written.matches);
    let chosen = chosen.map_err(|error| Failure::usage(error.to_string()))?;
    if !chosen.flags.show_sql {
        return run_report(context, &chosen, report);
    }
    let sql = if context.terminal.shows_answers {
        harmless(&report.sql)
    } else {
        report.sql.clone()
    };
    pager::print(context, |stdout| stdout.write_all(sql.as_bytes()))
}

fn list(context: &Context, flags: &AnswerFlags, library: &Library) -> Result<Status, Failure> {
    if flags.output == Format::Table && flags.columns.is_empty() {
        return explain(context, flags, library);
    }
    let headings = COLUMNS.map(Heading::plain);
    let printed = answer::print(context, flags, |printer| {
        let written = printer.header(&headings).and_then(|()| {
            library.reports.iter().try_for_each(|report| {
                let names = report.parameters.iter().map(|it| it.name.replace('_', "-"));
                let parameters = names.collect::<Vec<_>>().join(" ");
                let texts = [&report.name, &report.title, &parameters, &report.summary];
                printer.row(&texts.map(|text| Value::Text(text)))
            })
        });
        written.map_err(report::Error::Write)
    })?;
    Ok(flags.status(printed.rows, Doubt::Nothing))
}

/// Prints the names of the reports, each with a sentence. A summary does not fit a table.
fn explain(context: &Context, flags: &AnswerFlags, library: &Library) -> Result<Status, Failure> {
    let reports = library.reports.iter();
    let entries = reports.map(|report| {
        let (sentence, _) = report.sentence_and_rest();
        (report.name.clone(), visible(sentence).into_owned())
    });
    let entries: Vec<_> = entries.collect();
    let is_shown = context.terminal.shows_answers;
    let width = is_shown.then(|| help::width(context.config.environment()));
    let text = help::two_columns(&entries, width.unwrap_or(usize::MAX));
    pager::print(context, |stdout| stdout.write_all(text.as_bytes()))?;
    Ok(flags.status(entries.len() as u64, Doubt::Nothing))
}

/// The texts for the parameters. A window sets both of its ends.
fn texts(chosen: &Chosen, now: Timestamp) -> Result<BTreeMap<String, String>, Failure> {
    let mut texts = chosen.parameters.clone();
    if let Some(text) = &chosen.during {
        let period = parse_period(text, now, &chosen.flags.answer.tz);
        let period = period.map_err(|error| Failure::usage(format!("--{DURING}: {error}")))?;
        texts.insert("since".to_owned(), period.since.to_string());
        texts.insert("until".to_owned(), period.until.to_string());
    }
    Ok(texts)
}

fn run_report(context: &Context, chosen: &Chosen, report: &Report) -> Result<Status, Failure> {
    let (order, flags) = (&chosen.flags.order, &chosen.flags.answer);
    let now = Timestamp::now();
    let texts = texts(chosen, now)?;
    let named = named(chosen, report, &texts);
    let usual = usual_order(report, &texts);
    let question = Question {
        // The total of some rows is not that of the answer.
        total: (report.total.as_ref()).filter(|_| order.limit.is_none()),
        ..Question::new(flags, &named, order.after(usual))
    };
    let answer = question.print(context, |own, rows| {
        if report.absence.is_some() {
            own.basis.note_absence();
        }
        let connection = own.open_archive()?;
        let bound = bound(own, chosen, report, &texts, (&connection, now))?;
        check_window(&texts, &bound)?;
        tell_values(own, report, &bound);
        let named = bound.droplets(report);
        filter::check_droplets(own, flags, &connection, named.as_deref())?;
        // Of the droplets that the user named; else of all for a report about absence.
        if named.is_some() || report.absence.is_some() {
            let are_named = named.is_some();
            (own.basis).note_unarchived(&connection, named.as_deref(), are_named)?;
        }
        report::run(&connection, report, &bound, rows)?;
        Ok(Said::default())
    })?;
    if answer.is_explained {
        annotate(context, report, &texts, answer.rows);
    }
    Ok(answer.status)
}

/// The values of all parameters, with the choice of tags.
fn bound(
    context: &Context,
    chosen: &Chosen,
    report: &Report,
    texts: &BTreeMap<String, String>,
    (connection, now): (&Connection, Timestamp),
) -> Result<Bound, Failure> {
    let narrow = |filter| {
        let tags = filter::choice(&chosen.tags);
        union::known(context, Filter { tags, ..filter })
    };
    let surroundings = report::Context {
        connection,
        now,
        zone: &chosen.flags.answer.tz,
        narrow: &narrow,
    };
    let bound = report.bind(texts, &surroundings);
    bound.map_err(|error| match error {
        // As in `query`, a missing action does not make a misspelt type right.
        report::Error::UnknownType(_) => error.into(),
        error => filter::unresolved(context, &chosen.flags.answer, error),
    })
}

/// Refuses a window that ends before it begins. The texts of times sort by time.
fn check_window(texts: &BTreeMap<String, String>, bound: &Bound) -> Result<(), Failure> {
    match (bound.text("since"), bound.text("until")) {
        (Some(since), Some(until)) if texts.contains_key("until") && until <= since => {
            let text = format!("--until: {until} is not after {since}, where the window begins");
            Err(Failure::usage(text).with_hint("choose an earlier --since"))
        }
        _ => Ok(()),
    }
}

fn tell_values(context: &Context, report: &Report, bound: &Bound) {
    for parameter in &report.parameters {
        if let Some(text) = bound.text(&parameter.name) {
            let name = parameter.name.replace('_', "-");
            context.terminal.detail(1, &format!("--{name} is {text}"));
        }
    }
}

/// The order in which each account sends its rows.
fn usual_order(report: &Report, texts: &BTreeMap<String, String>) -> Order {
    let (columns, limit) = report.row_order();
    let way = |is_down| if is_down { Way::Down } else { Way::Up };
    let columns = columns.into_iter();
    let columns = columns.map(|(column, is_down)| (column, way(is_down)));
    let limit = limit.and_then(|name| searched::value(report, texts, &name)?.trim().parse().ok());
    Order {
        by: columns.collect(),
        limit,
        ..Order::default()
    }
}

/// The droplets and tags that the user named.
fn named(chosen: &Chosen, report: &Report, texts: &BTreeMap<String, String>) -> Filter {
    let parameters = report.droplet_parameters();
    let texts = parameters.filter_map(|it| texts.get(&it.name));
    let terms = texts.flat_map(|text| text.split(',')).map(str::trim);
    let terms = terms.filter(|term| *term != "*");
    Filter {
        // A text that is no droplet gets its error when it is bound.
        droplets: terms.filter_map(|term| term.parse().ok()).collect(),
        tags: filter::choice(&chosen.tags),
        ..Filter::default()
    }
}

/// Tells people what a report cannot know, and what it searched.
fn annotate(context: &Context, report: &Report, written: &BTreeMap<String, String>, rows: u64) {
    let note = |text: &str| context.terminal.note(text);
    if rows == 0 {
        return note(&searched::nothing(report, written));
    }
    if let Some(estimate) = &report.estimate {
        note(&format!("an estimate: {estimate}"));
    }
    if let Some(window) = searched::usual_window(report, written) {
        note(&format!("{window}; use --since for another time"));
    }
}
