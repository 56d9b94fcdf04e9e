//! Droplets that are followed through the account's listing.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::ListingKind;
use crate::core::model::DropletId;

use super::fixture::Archive;

fn followed_from(archive: &Archive) -> Vec<String> {
    archive.rows("SELECT droplet_id || ' ' || followed_from FROM listings WHERE followed_from IS NOT NULL ORDER BY 1")
}

fn with_followed(ids: &[DropletId]) -> Archive {
    let mut archive = Archive::in_memory();
    for id in ids {
        archive.store.listing(ListingKind::Droplet(*id)).unwrap();
    }
    let from: BTreeMap<_, _> = ids.iter().map(|id| (*id, 500)).collect();
    archive.store.follow(&from, Some(7)).unwrap();
    archive
}

#[test]
fn droplets_out_of_scope_are_not_followed_any_more() {
    let mut archive = with_followed(&[1, 2, 3]);
    let followed = archive
        .store
        .follow_only(&BTreeSet::from([2, 3, 4]))
        .unwrap();
    assert_eq!(followed.keys().copied().collect::<Vec<_>>(), [2, 3]);
    assert_eq!(followed[&2].from, 500);
    assert_eq!(followed_from(&archive), ["2 500", "3 500"]);
}

#[test]
fn the_head_of_the_listing_only_rises() {
    let mut archive = with_followed(&[1]);
    for (said, expected) in [(Some(9), Some(9)), (Some(8), Some(9)), (None, Some(9))] {
        archive
            .store
            .follow(&BTreeMap::from([(1, 600)]), said)
            .unwrap();
        let listing = archive.store.listing(ListingKind::Followed).unwrap();
        assert_eq!(listing.head_id, expected);
    }
}
