//! Keeps many droplets current through the account's listing.
//!
//! The account's listing has every new action of all droplets. That costs one request per 200 new actions of the
//! account, instead of one per droplet. So when a droplet's own listing is archived, the droplet becomes *followed*:
//! from the length that the account's listing had before the droplet's listing was read.
//!
//! The droplet's own listing may also have actions of another resource, such as attaching a volume, and the account's
//! listing does not link these to the droplet. So a recheck reads each own listing again from time to time.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{PER_PAGE, Page};
use crate::archive::{Followed, Listing};
use crate::core::model::{Action, ActionId, DropletId};
use crate::core::time::Timestamp;

/// The droplets of one sync run, and the data to follow them.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// All droplets whose actions are kept.
    droplets: BTreeSet<DropletId>,
    /// The droplets that are already followed.
    followed: BTreeMap<DropletId, Followed>,
    /// The length of the account's listing when this sync run began, if the token may read it.
    account_total: Option<u64>,
    /// The greatest id that the account's listing showed in this sync run.
    head_id: Option<ActionId>,
    /// True when the account's listing has an inconsistency.
    is_inconsistent: bool,
}

impl Following {
    pub(super) fn new(
        droplets: BTreeSet<DropletId>,
        followed: BTreeMap<DropletId, Followed>,
        account_total: Option<u64>,
    ) -> Self {
        Self {
            droplets,
            followed,
            account_total,
            head_id: None,
            is_inconsistent: false,
        }
    }

    /// The length of the account's listing when this sync run began.
    pub(super) fn account_total(&self) -> Option<u64> {
        self.account_total
    }

    /// Records ids that the account's listing shows.
    pub(super) fn note_ids(&mut self, ids: impl Iterator<Item = ActionId>) {
        self.head_id = self.head_id.max(ids.max());
    }

    /// The greatest recorded id.
    pub(super) fn head_id(&self) -> Option<ActionId> {
        self.head_id
    }

    /// The position from which to read the account's listing, if that is cheaper than the own listings of the followed
    /// droplets. Those cost one request each, and one more per 200 new actions of these droplets, estimated from the
    /// account's newest page, which is already read. A gone droplet always needs the account's listing.
    pub(super) fn worthwhile_from(&self, newest: &Page<Action>) -> Option<u64> {
        let total = self.account_total?;
        let from = self.followed.values().map(|followed| followed.from).min()?;
        let new = total.checked_sub(from)?;
        let shown = newest.rows.iter().flatten();
        let of_followed = shown.filter(|action| self.vouches_for(action)).count() as u64;
        let new_of_followed = new.saturating_mul(of_followed) / (newest.rows.len() as u64).max(1);
        let own_pages = self.followed.len() as u64 + new_of_followed / PER_PAGE;
        let is_needed = self.followed.values().any(|followed| followed.is_gone);
        (is_needed || new.div_ceil(PER_PAGE) <= own_pages + 1).then_some(from)
    }

    /// Raises the known length of the account's listing to the greatest position from which a droplet is followed. A
    /// shorter answer comes from a replica that lags.
    pub(super) fn at_known_length(&self, listing: Listing) -> Listing {
        let followed = self.followed.values().filter(|_| !self.is_inconsistent);
        let known = followed.map(|followed| followed.from).max();
        Listing {
            total: listing.total.max(known),
            ..listing
        }
    }

    /// The position from which a droplet is followed, if it was followed when this sync run began and the account's
    /// listing has no inconsistency.
    pub(super) fn followed_from(&self, id: DropletId) -> Option<u64> {
        let followed = self.followed.get(&id).filter(|_| !self.is_inconsistent);
        followed.map(|followed| followed.from)
    }

    /// The position from which a droplet can be followed after its own listing was read in this sync run. The own
    /// listing may lag behind, so a followed droplet keeps its position until the account's listing moves it on.
    pub(super) fn follow_from(&self, id: DropletId) -> Option<u64> {
        self.followed_from(id)
            .or(self.account_total)
            .filter(|_| !self.is_inconsistent)
    }

    /// The followed droplets that are due for a recheck, each within this period at the latest. Each droplet has its
    /// own time in the second half of the period, so that they are not all due in one sync run.
    pub(super) fn due(
        &self,
        now: Timestamp,
        period_seconds: i64,
    ) -> impl Iterator<Item = DropletId> + '_ {
        let living = self
            .followed
            .iter()
            .filter(|(_, followed)| !followed.is_gone);
        let due = living.filter(move |(id, followed)| {
            let age = followed.read_at.and_then(|read_at| read_at.age_at(now));
            age.is_none_or(|age| age >= own_period(**id, period_seconds))
        });
        due.map(|(id, _)| *id)
    }

    /// Records an inconsistency of the account's listing. Neither its present nor its earlier length is trusted any
    /// more.
    pub(super) fn note_inconsistency(&mut self) {
        self.is_inconsistent = true;
    }

    /// The droplets that are not followed, so that their own listings must be read.
    pub(super) fn unfollowed(&self) -> impl Iterator<Item = DropletId> + '_ {
        self.droplets
            .iter()
            .copied()
            .filter(|id| !self.followed.contains_key(id))
    }

    /// The followed droplets.
    pub(super) fn followed(&self) -> impl Iterator<Item = DropletId> + '_ {
        self.followed.keys().copied()
    }

    /// True when an action of the account's listing is kept.
    pub(super) fn keeps(&self, action: &Action) -> bool {
        let mut ids = action.resource_id.iter();
        ids.any(|id| self.droplets.contains(id) && may_be_on_droplet(action))
    }

    /// True when an action at a covered position of the account's listing must be archived already.
    pub(super) fn vouches_for(&self, action: &Action) -> bool {
        let mut ids = action.resource_id.iter();
        ids.any(|id| self.followed.contains_key(id) && is_on_droplet(action, *id))
    }
}

