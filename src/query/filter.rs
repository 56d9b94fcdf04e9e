//! What is asked for, as a plain value: no SQL, no flags.

use super::{Choice, TypeSelector};
use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;
use std::convert::Infallible;
use std::str::FromStr;

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

/// What actions are ordered by; those of which it is not known come before all others, and equals by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// When they were initiated.
    #[default]
    Started,
    /// When they ended.
    Completed,
    /// How long they took.
    Duration,
    /// Their ids.
    Id,
}

/// A name that nothing is ordered by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is nothing to sort by: use {}", SortKey::ALL.map(SortKey::name).join(", "))]
pub struct UnknownSortKey {
    input: String,
}

impl SortKey {
    /// Every key.
    pub const ALL: [Self; 4] = [Self::Started, Self::Completed, Self::Duration, Self::Id];

    /// Its name, which chooses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Duration => "duration",
            Self::Id => "id",
        }
    }
}

impl FromStr for SortKey {
    type Err = UnknownSortKey;

    /// A column's name chooses it too: `started_at`, `duration_seconds`.
    fn from_str(text: &str) -> Result<Self, UnknownSortKey> {
        let lower = text.to_ascii_lowercase();
        let name = lower
            .strip_suffix("_at")
            .or_else(|| lower.strip_suffix("_seconds"))
            .unwrap_or(&lower);
        Self::ALL
            .into_iter()
            .find(|key| key.name() == name)
            .ok_or_else(|| UnknownSortKey {
                input: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_chosen_by_its_name_or_its_column() {
        for key in SortKey::ALL {
            assert_eq!(key.name().parse(), Ok(key));
        }
        assert_eq!("started_at".parse(), Ok(SortKey::Started));
        assert_eq!("Duration_Seconds".parse(), Ok(SortKey::Duration));
    }

    #[test]
    fn an_unknown_key_lists_those_that_exist() {
        assert_eq!(
            "size".parse::<SortKey>().unwrap_err().to_string(),
            "`size` is nothing to sort by: use started, completed, duration, id"
        );
    }
}
