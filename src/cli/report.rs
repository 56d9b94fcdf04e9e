//! `archiver report`: lists the reports, or prints the answer of one of them.
//!
//! Each report is a command of its own, with its parameters as flags, so that `--help` explains the report and its
//! parameters. The commands come from the library of reports when the program starts. The library includes the user's
//! own reports.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use archiver::config::{Config, Environment};
use archiver::core::time::Timestamp;
use archiver::output::{Heading, RowWriter, Value, visible};
use archiver::query::report::{self, Bound, Library, Report};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use rusqlite::Connection;

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status};
use super::pager;
use super::searched;

/// The arguments of `archiver report`.
pub(super) struct Arguments {
    /// The report; `None` for the list of reports.
    chosen: Option<Chosen>,
    answer: AnswerFlags,
}

struct Chosen {
    name: String,
    /// The texts of its parameters, by name.
    parameters: BTreeMap<String, String>,
    is_shown: bool,
}

const ABOUT: &str = "List the reports, or run one";
const AFTER_HELP: &str = "\
A report is one SQL file, which `archiver report NAME --show-sql` prints. Your own .sql files beside the
configuration file are reports too, with a header of the same form.

Examples:
  archiver report
  archiver report downtime --droplet 'web-*' --since 90d
  archiver report stale-backups --older-than 30d --exit-code
  archiver report slow --show-sql | sqlite3 -readonly archive.db";
/// What a report about absence says of its exit status.
const COVERED: &str =
    "While the archive is incomplete, --exit-code exits with 3 even if there are rows.";
const SHOW_SQL: &str = "show-sql";
/// The prefix of the ids of parameters, so that none is taken for a flag of this program.
const PARAMETER: &str = "parameter ";

/// The reports. Empty when `arguments` ask for another command, which does not need the user's files.
pub(super) fn library(
    arguments: &[OsString],
    environment: &Environment,
    root: fn() -> Command,
) -> Library {
    let is_asked_for = |word: &str| arguments.iter().any(|argument| argument == word);
    if !is_asked_for("report") && !is_asked_for("help") {
        return Library::default();
    }
    let folder = Config::folder(config_flag(arguments).as_deref(), environment);
    let taken = taken_flags(&root());
    Library::load(folder.as_deref())
        .without_parameters(|name| taken.contains(&name.replace('_', "-")))
}

/// The value of `--config`, which decides where the user's reports are before the other arguments are parsed.
fn config_flag(arguments: &[OsString]) -> Option<PathBuf> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--config" {
            return rest.next().map(PathBuf::from);
        }
        if let Some(path) = argument
            .to_str()
            .and_then(|text| text.strip_prefix("--config="))
        {
            return Some(PathBuf::from(path));
        }
    }
    None
}

/// `archiver report` with a command for each report.
pub(super) fn command(report: Command, library: &Library) -> Command {
    let reports = library.reports().iter().map(|report| {
        let parameters = report.parameters.iter().map(|parameter| {
            let mut help = harmless(&parameter.description);
            if let Some(default) = parameter.default.as_ref().filter(|it| !it.is_empty()) {
                help = format!("{help} [default: {}]", harmless(default));
            }
            Arg::new(format!("{PARAMETER}{}", parameter.name))
                .long(parameter.name.replace('_', "-"))
                .alias(parameter.name.clone())
                .value_name(parameter.kind.name().to_uppercase())
                .allow_hyphen_values(true)
                .help(help)
        });
        let mut about = report.summary.clone();
        if let Some(estimate) = &report.estimate {
            about.push_str(&format!("\n\nAn estimate: {estimate}"));
        }
        if let Some(absence) = &report.absence {
            about.push_str(&format!("\n\n{absence} {COVERED}"));
        }
        AnswerFlags::augment_args(Command::new(report.name.clone()))
            .about(harmless(&report.title))
            .long_about(harmless(&about))
            .next_help_heading("Parameters")
            .args(parameters)
            .next_help_heading(None)
            .arg(
                Arg::new(SHOW_SQL)
                    .long(SHOW_SQL)
                    .action(ArgAction::SetTrue)
                    .help("Print the SQL instead; every sqlite3 can run it"),
            )
    });
    report
        .about(ABOUT)
        .after_help(AFTER_HELP)
        .subcommands(reports)
}

/// Makes a text harmless to a terminal. Keeps line breaks and tabs.
fn harmless(text: &str) -> String {
    let parts = text.split_inclusive(['\n', '\t']).map(|part| {
        let (words, end) = part.split_at(part.trim_end_matches(['\n', '\t']).len());
        format!("{}{end}", visible(words))
    });
    parts.collect()
}

