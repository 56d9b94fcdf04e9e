//! The flags of the reports: each report is a command, with its parameters as flags.

use std::collections::BTreeMap;

use archiver::output::visible;
use archiver::query::Term;
use archiver::query::report::{Kind, Library, Parameter, Report};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::cli::answer::AnswerFlags;
use crate::cli::filter;
use crate::cli::order::OrderFlags;

/// Flags of `archiver report`, which lists the reports.
#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    pub(super) answer: AnswerFlags,
    /// Run every report with its defaults, and print a line for each
    #[arg(long, help_heading = "Output")]
    pub(super) all: bool,
}

/// Flags of every report.
#[derive(Args)]
pub(super) struct ReportFlags {
    #[command(flatten)]
    pub(super) order: OrderFlags,
    #[command(flatten)]
    pub(super) answer: AnswerFlags,
    /// Print the SQL instead; every sqlite3 can run it
    #[arg(long, help_heading = "Output")]
    pub(super) show_sql: bool,
}

/// The flags of a report, as the user wrote them.
pub(super) struct Chosen {
    /// The texts of its parameters, by name.
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) during: Option<String>,
    /// The tags of the droplets.
    pub(super) tags: Vec<Term<String>>,
    pub(super) flags: ReportFlags,
}

const ABOUT: &str = "List the reports, or run one";
const AFTER_HELP: &str = "\
`archiver report NAME --help` shows what can be chosen. A report is one SQL file, which \
`archiver report NAME --show-sql` prints. Your own .sql files beside the configuration file are reports too, with a \
header of the same form.

Examples:
  archiver report
  archiver report --all --exit-code
  archiver report downtime --droplet 'web-*' --since 90d
  archiver report stale-backups --older-than 30d --exit-code
  archiver report slow --show-sql | sqlite3 -readonly archive.db";
/// The exit status of a report about absence, in its help.
const COVERED: &str =
    "While the archive is incomplete, --exit-code exits with 3 even if there are rows.";
pub(super) const DURING: &str = "during";
/// The parameters that a window sets.
const WINDOW: [(&str, Kind); 2] = [("since", Kind::Time), ("until", Kind::End)];
const TAG: &str = "tag";
/// The prefix of the ids of parameters, so that none is taken for a flag of this program.
const PARAMETER: &str = "parameter ";

/// `archiver report` with a command for each report.
pub(in crate::cli) fn command(report: Command, library: &Library) -> Command {
    let reports = library.reports.iter().map(command_of);
    report
        .about(ABOUT)
        .after_help(AFTER_HELP)
        .subcommand_help_heading("Reports")
        .disable_help_subcommand(true)
        .subcommands(reports)
}

/// The layout of the help of a report: all that is said about it comes before the flags.
const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

fn command_of(report: &Report) -> Command {
    let (sentence, rest) = report.sentence_and_rest();
    let mut more = vec![rest.to_owned()];
    more.extend((report.estimate.iter()).map(|why| format!("An estimate: {why}")));
    more.extend((report.absence.iter()).map(|why| format!("{why} {COVERED}")));
    more.retain(|text| !text.is_empty());
    let command = Command::new(report.name.clone())
        .help_template(TEMPLATE)
        .next_help_heading("Parameters")
        .args(report.parameters.iter().map(flag))
        .args(during(report))
        .args(tag(report));
    let command = ReportFlags::augment_args(command).about(harmless(sentence));
    if more.is_empty() {
        return command;
    }
    command.before_help(harmless(&more.join("\n\n")))
}

fn flag(parameter: &Parameter) -> Arg {
    let mut help = harmless(&parameter.description);
    if let Some(first) = help.get(..1).map(str::to_uppercase) {
        help.replace_range(..1, &first);
    }
    let default = parameter.default.as_deref();
    if let Some(default) = default.filter(|default| !default.is_empty()) {
        let is_all = parameter.kind == Kind::Droplets && default == "*";
        let default = if is_all { "all" } else { default };
        help = format!("{help} [default: {}]", harmless(default));
    }
    Arg::new(format!("{PARAMETER}{}", parameter.name))
        .long(parameter.name.replace('_', "-"))
        .alias(parameter.name.clone())
        .value_name(match &parameter.kind {
            Kind::Droplets => "ID|NAME",
            Kind::Time | Kind::End => "TIME",
            Kind::Duration => "DURATION",
            Kind::Number(_) => "N",
            Kind::Types => "TYPE",
            Kind::Text(_) => "TEXT",
            Kind::Periods => "PERIOD",
        })
        .help(help)
}

/// The flag that sets both ends of a window, if they are parameters of the report.
fn during(report: &Report) -> Option<Arg> {
    let has = |(name, kind)| report.parameter(name).is_some_and(|it| it.kind == kind);
    WINDOW.into_iter().all(has).then(|| {
        Arg::new(DURING)
            .long(DURING)
            .value_name("PERIOD")
            .conflicts_with_all(WINDOW.map(|(name, _)| format!("{PARAMETER}{name}")))
            .help("Both ends at once: 2020-07, yesterday, 7d, 2020-07-01..2020-07-14")
    })
}

/// The flag for the tags of droplets. A report of the user may have a parameter of this name.
fn tag(report: &Report) -> Option<Arg> {
    let is_taken = report.parameters.iter().any(|it| it.name == TAG);
    (report.droplet_parameters().next().is_some() && !is_taken).then(|| {
        Arg::new(TAG)
            .long(TAG)
            .value_name("TAG")
            .value_delimiter(',')
            .action(ArgAction::Append)
            .value_parser(filter::tag)
            .help("Only droplets with this tag, as last seen")
    })
}

/// Makes a text harmless to a terminal. Keeps line breaks and tabs.
pub(super) fn harmless(text: &str) -> String {
    let parts = text.split_inclusive(['\n', '\t']).map(|part| {
        let (words, end) = part.split_at(part.trim_end_matches(['\n', '\t']).len());
        format!("{}{end}", visible(words))
    });
    parts.collect()
}

/// The flags that every report already has; a parameter cannot have the same name.
pub(super) fn taken_flags(root: &Command) -> Vec<String> {
    let report = ReportFlags::augment_args(Command::new("report"));
    let arguments = root.get_arguments().chain(report.get_arguments());
    let names = arguments.flat_map(|argument| {
        let aliases = argument.get_all_aliases().unwrap_or_default();
        argument.get_long().into_iter().chain(aliases)
    });
    let names = names.map(str::to_owned).collect::<Vec<_>>();
    let others = ["help", "version", DURING].map(str::to_owned);
    names.into_iter().chain(others).collect()
}

impl Chosen {
    pub(super) fn new(matches: &ArgMatches) -> Result<Self, clap::Error> {
        // A report has no flag that it does not need.
        let text = |id: &str| matches.try_get_one::<String>(id).ok().flatten().cloned();
        let tags = matches.try_get_many::<Term<String>>(TAG).ok().flatten();
        let parameters = matches.ids().filter_map(|id| {
            let name = id.as_str().strip_prefix(PARAMETER)?.to_owned();
            Some((name, text(id.as_str())?))
        });
        Ok(Self {
            parameters: parameters.collect(),
            during: text(DURING),
            tags: tags.into_iter().flatten().cloned().collect(),
            flags: ReportFlags::from_arg_matches(matches)?,
        })
    }
}