/// True when the resource of an action is this droplet.
pub(super) fn is_on_droplet(action: &Action, id: DropletId) -> bool {
    action.resource_id == Some(id) && action.resource_type.as_deref() == Some("droplet")
}

/// True when an id of a resource can be that of a droplet: other kinds of resources have ids of their own.
fn may_be_on_droplet(action: &Action) -> bool {
    let kind = action.resource_type.as_deref();
    kind.is_none_or(|kind| kind == "backend" || kind.eq_ignore_ascii_case("droplet"))
}

/// The recheck period of one droplet: between half of the period and the whole period.
fn own_period(id: DropletId, period_seconds: i64) -> i64 {
    let half = period_seconds / 2;
    // The hash spreads neighbouring ids over the second half.
    let scattered = id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    half + scattered.cast_signed() % (half + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(kind: &str, resource: Option<(&str, Option<i64>)>) -> Action {
        Action {
            id: 1,
            status: None,
            kind: Some(kind.to_owned()),
            started_at: None,
            completed_at: None,
            resource_id: resource.and_then(|(_, id)| id),
            resource_type: resource.map(|(kind, _)| kind.to_owned()),
            region_slug: None,
            region: None,
            extra: Default::default(),
        }
    }

    fn following(followed: &[(DropletId, u64)], total: u64) -> Following {
        let droplets = followed.iter().map(|(id, _)| *id).chain([99]).collect();
        let followed = followed.iter().map(|(id, from)| {
            (
                *id,
                Followed {
                    from: *from,
                    read_at: None,
                    is_gone: *id == 5,
                },
            )
        });
        Following::new(droplets, followed.collect(), Some(total))
    }

    /// A page of ten actions; `of_followed` of them belong to droplet 1.
    fn newest(of_followed: usize) -> Page<Action> {
        let rows = (0..10).map(|row| {
            let id = if row < of_followed { 1 } else { 7 };
            Ok(action("reboot", Some(("droplet", Some(id)))))
        });
        Page {
            rows: rows.collect(),
            total: None,
            has_next: false,
            bytes: 1,
        }
    }

    #[test]
    fn the_account_is_read_where_that_costs_fewer_requests() {
        let three = [(1, 1_000), (2, 800), (3, 900)];
        for (total, of_followed, from) in [
            (1_000, 0, Some(800)),
            (1_600, 0, Some(800)),
            (1_601, 0, None),
            (1_601, 10, Some(800)),
            (40_000, 10, Some(800)),
            (40_000, 8, None),
            (700, 10, None),
        ] {
            let following = following(&three, total);
            let found = following.worthwhile_from(&newest(of_followed));
            assert_eq!(found, from, "{total}, {of_followed} of 10");
        }
        assert_eq!(following(&[], 1_000).worthwhile_from(&newest(0)), None);
        let one_is_gone = following(&[(1, 900), (5, 800)], 40_000);
        assert_eq!(one_is_gone.worthwhile_from(&newest(0)), Some(800));
    }

    #[test]
    fn only_the_actions_of_the_droplets_are_kept() {
        let following = following(&[(1, 0)], 10);
        let keeps = |id| following.keeps(&action("reboot", Some(("droplet", Some(id)))));
        assert!(keeps(1) && keeps(99) && !keeps(7));
        assert!(!following.keeps(&action("resize", Some(("volume", Some(1))))));
        assert!(following.keeps(&action("reboot", Some(("backend", Some(1))))));
        assert!(following.keeps(&Action {
            resource_type: None,
            ..action("reboot", Some(("droplet", Some(1))))
        }));
        assert!(following.vouches_for(&action("reboot", Some(("droplet", Some(1))))));
        assert!(!following.vouches_for(&action("reboot", Some(("droplet", Some(99))))));
    }

    #[test]
    fn each_own_listing_is_read_again_within_the_period_and_not_all_of_them_at_once() {
        const DAY: i64 = 86_400;
        let now = Timestamp::from_epoch_seconds(1_700_000_000).unwrap();
        let ids: Vec<(DropletId, u64)> = (100_000..101_000).map(|id| (id, 0)).collect();
        let mut following = following(&ids, 10);
        let mut due_after = |seconds| {
            for followed in following.followed.values_mut() {
                followed.read_at = Some(now);
            }
            let later = now.saturating_add_seconds(seconds);
            following.due(later, DAY).count()
        };
        assert_eq!((due_after(0), due_after(DAY / 2 - 1)), (0, 0));
        assert_eq!(due_after(DAY), 1_000);
        // A wrong clock recorded a time in the future.
        assert_eq!(due_after(-365 * DAY), 1_000);
        let at_three_quarters = due_after(3 * DAY / 4);
        assert!(
            (400..600).contains(&at_three_quarters),
            "{at_three_quarters}"
        );
    }
}
