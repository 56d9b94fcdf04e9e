//! `archiver last`: prints when something last happened to each droplet.

use std::io;

use archiver::core::model::COMPLETED;
use archiver::core::time::Timestamp;
use archiver::output::{Heading, NOT_FOR_PEOPLE, RowWriter};
use archiver::query::{self, Choice, Filter, Last, Term, TypeSelector};

use super::Context;
use super::answer::AnswerFlags;
use super::exit::{Failure, Status};
use super::filter::{self, FilterFlags};
use super::order::{Order, Way};
use super::union::{Question, Said};

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
    filter.types.none_of.extend(what.none_of.clone());
    if filter.statuses.is_anything() {
        filter.statuses = Choice::any_of([COMPLETED.to_owned()]);
    }
    let order = Order {
        limit: arguments.limit,
        ..Order::by(ORDER)
    };
    let question = Question::new(flags, &filter, order);
    let answer = question.print(context, |own, rows| {
        let (connection, filter) = filter::opened(own, flags, &filter)?;
        filter::expect_types(&connection, &what)?;
        let last = query::last(&connection, &filter, now)?;
        let found = last.iter().filter(|last| last.action_id.is_some()).count();
        let slips = filter::slips(&connection, &filter, found as u64)?;
        drop(connection);
        write(&last, rows).map_err(query::Error::Write)?;
        Ok(Said::slips(slips))
    })?;
    answer.explain_nothing(context, &filter);
    Ok(answer.status)
}

/// The order of the rows.
const ORDER: [(&str, Way); 3] = [
    ("started_at", Way::Down),
    ("action_id", Way::Down),
    ("droplet_id", Way::Up),
];

fn write(last: &[Last], rows: &mut dyn RowWriter) -> io::Result<()> {
    let headings = Last::columns().map(|name| {
        let mut heading = Heading::named(name);
        if ["completed_at", "region_slug"].contains(&name) {
            heading.rank = NOT_FOR_PEOPLE;
        }
        heading
    });
    rows.header(&headings)?;
    last.iter()
        .try_for_each(|last| rows.row(&last.cells().map(|(_, value)| value)))
}
