//! Keeps many droplets current through the account's listing.
//!
//! Its new positions hold every new action of all of them, in one request for each 200 new actions of the account
//! instead of one for each droplet. So once a droplet's own listing is archived, the droplet is *followed* from the
//! length that the account's listing had before that listing was read.
//!
//! One thing the account's listing does not say: an action whose resource is not a droplet, such as attaching a
//! volume, may stand in a droplet's own listing too. Where such an action is new, the followed droplets it may concern
//! are not followed any more until their own listings are read; that is noted together with the page, so that no kill
//! can come between.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{PER_PAGE, Page};
use crate::model::{Action, ActionId, DropletId};
use crate::store::Followed;

/// The droplets of one sync, as far as they can be followed.
#[derive(Debug, Default)]
pub(super) struct Following {
    /// All droplets whose actions are to be kept.
    droplets: BTreeSet<DropletId>,
    /// Those that are followed already.
    followed: BTreeMap<DropletId, Followed>,
    /// The length of the account's listing when this sync began, where the token may read it.
    account_total: Option<u64>,
    /// The greatest id that the account's listing showed in this sync.
    head_id: Option<ActionId>,
    /// The greatest id that it showed when this sync began.
    first_head_id: Option<ActionId>,
    /// Whether the account's listing does not add up.
    is_doubted: bool,
    /// Droplets that a new action may concern without saying so, and whose own listings were not opened since.
    suspects: BTreeSet<DropletId>,
    /// Droplets that this sync found to be gone: no own listing shows more of them.
    gone: BTreeSet<DropletId>,
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
            first_head_id: None,
            is_doubted: false,
            suspects: BTreeSet::new(),
            gone: BTreeSet::new(),
        }
    }

    /// The length of the account's listing when this sync began.
    pub(super) fn account_total(&self) -> Option<u64> {
        self.account_total
    }

    /// Takes note of ids that the account's listing shows.
    pub(super) fn note_ids(&mut self, ids: impl Iterator<Item = ActionId>) {
        self.head_id = self.head_id.max(ids.max());
        self.first_head_id = self.first_head_id.or(self.head_id);
    }

    /// The greatest of them.
    pub(super) fn head_id(&self) -> Option<ActionId> {
        self.head_id
    }

    /// The position from which on the account's listing is to be read, if that is cheaper than the own listings of the
    /// droplets that are followed: a request for each, and one for each 200 new actions, of which the account's newest
    /// page, read already, is a sample. For one that is gone there is no other way.
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

    /// From where on a droplet is followed, if it was when this sync began and that can be believed.
    pub(super) fn followed_from(&self, id: DropletId) -> Option<u64> {
        let followed = self.followed.get(&id).filter(|_| !self.is_doubted);
        followed.map(|followed| followed.from)
    }

    /// From where on a droplet can be followed whose own listing was read in this sync.
    pub(super) fn follow_from(&self, id: DropletId) -> Option<u64> {
        self.account_total
            .filter(|_| !self.is_doubted && !self.suspects.contains(&id))
    }

    /// The droplet's own listing is about to be read: it shows whatever made the droplet a suspect so far.
    pub(super) fn acquit(&mut self, id: DropletId) {
        self.suspects.remove(&id);
    }

    /// The account's listing does not add up: neither can be believed what its length is, nor what it was.
    pub(super) fn doubt(&mut self) {
        self.is_doubted = true;
    }

    /// The droplets whose own listings have to be read, unless the account's shows what is new of them.
    pub(super) fn unfollowed(&self) -> impl Iterator<Item = DropletId> + '_ {
        self.droplets
            .iter()
            .copied()
            .filter(|id| !self.followed.contains_key(id))
    }

    /// The droplets that are followed.
    pub(super) fn followed(&self) -> impl Iterator<Item = DropletId> + '_ {
        self.followed.keys().copied()
    }

    /// Whether an action of the account's listing is to be kept.
    pub(super) fn keeps(&self, action: &Action) -> bool {
        droplet_of(action).is_some_and(|id| self.droplets.contains(&id))
    }

    /// Whether an action must be archived already where the account's listing is covered.
    pub(super) fn vouches_for(&self, action: &Action) -> bool {
        droplet_of(action).is_some_and(|id| self.followed.contains_key(&id))
    }

    /// The droplet has no listing of its own any more.
    pub(super) fn note_gone(&mut self, id: DropletId) {
        self.gone.insert(id);
    }

    /// Whether an action of the account came after this sync began. Its total may be wrong; then the ids tell.
    pub(super) fn is_newer(&self, action: &Action, position: u64) -> bool {
        self.account_total.is_some_and(|total| total <= position)
            || self.first_head_id.is_some_and(|head| head < action.id)
    }

    /// Takes note of an action of the account, at this position, that is of no droplet, or does not say of which. Which
    /// droplets it is the first to make suspects.
    ///
    /// What is newer than this sync concerns the droplets that are not followed yet as well: their own listings may have
    /// been read before, and from the beginning of this sync on they will be followed.
    pub(super) fn suspect(&mut self, action: &Action, position: u64) -> Vec<DropletId> {
        if !may_concern_a_droplet(action) {
            return Vec::new();
        }
        let region = action.region_slug.as_deref();
        let is_newer = self.is_newer(action, position);
        let concerned = self.droplets.difference(&self.gone).filter(|id| {
            self.followed.get(id).map_or(is_newer, |followed| {
                let regions = (region, followed.region_slug.as_deref());
                let is_elsewhere =
                    matches!(regions, (Some(action), Some(droplet)) if action != droplet);
                let is_new = followed.from <= position
                    || followed.head_id.is_some_and(|head| head < action.id);
                !is_elsewhere && is_new
            })
        });
        concerned
            .copied()
            .filter(|id| self.suspects.insert(*id))
            .collect()
    }

    /// Whether a new action may concern the droplet without saying so.
    pub(super) fn is_suspect(&self, id: DropletId) -> bool {
        self.suspects.contains(&id)
    }
}

