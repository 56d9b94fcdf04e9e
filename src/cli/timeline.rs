//! `archiver timeline`: prints the actions of one droplet, and its state after each, on stdout.

use archiver::core::time::{Timestamp, Zone, duration_text, parse_since, parse_until};
use archiver::query::timeline::{self, Droplet, Power, State, Window};
use archiver::query::{Choice, DropletSelector, Filter};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status};
use super::filter;
use super::order::{Order, Way};
use super::union;

/// Flags of `archiver timeline`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// The droplet: its id, or a name it has or had
    #[arg(value_name = "DROPLET")]
    droplet: DropletSelector,
    /// Show actions that started at this time or later
    #[arg(long, value_name = "TIME", visible_alias = "after")]
    since: Option<String>,
    /// Show actions that started before this time; an hour, a day, a month and so on is included completely
    #[arg(long, value_name = "TIME", visible_alias = "before")]
    until: Option<String>,
    #[command(flatten)]
    answer: AnswerFlags,
}

const AFTER_HELP: &str = "\
Examples:
  archiver timeline web-01
  archiver timeline 3164444 --since 30d --tz Europe/Berlin
  archiver timeline web-01 -o csv --columns started_at,type,state,certainty

Actions are in the order of their start. The state is that of the droplet after the action: on, off, gone, or unknown. \
If actions overlap, the one that ended last counts. After a shutdown the state is an estimate, because a shutdown only \
asks the system to stop. Actions that failed or have not ended change nothing. The gap is the time since the end of \
the previous action.";

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let flags = &arguments.answer;
    let window = window(arguments, now)?;
    if context.has_several() {
        let order = Order {
            by: vec![("started_at".to_owned(), Way::Up)],
            ..Order::default()
        };
        let named = Filter {
            droplets: Choice::any_of([arguments.droplet.clone()]),
            ..Filter::default()
        };
        return union::rows(context, flags, (&order, None), &named, |own| {
            run(own, arguments)
        });
    }
    let connection = context.open_archive()?;
    let droplet = timeline::find(&connection, &arguments.droplet);
    let droplet = droplet.map_err(|error| filter::unresolved(context, flags, error))?;
    filter::check_droplets(context, flags, &connection, Some(&[droplet.id]))?;
    (context.basis).note_unarchived(&connection, Some(&[droplet.id]), true)?;
    let is_for_people = flags.output.is_for_people();
    if is_for_people {
        union::detail(context, &introduction(&droplet, &flags.tz));
    }
    let mut columns = timeline::COLUMNS.to_vec();
    if flags.output.is_compact() && flags.columns.is_empty() {
        columns.retain(|name| !timeline::NOT_FOR_PEOPLE.contains(name));
    }
    let id = droplet.id;
    let printed = answer::print(context, flags, move |printer| {
        timeline::timeline(&connection, &droplet, window, now, &columns, printer)
    })?;
    let is_explained = is_for_people && window.until.is_none();
    match printed.outcome {
        // Otherwise the basis says why there is no action.
        _ if printed.rows == 0 && !context.basis.is_doubtful() => {
            let is_whole = window == Window::default();
            let when = if is_whole { "" } else { " of that time" };
            let text = format!("the archive has no action of the droplet {id}{when}");
            context.terminal.warning(&text);
        }
        Some(state) if printed.rows > 0 && is_explained => {
            union::detail(context, &conclusion(state, now, &flags.tz));
        }
        _ => {}
    }
    Ok(printed.status)
}

fn window(arguments: &Arguments, now: Timestamp) -> Result<Window, Failure> {
    let slip =
        |flag: &str, error: &dyn std::fmt::Display| Failure::usage(format!("{flag}: {error}"));
    let zone = &arguments.answer.tz;
    let since = arguments
        .since
        .as_deref()
        .map(|text| parse_since(text, now, zone));
    let until = arguments
        .until
        .as_deref()
        .map(|text| parse_until(text, now, zone));
    let since = since.transpose().map_err(|error| slip("--since", &error))?;
    let until = until.transpose().map_err(|error| slip("--until", &error))?;
    if let Some((since, until)) = since.zip(until)
        && since >= until
    {
        return Err(slip("--until", &format!("{until} is not after {since}")));
    }
    Ok(Window { since, until })
}

/// `web-2 (droplet 7), formerly web-1, in nyc3, created 2020-07-20T08:00:00Z, found gone 2020-08-01T00:00:00Z`
fn introduction(droplet: &Droplet, zone: &Zone) -> String {
    let mut text = match &droplet.name {
        Some(name) => format!("{name} (droplet {})", droplet.id),
        None => format!("droplet {}", droplet.id),
    };
    let former: Vec<&str> = droplet.former_names().collect();
    if !former.is_empty() {
        text.push_str(&format!(", formerly {}", former.join(", ")));
    }
    if let Some(region) = &droplet.region_slug {
        text.push_str(&format!(", in {region}"));
    }
    for (word, time) in [
        ("created", droplet.created_at),
        ("found gone", droplet.gone_at),
    ] {
        if let Some(time) = time {
            text.push_str(&format!(", {word} {}", time.in_zone(zone)));
        }
    }
    text
}

/// `off since 2020-07-20T09:00:30Z, for 3h 2m (estimated)`
fn conclusion(state: State, now: Timestamp, zone: &Zone) -> String {
    let Some(since) = state.since.filter(|_| state.power != Power::Unknown) else {
        return "the archived actions do not show whether it is on".to_owned();
    };
    let passed = duration_text((now.epoch_seconds() - since.epoch_seconds()).max(0));
    let estimate = if state.is_estimate {
        " (estimated)"
    } else {
        ""
    };
    format!(
        "{} since {}, for {passed}{estimate}",
        state.power.name(),
        since.in_zone(zone)
    )
}
