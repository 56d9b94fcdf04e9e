//! Listings: their covered positions, and the inconsistencies that end the coverage.

use proptest::prelude::*;

use super::fixture::{Archive, bare, interval, time};
use crate::archive::ListingKind;
use crate::core::coverage::{Coverage, Interval};

#[test]
fn a_listing_is_one_row_by_its_path() {
    let mut archive = Archive::in_memory();
    archive.read(ListingKind::Droplet(42));
    let first = archive.listing.id;
    archive.read(ListingKind::Droplet(42));
    assert_eq!(archive.listing.id, first);
    assert_eq!(
        archive.rows("SELECT path, droplet_id FROM listings ORDER BY id"),
        ["/v2/actions -", "/v2/droplets/42/actions 42"]
    );
}

#[test]
fn a_page_leaves_its_rows_its_positions_and_its_total() {
    let mut archive = Archive::in_memory();
    archive
        .try_page(&[bare(2), bare(1)], &[interval(0, 2)], Some(7))
        .unwrap();
    let stored = archive.stored_listing();
    assert_eq!(stored.coverage.intervals(), [interval(0, 2)]);
    assert_eq!((stored.total, stored.complete_total), (Some(7), None));
}

#[test]
fn what_one_listing_covers_says_nothing_of_another() {
    let mut archive = Archive::in_memory();
    archive.try_page(&[], &[interval(0, 10)], Some(10)).unwrap();
    archive.read(ListingKind::Droplet(42));
    archive.try_page(&[], &[interval(5, 7)], Some(9)).unwrap();
    archive.store.forget_coverage(1).unwrap();
    let stored = archive.stored_listing();
    assert_eq!(stored.coverage.intervals(), [interval(5, 7)]);
    assert_eq!(stored.total, Some(9));
}

#[test]
fn an_answer_that_was_overtaken_does_not_shorten_the_listing() {
    let mut archive = Archive::in_memory();
    for (total, believed) in [(10, 10), (12, 12), (11, 12)] {
        archive.try_page(&[], &[], Some(total)).unwrap();
        assert_eq!(archive.stored_listing().total, Some(believed));
    }
    let (id, now) = (archive.listing.id, archive.now);
    archive.store.forget_coverage(id).unwrap();
    archive.try_page(&[], &[], Some(3)).unwrap();
    assert_eq!(archive.stored_listing().total, Some(12));
    archive.store.mark_scanned(id, 3, now).unwrap();
    assert_eq!(
        archive.stored_listing().total,
        Some(3),
        "a walk has shown it"
    );
}

#[test]
fn a_stranger_where_all_was_known_is_kept_and_ends_the_trust_at_once() {
    let mut archive = Archive::in_memory();
    archive
        .try_page(&[bare(1)], &[interval(0, 5)], Some(5))
        .unwrap();
    let id = archive.listing.id;
    let now = archive.now;
    archive.store.mark_complete(&[(id, 5)], now).unwrap();
    let (known, stranger, new) = (bare(1), bare(2), bare(3));
    let recorded = archive.try_rows(
        &[(&new, false), (&stranger, true), (&known, true)],
        &[interval(3, 6)],
        Some(6),
    );
    assert_eq!(recorded.unwrap().unexpected, 1);
    assert_eq!(archive.rows("SELECT id FROM actions"), ["1", "2", "3"]);
    let stored = archive.stored_listing();
    assert!(stored.coverage.is_empty());
    assert_eq!((stored.total, stored.complete_total), (Some(5), None));
}

#[test]
fn a_known_action_at_a_covered_position_is_no_stranger() {
    let mut archive = Archive::in_memory();
    archive.record(&[bare(1), bare(2)]);
    let (first, second) = (bare(1), bare(2));
    let recorded = archive
        .try_rows(&[(&second, true), (&first, true)], &[interval(0, 2)], None)
        .unwrap();
    assert_eq!(recorded.unexpected, 0);
    assert!(!archive.stored_listing().coverage.is_empty());
}

#[test]
fn forgetting_ends_every_belief_but_the_length_and_keeps_the_rows() {
    let mut archive = Archive::in_memory();
    archive
        .try_page(&[bare(1)], &[interval(0, 1)], Some(1))
        .unwrap();
    let id = archive.listing.id;
    let now = archive.now;
    archive.store.mark_complete(&[(id, 1)], now).unwrap();
    archive.store.forget_coverage(id).unwrap();
    assert_eq!(
        archive.rows("SELECT total, complete_total, complete_at, proven_since FROM listings"),
        ["1 - - -"]
    );
    assert!(archive.rows("SELECT * FROM coverage").is_empty());
    assert_eq!(archive.rows("SELECT id FROM actions"), ["1"]);
}

