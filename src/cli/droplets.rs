//! `archiver droplets`: prints the inventory on stdout.

use archiver::core::time::Timestamp;
use archiver::output::{Format, Heading, Value};
use archiver::query::timeline::Power;
use archiver::query::{self, Choice, DropletSelector, Filter, KnownDroplet, Term};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::exit::{Failure, Status};
use super::filter;
use super::order::{OrderFlags, Way};
use super::union;

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

/// The columns that a table leaves out, because they repeat or explain another one.
const NOT_FOR_PEOPLE: [&str; 2] = ["last_action", "gone_at"];

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<Status, Failure> {
    let now = Timestamp::now();
    let flags = &arguments.answer;
    let filter = arguments.which.filter()?;
    if context.has_several() {
        let usual = [("name", Way::UpUnknownLast), ("id", Way::Up)];
        let usual = usual.map(|(column, way)| (column.to_owned(), way));
        let order = arguments.order.merged(usual.to_vec());
        return union::rows(context, flags, (&order, None), &filter, |own| {
            run(own, arguments)
        });
    }
    let filter = union::known(context, filter);
    let connection = context.open_archive()?;
    filter::check(context, flags, &connection, &filter)?;
    let mut droplets = query::inventory(&connection, &filter, now)?;
    let states: Choice<String> = filter::choice(&arguments.which.state);
    droplets.retain(|droplet| states.has(state_of(droplet)));
    let slips = filter::slips(&connection, (&filter, now), droplets.len() as u64)?;
    // What is not archived may decide the state of a droplet.
    let has_states = !states.is_anything();
    if filter.droplets.any_of.is_empty() && filter.tags.any_of.is_empty() {
        context
            .basis
            .note_unarchived(&connection, None, has_states)?;
    }
    drop(connection);
    let status = print(context, arguments, &droplets)?;
    union::warn(context, slips);
    let is_unproven = flags.exit_code && has_states && context.basis.is_incomplete();
    Ok(if is_unproven { Status::Partial } else { status })
}

pub(super) const STATES: [&str; 5] = ["on", "off", "gone", "unlisted", "unknown"];

/// The value of `--state`.
fn state(text: &str) -> Result<Term<String>, String> {
    let term = text.parse::<Term<String>>();
    let term = term.map_err(|error| error.to_string())?;
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
    fn filter(&self) -> Result<Filter, Failure> {
        let fate = |is_gone: bool, is_asked: bool| is_asked.then_some(is_gone);
        Ok(Filter {
            droplets: filter::choice(&self.droplet),
            tags: filter::choice(&self.tag),
            regions: filter::choice(&self.region),
            gone: fate(true, self.gone).or(fate(false, self.existing)),
            ..Filter::default()
        })
    }
}

fn print(
    context: &Context,
    arguments: &Arguments,
    droplets: &[KnownDroplet],
) -> Result<Status, Failure> {
    let flags = &arguments.answer;
    let is_complete = !flags.columns.is_empty() || !flags.output.is_compact();
    let is_shown = |(name, _): &(&str, &str)| is_complete || !NOT_FOR_PEOPLE.contains(name);
    let shown: Vec<bool> = COLUMNS.iter().map(is_shown).collect();
    let headings: Vec<_> = COLUMNS
        .iter()
        .filter(|column| is_shown(column))
        .map(|(name, title)| Heading {
            title,
            ..Heading::named(name)
        })
        .collect();
    let list = List::of(flags.output);
    let printed = answer::print(context, flags, |printer| {
        arguments
            .order
            .pass(context.member.is_some(), printer, |writer| {
                let mut written = writer.header(&headings);
                for droplet in droplets {
                    let texts = Texts::of(droplet, list);
                    let values = values(droplet, &texts, list);
                    let values = values.into_iter().zip(&shown);
                    let row: Vec<_> = values.filter(|(_, is)| **is).map(|(it, _)| it).collect();
                    written = written.and_then(|()| writer.row(&row));
                }
                written.map_err(query::Error::Write)
            })
    })?;
    Ok(printed.status)
}

/// The form of a list of texts in one cell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Json,
    /// `one, two`; empty without any.
    Words,
}

impl List {
    fn of(format: Format) -> Self {
        match format {
            Format::Json | Format::Jsonl => Self::Json,
            _ => Self::Words,
        }
    }

    fn text(self, list: &[String]) -> String {
        match self {
            Self::Json => serde_json::json!(list).to_string(),
            Self::Words => list.join(", "),
        }
    }

    fn value(self, text: &str) -> Value<'_> {
        match self {
            Self::Json => Value::Json(text),
            Self::Words if text.is_empty() => Value::Null,
            Self::Words => Value::Text(text),
        }
    }
}

/// The texts that a droplet does not have as such.
struct Texts {
    former_names: String,
    tags: String,
    since: Option<String>,
}

impl Texts {
    fn of(droplet: &KnownDroplet, list: List) -> Self {
        Self {
            former_names: list.text(&droplet.former_names),
            tags: list.text(&droplet.tags),
            since: droplet.state.since.map(|since| since.to_string()),
        }
    }
}

fn values<'a>(droplet: &'a KnownDroplet, texts: &'a Texts, list: List) -> [Value<'a>; 14] {
    let text = |text: Option<&'a String>| text.map_or(Value::Null, |text| Value::Text(text));
    let power = droplet.state.power;
    let certainty = match (power, droplet.state.is_estimate) {
        (Power::Unknown, _) => Value::Null,
        (_, true) => Value::Text("estimated"),
        (_, false) => Value::Text("certain"),
    };
    [
        Value::Integer(droplet.id),
        text(droplet.name.as_ref()),
        list.value(&texts.former_names),
        text(droplet.region_slug.as_ref()),
        text(droplet.size_slug.as_ref()),
        list.value(&texts.tags),
        text(droplet.created_at.as_ref()),
        Value::Text(state_of(droplet)),
        text(texts.since.as_ref()),
        certainty,
        text(droplet.last_action.as_ref()),
        text(droplet.last_action_at.as_ref()),
        Value::Integer(i64::try_from(droplet.actions).unwrap_or(i64::MAX)),
        text(texts.since.as_ref().filter(|_| power == Power::Gone)),
    ]
}
