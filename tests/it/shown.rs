//! The actions that the listings of a cloud have shown: a sync that exits with 0 must have archived them.
//!
//! Replicas that lag may serve a listing, so the test uses the most that its answers revealed: the oldest actions, up
//! to the newest action that any answer knew, whichever page it was.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::{Action, Cloud};

/// The newest action that each listing has revealed. The listing's other actions have smaller ids.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    account: Option<i64>,
    droplets: BTreeMap<i64, i64>,
    /// The listings that gave any answer, even one without an action: of a droplet, or (`None`) of the account.
    answered: BTreeSet<Option<i64>>,
}

impl Shown {
    /// From the answers since the requests were last cleared.
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

    /// Adds the answers of a sync. After a sync that ended by itself, each listing has shown its last answers. It is
    /// unknown which answers an interrupted sync received, so these count only when they make the promise smaller.
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

    /// True when an action of this droplet's listing, or of the account's, must be archived now, after these answers
    /// and the earlier ones.
    ///
    /// A sync follows a droplet through the account's listing when it does not ask for the droplet's own. The account's
    /// listing shows only by their resource which actions belong to the droplet.
    pub(crate) fn promises(&self, earlier: &Self, droplet: Option<i64>, action: &Action) -> bool {
        let account = self.account.max(earlier.account) >= Some(action.id);
        let Some(droplet) = droplet else {
            return account;
        };
        let is_through_account = self.account.is_some() && !self.answered.contains(&Some(droplet));
        self.has_shown(earlier, droplet, action)
            || is_through_account && account && is_attributed(action, droplet)
    }

    /// The promise when every answer shows the current account: all listed actions, except those that only the
    /// droplet's own listing attributes to it, while that was not read yet.
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

    /// True when neither the droplet's own listing nor the account's gave any answer.
    pub(crate) fn is_silent_about(&self, droplet: i64) -> bool {
        !self.answered.contains(&Some(droplet)) && !self.answered.contains(&None)
    }

    /// True when the droplet's own listing has shown the action.
    fn has_shown(&self, earlier: &Self, droplet: i64, action: &Action) -> bool {
        let lately = self.droplets.get(&droplet);
        lately.max(earlier.droplets.get(&droplet)) >= Some(&action.id)
    }
}

/// True when the action itself names the droplet.
fn is_attributed(action: &Action, droplet: i64) -> bool {
    action.resource_type.as_deref() == Some("droplet") && action.resource_id == Some(droplet)
}

/// The listing to which the requested page belongs: of a droplet, or (`Some(None)`) of the account.
fn listing_of(request: &str) -> Option<Option<i64>> {
    let (path, _) = request.split_once('?').unwrap_or((request, ""));
    if path == "/v2/actions" {
        return Some(None);
    }
    let rest = path.strip_prefix("/v2/droplets/")?;
    let droplet = rest.strip_suffix("/actions")?.parse();
    droplet.ok().map(Some)
}