fn droplet_of(action: &Action) -> Option<DropletId> {
    action
        .resource_id
        .filter(|_| action.resource_type.as_deref() == Some("droplet"))
}

/// Whether an action that names no droplet may stand in a droplet's listing: it names no resource, or one that is
/// attached or assigned to droplets.
fn may_concern_a_droplet(action: &Action) -> bool {
    match (action.resource_type.as_deref(), action.resource_id) {
        (Some("droplet"), Some(_)) => false,
        (Some("droplet" | "backend") | None, _) => true,
        (Some(_), _) => action.kind.as_deref().is_none_or(|kind| {
            ["attach", "detach", "assign"]
                .iter()
                .any(|joining| kind.contains(joining))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(kind: &str, resource: Option<(&str, Option<i64>)>, region: Option<&str>) -> Action {
        Action {
            id: 1,
            status: None,
            kind: Some(kind.to_owned()),
            started_at: None,
            completed_at: None,
            resource_id: resource.and_then(|(_, id)| id),
            resource_type: resource.map(|(kind, _)| kind.to_owned()),
            region_slug: region.map(str::to_owned),
            region: None,
            extra: Default::default(),
        }
    }

    fn following(followed: &[(DropletId, u64, Option<&str>)], total: u64) -> Following {
        let droplets = followed.iter().map(|(id, _, _)| *id).chain([99]).collect();
        let followed = followed.iter().map(|(id, from, region)| {
            (
                *id,
                Followed {
                    from: *from,
                    head_id: None,
                    region_slug: region.map(str::to_owned),
                    is_gone: *id == 5,
                },
            )
        });
        Following::new(droplets, followed.collect(), Some(total))
    }

    /// A page of ten actions, of which so many are of droplet 1.
    fn newest(of_followed: usize) -> Page<Action> {
        let rows = (0..10).map(|row| {
            let id = if row < of_followed { 1 } else { 7 };
            Ok(action("reboot", Some(("droplet", Some(id))), None))
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
        let three = [(1, 1_000, None), (2, 800, None), (3, 900, None)];
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
        let one_is_gone = following(&[(1, 900, None), (5, 800, None)], 40_000);
        assert_eq!(one_is_gone.worthwhile_from(&newest(0)), Some(800));
    }

    #[test]
    fn only_the_actions_of_the_droplets_are_kept() {
        let following = following(&[(1, 0, None)], 10);
        let keeps = |id| following.keeps(&action("reboot", Some(("droplet", Some(id))), None));
        assert!(keeps(1) && keeps(99) && !keeps(7));
        assert!(!following.keeps(&action("resize", Some(("volume", Some(1))), None)));
        assert!(following.vouches_for(&action("reboot", Some(("droplet", Some(1))), None)));
        assert!(!following.vouches_for(&action("reboot", Some(("droplet", Some(99))), None)));
    }

    #[test]
    fn an_action_that_may_concern_a_droplet_makes_those_of_its_region_suspects() {
        let droplets = [(1, 0, Some("nyc3")), (2, 0, Some("fra1")), (3, 0, None)];
        for (action, expected) in [
            (
                action("attach_volume", Some(("volume", None)), Some("nyc3")),
                vec![1, 3],
            ),
            (
                action("attach_volume", Some(("backend", None)), None),
                vec![1, 2, 3],
            ),
            (
                action("reboot", Some(("droplet", None)), Some("fra1")),
                vec![2, 3],
            ),
            (action("snapshot", None, Some("fra1")), vec![2, 3]),
            (
                action("transfer", Some(("image", Some(5))), Some("nyc3")),
                vec![],
            ),
            (
                action("reboot", Some(("droplet", Some(77))), Some("nyc3")),
                vec![],
            ),
        ] {
            let mut following = following(&droplets, 10);
            assert_eq!(following.suspect(&action, 0), expected, "{action:?}");
            assert!(following.suspect(&action, 0).is_empty(), "once is enough");
            let suspects = [1, 2, 3, 99]
                .into_iter()
                .filter(|id| following.is_suspect(*id));
            assert_eq!(suspects.collect::<Vec<_>>(), expected, "{action:?}");
        }
    }

    #[test]
    fn a_total_that_was_wrong_hides_no_action_from_the_suspicion() {
        let mut following = following(&[(1, 48_000_000, None)], 48_000_000);
        let mut attached = action("attach_volume", Some(("volume", None)), None);
        attached.id = 8;
        assert!(
            following.suspect(&attached, 12).is_empty(),
            "nothing is known of the ids"
        );
        following.followed.get_mut(&1).unwrap().head_id = Some(7);
        following.note_ids([7].into_iter());
        assert_eq!(following.suspect(&attached, 12), [1, 99]);
    }

    #[test]
    fn a_droplet_that_will_be_followed_is_a_suspect_of_what_is_newer_than_the_sync() {
        let attached = action("attach_volume", Some(("volume", None)), Some("nyc3"));
        let mut following = following(&[(1, 0, Some("nyc3"))], 10);
        assert_eq!(following.suspect(&attached, 9), [1]);
        assert_eq!(following.follow_from(99), Some(10));
        assert_eq!(following.suspect(&attached, 10), [99]);
        assert_eq!(
            following.follow_from(99),
            None,
            "its own listing may not have shown it"
        );
        following.acquit(99);
        assert_eq!(following.follow_from(99), Some(10));
        assert_eq!(
            following.suspect(&attached, 11),
            [99],
            "what came after it was opened"
        );
    }
}
