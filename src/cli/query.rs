//! `archiver query`: prints the actions that match a filter on stdout.

use std::io::{self, Write};
use std::num::NonZeroU64;

use archiver::core::time::Timestamp;
use archiver::output::{Format, RowWriter};
use archiver::query::{self, Column, Filter, SortKey};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status, unless_closed};
use super::filter::{self, FilterFlags};
use super::searched;

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
    let now = Timestamp::now();
    let filter = Filter {
        sort: arguments.sort,
        reverse: arguments.reverse,
        limit: arguments.limit.map(NonZeroU64::get),
        ..arguments.which.filter(now, &arguments.answer.tz)?
    };
    let columns = columns(&arguments.answer)?;
    let connection = context.open_archive()?;
    filter::check(context, &arguments.answer, &connection, &filter)?;
    let (status, slips) = if arguments.count {
        let count = query::count(&connection, &filter, now)?;
        let slips = filter::slips(&connection, (&filter, now), count)?;
        drop(connection);
        unless_closed(writeln!(io::stdout(), "{count}"))?;
        (arguments.answer.status(count, &context.basis), slips)
    } else {
        let headings: Vec<_> = columns.iter().map(|column| column.heading()).collect();
        let nothing = searched::no_action(&filter);
        let printed = answer::print(context, &arguments.answer, move |printer| {
            printer.header(&headings).map_err(query::Error::Write)?;
            query::actions(&connection, &filter, now, &columns, &mut |row| {
                printer.row(row)
            })?;
            filter::slips(&connection, (&filter, now), printer.rows)
        })?;
        let slips = printed.outcome.unwrap_or_default();
        if printed.rows == 0 && slips.is_empty() && arguments.answer.is_explained(context) {
            context.terminal.note(&nothing);
        }
        (printed.status, slips)
    };
    context.terminal.warnings(&slips);
    Ok(status)
}

/// The chosen columns, or the default columns of the format.
fn columns(flags: &AnswerFlags) -> Result<Vec<Column>, Failure> {
    let is_json = matches!(flags.output, Format::Json | Format::Jsonl);
    let chosen = flags.columns()?.iter().map(|name| {
        let column = name.parse()?;
        // A format without objects shows the slug of a region.
        Ok(match column {
            Column::Region if !is_json => Column::RegionSlug,
            column => column,
        })
    });
    let chosen: Vec<Column> = chosen
        .collect::<Result<_, _>>()
        .map_err(|error: query::UnknownColumn| Failure::usage(format!("--columns: {error}")))?;
    Ok(match chosen.as_slice() {
        [] if flags.output.is_compact() => Column::FOR_PEOPLE.to_vec(),
        [] if is_json => Column::FOR_JSON.to_vec(),
        [] => Column::FOR_PROGRAMS.to_vec(),
        _ => chosen,
    })
}
