//! `archiver last`: prints when something last happened to each droplet.

use archiver::core::model::COMPLETED;
use archiver::core::time::Timestamp;
use archiver::output::{Heading, RowWriter};
use archiver::query::{self, Choice, Filter, Last, Term, TypeSelector};

use super::Context;
use super::answer::{self, AnswerFlags, Printed};
use super::exit::{Failure, Status};
use super::filter::{self, FilterFlags};
use super::order::{Order, Way};
use super::searched;
use super::union;

/// Flags of `archiver last`.
#[derive(clap::Args)]
#[command(after_help = after_help())]
pub(super) struct Arguments {
    /// The type of the action, such as reboot, or a group such as @power [default: any]
    #[arg(value_name = "TYPE", value_delimiter = ',')]
    what: Vec<Term<TypeSelector>>,
    #[command(flatten)]
    which: FilterFlags,
    /// Only the N most recent
    #[arg(short = 'n', long, value_name = "N", help_heading = "Output")]
    limit: Option<u64>,
    #[command(flatten)]
    answer: AnswerFlags,
}

fn after_help() -> String {
    format!(
        "\
Examples:
  archiver last reboot --droplet web-01
  archiver last @backup --existing
  archiver last @power --until 2020-07-20

Only completed actions count, unless --status says otherwise. The most recent comes first. With --droplet, --tag, \
--gone or --existing there is a row for every such droplet whose history is archived, without them for every droplet to \
which it happened. Droplets to which it never happened come last.

{}",
        filter::how_to_write()
    )
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let flags = &arguments.answer;
    let mut filter = Filter {
        limit: arguments.limit,
        ..arguments.which.filter(now, &arguments.answer.tz)?
    };
    let what: Choice<TypeSelector> = arguments.what.iter().cloned().collect();
    filter.types.any_of.extend(what.any_of.clone());
    filter.types.none_of.extend(what.none_of);
    if filter.statuses.is_anything() {
        filter.statuses = Choice::any_of([COMPLETED.to_owned()]);
    }
    if context.has_several() {
        let order = Order {
            by: ORDER.map(|(column, way)| (column.to_owned(), way)).to_vec(),
            limit: arguments.limit,
            ..Order::default()
        };
        return union::rows(context, flags, (&order, None), &filter, |own| {
            run(own, arguments)
        });
    }
    let nothing = searched::no_action(&filter);
    let filter = union::known(context, filter);
    let connection = context.open_archive()?;
    filter::expect_types(&connection, Choice::any_of(what.any_of), now)?;
    filter::check(context, flags, &connection, &filter)?;
    let last = query::last(&connection, &filter, now)?;
    let found = last.iter().filter(|last| last.action.is_some()).count();
    let slips = filter::slips(&connection, (&filter, now), found as u64)?;
    drop(connection);
    let printed = print(context, flags, &last)?;
    if printed.rows == 0 && slips.is_empty() && flags.is_explained(context) {
        union::note(context, &nothing);
    }
    union::warn(context, slips);
    Ok(printed.status)
}

/// The order of the rows.
const ORDER: [(&str, Way); 3] = [
    ("started_at", Way::Down),
    ("action_id", Way::Down),
    ("droplet_id", Way::Up),
];

fn print(context: &Context, flags: &AnswerFlags, last: &[Last]) -> Result<Printed<()>, Failure> {
    let headings = Last::COLUMNS.map(Heading::named);
    // The table for people omits columns that repeat another one.
    let shown: Vec<usize> = (0..headings.len())
        .filter(|index| {
            let is_chosen = !flags.columns.is_empty() || !flags.output.is_compact();
            is_chosen || !["completed_at", "region_slug"].contains(&headings[*index].name)
        })
        .collect();
    let headings: Vec<_> = shown.iter().map(|index| headings[*index]).collect();
    answer::print(context, flags, |printer| {
        let mut written = printer.header(&headings);
        for last in last {
            let values = last.values();
            let row: Vec<_> = shown.iter().map(|index| values[*index]).collect();
            written = written.and_then(|()| printer.row(&row));
        }
        written.map_err(query::Error::Write)
    })
}
