//! How many new actions a sync is about to bring, as far as it is known: the store asks whether its large indexes are worth
//! keeping up to date meanwhile.
//!
//! Of a listing that was opened, its answers tell. The droplets whose listings were never read to the end, and are not
//! opened yet, are taken to have as many actions as those that were have on average.

use std::collections::BTreeSet;

use crate::archive::{Listing, ListingKind};
use crate::core::model::DropletId;

#[derive(Debug, Default)]
pub(super) struct Expectation {
    /// Droplets whose listings are still to be opened, and were never read to the end.
    unopened: BTreeSet<DropletId>,
    /// The droplets among those whose listings have answered, and the lengths of these together.
    answered: BTreeSet<DropletId>,
    length: u64,
}

impl Expectation {
    pub(super) fn of(unopened: BTreeSet<DropletId>) -> Self {
        Self {
            unopened,
            ..Self::default()
        }
    }

    /// Takes note of an answer; how many new actions are to come, those of this answer included, of a listing of which so
    /// many positions are covered.
    pub(super) fn after(&mut self, listing: &Listing, total: Option<u64>, covered: u64) -> u64 {
        let total = total.unwrap_or(0);
        let of_this = match listing.kind {
            ListingKind::Account => total.saturating_sub(covered),
            // Few of its actions are kept.
            ListingKind::Followed => 0,
            ListingKind::Droplet(id) => {
                let was_unopened = self.unopened.remove(&id);
                if was_unopened && self.answered.insert(id) {
                    self.length = self.length.saturating_add(total);
                }
                total.saturating_sub(covered)
            }
        };
        let average = self.length / (self.answered.len() as u64).max(1);
        let of_the_others = average.saturating_mul(self.unopened.len() as u64);
        of_this.saturating_add(of_the_others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::coverage::Coverage;

    fn listing(kind: ListingKind) -> Listing {
        Listing {
            id: 1,
            kind,
            total: None,
            complete_total: None,
            head_id: None,
            coverage: Coverage::new(),
        }
    }

    #[test]
    fn droplets_that_were_never_read_are_taken_to_be_like_those_that_are() {
        let mut expectation = Expectation::of((1..=100).collect());
        let mut after = |id, total, covered| {
            expectation.after(&listing(ListingKind::Droplet(id)), Some(total), covered)
        };
        assert_eq!(after(1, 1_000, 0), 1_000 + 99 * 1_000);
        assert_eq!(after(2, 0, 0), 98 * 500);
        assert_eq!(after(1, 1_000, 600), 400 + 98 * 500, "its second page");
        assert_eq!(after(500, 9_000, 9_000), 98 * 500, "one that is known");
    }

    #[test]
    fn the_account_brings_what_is_missing_of_it_and_following_it_next_to_nothing() {
        let mut expectation = Expectation::default();
        let mut after = |kind| expectation.after(&listing(kind), Some(5_000), 200);
        assert_eq!(after(ListingKind::Account), 4_800);
        assert_eq!(after(ListingKind::Followed), 0);
    }
}
