//! The contents of an archive as plain values: actions, regions, droplets.
//!
//! `api::wire` parses the network's text into these values, and the store writes them. Everything except an action's id
//! is optional, because the API's specification requires none of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::core::time::Timestamp;

/// The number that identifies an action across the account. It outgrew 32 bits years ago.
pub type ActionId = i64;

/// The number that identifies a droplet.
pub type DropletId = i64;

/// True for a text that can be the tag of a droplet: it is not empty and has no blanks.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

/// Fields without a column of their own, by name, each with the JSON text from the API.
pub type Extra = BTreeMap<String, Box<RawValue>>;

/// The fields in the JSON of `extra`; none when it is not an object.
#[must_use]
pub fn parse_extra(extra: Option<&str>) -> Extra {
    extra
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The JSON of some fields, overwritten by others. A null does not overwrite a field.
#[must_use]
pub fn merge_extra(mut merged: Extra, others: &Extra) -> String {
    for (name, value) in others {
        if value.get() != "null" || !merged.contains_key(name) {
            merged.insert(name.clone(), value.clone());
        }
    }
    // Serialization cannot fail: the values are valid JSON already.
    serde_json::to_string(&merged).unwrap_or_default()
}

/// The types of the actions that make an image of a resource.
pub const BACKUPS: [&str; 2] = ["backup", "snapshot"];

/// The status of an action that is not finished.
pub const IN_PROGRESS: &str = "in-progress";

/// The status of an action that ended well.
pub const COMPLETED: &str = "completed";

/// An operation on a resource of the account, finished or in progress.
#[derive(Clone, Debug)]
pub struct Action {
    /// Unique across the account.
    pub id: ActionId,
    /// `in-progress`, `completed` or `errored`; any other value is kept unchanged.
    pub status: Option<String>,
    /// The operation: `create`, `reboot`, `snapshot` …. New values appear without notice.
    pub kind: Option<String>,
    /// The time when it was started.
    pub started_at: Option<Timestamp>,
    /// The time when it ended; absent while in progress.
    pub completed_at: Option<Timestamp>,
    /// The id of its resource.
    pub resource_id: Option<i64>,
    /// The type of its resource: `droplet`, `volume`, `image` …
    pub resource_type: Option<String>,
    /// The slug of its region.
    pub region_slug: Option<String>,
    /// The region that the action repeats. Shared, because one page names the same region many times.
    pub region: Option<Arc<Region>>,
    /// Other fields from the API.
    pub extra: Extra,
}

impl Action {
    /// True when the API gave an unreadable time. Its column is empty then, and `extra` has the original text.
    #[must_use]
    pub fn has_unreadable_time(&self) -> bool {
        let is_unreadable =
            |name, time: Option<Timestamp>| time.is_none() && self.extra.contains_key(name);
        is_unreadable("started_at", self.started_at)
            || is_unreadable("completed_at", self.completed_at)
    }
}

/// A datacentre region.
#[derive(Clone, Debug)]
pub struct Region {
    /// `nyc3`
    pub slug: String,
    /// `New York 3`
    pub name: Option<String>,
    /// True when new droplets can be created there.
    pub available: Option<bool>,
    /// The features: `backups`, `ipv6` …
    pub features: Vec<String>,
    /// The slugs of the sizes it offers. Empty without the scope `sizes:read`, so an empty list means no information.
    pub sizes: Vec<String>,
    /// Other fields from the API.
    pub extra: Extra,
}

/// A droplet that exists now.
#[derive(Clone, Debug)]
pub struct Droplet {
    /// Unique across the account, and never used again.
    pub id: DropletId,
    /// Not unique, and may change.
    pub name: Option<String>,
    /// The slug of its region.
    pub region_slug: Option<String>,
    /// The time of its creation.
    pub created_at: Option<Timestamp>,
    /// Its tags and size slug, as the API sent them.
    pub extra: Extra,
}

impl Droplet {
    /// Its tags; `None` when the API did not tell them.
    #[must_use]
    pub fn tags(&self) -> Option<Vec<String>> {
        serde_json::from_str(self.extra.get("tags")?.get()).ok()
    }
}

/// An account, as a token sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The identifier of the account.
    pub uuid: Option<String>,
    /// The address of the person who registered it.
    pub email: Option<String>,
    /// The name of that person.
    pub name: Option<String>,
    /// `active`, `warning` or `locked`.
    pub status: Option<String>,
    /// The maximum number of droplets. Needs the scope `droplet:read`.
    pub droplet_limit: Option<u64>,
    /// The team of the token; absent for a token that was made for a person.
    pub team: Option<Team>,
}

impl Account {
    /// The identifier of its team.
    #[must_use]
    pub fn team_uuid(&self) -> Option<&String> {
        self.team.as_ref()?.uuid.as_ref()
    }
}

/// A team.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Team {
    /// The identifier of the team.
    pub uuid: Option<String>,
    /// The name of the team.
    pub name: Option<String>,
}
