//! `archiver droplets`: prints the inventory on stdout.

use std::io;

use archiver::core::time::Timestamp;
use archiver::output::{Cell, Format, Heading, NOT_FOR_PEOPLE, RowWriter, Value};
use archiver::query::timeline::Power;
use archiver::query::{self, Choice, DropletSelector, Filter, KnownDroplet, Term};

use super::Context;
use super::answer::AnswerFlags;
use super::exit::{Failure, Status};
use super::filter;
use super::order::{Order, OrderFlags, Way};
use super::union::{Question, Said};

/// Flags of `archiver droplets`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    order: OrderFlags,
    #[command(flatten)]
    answer: AnswerFlags,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Filters")]
struct Which {
    /// The droplet: its id, a name it has or had, or a pattern such as 'web-*'
    #[arg(long, value_name = "ID|NAME", value_delimiter = ',')]
    droplet: Vec<Term<DropletSelector>>,
    /// A tag, as last seen, or a pattern such as 'env:*'
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = filter::tag)]
    tag: Vec<Term<String>>,
    /// The region's slug, such as nyc3
    #[arg(long, value_name = "SLUG", value_delimiter = ',')]
    region: Vec<Term<String>>,
    /// The state: on, off, gone, unlisted or unknown
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = state)]
    state: Vec<Term<String>>,
    /// Only droplets that no longer exist
    #[arg(long, conflicts_with_all = ["existing", "state"])]
    gone: bool,
    /// Only droplets that still exist
    #[arg(long)]
    existing: bool,
}

const AFTER_HELP: &str = "\
Examples:
  archiver droplets --existing
  archiver droplets --tag prod --region 'nyc3,!fra1'
  archiver droplets --state off --sort state_since_at
  archiver droplets --gone -o csv --columns id,name,created_at,gone_at

The name, size and tags are those last seen; a droplet that is gone keeps them. The state is on, off or gone by its \
actions, as in `archiver timeline`; unlisted, if the API lists other droplets but never listed this one; or unknown. \
Filters may be repeated, and a ! before a value excludes it.";

/// The names of the columns, and their titles for people.
pub(super) const COLUMNS: [(&str, &str); 14] = [
    ("id", "id"),
    ("name", "name"),
    ("former_names", "formerly"),
    ("region_slug", "region"),
    ("size_slug", "size"),
    ("tags", "tags"),
    ("created_at", "created"),
    ("state", "state"),
    ("state_since_at", "since"),
    ("certainty", "certainty"),
    ("last_action", "last_action"),
    ("last_action_at", "last action"),
    ("actions", "actions"),
    ("gone_at", "gone"),
];

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let flags = &arguments.answer;
    let filter = arguments.which.filter();
    let states: Choice<String> = filter::choice(&arguments.which.state);
    let usual = Order::by([("name", Way::Chosen), ("id", Way::Up)]);
    let question = Question::new(flags, &filter, arguments.order.after(usual));
    let answer = question.print(context, |own, rows| {
        let (connection, filter) = filter::opened(own, flags, &filter)?;
        let mut droplets = query::inventory(&connection, &filter, now)?;
        droplets.retain(|droplet| states.has(Some(state_of(droplet))));
        let slips = filter::slips(&connection, &filter, droplets.len() as u64)?;
        // An action that is not archived may decide the state of a droplet.
        let has_states = !states.is_anything();
        if has_states {
            own.basis.note_absence();
        }
        if filter.droplets.any_of.is_empty() && filter.tags.any_of.is_empty() {
            own.basis.note_unarchived(&connection, None, has_states)?;
        }
        drop(connection);
        write(flags, &droplets, rows).map_err(query::Error::Write)?;
        Ok(Said::slips(slips))
    })?;
    Ok(answer.status)
}

pub(super) const STATES: [&str; 5] = ["on", "off", "gone", "unlisted", "unknown"];

/// The value of `--state`.
fn state(text: &str) -> Result<Term<String>, String> {
    let term = text.parse::<Term<String>>()?;
    let (Term::Is(name) | Term::IsNot(name)) = &term;
    if !STATES.contains(&name.as_str()) {
        let states = STATES.join(", ");
        return Err(format!("`{name}` is not a state: use {states}"));
    }
    Ok(term)
}

/// One of [`STATES`].
fn state_of(droplet: &KnownDroplet) -> &'static str {
    match droplet.state.power {
        Power::Unknown if !droplet.is_listed => "unlisted",
        power => power.name(),
    }
}

impl Which {
    fn filter(&self) -> Filter {
        Filter {
            droplets: filter::choice(&self.droplet),
            tags: filter::choice(&self.tag),
            regions: filter::choice(&self.region),
            gone: (self.gone || self.existing).then_some(self.gone),
            ..Filter::default()
        }
    }
}

fn write(
    flags: &AnswerFlags,
    droplets: &[KnownDroplet],
    rows: &mut dyn RowWriter,
) -> io::Result<()> {
    let headings = COLUMNS.map(|(name, title)| {
        let mut heading = Heading::named(name);
        heading.title = title;
        if ["last_action", "gone_at"].contains(&name) {
            heading.rank = NOT_FOR_PEOPLE;
        }
        heading
    });
    rows.header(&headings)?;
    let is_json = matches!(flags.output, Format::Json | Format::Jsonl);
    // Without JSON, a list is a text such as `one, two`.
    let list = |texts: &[String]| match texts {
        _ if is_json => Cell::Json(serde_json::json!(texts).to_string()),
        [] => Cell::Null,
        _ => Cell::Text(texts.join(", ")),
    };
    droplets.iter().try_for_each(|droplet| {
        let since = droplet.state.since.map(|since| since.to_string());
        let since = since.as_deref();
        rows.row(&[
            Value::Integer(droplet.id),
            droplet.name.as_deref().into(),
            Value::from(&list(&droplet.former_names)),
            droplet.region_slug.as_deref().into(),
            droplet.size_slug.as_deref().into(),
            Value::from(&list(&droplet.tags)),
            droplet.created_at.as_deref().into(),
            Value::Text(state_of(droplet)),
            since.into(),
            droplet.state.certainty().into(),
            droplet.last_action.as_deref().into(),
            droplet.last_action_at.as_deref().into(),
            Value::Integer(i64::try_from(droplet.actions).unwrap_or(i64::MAX)),
            since.filter(|_| droplet.state.power == Power::Gone).into(),
        ])
    })
}
