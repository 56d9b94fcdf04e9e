//! `archiver stats`: flags → filter and groups → counts → stdout.

use std::io;

use archiver::query::{DropletSelector, Filter, Term, TypeSelector};
use archiver::stats::{self, Dimension, MOST_DIMENSIONS, Measure, Question};
use archiver::store;
use archiver::time::{Timestamp, parse_period, parse_since, parse_until};

use super::Context;
use super::answer::{AnswerFlags, Printer};
use super::exit::{Failure, Status};
use super::query::warn_about_nothing;

/// Flags of `archiver stats`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// One to three of type, status, droplet, region, resource-type, hour, weekday, day, week, month, quarter, year
    #[arg(
        long,
        value_name = "WHAT",
        value_delimiter = ',',
        default_value = "type"
    )]
    by: Vec<Dimension>,
    /// How long they took, instead of how many failed: half, 95 percent and all of them no longer than this
    #[arg(long)]
    durations: bool,
    /// Only the N largest groups, the largest first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    top: Option<u64>,
    /// Only groups in which an action failed
    #[arg(long)]
    errored: bool,
    #[command(flatten)]
    filter: FilterFlags,
    #[command(flatten)]
    answer: AnswerFlags,
}

/// Which actions are counted.
#[derive(clap::Args)]
#[command(next_help_heading = "Filters")]
struct FilterFlags {
    /// What was done: reboot, @power, '!backup' ... (repeatable, or comma-separated, as all filters)
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<Term<TypeSelector>>,
    /// completed, errored or in-progress
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<Term<String>>,
    /// The droplet: its id, a name it has or had, or a pattern such as 'web-*'
    #[arg(long, value_name = "ID|NAME", value_delimiter = ',')]
    droplet: Vec<Term<DropletSelector>>,
    /// The region's slug, such as nyc3
    #[arg(long, value_name = "SLUG", value_delimiter = ',')]
    region: Vec<Term<String>>,
    /// droplet, volume, image ...
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    resource_type: Vec<Term<String>>,
    /// Started at this time or later
    #[arg(long, value_name = "TIME", visible_alias = "after")]
    since: Option<String>,
    /// Started before this time; a day, week, month, quarter or year is covered whole
    #[arg(long, value_name = "TIME", visible_alias = "before")]
    until: Option<String>,
    /// Started in this day, week, month, quarter, year or range: 2020-Q3, 'last month', 2020-07..2020-09, 7d
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["since", "until"])]
    during: Option<String>,
}

const AFTER_HELP: &str = "\
Hours, days, weeks (Monday to Sunday) and longer are those of --tz. An action that several droplets listed counts for
each of them.

Examples:
  archiver stats --by week,type --since 2020-07-01 --tz Europe/Berlin
  archiver stats --by type --during 2020-Q3 --errored
  archiver stats --durations --by month --type snapshot
  archiver stats --by droplet --type reboot,power_cycle --top 10 -o json";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let flags = &arguments.answer;
    let question = question(arguments)?;
    let filter = arguments.filter.filter(flags, now)?;
    let path = context.config.database(context.global.db.as_deref())?;
    let connection = store::open_read_only(&path)?;
    let mut stdout = io::stdout().lock();
    let mut printer = Printer::new(context, flags, &mut stdout);
    let outcome = stats::stats(&connection, &filter, now, &question, &mut printer);
    let (groups, status) = printer.end(outcome)?;
    if groups == 0 && !context.terminal.is_quiet {
        warn_about_nothing(context, &connection, &filter)?;
    }
    Ok(status)
}

fn question(arguments: &Arguments) -> Result<Question, Failure> {
    let by = &arguments.by;
    if by.len() > MOST_DIMENSIONS {
        return Err(
            Failure::usage(format!("--by: {} is more than {MOST_DIMENSIONS}", by.len()))
                .with_hint("choose the ones that matter most, and narrow the others with filters"),
        );
    }
    let is_again =
        |(position, dimension): &(usize, &Dimension)| by[..*position].contains(dimension);
    if let Some((_, dimension)) = by.iter().enumerate().find(is_again) {
        return Err(Failure::usage(format!(
            "--by: `{}` is there twice",
            dimension.name()
        )));
    }
    Ok(Question {
        by: by.clone(),
        zone: arguments.answer.tz.clone(),
        measure: if arguments.durations {
            Measure::Durations
        } else {
            Measure::Errors
        },
        top: arguments
            .top
            .map(|top| usize::try_from(top).unwrap_or(usize::MAX)),
        only_errored: arguments.errored,
    })
}

impl FilterFlags {
    fn filter(&self, answer: &AnswerFlags, now: Timestamp) -> Result<Filter, Failure> {
        let zone = &answer.tz;
        let since = self
            .since
            .as_deref()
            .map(|text| parse_since(text, now, zone));
        let until = self
            .until
            .as_deref()
            .map(|text| parse_until(text, now, zone));
        let during = self
            .during
            .as_deref()
            .map(|text| parse_period(text, now, zone));
        let since = since.transpose().map_err(|error| slip("--since", &error))?;
        let until = until.transpose().map_err(|error| slip("--until", &error))?;
        let during = during
            .transpose()
            .map_err(|error| slip("--during", &error))?;
        Ok(Filter {
            types: self.types.iter().cloned().collect(),
            statuses: self.status.iter().cloned().collect(),
            droplets: self.droplet.iter().cloned().collect(),
            regions: self.region.iter().cloned().collect(),
            resource_types: self.resource_type.iter().cloned().collect(),
            since: during.map(|period| period.since).or(since),
            until: during.map(|period| period.until).or(until),
            ..Filter::default()
        })
    }
}

fn slip(flag: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{flag}: {error}"))
}
