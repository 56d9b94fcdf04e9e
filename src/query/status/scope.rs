//! Whose actions the archive is kept for: the scope of the last sync, as it stands in the log of syncs.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::listings::ListingStatus;
use super::words::counted;
use crate::core::model::DropletId;

/// What the log of syncs calls the whole account.
pub const ACCOUNT_SCOPE: &str = "account";

/// The scope of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every action of the account.
    Account,
    /// The actions of some droplets.
    Droplets {
        /// Chosen by id.
        ids: BTreeSet<DropletId>,
        /// Whether others were chosen by tag.
        has_tags: bool,
    },
}

#[derive(Deserialize)]
struct Droplets {
    droplets: BTreeSet<DropletId>,
    tags: Vec<String>,
}

impl Scope {
    /// Reads what a sync noted. What a later version may note is taken for the whole account, which promises the most.
    pub(super) fn of(text: &str) -> Self {
        match serde_json::from_str::<Droplets>(text) {
            Ok(Droplets { droplets, tags }) => Self::Droplets {
                ids: droplets,
                has_tags: !tags.is_empty(),
            },
            Err(_) => Self::Account,
        }
    }

    /// Whether a listing is one of those that a sync of this scope reads.
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
                let droplets = if *has_tags {
                    // Those that a tag chose are followed, where a token allows it.
                    let followed = listed.clone().filter(|it| it.is_followed).count();
                    if followed > 0 {
                        followed
                    } else {
                        listed.count()
                    }
                } else {
                    ids.len()
                };
                let droplets = counted(droplets as u64, "droplet");
                format!("{droplets}, {}", counted(actions, "action"))
            }
        }
    }
}
