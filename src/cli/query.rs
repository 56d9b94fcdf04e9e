//! `archiver query`: prints the actions that match a filter on stdout.

use std::io::{self, Write};
use std::num::NonZeroU64;

use archiver::core::time::Timestamp;
use archiver::output::{Format, Heading, Value, is_same_name};
use archiver::query::stats::ACCOUNT;
use archiver::query::{self, Column, Filter};

use super::Context;
use super::answer::AnswerFlags;
use super::exit::{Failure, Status, unless_closed};
use super::filter::{self, FilterFlags};
use super::order::{Order, Way};
use super::union::{self, Question, Said};

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
    #[arg(long, value_name = "KEY", value_parser = Column::of_key, help_heading = ORDER)]
    #[arg(default_value = Column::default().key())]
    sort: Column,
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
    let filter = arguments.filter(context, now)?;
    if arguments.count {
        return count(context, flags, (&filter, now));
    }
    let mut columns = columns(context, flags)?;
    let mut headings: Vec<_> = columns.iter().map(|column| column.heading()).collect();
    if context.has_several() {
        columns.extend([arguments.sort, Column::Id]);
        headings.extend(order_columns(&filter).map(Heading::plain));
    }
    let question = Question::new(flags, &filter, arguments.order(&filter));
    let answer = question.print(context, |own, rows| {
        let (connection, filter) = filter::opened(own, flags, &filter)?;
        rows.header(&headings).map_err(query::Error::Write)?;
        let visit = &mut |row: &[Value<'_>]| rows.row(&row[..headings.len()]);
        let found = query::actions(&connection, &filter, now, &columns, visit)?;
        let slips = filter::slips(&connection, &filter, found)?;
        Ok(Said::slips(slips))
    })?;
    answer.explain_nothing(context, &filter);
    Ok(answer.status)
}

/// Prints the number of matching actions.
fn count(
    context: &Context,
    flags: &AnswerFlags,
    (filter, now): (&Filter, Timestamp),
) -> Result<Status, Failure> {
    let answers = union::each(context, filter, |own| {
        let (connection, filter) = filter::opened(own, flags, filter)?;
        let count = query::count(&connection, &filter, now)?;
        Ok((count, filter::slips(&connection, &filter, count)?))
    })?;
    if let Some(status) = answers.nothing() {
        return Ok(status);
    }
    let count: u64 = answers.all.iter().map(|(_, (count, _))| count).sum();
    let count = count.min(filter.limit.unwrap_or(u64::MAX));
    unless_closed(writeln!(io::stdout(), "{count}"))?;
    answers.warn(context, |(_, slips)| slips);
    Ok(answers.status(flags, count))
}

impl Arguments {
    fn filter(&self, context: &Context, now: Timestamp) -> Result<Filter, Failure> {
        Ok(Filter {
            sort: self.sort,
            // Of several accounts, the greatest are known when they come first.
            reverse: self.reverse || context.has_several() && self.limit.is_some(),
            limit: self.limit.map(NonZeroU64::get),
            ..self.which.filter(now, &self.answer.tz)?
        })
    }

    /// The order of the rows of several accounts.
    fn order(&self, filter: &Filter) -> Order {
        // Actions that are stuck come last, in any order.
        let stuck = filter.has_stuck_last().then_some((STUCK, Way::Up));
        let by = |way| {
            let columns = stuck.into_iter().chain([(KEY, way), (ID, way)]);
            columns.map(|(name, way)| (name.to_owned(), way)).collect()
        };
        let is_turned = filter.reverse && !self.reverse;
        Order {
            by: by(if filter.reverse { Way::Down } else { Way::Up }),
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
    let is_here = |name: &&String| !context.has_several() || !is_same_name(name, ACCOUNT);
    let chosen = flags.columns.iter().filter(is_here).map(|name| {
        let column = name.parse()?;
        // A format without objects shows the slug of a region.
        Ok(match column {
            Column::Region if !is_json => Column::RegionSlug,
            column => column,
        })
    });
    let chosen: Vec<Column> = chosen
        .collect::<Result<_, _>>()
        .map_err(|error: String| Failure::usage(format!("--columns: {error}")))?;
    Ok(match chosen.as_slice() {
        [] if flags.output.is_compact() => Column::FOR_PEOPLE.to_vec(),
        [] if is_json => Column::FOR_JSON.to_vec(),
        [] => Column::FOR_PROGRAMS.to_vec(),
        _ => chosen,
    })
}
