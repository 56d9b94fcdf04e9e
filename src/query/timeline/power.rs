//! Whether a droplet is on, as far as it follows from what was done to it.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;

/// Whether a droplet is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// It does not follow from what is archived.
    #[default]
    Unknown,
    /// It runs.
    On,
    /// It is switched off.
    Off,
    /// It does not exist any more.
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

/// What a droplet is like, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Whether it is on.
    pub power: Power,
    /// Whether that is no more than likely: a shutdown asks the operating system, which may not obey, and what turns a
    /// droplet on besides what it is for need not.
    pub is_estimate: bool,
    /// Since when; nothing where the state is unknown.
    pub since: Option<Timestamp>,
}

/// What an action that completed made of the droplet. They are in the order in which they happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    happened_at: Timestamp,
    action: ActionId,
    power: Power,
    is_estimate: bool,
}

/// The reports say which actions turn a droplet on or off, and when they did. Here a droplet's listing may show an action
/// on another droplet, which changes nothing.
const CHANGES: &str = "
    SELECT action_id, happened_at, power, certainty = 'estimate' AS is_estimate
      FROM power_events
      JOIN actions ON actions.id = action_id
     WHERE droplet_id = ?1 AND coalesce(resource_id, ?1) = ?1";

/// The changes of a droplet, each by its action.
pub(super) fn changes(
    connection: &Connection,
    droplet: DropletId,
) -> rusqlite::Result<HashMap<ActionId, Change>> {
    let mut statement = connection.prepare(CHANGES)?;
    let mut rows = statement.query([droplet])?;
    let mut changes = HashMap::new();
    while let Some(row) = rows.next()? {
        let action = row.get("action_id")?;
        let text: String = row.get("happened_at")?;
        let power = match row.get_ref("power")?.as_str() {
            Ok("on") => Power::On,
            Ok("off") => Power::Off,
            _ => Power::Gone,
        };
        if let Ok(happened_at) = text.parse() {
            let is_estimate = row.get("is_estimate")?;
            changes.insert(
                action,
                Change {
                    happened_at,
                    action,
                    power,
                    is_estimate,
                },
            );
        }
    }
    Ok(changes)
}

impl State {
    /// Gone, as a sync found.
    pub(super) fn gone(since: Timestamp) -> Self {
        Self {
            power: Power::Gone,
            is_estimate: false,
            since: Some(since),
        }
    }

    /// What a droplet is like after these changes, in their order.
    pub(super) fn after_all(changes: &BTreeSet<Change>) -> Self {
        changes.iter().fold(Self::default(), Self::after)
    }

    /// What it is like after a change that is later than all before. Nothing changes it once it is gone.
    pub(super) fn after(self, change: &Change) -> Self {
        let Change {
            power,
            is_estimate,
            happened_at,
            ..
        } = *change;
        if self.power == Power::Gone {
            return self;
        }
        if self.power == power {
            return Self {
                is_estimate: self.is_estimate && is_estimate,
                ..self
            };
        }
        Self {
            power,
            is_estimate,
            since: Some(happened_at),
        }
    }
}
