//! Actions: compact inside, because an account holds half a million of them; plain values outside, for tests.

use std::num::NonZeroU32;

use serde_json::Value;

/// An action as the account holds it, with the values that its JSON has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Unique across the account, unless handmade otherwise.
    pub id: i64,
    /// `in-progress`, `completed` or `errored`.
    pub status: Option<String>,
    /// The field `type`.
    pub kind: Option<String>,
    /// `2020-11-14T16:29:21Z`
    pub started_at: Option<String>,
    /// Absent while in progress.
    pub completed_at: Option<String>,
    /// The resource of the action.
    pub resource_id: Option<i64>,
    /// The type of that resource.
    pub resource_type: Option<String>,
    /// The region of the action.
    pub region_slug: Option<String>,
}

impl Action {
    /// The values of a JSON object; `None` when its id is not an integer.
    pub(super) fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            id: value.get("id")?.as_i64()?,
            status: text("status"),
            kind: text("type"),
            started_at: text("started_at"),
            completed_at: text("completed_at"),
            resource_id: value.get("resource_id").and_then(Value::as_i64),
            resource_type: text("resource_type"),
            region_slug: text("region_slug"),
        })
    }
}

/// An action whose JSON is served as a test wrote it, however odd.
#[derive(Clone, Debug)]
pub struct HandmadeAction {
    text: String,
    value: Value,
    listed_under: Option<i64>,
}

impl HandmadeAction {
    /// Serves this text as one row, valid JSON or not.
    pub fn text(text: &str) -> Self {
        let value = serde_json::from_str(text).unwrap_or(Value::Null);
        let listed_under = resource_of(&value);
        Self {
            text: text.to_owned(),
            value,
            listed_under,
        }
    }

    /// Puts the action on that droplet's own listing, whatever its `resource_id` says.
    #[must_use]
    pub fn listed_under(mut self, droplet_id: i64) -> Self {
        self.listed_under = Some(droplet_id);
        self
    }

    pub(super) fn droplet(&self) -> Option<i64> {
        self.listed_under
    }

    pub(super) fn json(&self) -> &str {
        &self.text
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    pub(super) fn settle(&mut self, status: Status, completed_at: &str) {
        if let Some(fields) = self.value.as_object_mut() {
            fields.insert("status".to_owned(), status.text().into());
            fields.insert("completed_at".to_owned(), completed_at.into());
            self.text = self.value.to_string();
        }
    }
}

impl From<Value> for HandmadeAction {
    /// Lists the action under the droplet that is its resource, if any.
    fn from(value: Value) -> Self {
        Self {
            text: value.to_string(),
            listed_under: resource_of(&value),
            value,
        }
    }
}

fn resource_of(value: &Value) -> Option<i64> {
    let of_droplet = value.get("resource_type").and_then(Value::as_str) == Some("droplet");
    value
        .get("resource_id")
        .and_then(Value::as_i64)
        .filter(|_| of_droplet)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Errored,
}

impl Status {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Errored => "errored",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResourceType {
    Droplet,
    Volume,
    Backend,
    Image,
    FloatingIp,
    ReservedIp,
}

impl ResourceType {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Droplet => "droplet",
            Self::Volume => "volume",
            Self::Backend => "backend",
            Self::Image => "image",
            Self::FloatingIp => "floating_ip",
            Self::ReservedIp => "reserved_ip",
        }
    }
}

/// A generated action: 40 bytes. Numbers stand for its type, region and droplet.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) id: i64,
    /// 0 stands for null.
    pub(super) resource_id: i64,
    /// Seconds since 1970.
    pub(super) started_at: u32,
    pub(super) completed_at: Option<NonZeroU32>,
    /// The droplet whose listing has the action, if any.
    pub(super) droplet: Option<NonZeroU32>,
    pub(super) kind: u16,
    pub(super) region: Option<u8>,
    pub(super) status: Status,
    pub(super) resource_type: ResourceType,
}

impl Record {
    /// The index of its droplet among the account's droplets.
    pub(super) fn droplet_place(&self) -> Option<usize> {
        self.droplet.map(|number| number.get() as usize - 1)
    }
}

/// The number in a record for the droplet at this index.
pub(super) fn droplet_number(place: usize) -> Option<NonZeroU32> {
    u32::try_from(place + 1).ok().and_then(NonZeroU32::new)
}

/// Seconds since 1970 as a record holds them. Years before 1970 and after 2106 are clamped.
pub(super) fn seconds(epoch_seconds: i64) -> u32 {
    u32::try_from(epoch_seconds.max(0)).unwrap_or(u32::MAX)
}

/// One row of the account.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Generated(Record),
    Handmade(Box<HandmadeAction>),
}
