//! `archiver timeline`: prints the actions of one droplet, and its state after each, on stdout.

use archiver::core::time::{Timestamp, Zone, duration_text};
use archiver::query::timeline::{self, Droplet, Power, State, Window};
use archiver::query::{Choice, DropletSelector, Filter};

use super::Context;
use super::answer::AnswerFlags;
use super::basis::Doubt;
use super::exit::{Failure, Status};
use super::filter;
use super::order::{Order, Way};
use super::union::{Question, Said};

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
    let named = Filter {
        droplets: Choice::any_of([arguments.droplet.clone()]),
        ..Filter::default()
    };
    let question = Question::new(flags, &named, Order::by([("started_at", Way::Up)]));
    let answer = question.print(context, |own, rows| {
        let connection = own.open_archive()?;
        let droplet = timeline::find(&connection, &arguments.droplet);
        let droplet = droplet.map_err(|error| filter::unresolved(own, flags, error))?;
        filter::check_droplets(own, flags, &connection, Some(&[droplet.id]))?;
        (own.basis).note_unarchived(&connection, Some(&[droplet.id]), true)?;
        let is_for_people = flags.output.is_for_people();
        let (mut details, mut slips) = (Vec::new(), Vec::new());
        if is_for_people {
            details.push(introduction(&droplet, &flags.tz));
        }
        if !own.is_one_of_several() {
            // Of several accounts, each is introduced after the rows of all.
            details
                .drain(..)
                .for_each(|text| own.terminal.detail(0, &text));
        }
        let (state, found) = timeline::timeline(&connection, &droplet, window, now, rows)?;
        if found > 0 && is_for_people && window.until.is_none() {
            details.push(conclusion(state, now, &flags.tz));
        }
        // Otherwise the basis says why there is no action.
        if found == 0 && own.basis.doubt() == Doubt::Nothing {
            let is_whole = window == Window::default();
            let when = if is_whole { "" } else { " of that time" };
            let id = droplet.id;
            slips.push(format!(
                "the archive has no action of the droplet {id}{when}"
            ));
        }
        Ok(Said {
            details,
            slips,
            ..Said::default()
        })
    })?;
    Ok(answer.status)
}

fn window(arguments: &Arguments, now: Timestamp) -> Result<Window, Failure> {
    let ends = [&arguments.since, &arguments.until];
    let (since, until) = filter::window(ends, now, &arguments.answer.tz)?;
    match since.zip(until) {
        Some((since, until)) if since >= until => {
            let text = format!("--until: {until} is not after {since}");
            Err(Failure::usage(text))
        }
        _ => Ok(Window { since, until }),
    }
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
    let (power, since, is_estimate) = (state.power.name(), since.in_zone(zone), state.is_estimate);
    let estimate = if is_estimate { " (estimated)" } else { "" };
    format!("{power} since {since}, for {passed}{estimate}")
}
