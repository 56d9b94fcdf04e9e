//! The life of one droplet: all its actions, oldest first, with the states and gaps between them.
//!
//! The API reports actions on a droplet, but not its state between them. Most of the state follows from the actions: a
//! droplet that was powered off is off until an action switches it on. A certain conclusion is shown as known, a likely
//! one as an estimate, and otherwise the state is unknown.

mod column;
mod event;

pub use column::{COLUMNS, Droplet, NOT_FOR_PEOPLE, find};
pub use event::{Power, State};

pub(super) use event::states;

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;
use crate::output::RowWriter;
use crate::query::Error;
use column::heading;
use event::{Change, Event, changes, events};

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
/// The columns are some of [`COLUMNS`], in their order.
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
    columns: &[&str],
    writer: &mut dyn RowWriter,
) -> Result<(State, u64), Error> {
    let headings: Vec<_> = columns.iter().map(|column| heading(column)).collect();
    writer.header(&headings).map_err(Error::Write)?;
    let events = events(connection, droplet.id)?;
    let changes = changes(connection, Some(droplet.id))?;
    let mut life = Life::new(droplet, &events, changes, now);
    let is_before_end = |event: &&Event| {
        let until = window.until;
        until.is_none_or(|until| event.begun_at().is_some_and(|begun| begun < until))
    };
    let (mut current, mut rows) = (State::default(), 0);
    for event in events.iter().filter(is_before_end) {
        let moment = life.live(event);
        if moment.state.since.is_none_or(|since| since <= now) {
            current = moment.state;
        }
        if window.since.is_none() || event.begun_at() >= window.since {
            let values = moment.values(columns);
            writer.row(&values).map_err(Error::Write)?;
            rows += 1;
        }
    }
    let found_gone = droplet.gone_at.filter(|gone_at| {
        current.power != Power::Gone && window.until.is_none_or(|until| *gone_at < until)
    });
    Ok((found_gone.map_or(current, State::gone), rows))
}

/// An action and its effect on the droplet.
struct Moment<'a> {
    event: &'a Event,
    state: State,
    gap_seconds: Option<i64>,
    note: String,
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

impl<'a> Life<'a> {
    fn new(
        droplet: &'a Droplet,
        events: &[Event],
        changes: Vec<(DropletId, Change)>,
        now: Timestamp,
    ) -> Self {
        let changes = changes.into_iter();
        Self {
            new_names: new_names(events, droplet),
            changes: changes.map(|(_, change)| (change.action, change)).collect(),
            droplet,
            now,
            happened: BTreeSet::new(),
            state: State::default(),
            previous: None,
        }
    }

    fn live<'event>(&mut self, event: &'event Event) -> Moment<'event> {
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
        Moment {
            event,
            state: self.state,
            gap_seconds,
            note,
        }
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
