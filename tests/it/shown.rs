//! What the listings of a cloud have shown of themselves: what a sync that exits 0 has to have archived.
//!
//! A listing may be served by replicas that lag behind, so it is judged by the most that its answers revealed: its oldest
//! actions, up to the newest that it had for any of them, whichever page that was.

use std::collections::BTreeMap;

use crate::cloud::{Action, Cloud};

/// The newest action that each listing has revealed. The listing's other actions have smaller ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    account: Option<i64>,
    droplets: BTreeMap<i64, i64>,
}

impl Shown {
    /// By the answers since requests were forgotten.
    pub(crate) fn lately(cloud: &Cloud) -> Self {
        let mut shown = Self::default();
        for request in cloud.requests() {
            let Some(newest) = request.newest_action else {
                continue;
            };
            let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
            match droplet_of(path) {
                Some(droplet) => {
                    let known = shown.droplets.entry(droplet).or_insert(newest);
                    *known = newest.max(*known);
                }
                None => shown.account = shown.account.max(Some(newest)),
            }
        }
        shown
    }

    /// After a sync that ended by itself: each listing has shown what it showed last. Of one that was ended it is not known
    /// what it has heard, so it counts only where it makes the promise smaller.
    pub(crate) fn then(&mut self, lately: &Self, ended_by_itself: bool) {
        let later = |earlier: Option<i64>, newest: i64| match earlier {
            Some(earlier) if !ended_by_itself => Some(newest.min(earlier)),
            None if !ended_by_itself => None,
            _ => Some(newest),
        };
        if let Some(newest) = lately.account {
            self.account = later(self.account, newest);
        }
        for (droplet, newest) in &lately.droplets {
            let earlier = self.droplets.get(droplet).copied();
            if let Some(newest) = later(earlier, *newest) {
                self.droplets.insert(*droplet, newest);
            }
        }
    }

    /// Whether an action of this droplet's listing, or of the account's, has to be archived now, after these answers and
    /// the earlier ones.
    ///
    /// A droplet is kept current through the account's listing where its own was not asked for. That shows which actions
    /// are the droplet's by their resource only.
    pub(crate) fn promises(&self, earlier: &Self, droplet: Option<i64>, action: &Action) -> bool {
        let account = self.account.max(earlier.account);
        let Some(droplet) = droplet else {
            return account >= Some(action.id);
        };
        let lately = self.droplets.get(&droplet).copied();
        let own = lately.max(earlier.droplets.get(&droplet).copied());
        let through_account =
            self.account.is_some() && lately.is_none() && is_attributed(action, droplet);
        own >= Some(action.id) || through_account && account >= Some(action.id)
    }
}

/// Whether an action says itself that it is the droplet's.
fn is_attributed(action: &Action, droplet: i64) -> bool {
    action.resource_type.as_deref() == Some("droplet") && action.resource_id == Some(droplet)
}

/// The droplet whose own listing this is.
fn droplet_of(path: &str) -> Option<i64> {
    let rest = path.strip_prefix("/v2/droplets/")?;
    rest.strip_suffix("/actions")?.parse().ok()
}
