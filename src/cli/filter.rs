//! The filter flags, for every command that selects actions.

use std::fmt::Display;

use archiver::core::model::{ActionId, DropletId};
use archiver::core::similar::listed;
use archiver::core::time::{
    Timestamp, Zone, parse_duration, parse_period, parse_since, parse_until,
};
use archiver::query::{
    self, Choice, DropletSelector, Filter, GROUPS, SeenSince, Term, TypeSelector, Unseen,
    contradictions,
};
use rusqlite::Connection;

use super::Context;
use super::answer::AnswerFlags;
use super::exit::{Failure, Status};
use super::grammar::{flag_of, quoted};
use super::{scope, union};

/// Selects actions.
#[derive(clap::Args)]
#[command(next_help_heading = "Filters")]
pub(super) struct FilterFlags {
    /// The type of the action, such as reboot or snapshot, or a group such as @power
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    types: Vec<Term<TypeSelector>>,
    /// The status: completed, errored or in-progress
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<Term<String>>,
    /// The droplet: its id, a name it has or had, or a pattern such as 'web-*'
    #[arg(long, value_name = "ID|NAME", value_delimiter = ',')]
    droplet: Vec<Term<DropletSelector>>,
    /// A tag of the droplet, as last seen, or a pattern such as 'env:*'
    #[arg(long, value_name = "TAG", value_delimiter = ',', value_parser = tag)]
    tag: Vec<Term<String>>,
    /// The region's slug, such as nyc3
    #[arg(long, value_name = "SLUG", value_delimiter = ',')]
    region: Vec<Term<String>>,
    /// The type of its resource: droplet, volume, image and others
    #[arg(long, value_name = "TYPE", value_delimiter = ',')]
    resource_type: Vec<Term<String>>,
    /// The action's id
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    id: Vec<ActionId>,
    /// Started at this time or later
    #[arg(long, value_name = "TIME", visible_alias = "after")]
    since: Option<String>,
    /// Started before this time; an hour, a day, a month and so on is included completely
    #[arg(long, value_name = "TIME", visible_alias = "before")]
    until: Option<String>,
    /// Started in this period: 2020-07, 2020-Q3, yesterday, 7d, 2020-07-01..2020-07-14
    #[arg(long, value_name = "PERIOD", conflicts_with_all = ["since", "until"])]
    during: Option<String>,
    /// In progress at this time, or at any time during this hour, day, month and so on
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// With --at: under way at some time from this long before until this long after
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "at")]
    around: Option<i64>,
    /// Took at least this long, such as 90s or 1h30m; an action in progress has lasted until now
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    min_duration: Option<i64>,
    /// Took at most this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_duration: Option<i64>,
    /// Only actions of droplets that no longer exist
    #[arg(long, conflicts_with = "existing")]
    gone: bool,
    /// Only actions of droplets that still exist
    #[arg(long)]
    existing: bool,
    /// New in the archive since this time, 'last-sync', or 'last-news': the last sync that brought anything
    #[arg(long, value_name = "TIME|SYNC")]
    seen_since: Option<String>,
}

/// Explains how values and times are written, for the end of a command's help.
pub(super) fn how_to_write() -> String {
    let lines = GROUPS.iter().map(|group| {
        let (name, types) = (group.to_string(), group.types.join(", "));
        format!("  {name:<9} {}:\n            {types}\n", group.description)
    });
    let groups: String = lines.collect();
    format!(
        "\
Filters may be repeated, or take several values separated by commas: any of them matches. A ! before a value excludes \
it; quote it for the shell: --type '@power,!reboot'.

Groups of types:
{groups}
Times are UTC, unless --tz says otherwise: 2020-07-01, '2020-07-01 19:37', 2020-07-20T19:37:30Z, 2020-07-20T19 (the \
hour), 2020-07, 2020-Q3, 2020-W30, 2020, today, 'yesterday 02:00', monday (the last one before today), 'last month', \
7d or -7d (that long ago), 1h30m, '2 weeks ago', 'last 7 days'."
    )
}

/// The error for a flag whose value cannot be understood.
fn slip(flag: &str, error: impl Display) -> Failure {
    Failure::usage(format!("{flag}: {error}"))
}

