//! `archiver stats`: prints the numbers of actions in groups on stdout.

use std::num::NonZeroUsize;

use archiver::core::time::{CalendarUnit, Timestamp};
use archiver::query::Filter;
use archiver::query::stats::{Counts, Dimension, MOST_DIMENSIONS, Measure, Question};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status};
use super::filter::{self, FilterFlags};
use super::searched;
use super::union;

/// Flags of `archiver stats`.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Arguments {
    /// One to three of type, status, droplet, tag, region, resource-type, hour, weekday, day, week, month, quarter, year, account
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    #[arg(default_value = "type")]
    by: Vec<Dimension>,
    /// Show durations instead of failures: the mean, the median, the 95th percentile and the maximum
    #[arg(long)]
    durations: bool,
    /// Compare the window with the one of equal length before it
    #[arg(long)]
    compare: bool,
    /// Only the N largest groups, the largest first; with --errored those with the most failed actions
    #[arg(long, value_name = "N")]
    top: Option<NonZeroUsize>,
    /// Only groups of at least N actions
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    min_count: u64,
    /// Only groups in which an action failed
    #[arg(long)]
    errored: bool,
    /// End every format with the total, as tables do
    #[arg(long)]
    total: bool,
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
  archiver stats --compare --since 7d --by type

Hours, days, weeks (from Monday) and longer periods are in the time zone of --tz. A count by periods alone has a row for \
each period, also for one without actions. An action that several droplets listed counts for each of them, and for each \
of their tags. The total counts each matching action once, also those of groups that are not shown.

{}",
        filter::how_to_write()
    )
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let flags = &arguments.answer;
    let mut question = question(context, arguments)?;
    let mut filter = arguments.which.filter(now, &flags.tz)?;
    if arguments.compare {
        question.before = Some(window_before(&question, &mut filter, now)?);
    }
    let mut answers = union::each(context, &filter, |own| {
        let (connection, filter) = filter::opened(own, flags, &filter)?;
        let account = own.account();
        let account = account.as_ref().map(|account| account.as_str());
        let counts = Counts::read(&connection, (&filter, now), &question, account)?;
        let slips = filter::slips(&connection, &filter, counts.matching())?;
        Ok((counts, slips))
    })?;
    if let Some(status) = answers.nothing() {
        return Ok(status);
    }
    tell_windows(context, flags, &filter, &question);
    // The counts of several accounts are those of one.
    let mut all = Counts::default();
    for (_, (counts, _)) in &mut answers.all {
        all.add(std::mem::take(counts));
    }
    let matching = all.matching();
    let printed = answer::print(context, flags, |printer| all.write(&question, printer))?;
    // Periods without actions are nothing that was found.
    let rows = printed.rows.min(matching);
    let is_wrong = answers.warn(context, |(_, slips)| slips);
    if rows == 0 && !is_wrong && flags.is_explained(context) {
        context.terminal.note(&searched::no_action(&filter));
    }
    Ok(answers.status(flags, rows))
}

/// Tells people which windows are compared.
fn tell_windows(context: &Context, flags: &AnswerFlags, filter: &Filter, question: &Question) {
    if let (Some(before), Some(since), Some(until)) = (question.before, filter.since, filter.until)
        && flags.output.is_for_people()
    {
        let text = |time: Timestamp| time.in_zone(&flags.tz);
        let [since, until, start, end] = [since, until, before.0, before.1].map(text);
        let windows = format!("{since} .. {until}, compared with {start} .. {end}");
        context
            .terminal
            .detail(0, &(windows + " (each without its end)"));
    }
}

fn question(context: &Context, arguments: &Arguments) -> Result<Question, Failure> {
    let mut by = arguments.by.clone();
    let has_account = by.contains(&Dimension::Account);
    if has_account && context.accounts.is_empty() {
        return Err(Failure::usage("--by: no account is selected")
            .with_hint("use --account NAME, or --account all"));
    }
    // A droplet of several accounts is named with its account, because its name may not be the only one.
    if context.has_several() && !has_account && by.contains(&Dimension::Droplet) {
        by.insert(0, Dimension::Account);
    }
    let others = by.iter().filter(|it| **it != Dimension::Account).count();
    if others > MOST_DIMENSIONS {
        return Err(
            Failure::usage(format!("--by: {others} is more than {MOST_DIMENSIONS}"))
                .with_hint("choose the ones that matter most, and narrow the others with filters"),
        );
    }
    if let Some(name) = answer::twice(by.iter().map(|it| it.name())) {
        return Err(Failure::usage(format!("--by: `{name}` is given twice")));
    }
    let measure = match arguments.durations {
        true => Measure::Durations,
        false => Measure::Errors,
    };
    Ok(Question {
        by,
        zone: arguments.answer.tz.clone(),
        measure,
        before: None,
        min_count: arguments.min_count,
        top: arguments.top.map(NonZeroUsize::get),
        only_errored: arguments.errored,
        every_period: true,
        total: arguments.total || arguments.answer.output.is_for_people(),
    })
}

/// The window before that of the filter, of equal length. Ends the window of the filter now at the latest, because the
/// rest of it is still to come.
fn window_before(
    question: &Question,
    filter: &mut Filter,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Failure> {
    let is_of_one_window = |dimension: &&Dimension| {
        let Dimension::Started(unit) = dimension else {
            return false;
        };
        !matches!(unit, CalendarUnit::Hour | CalendarUnit::Weekday)
    };
    if let Some(dimension) = question.by.iter().find(is_of_one_window) {
        return Err(Failure::usage(format!(
            "--compare: two windows have no {} in common",
            dimension.name()
        ))
        .with_hint("count by type, droplet, hour, weekday ... instead"));
    }
    let Some(since) = filter.since else {
        return Err(Failure::usage("--compare needs a window")
            .with_hint("give --since or --during, as in --since 7d"));
    };
    let until = filter.until.unwrap_or(now).min(now);
    if until <= since {
        return Err(Failure::usage(
            "--compare: the window is empty, or is still to come",
        ));
    }
    filter.until = Some(until);
    let seconds = until.epoch_seconds() - since.epoch_seconds();
    Ok((since.saturating_add_seconds(-seconds), since))
}
