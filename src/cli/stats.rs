//! `archiver stats`: prints the numbers of actions in groups on stdout.

use std::num::NonZeroU64;

use archiver::core::time::Timestamp;
use archiver::query::stats::{self, Dimension, MOST_DIMENSIONS, Measure, Question};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status};
use super::filter::{self, FilterFlags};
use super::searched;

/// Flags of `archiver stats`.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Arguments {
    /// One to three of type, status, droplet, region, resource-type, hour, weekday, day, week, month, quarter, year
    #[arg(
        long,
        value_name = "WHAT",
        value_delimiter = ',',
        default_value = "type"
    )]
    by: Vec<Dimension>,
    /// Show durations instead of failures: the median, the 95th percentile and the maximum
    #[arg(long)]
    durations: bool,
    /// Only the N largest groups, the largest first
    #[arg(long, value_name = "N")]
    top: Option<NonZeroU64>,
    /// Only groups in which an action failed
    #[arg(long)]
    errored: bool,
    #[command(flatten)]
    which: FilterFlags,
    #[command(flatten)]
    answer: AnswerFlags,
}

fn after_help() -> String {
    format!(
        "\
Examples:
  archiver stats --by week,type --since 2020-07-01 --tz Europe/Berlin
  archiver stats --by type --during 2020-Q3 --errored
  archiver stats --durations --by month --type snapshot
  archiver stats --by droplet --type reboot,power_cycle --top 10 -o json

Hours, days, weeks (from Monday) and longer periods are in the time zone of --tz. An action that several droplets \
listed counts for each of them.

{}",
        filter::how_to_write()
    )
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let flags = &arguments.answer;
    let question = question(arguments)?;
    let filter = arguments.which.filter(now, &flags.tz)?;
    let connection = context.open_archive()?;
    filter::check(context, flags, &connection, &filter)?;
    let nothing = searched::no_action(&filter);
    let printed = answer::print(context, flags, move |printer| {
        stats::stats(&connection, &filter, now, &question, printer)?;
        filter::slips(&connection, (&filter, now), printer.rows)
    })?;
    let slips = printed.outcome.unwrap_or_default();
    if printed.rows == 0 && slips.is_empty() && flags.output.is_for_people() {
        context.terminal.note(&nothing);
    }
    context.terminal.warnings(&slips);
    Ok(printed.status)
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
            "--by: `{}` is given twice",
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
            .map(|top| usize::try_from(top.get()).unwrap_or(usize::MAX)),
        only_errored: arguments.errored,
    })
}
