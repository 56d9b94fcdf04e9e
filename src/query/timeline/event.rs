//! An action in a timeline.

use super::Life;
use crate::core::model::{ActionId, COMPLETED, DropletId, IN_PROGRESS};
use crate::core::time::{Timestamp, duration_text};
use rusqlite::{Connection, Row};
use std::collections::HashMap;

const EVENTS: &str = "
    SELECT id, type, status, started_at, completed_at, resource_type, resource_id
      FROM droplet_actions
     WHERE droplet_id = ?1
     ORDER BY coalesce(started_at, completed_at), id";

/// An action.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) id: ActionId,
    pub(super) kind: Option<String>,
    pub(super) status: Option<String>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) completed_at: Option<Timestamp>,
    pub(super) resource_type: Option<String>,
    pub(super) resource_id: Option<i64>,
    /// The value of `started_at` as archived.
    pub(super) started_text: Option<String>,
}

/// Every action of a droplet, by start time. An action with only a known end has the position of its end.
pub(super) fn events(connection: &Connection, droplet: DropletId) -> rusqlite::Result<Vec<Event>> {
    connection
        .prepare(EVENTS)?
        .query_map([droplet], event)?
        .collect()
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    let time = |text: &Option<String>| text.as_deref()?.parse().ok();
    let started_text: Option<String> = row.get("started_at")?;
    Ok(Event {
        id: row.get("id")?,
        kind: row.get("type")?,
        status: row.get("status")?,
        started_at: time(&started_text),
        completed_at: time(&row.get("completed_at")?),
        resource_type: row.get("resource_type")?,
        resource_id: row.get("resource_id")?,
        started_text,
    })
}

impl Event {
    /// The end time, or the start time if the end is unknown or before the start.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        self.completed_at.max(self.started_at)
    }

    /// The start time, or the end time if the start is unknown.
    pub(super) fn begun_at(&self) -> Option<Timestamp> {
        self.started_at.or(self.completed_at)
    }

    /// The duration; `None` when it is unknown or the action ended before it began.
    pub(super) fn duration_seconds(&self) -> Option<i64> {
        let (started_at, completed_at) = self.started_at.zip(self.completed_at)?;
        let seconds = completed_at.epoch_seconds() - started_at.epoch_seconds();
        Some(seconds).filter(|seconds| *seconds >= 0)
    }

    pub(super) fn is_renaming(&self) -> bool {
        self.kind.as_deref() == Some("rename") && self.status.as_deref() == Some(COMPLETED)
    }

    /// True when the action was done to the droplet itself, as far as the action says. An action without a resource in
    /// a droplet's listing counts as done to the droplet.
    pub(super) fn is_on(&self, droplet: DropletId) -> bool {
        let kind = self.resource_type.as_deref();
        kind.is_none_or(|kind| kind == "droplet") && self.resource_id.is_none_or(|id| id == droplet)
    }
}

impl Life<'_> {
    /// The remarks about an action that changed the droplet from the state `before` to the current state.
    pub(super) fn note(&self, event: &Event, before: State) -> String {
        let mut notes = Vec::new();
        let is_first = self.previous.is_none() && event.begun_at().is_some();
        if is_first && event.kind.as_deref() != Some("create") {
            notes.push("nothing before it is archived".to_owned());
        }
        if !event.is_on(self.droplet.id) {
            let kind = event.resource_type.as_deref().unwrap_or("resource");
            notes.push(match event.resource_id {
                Some(id) => format!("done to {kind} {id}"),
                None => format!("done to a {kind}"),
            });
        }
        let is_open = event.status.as_deref() == Some(IN_PROGRESS) && event.completed_at.is_none();
        if let Some(started_at) = event.started_at.filter(|_| is_open) {
            notes.push(format!("in progress for {}", between(started_at, self.now)));
        }
        notes.extend(self.change(before));
        let new_name = self.new_names.get(&event.id);
        notes.extend(new_name.map(|name| format!("renamed to {name}")));
        notes.join("; ")
    }

    fn change(&self, before: State) -> Vec<String> {
        let (now, mut notes) = (self.state, Vec::new());
        if before.power == Power::Gone {
            return vec!["after it was destroyed".to_owned()];
        }
        if now.power == before.power {
            return notes;
        }
        if let (Power::Off, Some((from, to))) = (before.power, before.since.zip(now.since)) {
            let doubt = match before.is_estimate {
                true => ", if the shutdown worked",
                false => "",
            };
            notes.push(format!("off for {}{doubt}", between(from, to)));
        }
        if now.is_estimate && now.power == Power::Off {
            notes.push("an estimate: a shutdown is only a request".to_owned());
        }
        if let (Power::Gone, Some(created_at)) = (now.power, self.droplet.created_at) {
            let lived = now.since.map(|gone_at| between(created_at, gone_at));
            notes.extend(lived.map(|lived| format!("it existed for {lived}")));
        }
        notes
    }
}