impl FilterFlags {
    /// The filter that these flags describe. Times without an offset are in `zone`.
    pub(super) fn filter(&self, now: Timestamp, zone: &Zone) -> Result<Filter, Failure> {
        let (since, until) = match &self.during {
            None => window([&self.since, &self.until], now, zone)?,
            Some(text) => {
                let period = parse_period(text, now, zone);
                let period = period.map_err(|error| slip("--during", error))?;
                (Some(period.since), Some(period.until))
            }
        };
        let seen_since = self.seen_since.as_deref();
        Ok(Filter {
            types: choice(&self.types),
            statuses: choice(&self.status),
            droplets: choice(&self.droplet),
            tags: choice(&self.tag),
            regions: choice(&self.region),
            resource_types: choice(&self.resource_type),
            ids: self.id.clone(),
            since,
            until,
            overlap: self.overlap(now, zone)?,
            min_duration_seconds: self.min_duration.map(i64::unsigned_abs),
            max_duration_seconds: self.max_duration.map(i64::unsigned_abs),
            gone: (self.gone || self.existing).then_some(self.gone),
            seen_since: seen_since.map(|text| seen(text, now, zone)).transpose()?,
            ..Filter::default()
        })
    }

    fn overlap(
        &self,
        now: Timestamp,
        zone: &Zone,
    ) -> Result<Option<(Timestamp, Timestamp)>, Failure> {
        let Some(text) = &self.at else {
            return Ok(None);
        };
        let from = parse_since(text, now, zone).map_err(|error| slip("--at", error))?;
        let to = parse_until(text, now, zone).map_err(|error| slip("--at", error))?;
        let around = self.around.unwrap_or(0);
        let from = from.saturating_add_seconds(-around);
        let to = to.saturating_add_seconds(around);
        // An instant is one second long, because an interval does not include its end.
        Ok(Some((from, to.max(from.saturating_add_seconds(1)))))
    }
}

