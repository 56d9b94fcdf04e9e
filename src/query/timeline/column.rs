//! What is told of each action of a timeline.

use super::{Moment, Power};
use crate::output::{Heading, Value};

/// A column of a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The action's id.
    Id,
    /// When it was initiated.
    StartedAt,
    /// What was done.
    Type,
    /// Its status.
    Status,
    /// How long it took, in seconds; nothing where it ended before it began.
    DurationSeconds,
    /// Whether the droplet was on after it: `on`, `off`, `gone` or `unknown`.
    State,
    /// How sure that is: `certain` or `estimated`; nothing where it is unknown.
    Certainty,
    /// Seconds from the end of the previous action to its beginning; 0 when that had not ended.
    GapSeconds,
    /// What else is to be said, in words.
    Note,
}

impl Column {
    /// Every column: what a program is given.
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

    /// What a person is shown: the note says what is an estimate.
    pub const FOR_PEOPLE: [Self; 7] = [
        Self::StartedAt,
        Self::Type,
        Self::Status,
        Self::DurationSeconds,
        Self::State,
        Self::GapSeconds,
        Self::Note,
    ];

    pub(super) fn heading(self) -> Heading<'static> {
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
        match self {
            Self::DurationSeconds => Heading {
                title: "took",
                ..heading
            },
            _ => heading,
        }
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