/// The flags that every report already has; a parameter cannot have the same name.
fn taken_flags(root: &Command) -> Vec<String> {
    let answer = AnswerFlags::augment_args(Command::new("answer"));
    let arguments = root.get_arguments().chain(answer.get_arguments());
    let names = arguments.flat_map(|argument| {
        let aliases = argument.get_all_aliases().unwrap_or_default();
        argument
            .get_long()
            .into_iter()
            .chain(aliases)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    });
    names
        .chain(["help", "version", SHOW_SQL].map(str::to_owned))
        .collect()
}

impl Args for Arguments {
    fn augment_args(command: Command) -> Command {
        AnswerFlags::augment_args(command).about(ABOUT)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Arguments {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Some((name, matches)) = matches.subcommand() else {
            let answer = AnswerFlags::from_arg_matches(matches)?;
            return Ok(Self {
                chosen: None,
                answer,
            });
        };
        let ids = matches.ids().map(clap::Id::as_str);
        let parameters = ids.filter_map(|id| {
            let text = matches.try_get_one::<String>(id).ok()??;
            Some((id.strip_prefix(PARAMETER)?.to_owned(), text.clone()))
        });
        Ok(Self {
            chosen: Some(Chosen {
                name: name.to_owned(),
                parameters: parameters.collect(),
                is_shown: matches.get_flag(SHOW_SQL),
            }),
            answer: AnswerFlags::from_arg_matches(matches)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

pub(super) fn run(
    context: &Context,
    arguments: &Arguments,
    library: &Library,
) -> Result<Status, Failure> {
    match &arguments.chosen {
        None => list(context, &arguments.answer, library),
        Some(chosen) => {
            let report = library.get(&chosen.name)?;
            if chosen.is_shown {
                let sql = if context.terminal.shows_answers {
                    harmless(&report.sql)
                } else {
                    report.sql.clone()
                };
                return pager::print(context, |stdout| stdout.write_all(sql.as_bytes()));
            }
            run_report(context, chosen, &arguments.answer, report)
        }
    }
}

fn list(context: &Context, flags: &AnswerFlags, library: &Library) -> Result<Status, Failure> {
    for problem in library.problems() {
        context.terminal.warning(&problem.to_string());
    }
    // The summary does not fit a table. The help of the report shows it.
    let is_chosen = !flags.columns.is_empty() || !flags.output.is_for_people();
    let shown = if is_chosen { 4 } else { 3 };
    let headings = ["name", "title", "parameters", "summary"].map(Heading::plain);
    let printed = answer::print(context, flags, |printer| {
        let written = printer.header(&headings[..shown]).and_then(|()| {
            library.reports().iter().try_for_each(|report| {
                let names = report.parameters.iter().map(|it| it.name.replace('_', "-"));
                let parameters = names.collect::<Vec<_>>().join(" ");
                let texts = [&report.name, &report.title, &parameters, &report.summary];
                printer.row(&texts.map(|text| Value::Text(text))[..shown])
            })
        });
        written.map_err(report::Error::Write)
    })?;
    Ok(printed.status)
}

fn run_report(
    context: &Context,
    chosen: &Chosen,
    flags: &AnswerFlags,
    report: &Report,
) -> Result<Status, Failure> {
    let connection = context.open_archive()?;
    let bound = report.bind(
        &chosen.parameters,
        &report::Context {
            connection: &connection,
            now: Timestamp::now(),
            zone: &flags.tz,
        },
    )?;
    for parameter in &report.parameters {
        if let Some(text) = bound.text(&parameter.name) {
            let name = parameter.name.replace('_', "-");
            context.terminal.detail(1, &format!("--{name} is {text}"));
        }
    }
    note_unarchived(context, &connection, report, &bound)?;
    let printed = answer::print(context, flags, move |printer| {
        report::run(&connection, report, &bound, printer)
    })?;
    if flags.output.is_for_people() {
        annotate(context, report, &chosen.parameters, printed.rows);
    }
    // A missing action may be the one that a row says did not happen.
    let is_unproven = report.absence.is_some() && context.basis.is_incomplete();
    Ok(if flags.exit_code && is_unproven {
        Status::Partial
    } else {
        printed.status
    })
}

/// Notes which droplets are not archived: of those that the user named, else of all for a report about absence.
fn note_unarchived(
    context: &Context,
    connection: &Connection,
    report: &Report,
    bound: &Bound,
) -> Result<(), Failure> {
    match bound.droplets(report) {
        Some(named) => context
            .basis
            .note_unarchived(connection, Some(&named), true),
        None if report.absence.is_some() => context.basis.note_unarchived(connection, None, false),
        None => Ok(()),
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
