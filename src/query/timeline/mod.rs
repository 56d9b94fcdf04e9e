//! The life of one droplet: all its actions, oldest first, with the states and gaps between them.
//!
//! The API reports actions on a droplet, but not its state between them. Most of the state follows from the actions: a
//! droplet that was powered off is off until an action switches it on. A certain conclusion is shown as known, a likely
//! one as an estimate, and otherwise the state is unknown.

mod event;

pub use event::{Power, State};

pub(super) use event::states;

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, OptionalExtension};

use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;
use crate::output::{Heading, NOT_FOR_PEOPLE, RowWriter, Value};
use crate::query::{DropletSelector, Error, one_droplet};
use event::{Change, Event, changes, events};

/// The columns. `state` is the power of the droplet after the action. `gap_seconds` are those from the end of the
/// previous action to the start of this one, 0 when the actions overlap. `note` has remarks in words.
pub const COLUMNS: [&str; 9] = [
    "id",
    "started_at",
    "type",
    "status",
    "duration_seconds",
    "state",
    "certainty",
    "gap_seconds",
    "note",
];

/// The title of a column, with the way to format the values.
fn heading(name: &str) -> Heading<'_> {
    let heading = Heading::named(name);
    let rank = match name {
        "started_at" => 0,
        // The note tells if the power is an estimate.
        "id" | "certainty" => NOT_FOR_PEOPLE,
        "gap_seconds" => 50,
        _ => heading.rank,
    };
    Heading { rank, ..heading }
}

/// The archive's data of a droplet. A droplet that no sync run saw has only an id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Droplet {
    /// The id.
    pub id: DropletId,
    /// The latest known name.
    pub name: Option<String>,
    /// The last known region.
    pub region_slug: Option<String>,
    /// The creation time.
    pub created_at: Option<Timestamp>,
    /// The time when a sync run first found that the droplet is gone.
    pub gone_at: Option<Timestamp>,
    /// The known names, each with the time when it was first seen, in that order.
    pub names: Vec<(String, Option<Timestamp>)>,
}

impl Droplet {
    /// The names before the latest one.
    pub fn former_names(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().map(|(name, _)| name.as_str());
        names.filter(|name| Some(*name) != self.name.as_deref())
    }
}

/// The requested droplet. Any id is accepted, even if no sync run saw such a droplet.
///
/// # Errors
/// When the name is unknown or ambiguous, or the archive cannot be read.
pub fn find(connection: &Connection, selector: &DropletSelector) -> Result<Droplet, Error> {
    let id = one_droplet(connection, selector)?;
    let mut known = connection
        .prepare("SELECT name, region_slug, created_at, gone_at FROM droplets WHERE id = ?1")?;
    let droplet = known.query_row([id], |row| {
        Ok(Droplet {
            name: row.get("name")?,
            region_slug: row.get("region_slug")?,
            created_at: instant(row.get("created_at")?),
            gone_at: instant(row.get("gone_at")?),
            ..Droplet::default()
        })
    });
    let mut names = connection.prepare(
        "SELECT name, first_seen_at FROM droplet_names
          WHERE droplet_id = ?1
          ORDER BY first_seen_at, name",
    )?;
    let names = names.query_map([id], |row| {
        Ok((row.get("name")?, instant(row.get("first_seen_at")?)))
    })?;
    Ok(Droplet {
        id,
        names: names.collect::<Result<_, _>>()?,
        ..droplet.optional()?.unwrap_or_default()
    })
}

fn instant(text: Option<String>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// The part of a life to show. The actions before it are read too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Actions that started at this time or later.
    pub since: Option<Timestamp>,
    /// Actions that started before this time.
    pub until: Option<Timestamp>,
}

