//! Batches: pages that are archived together or not at all.

use super::fixture::{Archive, completed, folder, interval, rows};
use crate::archive::open_read_only;

const COUNTS: &str =
    "SELECT (SELECT count(*) FROM actions), (SELECT sum(end_position) FROM coverage)";

#[test]
fn readers_see_a_batch_when_it_is_whole() {
    let (_folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.store.begin_batch().unwrap();
    for id in [2, 1] {
        let position = interval(id as u64 - 1, id as u64);
        archive
            .try_page(&[completed(id)], &[position], Some(2))
            .unwrap();
    }
    archive
        .store
        .mark_complete(&[(archive.listing.id, 2)], archive.now)
        .unwrap();
    assert_eq!(rows(&open_read_only(&path).unwrap(), COUNTS), ["0 -"]);
    archive.store.end_batch(Ok(())).unwrap();
    assert_eq!(rows(&open_read_only(&path).unwrap(), COUNTS), ["2 2"]);
}

#[test]
fn a_batch_in_which_a_page_fails_leaves_nothing_and_the_next_one_works() {
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        let mut archive = Archive::in_memory();
        archive.execute(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON actions WHEN new.id = 7
             BEGIN SELECT RAISE ({how}, 'not this one'); END"
        ));
        archive.store.begin_batch().unwrap();
        archive
            .try_page(&[completed(1)], &[interval(0, 1)], Some(2))
            .unwrap();
        let refused = archive.try_page(&[completed(7)], &[interval(1, 2)], Some(2));
        archive.store.end_batch(refused.map(drop)).unwrap_err();
        assert_eq!(archive.rows(COUNTS), ["0 -"], "{how}");

        archive.store.begin_batch().unwrap();
        archive
            .try_page(&[completed(1)], &[interval(0, 1)], Some(2))
            .unwrap();
        archive.store.end_batch(Ok(())).unwrap();
        assert_eq!(archive.rows(COUNTS), ["1 1"], "{how}");
    }
}
