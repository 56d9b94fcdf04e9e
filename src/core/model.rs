//! The things an archive is about, as plain values: actions, regions, droplets.
//!
//! These are what is left once the network's text has been understood (`api::wire`) and what the store writes.
//! Everything but an action's id is optional, because the API's specification requires none of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::core::time::Timestamp;

/// The number that identifies an action across the account. It outgrew 32 bits years ago.
pub type ActionId = i64;

/// The number that identifies a droplet.
pub type DropletId = i64;

/// Fields that have no column of their own, by name, each with the JSON text the API sent.
pub type Extra = BTreeMap<String, Box<RawValue>>;

/// The status of an action that still runs.
pub const IN_PROGRESS: &str = "in-progress";

/// The status of an action that ended well.
pub const COMPLETED: &str = "completed";

/// Something that was done to a resource of the account, or is being done.
#[derive(Clone, Debug)]
pub struct Action {
    /// Unique across the account.
    pub id: ActionId,
    /// `in-progress`, `completed` or `errored`; kept as it came when it is another.
    pub status: Option<String>,
    /// What was done: `create`, `reboot`, `snapshot` …; an open set, new ones appear without notice.
    pub kind: Option<String>,
    /// When it was initiated.
    pub started_at: Option<Timestamp>,
    /// When it ended; absent while in progress.
    pub completed_at: Option<Timestamp>,
    /// The resource it was done to.
    pub resource_id: Option<i64>,
    /// What that resource is: `droplet`, `volume`, `image` …
    pub resource_type: Option<String>,
    /// The slug of the region it was done in.
    pub region_slug: Option<String>,
    /// The region as the action repeated it. Shared: one page names the same region many times.
    pub region: Option<Arc<Region>>,
    /// What the API said beyond these fields.
    pub extra: Extra,
}

impl Action {
    /// Whether the API gave a time that cannot be read: its column is empty, and `extra` has it as it came.
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
    /// Whether new droplets can be created there.
    pub available: Option<bool>,
    /// What it can do: `backups`, `ipv6` …
    pub features: Vec<String>,
    /// The slugs of the sizes it offers. Empty without the scope `sizes:read`, so empty says nothing.
    pub sizes: Vec<String>,
    /// What the API said beyond these fields.
    pub extra: Extra,
}

impl Region {
    /// About how much memory it takes, for whoever remembers regions.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// What the allocator takes of a text beside its bytes, and a map of its members.
        const BESIDE: usize = 16;
        const OF_A_MEMBER: usize = 64;
        let text = |text: &String| size_of::<String>() + text.len() + BESIDE;
        let lists = self.features.iter().chain(&self.sizes).map(text);
        let extra = self.extra.iter();
        let extra = extra.map(|(name, value)| name.len() + value.get().len() + OF_A_MEMBER);
        let name = self.name.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.slug.len() + name + lists.sum::<usize>() + extra.sum::<usize>()
    }
}

/// A droplet that exists now.
#[derive(Clone, Debug)]
pub struct Droplet {
    /// Unique across the account, and never used again.
    pub id: DropletId,
    /// Not unique, and it can change.
    pub name: Option<String>,
    /// The slug of the region it runs in.
    pub region_slug: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// Its tags and size slug, as the API sent them.
    pub extra: Extra,
}

/// An account, as a token sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// What it is recognised by.
    pub uuid: Option<String>,
    /// Whose address it is registered under.
    pub email: Option<String>,
    /// The name of that person.
    pub name: Option<String>,
    /// `active`, `warning` or `locked`.
    pub status: Option<String>,
    /// How many droplets it may have. Takes the scope `droplet:read`.
    pub droplet_limit: Option<u64>,
    /// The team that the token was made for; absent for one that was made for a person.
    pub team: Option<Team>,
}

impl Account {
    /// What its team is recognised by.
    #[must_use]
    pub fn team_uuid(&self) -> Option<&String> {
        self.team.as_ref()?.uuid.as_ref()
    }
}

/// A team.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Team {
    /// What it is recognised by.
    pub uuid: Option<String>,
    /// What it is called.
    pub name: Option<String>,
}