/// Writes a row for each action of a droplet, oldest first: actions on the droplet, and those in its own listing.
/// Returns the state of the droplet after the last action that is not in the future, and the number of rows.
///
/// When actions overlap, the one that ended last decides the state. Actions without a known time come before all
/// others, do not change the state, and are left out when the window has a bound.
///
/// # Errors
/// When the archive cannot be read or a row cannot be written.
pub fn timeline(
    connection: &Connection,
    droplet: &Droplet,
    window: Window,
    now: Timestamp,
    writer: &mut dyn RowWriter,
) -> Result<(State, u64), Error> {
    writer.header(&COLUMNS.map(heading)).map_err(Error::Write)?;
    let events = events(connection, droplet.id)?;
    let changes = changes(connection, Some(droplet.id))?.into_iter();
    let mut life = Life {
        droplet,
        new_names: new_names(&events, droplet),
        now,
        changes: changes.map(|(_, change)| (change.action, change)).collect(),
        happened: BTreeSet::new(),
        state: State::default(),
        previous: None,
    };
    let is_before_end = |event: &&Event| {
        let until = window.until;
        until.is_none_or(|until| event.begun_at().is_some_and(|begun| begun < until))
    };
    let (mut current, mut rows) = (State::default(), 0);
    for event in events.iter().filter(is_before_end) {
        let (gap_seconds, note) = life.live(event);
        if life.state.since.is_none_or(|since| since <= now) {
            current = life.state;
        }
        if window.since.is_none() || event.begun_at() >= window.since {
            let values = values(event, life.state, gap_seconds, &note);
            writer.row(&values).map_err(Error::Write)?;
            rows += 1;
        }
    }
    let found_gone = droplet.gone_at.filter(|gone_at| {
        current.power != Power::Gone && window.until.is_none_or(|until| *gone_at < until)
    });
    Ok((found_gone.map_or(current, State::gone), rows))
}

/// The values of all columns.
fn values<'a>(
    event: &'a Event,
    state: State,
    gap_seconds: Option<i64>,
    note: &'a str,
) -> [Value<'a>; 9] {
    let number = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
    [
        Value::Integer(event.id),
        event.started_text.as_deref().into(),
        event.kind.as_deref().into(),
        event.status.as_deref().into(),
        number(event.duration_seconds()),
        Value::Text(state.power.name()),
        state.certainty().into(),
        number(gap_seconds),
        Some(note).filter(|note| !note.is_empty()).into(),
    ]
}

/// The state of a droplet after the actions so far.
struct Life<'a> {
    droplet: &'a Droplet,
    /// The new names of renames, as far as they were seen.
    new_names: HashMap<ActionId, String>,
    now: Timestamp,
    changes: HashMap<ActionId, Change>,
    /// The changes so far, by time.
    happened: BTreeSet<Change>,
    state: State,
    /// The end of the previous action, or its start if the end is unknown.
    previous: Option<Timestamp>,
}

impl Life<'_> {
    /// Adds an action. Returns the seconds since the previous one, and the remarks.
    fn live(&mut self, event: &Event) -> (Option<i64>, String) {
        let before = self.state;
        if let Some(change) = self.changes.get(&event.id) {
            self.happened.insert(*change);
            self.state = if self.happened.last() == Some(change) {
                before.after(change)
            } else {
                State::after_all(&self.happened)
            };
        }
        let note = self.note(event, before);
        let gap_seconds = event
            .started_at
            .zip(self.previous)
            .map(|(started, ended)| (started.epoch_seconds() - ended.epoch_seconds()).max(0));
        self.previous = event.ended_at().or(self.previous);
        (gap_seconds, note)
    }
}

/// The new names of renames. An action does not contain the new name, so a name that was first seen between two renames
/// belongs to the first one.
fn new_names(events: &[Event], droplet: &Droplet) -> HashMap<ActionId, String> {
    let renames = events.iter().rev().filter(|event| event.is_renaming());
    let mut names = HashMap::new();
    for (name, first_seen_at) in &droplet.names {
        let is_before =
            |event: &&Event| event.started_at.is_some() && event.started_at < *first_seen_at;
        if let Some(rename) = renames.clone().find(is_before) {
            names.entry(rename.id).or_insert_with(|| name.clone());
        }
    }
    names
}

#[cfg(test)]
mod meaning_tests;
#[cfg(test)]
mod tests;
