//! `archiver query`: flags → filter → rows → stdout.

use std::io::{self, Write};

use archiver::model::ActionId;
use archiver::output::RowWriter;
use archiver::query::{self, Column, DropletSelector, Filter, Term, TypeSelector};
use archiver::store;
use archiver::time::{Timestamp, parse_since, parse_until};
use rusqlite::Connection;

use super::Context;
use super::answer::{AnswerFlags, Printer};
use super::exit::{Failure, Status, unless_closed};

/// Flags of `archiver query`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// What was done: reboot, snapshot, power_off ... (repeatable, or comma-separated, as all filters)
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
    /// The action's id
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    id: Vec<ActionId>,
    /// Started at this time or later
    #[arg(long, value_name = "TIME", visible_alias = "after")]
    since: Option<String>,
    /// Started before this time; a day, week, month, quarter or year is covered whole
    #[arg(long, value_name = "TIME", visible_alias = "before")]
    until: Option<String>,
    /// Only the most recent N
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<u64>,
    /// Print how many there are
    #[arg(long)]
    count: bool,
    #[command(flatten)]
    answer: AnswerFlags,
}

const AFTER_HELP: &str = "\
Times are UTC, unless --tz says otherwise: 2020-07-01, '2020-07-01 19:37', 2020-07-20T19:37:30Z,
2020-07, 2020-Q3, 2020-W30, 2020, today, yesterday, 'last month', 7d, 1h30m, '2 weeks ago'.
Actions come oldest first.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let filter = filter(arguments, now)?;
    let path = context.config.database(context.global.db.as_deref())?;
    let connection = store::open_read_only(&path)?;
    let (found, status) = if arguments.count {
        let count = query::count(&connection, &filter, now)?;
        unless_closed(writeln!(io::stdout(), "{count}"))?;
        (count, arguments.answer.status(count))
    } else {
        print_actions(context, &arguments.answer, &connection, &filter, now)?
    };
    if found == 0 && !context.terminal.is_quiet {
        warn_about_nothing(context, &connection, &filter)?;
    }
    Ok(status)
}

/// Prints the matching actions; how many there were, and the status they make.
fn print_actions(
    context: &Context,
    flags: &AnswerFlags,
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
) -> Result<(u64, Status), Failure> {
    let chosen: Vec<Column> = flags
        .columns()?
        .iter()
        .map(|name| name.parse())
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::usage(format!("--columns: {error}")))?;
    let columns: &[Column] = match chosen.as_slice() {
        [] if flags.output.is_for_people() => &Column::FOR_PEOPLE,
        [] => &Column::FOR_PROGRAMS,
        chosen => chosen,
    };
    let headings: Vec<_> = columns.iter().map(|column| column.heading()).collect();
    let mut stdout = io::stdout().lock();
    let mut printer = Printer::new(context, flags, &mut stdout);
    let outcome = match printer.header(&headings) {
        Ok(()) => query::actions(connection, filter, now, columns, &mut |row| {
            printer.row(row)
        }),
        Err(error) => Err(query::Error::Write(error)),
    };
    printer.end(outcome)
}

fn filter(arguments: &Arguments, now: Timestamp) -> Result<Filter, Failure> {
    let time =
        |flag: &str, error: &dyn std::fmt::Display| Failure::usage(format!("{flag}: {error}"));
    let zone = &arguments.answer.tz;
    let since = arguments
        .since
        .as_deref()
        .map(|text| parse_since(text, now, zone))
        .transpose();
    let until = arguments
        .until
        .as_deref()
        .map(|text| parse_until(text, now, zone))
        .transpose();
    Ok(Filter {
        types: arguments.types.iter().cloned().collect(),
        statuses: arguments.status.iter().cloned().collect(),
        droplets: arguments.droplet.iter().cloned().collect(),
        regions: arguments.region.iter().cloned().collect(),
        resource_types: arguments.resource_type.iter().cloned().collect(),
        ids: arguments.id.clone(),
        since: since.map_err(|error| time("--since", &error))?,
        until: until.map_err(|error| time("--until", &error))?,
        limit: arguments.limit,
        ..Filter::default()
    })
}

/// An empty answer is an answer; but one that can only be a slip is said to be so.
pub(super) fn warn_about_nothing(
    context: &Context,
    connection: &Connection,
    filter: &Filter,
) -> Result<(), Failure> {
    for unseen in query::unseen(connection, filter)? {
        let field = unseen.field.trim_end_matches("_slug").replace('_', " ");
        let suggestion = match unseen.near.as_slice() {
            [] => String::new(),
            near => format!("; did you mean {}?", near.join(", ")),
        };
        context.terminal.warning(&format!(
            "the archive has no action with the {field} `{}`{suggestion}",
            unseen.value
        ));
    }
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since >= until
    {
        context.terminal.warning(&format!(
            "nothing can lie between --since {since} and --until {until}"
        ));
    }
    Ok(())
}