/// The values of `--since` and `--until`.
pub(super) fn window(
    [since, until]: [&Option<String>; 2],
    now: Timestamp,
    zone: &Zone,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Failure> {
    let since = since.as_deref().map(|text| parse_since(text, now, zone));
    let until = until.as_deref().map(|text| parse_until(text, now, zone));
    Ok((
        (since.transpose()).map_err(|error| slip("--since", error))?,
        (until.transpose()).map_err(|error| slip("--until", error))?,
    ))
}

/// The value of `--tag`.
pub(super) fn tag(text: &str) -> Result<Term<String>, String> {
    let term = text.parse::<Term<String>>()?;
    let (Term::Is(name) | Term::IsNot(name)) = &term;
    scope::tag(name)?;
    Ok(term)
}

pub(super) fn choice<T: Clone>(terms: &[Term<T>]) -> Choice<T> {
    terms.iter().cloned().collect()
}

fn seen(text: &str, now: Timestamp, zone: &Zone) -> Result<SeenSince, Failure> {
    match text {
        "last-sync" => Ok(SeenSince::LastSync),
        "last-news" => Ok(SeenSince::LastNews),
        time => parse_since(time, now, zone)
            .map(SeenSince::Time)
            .map_err(|error| {
                slip("--seen-since", error).with_hint("`last-sync` and `last-news` work too")
            }),
    }
}

/// Opens the archive of an account, and checks the part of the filter that is about this account. With `--exit-code`, a
/// filter that no action can match is an error, because its question always finds nothing. Requested droplets that are
/// not archived are told after the answer.
pub(super) fn opened(
    context: &Context,
    flags: &AnswerFlags,
    filter: &Filter,
) -> Result<(Connection, Filter), Failure> {
    let filter = union::known(context, filter.clone());
    let connection = context.open_archive()?;
    let droplets = query::droplets(&connection, &filter);
    let droplets = droplets.map_err(|error| unresolved(context, flags, error))?;
    echo(context, &filter, droplets.as_deref());
    if flags.exit_code {
        if let Some(unknown) = query::unknown(&connection, &filter)?.first() {
            return Err(Failure::new(Status::Unknown, in_words(unknown, false)));
        }
        if let Some(why) = contradictions(&filter).into_iter().next() {
            return Err(Failure::usage(why));
        }
    }
    let names_droplets = !filter.droplets.any_of.is_empty();
    if names_droplets {
        check_droplets(context, flags, &connection, droplets.as_deref())?;
    }
    if let Some(droplets) = droplets {
        let are_named = names_droplets || !filter.tags.any_of.is_empty();
        (context.basis).note_unarchived(&connection, Some(&droplets), are_named)?;
    }
    Ok((connection, filter))
}

/// With `--exit-code`, a droplet of which a complete archive knows nothing is an error, because it is probably misspelt.
pub(super) fn check_droplets(
    context: &Context,
    flags: &AnswerFlags,
    connection: &Connection,
    droplets: Option<&[DropletId]>,
) -> Result<(), Failure> {
    if !flags.exit_code || context.basis.is_incomplete() {
        return Ok(());
    }
    let unseen = query::unseen_droplets(connection, droplets.unwrap_or_default())?;
    match unseen.first() {
        Some(id) => Err(Failure::new(Status::Unknown, no_action_with("droplet", id))),
        None => Ok(()),
    }
}

/// With `--exit-code`, a name, a tag or a type that an incomplete archive does not know may be one of the missing part.
pub(super) fn unresolved(
    context: &Context,
    flags: &AnswerFlags,
    error: impl Into<Failure>,
) -> Failure {
    let mut failure = error.into();
    let is_unknown = failure.status == Status::Unknown;
    if is_unknown && flags.exit_code && context.basis.is_incomplete() {
        failure.status = Status::Partial;
    }
    failure
}

/// Prints how the filter was understood, with `-v`.
fn echo(context: &Context, filter: &Filter, droplets: Option<&[DropletId]>) {
    const MOST_NAMED: usize = 50;
    let say = |text: String| context.terminal.detail(1, &text);
    if filter.since.is_some() || filter.until.is_some() {
        let text = |time: Timestamp| time.to_string();
        let since = filter.since.map_or("the beginning".to_owned(), text);
        let until = filter.until.map_or("now".to_owned(), text);
        say(format!("window: {since} .. {until} (UTC, without its end)"));
    }
    if let Some((from, to)) = filter.overlap {
        say(format!("under way: {from} .. {to} (UTC, without its end)"));
    }
    if let Some(droplets) = droplets {
        say(format!("droplets: {}", listed(MOST_NAMED, droplets)));
    }
}

/// True when droplets are or were called this.
fn is_droplet(connection: &Connection, name: &str) -> Result<bool, Failure> {
    let filter = Filter {
        droplets: Choice::any_of([DropletSelector::Pattern(name.to_owned())]),
        ..Filter::default()
    };
    match query::droplets(connection, &filter) {
        Ok(_) => Ok(true),
        Err(query::Error::UnknownName { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Refuses a word that is no type, and looks like the value of a flag: `last reboot web-01`.
pub(super) fn expect_types(
    connection: &Connection,
    words: &Choice<TypeSelector>,
) -> Result<(), Failure> {
    let filter = Filter {
        types: Choice::any_of(words.any_of.iter().cloned()),
        ..Filter::default()
    };
    for Unseen { value: word, .. } in query::unknown(connection, &filter)? {
        let flag = match is_droplet(connection, &word)? {
            true => Some("droplet"),
            // These are no flags of `last`, or are no other than its types.
            false => flag_of(&word, &|flag| !["by", "type", "state"].contains(&flag)),
        };
        if let Some(flag) = flag {
            let message =
                format!("`{word}` is not a type of action, and `archiver last` takes types");
            let meant = format!("did you mean `--{flag} {}`?", quoted(&word));
            return Err(Failure::usage(message).with_hint(meant));
        }
    }
    Ok(())
}

/// Warnings about filters that are probably mistakes: a value that the archive has never seen and, when nothing
/// matched, filters that exclude each other.
pub(super) fn slips(
    connection: &Connection,
    filter: &Filter,
    found: u64,
) -> Result<Vec<String>, Failure> {
    let mut slips = Vec::new();
    let values = [
        filter.types.any_of.len(),
        filter.statuses.any_of.len(),
        filter.regions.any_of.len(),
        filter.resource_types.any_of.len(),
        filter.droplets.any_of.len(),
        filter.tags.any_of.len(),
    ];
    // A single value that matched is in the archive.
    if found > 0 && values.iter().all(|several| *several <= 1) {
        return Ok(slips);
    }
    for unseen in query::unseen(connection, filter)? {
        let is_droplet = unseen.field == "type" && is_droplet(connection, &unseen.value)?;
        slips.push(in_words(&unseen, is_droplet));
    }
    if found == 0 {
        slips.extend(contradictions(filter));
    }
    Ok(slips)
}

fn in_words(unseen: &Unseen, is_droplet: bool) -> String {
    if unseen.field == "tag" {
        return format!("no droplet has the tag `{}` any more", unseen.value);
    }
    let field = unseen.field.trim_end_matches("_slug").replace('_', " ");
    let suggestion = match unseen.near.as_slice() {
        [] if is_droplet => format!("; did you mean `--droplet {}`?", unseen.value),
        [] => String::new(),
        near => format!("; did you mean {}?", near.join(", ")),
    };
    no_action_with(&field, &unseen.value) + &suggestion
}

fn no_action_with(field: &str, value: impl Display) -> String {
    format!("the archive has no action with the {field} `{value}`")
}
