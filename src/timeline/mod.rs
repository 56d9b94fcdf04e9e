//! One droplet's life: every action of it, oldest first, and what stands between them.
//!
//! The API tells what was done to a droplet and not what it was like in between. But most of that follows from what
//! was done: a droplet that was powered off is off until something switches it on. What follows is told as known,
//! what is only likely as an estimate, and what does not follow is said to be unknown.

mod column;
mod droplet;
mod event;
mod note;
mod power;

pub use column::Column;
pub use droplet::{Droplet, find};
pub use power::{Power, State};

use std::collections::HashMap;
use std::io;

use rusqlite::Connection;

use crate::model::{ActionId, COMPLETED};
use crate::output::{RowWriter, Value};
use crate::query::{self, Choice, DropletSelector, Error, Filter, TypeSelector};
use crate::time::Timestamp;
use event::Event;

/// The part of a life that is shown; what was before it is read all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Actions that started at this instant or later.
    pub since: Option<Timestamp>,
    /// Actions that started before this instant.
    pub until: Option<Timestamp>,
}

/// Writes a row for each action of a droplet, by its resource or because its listing showed it, oldest first. What the
/// droplet is like after the last of them is handed back.
///
/// Actions of which the time is not known come before all others, say nothing of what the droplet was like, and are
/// left out when the window has a bound.
///
/// # Errors
/// When the archive cannot be read or a row cannot be written.
pub fn timeline(
    connection: &Connection,
    droplet: &Droplet,
    window: Window,
    now: Timestamp,
    columns: &[Column],
    writer: &mut dyn RowWriter,
) -> Result<State, Error> {
    let headings: Vec<_> = columns.iter().map(|column| column.heading()).collect();
    writer.header(&headings).map_err(Error::Write)?;
    let mut life = Life {
        new_names: new_names(connection, droplet, now)?,
        droplet,
        now,
        state: State::default(),
        previous: None,
    };
    let filter = Filter {
        until: window.until,
        ..of(droplet)
    };
    query::actions(connection, &filter, now, &event::COLUMNS, &mut |values| {
        let event = Event::of(values);
        let moment = life.live(&event);
        let is_shown = window.since.is_none() || event.started_at >= window.since;
        if is_shown {
            write(&moment, columns, writer)
        } else {
            Ok(())
        }
    })?;
    Ok(life.state)
}

/// An action, and what it made of the droplet.
struct Moment<'a> {
    event: &'a Event<'a>,
    state: State,
    gap_seconds: Option<i64>,
    note: String,
}

/// What is known of a droplet after the actions so far.
struct Life<'a> {
    droplet: &'a Droplet,
    /// The names that renames led to, as far as they were seen.
    new_names: HashMap<ActionId, String>,
    now: Timestamp,
    state: State,
    /// When the previous action ended, or started where that is not known.
    previous: Option<Timestamp>,
}

impl Life<'_> {
    fn live<'a>(&mut self, event: &'a Event<'a>) -> Moment<'a> {
        let before = self.state;
        self.state = before.after(event, self.droplet.id);
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

fn write(moment: &Moment<'_>, columns: &[Column], writer: &mut dyn RowWriter) -> io::Result<()> {
    let values: Vec<Value<'_>> = columns.iter().map(|column| column.value(moment)).collect();
    writer.row(&values)
}

fn of(droplet: &Droplet) -> Filter {
    Filter {
        droplets: Choice::any_of([DropletSelector::Id(droplet.id)]),
        ..Filter::default()
    }
}

/// What a rename led to is not in the action. A name that was first seen between two renames is the first one's.
fn new_names(
    connection: &Connection,
    droplet: &Droplet,
    now: Timestamp,
) -> Result<HashMap<ActionId, String>, Error> {
    let filter = Filter {
        types: Choice::any_of([TypeSelector::Type("rename".to_owned())]),
        statuses: Choice::any_of([COMPLETED.to_owned()]),
        ..of(droplet)
    };
    let mut renames = Vec::new();
    query::actions(connection, &filter, now, &event::COLUMNS, &mut |values| {
        let event = Event::of(values);
        renames.extend(event.started_at.map(|time| (time, event.id)));
        Ok(())
    })?;
    let mut names = HashMap::new();
    for (name, first_seen_at) in &droplet.names {
        let rename = renames
            .iter()
            .rev()
            .find(|(time, _)| Some(*time) < *first_seen_at);
        if let Some((_, id)) = rename {
            names.entry(*id).or_insert_with(|| name.clone());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod meaning;
#[cfg(test)]
mod tests;
