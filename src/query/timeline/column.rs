//! The columns of a timeline, and the droplet that it is about.

use super::{Moment, Power};
use crate::core::model::DropletId;
use crate::core::time::Timestamp;
use crate::output::{Heading, Value};
use crate::query::{DropletSelector, Error, one_droplet};
use rusqlite::{Connection, OptionalExtension};

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

/// The columns that people can do without. The note tells if the power is an estimate.
pub const NOT_FOR_PEOPLE: [&str; 2] = ["id", "certainty"];

/// The title of a column, with the way to format the values.
pub(super) fn heading(name: &str) -> Heading<'_> {
    let heading = Heading::named(name);
    let rank = match name {
        "started_at" => 0,
        "gap_seconds" => 50,
        _ => heading.rank,
    };
    Heading { rank, ..heading }
}

impl Moment<'_> {
    /// The values of these columns.
    pub(super) fn values(&self, columns: &[&str]) -> Vec<Value<'_>> {
        let (event, state) = (self.event, self.state);
        let number = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
        let certainty = match (state.power, state.is_estimate) {
            (Power::Unknown, _) => Value::Null,
            (_, true) => Value::Text("estimated"),
            (_, false) => Value::Text("certain"),
        };
        let values = [
            Value::Integer(event.id),
            known(event.started_text.as_ref()),
            known(event.kind.as_ref()),
            known(event.status.as_ref()),
            number(event.duration_seconds()),
            Value::Text(state.power.name()),
            certainty,
            number(self.gap_seconds),
            known(Some(&self.note).filter(|note| !note.is_empty())),
        ];
        let named = COLUMNS.into_iter().zip(values);
        let shown = named.filter(|(name, _)| columns.contains(name));
        shown.map(|(_, value)| value).collect()
    }
}

fn known(text: Option<&String>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(text))
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
