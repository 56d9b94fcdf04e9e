//! What is asked for, as a plain value: no SQL, no flags.

use std::convert::Infallible;
use std::str::FromStr;

use super::{Choice, SortKey, TypeSelector};
use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;

/// Which actions are asked for. Every field narrows the answer, an empty one does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What was done: `reboot`, `snapshot` …, or a group of types.
    pub types: Choice<TypeSelector>,
    /// `in-progress`, `completed`, `errored` …
    pub statuses: Choice<String>,
    /// The droplets it was done to, or in whose own listing it was.
    pub droplets: Choice<DropletSelector>,
    /// The slugs of the regions it was done in.
    pub regions: Choice<String>,
    /// What it was done to: `droplet`, `volume` …
    pub resource_types: Choice<String>,
    /// The actions themselves.
    pub ids: Vec<ActionId>,
    /// Started at this instant or later.
    pub since: Option<Timestamp>,
    /// Started before this instant.
    pub until: Option<Timestamp>,
    /// Begun before the second instant, and not ended before the first. What is in progress has not ended; what is
    /// settled without a known end, or with one before its beginning, ended as it began.
    pub overlap: Option<(Timestamp, Timestamp)>,
    /// Took at least as long. What is in progress has lasted until now. A duration that is unknown or negative is
    /// neither this nor the maximum.
    pub min_duration_seconds: Option<u64>,
    /// Took at most as long. How long something in progress will take is not known.
    pub max_duration_seconds: Option<u64>,
    /// Of droplets that are known to be gone (`true`), or known to exist (`false`), among `droplets`.
    ///
    /// A droplet is gone when a sync marked it as gone, or when its destruction is archived as completed. It exists
    /// when the API listed it and neither is so. Of one that is only named by actions, archived before any sync saw
    /// the whole list of droplets, neither is known.
    pub gone: Option<bool>,
    /// New in the archive since then.
    pub seen_since: Option<SeenSince>,
    /// What the answer is ordered by, the smallest first.
    pub sort: SortKey,
    /// The greatest first.
    pub reverse: bool,
    /// At most this many: the greatest by the order, the most recent ones unless another was chosen. They are shown
    /// in that order, like all answers.
    pub limit: Option<u64>,
}

/// Since when an action is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenSince {
    /// A sync archived it that started at this instant or later.
    Time(Timestamp),
    /// The last sync archived it; one that still runs is the last.
    LastSync,
    /// The last sync that archived anything new archived it.
    LastNews,
}

/// How a droplet is named in a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropletSelector {
    /// By its number alone, archived or not.
    Id(DropletId),
    /// By its number, or by a name that it has or once had, and no other droplet.
    Name(String),
    /// By names with `*`, `?` or `[…]` in them, as in `web-*`: every droplet that has or had such a name.
    Pattern(String),
}

impl FromStr for DropletSelector {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text.contains(['*', '?', '[']) {
            Self::Pattern(text.to_owned())
        } else {
            Self::Name(text.to_owned())
        })
    }
}
