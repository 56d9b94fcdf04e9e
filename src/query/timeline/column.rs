//! The columns of a timeline.

use super::{Moment, Power};
use crate::core::model::DropletId;
use crate::core::time::Timestamp;
use crate::output::{Heading, Value};
use crate::query::{DropletSelector, Error, one_droplet};
use rusqlite::{Connection, OptionalExtension};

/// A column of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The id of the action.
    Id,
    /// The start time.
    StartedAt,
    /// The type.
    Type,
    /// The status.
    Status,
    /// The duration in seconds; null when the action ended before it began.
    DurationSeconds,
    /// The power of the droplet after the action: `on`, `off`, `gone` or `unknown`.
    State,
    /// The certainty of the power: `certain` or `estimated`; null when the power is unknown.
    Certainty,
    /// Seconds from the end of the previous action to the start of this one; 0 when the actions overlap.
    GapSeconds,
    /// Remarks in words.
    Note,
}

impl Column {
    /// Every column; the columns for programs.
    pub const ALL: [Self; 9] = [
        Self::Id,
        Self::StartedAt,
        Self::Type,
        Self::Status,
        Self::DurationSeconds,
        Self::State,
        Self::Certainty,
        Self::GapSeconds,
        Self::Note,
    ];

    /// The columns for people. The note tells if the power is an estimate.
    pub const FOR_PEOPLE: [Self; 7] = [
        Self::StartedAt,
        Self::Type,
        Self::Status,
        Self::DurationSeconds,
        Self::State,
        Self::GapSeconds,
        Self::Note,
    ];

    /// The title, with the way to format the values.
    #[must_use]
    pub fn heading(self) -> Heading<'static> {
        let name = match self {
            Self::Id => "id",
            Self::StartedAt => "started_at",
            Self::Type => "type",
            Self::Status => "status",
            Self::DurationSeconds => "duration_seconds",
            Self::State => "state",
            Self::Certainty => "certainty",
            Self::GapSeconds => "gap_seconds",
            Self::Note => "note",
        };
        let heading = Heading::named(name);
        let rank = match self {
            Self::StartedAt => 0,
            Self::GapSeconds => 50,
            _ => heading.rank,
        };
        Heading { rank, ..heading }
    }

    pub(super) fn value<'a>(self, moment: &'a Moment<'_>) -> Value<'a> {
        let text = |text: Option<&'a str>| text.map_or(Value::Null, Value::Text);
        let number = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
        let (event, state) = (moment.event, moment.state);
        match self {
            Self::Id => Value::Integer(event.id),
            Self::StartedAt => text(event.started_text.as_deref()),
            Self::Type => text(event.kind.as_deref()),
            Self::Status => text(event.status.as_deref()),
            Self::DurationSeconds => number(event.duration_seconds()),
            Self::State => Value::Text(state.power.name()),
            Self::Certainty => match (state.power, state.is_estimate) {
                (Power::Unknown, _) => Value::Null,
                (_, true) => Value::Text("estimated"),
                (_, false) => Value::Text("certain"),
            },
            Self::GapSeconds => number(moment.gap_seconds),
            Self::Note => text(Some(moment.note.as_str()).filter(|note| !note.is_empty())),
        }
    }
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