#[test]
fn a_complete_listing_is_covered_from_the_oldest_and_says_since_when() {
    let mut archive = Archive::in_memory();
    archive.try_page(&[], &[interval(2, 9)], Some(12)).unwrap();
    let id = archive.listing.id;
    let now = time("2026-01-01T13:00:00Z");
    archive.store.mark_complete(&[(id, 8)], now).unwrap();
    let stored = archive.stored_listing();
    assert_eq!(stored.coverage.intervals(), [interval(0, 9)]);
    assert_eq!((stored.total, stored.complete_total), (Some(12), Some(8)));
    assert_eq!(
        archive.rows("SELECT complete_at FROM listings"),
        ["2026-01-01T13:00:00Z"]
    );
}

#[test]
fn an_empty_listing_can_be_complete() {
    let mut archive = Archive::in_memory();
    let id = archive.listing.id;
    let now = archive.now;
    archive.store.mark_complete(&[(id, 0)], now).unwrap();
    let stored = archive.stored_listing();
    assert!(stored.coverage.is_empty());
    assert_eq!((stored.total, stored.complete_total), (Some(0), Some(0)));
}

#[test]
fn audits_of_one_second_leave_no_listing_out() {
    let mut archive = Archive::in_memory();
    let now = archive.now;
    let droplets = [42, 43, 44];
    for droplet in droplets {
        archive.read(ListingKind::Droplet(droplet));
        archive.try_page(&[], &[], Some(400)).unwrap();
        let id = archive.listing.id;
        archive.store.mark_complete(&[(id, 400)], now).unwrap();
    }
    let mut pages = Vec::new();
    for _ in 0..6 {
        let audit = archive.store.next_audit(Some(&droplets), now, 0);
        let audit = audit.unwrap().unwrap();
        pages.push((audit.listing, audit.position));
        archive.read(audit.listing);
        let (id, end) = (archive.listing.id, audit.position + 200);
        archive.store.note_audit(id, end, true, now).unwrap();
    }
    pages.sort_unstable();
    let every_page = droplets.map(ListingKind::Droplet);
    let every_page = every_page.into_iter().flat_map(|it| [(it, 0), (it, 200)]);
    assert_eq!(pages, every_page.collect::<Vec<_>>());
}

#[test]
fn rows_at_positions_beyond_all_counting_are_archived_all_the_same() {
    let mut archive = Archive::in_memory();
    for (id, total) in [(1, u64::MAX), (2, i64::MAX.unsigned_abs() + 1)] {
        archive
            .try_page(&[bare(id)], &[interval(total - 1, total)], Some(total))
            .unwrap();
    }
    assert_eq!(archive.rows("SELECT count(*) FROM actions"), ["2"]);
    assert!(archive.rows("SELECT * FROM coverage").is_empty());
}

#[derive(Clone, Debug)]
enum Step {
    Cover(Vec<Interval>),
    Complete(u64),
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    let interval =
        (0_u64..60, 0_u64..12).prop_map(|(start, length)| interval(start, start + length));
    prop_oneof![
        12 => prop::collection::vec(interval, 0..4).prop_map(Step::Cover),
        2 => (0_u64..30).prop_map(Step::Complete),
        1 => Just(Step::Forget),
    ]
}

proptest! {
    #[test]
    fn the_table_is_the_set_of_positions_that_were_covered(steps in prop::collection::vec(step(), 0..30)) {
        let mut archive = Archive::in_memory();
        let (id, now) = (archive.listing.id, archive.now);
        let mut model = Coverage::new();
        for step in steps {
            match step {
                Step::Cover(added) => {
                    added.iter().for_each(|added| model.insert(*added));
                    archive.try_page(&[], &added, None).unwrap();
                }
                Step::Complete(total) => {
                    model.insert(interval(0, total));
                    archive.store.mark_complete(&[(id, total)], now).unwrap();
                }
                Step::Forget => {
                    model = Coverage::new();
                    archive.store.forget_coverage(id).unwrap();
                }
            }
            let expected: Vec<_> = model
                .intervals()
                .iter()
                .map(|covered| format!("{} {}", covered.start, covered.end))
                .collect();
            prop_assert_eq!(archive.rows("SELECT start_position, end_position FROM coverage"), expected);
            prop_assert_eq!(&archive.stored_listing().coverage, &model);
        }
    }
}
