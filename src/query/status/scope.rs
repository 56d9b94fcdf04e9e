//! The scope of the archive: that of the last sync run in the log.

use super::facts::ListingStatus;
use crate::core::model::DropletId;
use crate::output::counted;
use serde::Deserialize;
use std::collections::BTreeSet;

/// The name of the whole account in the log of sync runs.
pub const ACCOUNT_SCOPE: &str = "account";

/// The scope of a sync run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every action of the account.
    Account,
    /// The actions of some droplets.
    Droplets {
        /// The droplets chosen by id.
        ids: BTreeSet<DropletId>,
        /// True when other droplets were chosen by tag.
        has_tags: bool,
    },
}

#[derive(Deserialize)]
struct Droplets {
    droplets: BTreeSet<DropletId>,
    tags: Vec<String>,
}

impl Scope {
    /// Reads the scope of a sync run. An unknown text, as from a later version, counts as the whole account, the
    /// largest scope.
    pub(super) fn of(text: &str) -> Self {
        match serde_json::from_str::<Droplets>(text) {
            Ok(Droplets { droplets, tags }) => Self::Droplets {
                ids: droplets,
                has_tags: !tags.is_empty(),
            },
            Err(_) => Self::Account,
        }
    }

    /// True when tags choose droplets.
    pub(super) fn has_tags(&self) -> bool {
        matches!(self, Self::Droplets { has_tags: true, .. })
    }

    /// True when a sync of this scope reads the listing.
    pub(super) fn includes(&self, listing: &ListingStatus) -> bool {
        match self {
            Self::Account => listing.is_of_account(),
            Self::Droplets { ids, has_tags } => {
                listing.droplet_id.map_or(!listing.is_of_account(), |id| {
                    ids.contains(&id) || *has_tags
                })
            }
        }
    }

    /// `52,292 actions of the account`, `12 droplets`.
    pub(super) fn in_words(&self, listings: &[ListingStatus], actions: u64) -> String {
        match self {
            Self::Account => format!("{} of the account", counted(actions, "action")),
            Self::Droplets { ids, has_tags } => {
                let listed = listings.iter().filter(|it| it.droplet_id.is_some());
                // Droplets that a tag chose are followed, if the token allows it.
                let followed = listed.clone().filter(|it| it.is_followed).count();
                let droplets = match (has_tags, followed) {
                    (false, _) => ids.len(),
                    (true, 0) => listed.count(),
                    (true, followed) => followed,
                };
                let droplets = counted(droplets as u64, "droplet");
                format!("{droplets}, {}", counted(actions, "action"))
            }
        }
    }
}

/// An age in its largest unit: `12 minutes ago`, `1 hour ago`. A time in the future has no age.
#[must_use]
pub fn ago(age_seconds: Option<i64>) -> String {
    let Some(seconds) = age_seconds else {
        return "in the future, by a clock that was wrong".to_owned();
    };
    let seconds = seconds.unsigned_abs();
    for (length, name) in [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ] {
        if seconds >= length {
            return format!("{} ago", counted(seconds / length, name));
        }
    }
    "just now".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_while_is_told_in_its_largest_unit() {
        for (seconds, text) in [
            (0, "just now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (119, "1 minute ago"),
            (7_199, "1 hour ago"),
            (86_400, "1 day ago"),
            (40 * 86_400, "40 days ago"),
        ] {
            assert_eq!(ago(Some(seconds)), text);
        }
        assert!(ago(None).contains("clock that was wrong"));
    }
}
