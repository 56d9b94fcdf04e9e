//! What the listings of a cloud have shown of themselves: what a sync that exits 0 has to have archived.
//!
//! A listing may be served by replicas that lag behind, so it is judged by the most that its answers revealed: its oldest
//! actions, up to the newest that it had for any of them, whichever page that was.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::{Action, Cloud};

/// The newest action that each listing has revealed. The listing's other actions have smaller ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    account: Option<i64>,
    droplets: BTreeMap<i64, i64>,
    /// The listings that gave any answer at all, even one that tells nothing: of a droplet, or of the account.
    answered: BTreeSet<Option<i64>>,
}

impl Shown {
    /// By the answers since requests were forgotten.
    pub(crate) fn lately(cloud: &Cloud) -> Self {
        let mut shown = Self::default();
        for request in cloud.requests() {
            let Some(listing) = listing_of(&request.path).filter(|_| request.status == 200) else {
                continue;
            };
            shown.answered.insert(listing);
            let Some(newest) = request.newest_action else {
                continue;
            };
            match listing {
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
        let account = self.account.max(earlier.account) >= Some(action.id);
        let Some(droplet) = droplet else {
            return account;
        };
        let is_through_account = self.account.is_some() && !self.answered.contains(&Some(droplet));
        self.has_shown(earlier, droplet, action)
            || is_through_account && account && is_attributed(action, droplet)
    }

    /// The same where every answer is as the account is now: everything that is listed, but for what a droplet's own
    /// listing alone tells to be the droplet's, and has not been asked for yet.
    pub(crate) fn promises_up_to_date(
        &self,
        earlier: &Self,
        droplet: Option<i64>,
        action: &Action,
    ) -> bool {
        droplet.is_none_or(|droplet| {
            is_attributed(action, droplet) || self.has_shown(earlier, droplet, action)
        })
    }

    /// Whether neither the droplet's own listing nor the account's gave any answer.
    pub(crate) fn is_silent_about(&self, droplet: i64) -> bool {
        !self.answered.contains(&Some(droplet)) && !self.answered.contains(&None)
    }

    /// Whether the droplet's own listing has.
    fn has_shown(&self, earlier: &Self, droplet: i64, action: &Action) -> bool {
        let lately = self.droplets.get(&droplet);
        lately.max(earlier.droplets.get(&droplet)) >= Some(&action.id)
    }
}

/// Whether an action says itself that it is the droplet's.
fn is_attributed(action: &Action, droplet: i64) -> bool {
    action.resource_type.as_deref() == Some("droplet") && action.resource_id == Some(droplet)
}

/// The listing of which a request asks for a page: of a droplet, or of the account.
fn listing_of(request: &str) -> Option<Option<i64>> {
    let (path, _) = request.split_once('?').unwrap_or((request, ""));
    if path == "/v2/actions" {
        return Some(None);
    }
    let rest = path.strip_prefix("/v2/droplets/")?;
    let droplet = rest.strip_suffix("/actions")?.parse();
    droplet.ok().map(Some)
}
