//! `archiver query`: prints the actions that match a filter on stdout.

use std::io::{self, Write};
use std::num::NonZeroU64;

use archiver::core::time::Timestamp;
use archiver::output::{Format, Heading, RowWriter, is_same_name};
use archiver::query::stats::ACCOUNT;
use archiver::query::{self, Column, Filter, SortKey};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status, unless_closed};
use super::filter::{self, FilterFlags};
use super::order::{Order, Way};
use super::searched;
use super::union;

const ORDER: &str = "Order and number";

/// Flags of `archiver query`.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Arguments {
    #[command(flatten)]
    which: FilterFlags,
    /// Only N actions: the most recent ones, or with --sort the longest or greatest
    #[arg(short = 'n', long, value_name = "N", help_heading = ORDER)]
    limit: Option<NonZeroU64>,
    /// The order: started, completed, duration or id
    #[arg(long, value_name = "KEY", default_value = SortKey::default().name(), help_heading = ORDER)]
    sort: SortKey,
    /// The most recent, longest or greatest first
    #[arg(long, help_heading = ORDER)]
    reverse: bool,
    /// Print only the number of actions
    #[arg(long, help_heading = ORDER)]
    count: bool,
    #[command(flatten)]
    answer: AnswerFlags,
}

const EXAMPLES: &str = "\
Examples:
  archiver query --type reboot --since 2020-07-01
  archiver query --droplet web-01 --since '2 weeks ago' -o csv
  archiver query --at '2020-07-20 19:30' --around 30m";

fn after_help() -> String {
    let order = "Actions come oldest first. With --at, those that were stuck for more than a day come last.";
    format!("{EXAMPLES}\n\n{}\n\n{order}", filter::how_to_write())
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let flags = &arguments.answer;
    let now = Timestamp::now();
    if context.has_several() {
        let filter = arguments.filter(context, now)?;
        if arguments.count {
            return count_all(context, arguments, &filter);
        }
        let order = (&arguments.order(&filter), None);
        return union::rows(context, flags, order, &filter, |own| run(own, arguments));
    }
    if arguments.count {
        let (count, slips) = count(context, arguments)?;
        unless_closed(writeln!(io::stdout(), "{count}"))?;
        context.terminal.warnings(&slips);
        return Ok(flags.status(count, &context.basis));
    }
    let filter = arguments.filter(context, now)?;
    let nothing = searched::no_action(&filter);
    let filter = union::known(context, filter);
    let mut columns = columns(context, flags)?;
    let mut headings: Vec<_> = columns.iter().map(|column| column.heading()).collect();
    if context.member.is_some() {
        columns.extend([arguments.sort.column(), Column::Id]);
        headings.extend(order_columns(&filter).map(Heading::plain));
    }
    let connection = context.open_archive()?;
    filter::check(context, flags, &connection, &filter)?;
    let is_part = context.member.is_some();
    let printed = answer::print(context, flags, move |printer| {
        printer.header(&headings).map_err(query::Error::Write)?;
        let ask = if is_part {
            query::actions_in_order
        } else {
            query::actions
        };
        ask(&connection, &filter, now, &columns, &mut |row| {
            printer.row(row)
        })?;
        filter::slips(&connection, (&filter, now), printer.rows)
    })?;
    let slips = printed.outcome.unwrap_or_default();
    if printed.rows == 0 && slips.is_empty() && flags.is_explained(context) {
        union::note(context, &nothing);
    }
    union::warn(context, slips);
    Ok(printed.status)
}

/// The number of matching actions, and probable mistakes in the filter.
fn count(context: &Context, arguments: &Arguments) -> Result<(u64, Vec<String>), Failure> {
    let now = Timestamp::now();
    let filter = union::known(context, arguments.filter(context, now)?);
    let connection = context.open_archive()?;
    filter::check(context, &arguments.answer, &connection, &filter)?;
    let count = query::count(&connection, &filter, now)?;
    Ok((count, filter::slips(&connection, (&filter, now), count)?))
}

/// Prints the number of matching actions of several accounts.
fn count_all(context: &Context, arguments: &Arguments, filter: &Filter) -> Result<Status, Failure> {
    let answers = union::each(context, filter, |own| {
        let (count, slips) = count(own, arguments)?;
        union::warn(own, slips);
        Ok(count)
    })?;
    if let Some(status) = answers.nothing() {
        return Ok(status);
    }
    let count: u64 = answers.all.iter().map(|(_, count)| count).sum();
    let count = count.min(filter.limit.unwrap_or(u64::MAX));
    unless_closed(writeln!(io::stdout(), "{count}"))?;
    answers.tell(context);
    Ok(answers.status(&arguments.answer, count))
}

impl Arguments {
    fn filter(&self, context: &Context, now: Timestamp) -> Result<Filter, Failure> {
        Ok(Filter {
            sort: self.sort,
            // Of several accounts, the greatest are known when they come first.
            reverse: self.reverse || context.member.is_some() && self.limit.is_some(),
            limit: self.limit.map(NonZeroU64::get),
            ..self.which.filter(now, &self.answer.tz)?
        })
    }

    /// The order of the rows of several accounts.
    fn order(&self, filter: &Filter) -> Order {
        // What is stuck comes last, in any order.
        let stuck = filter.has_stuck_last().then_some((STUCK, Way::Up));
        let by = |way| {
            let columns = stuck.into_iter().chain([(KEY, way), (ID, way)]);
            columns.map(|(name, way)| (name.to_owned(), way)).collect()
        };
        let is_turned = !self.reverse && filter.limit.is_some();
        Order {
            by: by(if self.reverse || is_turned {
                Way::Down
            } else {
                Way::Up
            }),
            shown: is_turned.then(|| by(Way::Up)),
            hidden: order_columns(filter).count(),
            limit: filter.limit,
            ..Order::default()
        }
    }
}

const KEY: &str = "order: key";
const ID: &str = "order: id";
const STUCK: &str = "order: stuck";

/// The columns that follow the others where several accounts have one order.
fn order_columns(filter: &Filter) -> impl Iterator<Item = &'static str> + use<> {
    let stuck = filter.has_stuck_last().then_some(STUCK);
    [KEY, ID].into_iter().chain(stuck)
}

/// The chosen columns, or the default columns of the format.
fn columns(context: &Context, flags: &AnswerFlags) -> Result<Vec<Column>, Failure> {
    let is_json = matches!(flags.output, Format::Json | Format::Jsonl);
    let is_here = |name: &&String| context.member.is_none() || !is_same_name(name, ACCOUNT);
    let chosen = flags.columns()?.iter().filter(is_here).map(|name| {
        let column = name.parse()?;
        // A format without objects shows the slug of a region.
        Ok(match column {
            Column::Region if !is_json => Column::RegionSlug,
            column => column,
        })
    });
    let chosen: Vec<Column> = chosen
        .collect::<Result<_, _>>()
        .map_err(|error: query::InvalidValue| Failure::usage(format!("--columns: {error}")))?;
    Ok(match chosen.as_slice() {
        [] if flags.output.is_compact() => Column::FOR_PEOPLE.to_vec(),
        [] if is_json => Column::FOR_JSON.to_vec(),
        [] => Column::FOR_PROGRAMS.to_vec(),
        _ => chosen,
    })
}
