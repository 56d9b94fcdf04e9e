//! An action as a timeline reads it.

use crate::model::{ActionId, COMPLETED, DropletId, IN_PROGRESS};
use crate::output::Value;
use crate::query::Column;
use crate::time::Timestamp;

/// What is read of an action, in the order of [`Event::of`].
pub(super) const COLUMNS: [Column; 7] = [
    Column::Id,
    Column::Type,
    Column::Status,
    Column::StartedAt,
    Column::CompletedAt,
    Column::ResourceType,
    Column::ResourceId,
];

/// An action.
#[derive(Clone, Debug)]
pub(super) struct Event<'a> {
    pub(super) id: ActionId,
    pub(super) kind: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) completed_at: Option<Timestamp>,
    pub(super) resource_type: Option<&'a str>,
    pub(super) resource_id: Option<i64>,
    /// `started_at` as it is archived.
    pub(super) started_text: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// The action whose [`COLUMNS`] have these values.
    pub(super) fn of(values: &[Value<'a>]) -> Self {
        let value = |position: usize| values.get(position).copied().unwrap_or(Value::Null);
        let text = |position| match value(position) {
            Value::Text(text) => Some(text),
            _ => None,
        };
        let number = |position| match value(position) {
            Value::Integer(number) => Some(number),
            _ => None,
        };
        let time = |position| text(position).and_then(|text| text.parse().ok());
        Self {
            id: number(0).unwrap_or_default(),
            kind: text(1),
            status: text(2),
            started_at: time(3),
            completed_at: time(4),
            resource_type: text(5),
            resource_id: number(6),
            started_text: text(3),
        }
    }

    /// When it ended; when it started, where its end is not known or before that.
    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        self.started_at
            .map(|started_at| self.completed_at.unwrap_or(started_at).max(started_at))
    }

    pub(super) fn duration_seconds(&self) -> Option<i64> {
        let (started_at, completed_at) = self.started_at.zip(self.completed_at)?;
        Some(completed_at.epoch_seconds() - started_at.epoch_seconds())
    }

    pub(super) fn is_completed(&self) -> bool {
        self.status == Some(COMPLETED)
    }

    pub(super) fn is_open(&self) -> bool {
        self.status == Some(IN_PROGRESS) && self.completed_at.is_none()
    }

    /// Whether it was done to the droplet itself, as far as it says. What a droplet's listing showed without a resource
    /// was.
    pub(super) fn is_on(&self, droplet: DropletId) -> bool {
        self.resource_type.is_none_or(|kind| kind == "droplet")
            && self.resource_id.is_none_or(|id| id == droplet)
    }
}