fn between(from: Timestamp, to: Timestamp) -> String {
    duration_text((to.epoch_seconds() - from.epoch_seconds()).max(0))
}

/// The power of a droplet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// The archived actions do not tell.
    #[default]
    Unknown,
    /// The droplet runs.
    On,
    /// The droplet is switched off.
    Off,
    /// The droplet no longer exists.
    Gone,
}

impl Power {
    /// `unknown`, `on`, `off` or `gone`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::On => "on",
            Self::Off => "off",
            Self::Gone => "gone",
        }
    }
}

/// The state of a droplet, and its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// The power.
    pub power: Power,
    /// True when the state is only likely. A shutdown is a request that the operating system may ignore, and an action
    /// that switches a droplet on as a side effect may fail to do so.
    pub is_estimate: bool,
    /// The start of the state; `None` when the state is unknown.
    pub since: Option<Timestamp>,
}

/// The effect of a completed action on the droplet. Changes are sorted by their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    happened_at: Timestamp,
    pub(super) action: ActionId,
    state: State,
}

/// The reports define which actions turn a droplet on or off, and when. Here a droplet's listing may contain an action
/// on another droplet, which changes nothing.
const CHANGES: &str = "
    SELECT droplet_id, action_id, happened_at, power, certainty = 'estimate' AS is_estimate
      FROM power_events
      JOIN actions ON actions.id = action_id
     WHERE coalesce(resource_id, droplet_id) = droplet_id";

/// The changes of a droplet or of all, each with its droplet. A change without a valid time is left out.
pub(super) fn changes(
    connection: &Connection,
    droplet: Option<DropletId>,
) -> rusqlite::Result<Vec<(DropletId, Change)>> {
    let condition = match droplet {
        Some(_) => "droplet_id = ?1",
        None => "?1 IS NULL",
    };
    let mut statement = connection.prepare_cached(&format!("{CHANGES} AND {condition}"))?;
    let mut rows = statement.query([droplet])?;
    let mut changes = Vec::new();
    while let Some(row) = rows.next()? {
        let happened_at: String = row.get("happened_at")?;
        let Ok(happened_at) = happened_at.parse() else {
            continue;
        };
        let power = match row.get_ref("power")?.as_str() {
            Ok("on") => Power::On,
            Ok("off") => Power::Off,
            _ => Power::Gone,
        };
        let change = Change {
            happened_at,
            action: row.get("action_id")?,
            state: State {
                power,
                is_estimate: row.get("is_estimate")?,
                since: Some(happened_at),
            },
        };
        changes.push((row.get("droplet_id")?, change));
    }
    Ok(changes)
}

/// The state of these droplets after their last change, or of all droplets that changed. A change in the future is none
/// yet.
pub(in crate::query) fn states(
    connection: &Connection,
    droplets: Option<&[DropletId]>,
    now: Timestamp,
) -> rusqlite::Result<HashMap<DropletId, State>> {
    let asked = droplets.map(|some| some.iter().copied().map(Some).collect());
    let asked = asked.unwrap_or_else(|| vec![None]);
    let mut of_droplets: HashMap<DropletId, Vec<Change>> = HashMap::new();
    for droplet in asked {
        for (id, change) in changes(connection, droplet)? {
            of_droplets.entry(id).or_default().push(change);
        }
    }
    let state = |(id, mut changes): (DropletId, Vec<Change>)| {
        changes.retain(|change| change.happened_at <= now);
        changes.sort_unstable();
        (id, State::after_all(&changes))
    };
    Ok(of_droplets.into_iter().map(state).collect())
}

impl State {
    /// `certain` or `estimated`; `None` when the state is unknown.
    #[must_use]
    pub fn certainty(self) -> Option<&'static str> {
        match (self.power, self.is_estimate) {
            (Power::Unknown, _) => None,
            (_, true) => Some("estimated"),
            (_, false) => Some("certain"),
        }
    }

    /// The droplet is gone, as found by a sync run.
    pub(in crate::query) fn gone(since: Timestamp) -> Self {
        Self {
            power: Power::Gone,
            is_estimate: false,
            since: Some(since),
        }
    }

    /// The state of a droplet after these changes, in their order.
    pub(super) fn after_all<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        changes.into_iter().fold(Self::default(), Self::after)
    }

    /// The state after a change that is later than all before. A droplet that is gone does not change.
    pub(super) fn after(self, change: &Change) -> Self {
        match self.power {
            Power::Gone => self,
            power if power == change.state.power => Self {
                is_estimate: self.is_estimate && change.state.is_estimate,
                ..self
            },
            _ => change.state,
        }
    }
}
