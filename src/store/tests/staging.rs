//! Staged actions: counted as they come, merged as if they had been written at once, and lost by nothing.

use proptest::prelude::*;

use super::fixture::{
    Archive, bare, completed, counts, extra, folder, in_progress, interval, text, time,
};
use crate::model::Action;
use crate::store::ListingKind;
use crate::store::staging::STAGED_FROM;

const STAGED: &str = "SELECT count(*) FROM staged_actions";
const ACTIONS: &str = "SELECT * FROM actions ORDER BY id";
const LINKS: &str = "SELECT * FROM droplet_listed_actions ORDER BY 1, 2";

/// An archive in the middle of a first sync of droplets, as if it had many actions.
fn staging(mut archive: Archive) -> Archive {
    archive.store.expect_new_actions(1_000_000).unwrap();
    archive.store.archived = Some(STAGED_FROM);
    archive.read(ListingKind::Droplet(42));
    archive
}

#[test]
fn what_is_new_is_put_aside_and_put_in_place_in_the_order_of_ids() {
    let mut archive = staging(Archive::in_memory());
    let recorded = archive.record(&[completed(9), completed(8)]);
    assert_eq!(counts(recorded), (2, 0, 0));
    let recorded = archive.record(&[completed(3), in_progress(2)]);
    assert_eq!(counts(recorded), (2, 0, 0));
    assert_eq!(archive.rows(STAGED), ["4"]);
    assert_eq!(archive.rows("SELECT count(*) FROM actions"), ["0"]);

    archive.store.make_deferred_indexes(|| false).unwrap();
    assert_eq!(archive.rows(STAGED), ["0"]);
    let mut plain = Archive::in_memory();
    plain.read(ListingKind::Droplet(42));
    plain.record(&[completed(9), completed(8), completed(3), in_progress(2)]);
    assert_eq!(archive.rows(ACTIONS), plain.rows(ACTIONS));
}

#[test]
fn what_is_in_place_already_grows_there() {
    let mut archive = Archive::in_memory();
    archive.record(&[in_progress(1)]);
    let mut archive = staging(archive);
    assert_eq!(counts(archive.record(&[completed(1)])), (0, 1, 0));
    assert_eq!(archive.rows(STAGED), ["0"]);
}

#[test]
fn a_row_that_a_page_repeats_is_no_new_one_and_not_a_stranger() {
    let mut archive = staging(Archive::in_memory());
    archive
        .try_page(&[completed(2), completed(1)], &[interval(0, 2)], Some(2))
        .unwrap();
    let (two, three) = (completed(2), completed(3));
    let rows = [(&three, false), (&two, true)];
    let recorded = archive.try_rows(&rows, &[interval(1, 3)], Some(3)).unwrap();
    assert_eq!((counts(recorded), recorded.strangers), ((1, 0, 1), 0));
}

#[test]
fn an_action_that_two_droplets_list_is_counted_once_and_linked_to_both() {
    let mut archive = staging(Archive::in_memory());
    let attached = Action {
        resource_type: text("volume"),
        resource_id: None,
        ..completed(7)
    };
    assert_eq!(
        counts(archive.record(std::slice::from_ref(&attached))),
        (1, 0, 0)
    );
    archive.read(ListingKind::Droplet(43));
    assert_eq!(counts(archive.record(&[attached])), (0, 0, 1));
    for droplet in [42, 43] {
        let kind = ListingKind::Droplet(droplet);
        assert_eq!(
            archive
                .store
                .archived_actions(kind, i64::MIN, i64::MAX)
                .unwrap(),
            1
        );
        assert!(archive.store.knows_droplet(droplet).unwrap());
    }
    archive.store.make_deferred_indexes(|| false).unwrap();
    assert_eq!(archive.rows(LINKS), ["42 7", "43 7"]);
    assert_eq!(archive.rows("SELECT count(*) FROM actions"), ["1"]);
}

#[test]
fn before_the_account_is_read_everything_is_in_place() {
    let mut archive = staging(Archive::in_memory());
    archive.record(&[completed(1)]);
    archive.read(ListingKind::Followed);
    assert_eq!(counts(archive.record(&[completed(1)])), (0, 0, 1));
    assert_eq!(archive.rows(STAGED), ["0"]);
}

#[test]
fn what_a_killed_sync_put_aside_is_put_in_place_by_the_next_one() {
    let (_folder, path) = folder();
    let mut archive = staging(Archive::at(&path));
    archive.record(&[completed(2), completed(1)]);
    // It was killed after some of them were put in place, and before it could say so.
    archive.execute("INSERT INTO actions (id, status, first_seen_run) VALUES (2, 'completed', 1)");
    drop(archive);

    let archive = Archive::at(&path);
    assert_eq!(archive.rows(STAGED), ["0"]);
    let rows = "SELECT id, type, started_at, completed_at, extra FROM actions";
    let row = "reboot 2020-07-20T19:37:30Z 2020-07-20T19:37:45Z {\"progress\":100}";
    assert_eq!(archive.rows(rows), [format!("1 {row}"), format!("2 {row}")]);
}

#[test]
fn a_batch_that_is_taken_back_leaves_nothing_aside() {
    let mut archive = staging(Archive::in_memory());
    archive.store.begin_batch().unwrap();
    archive.record(&[completed(1)]);
    archive.store.discard_batch();
    archive.next_run("2026-01-02T12:00:00Z");
    assert_eq!(archive.rows(STAGED), ["0"]);
    assert_eq!(archive.rows("SELECT count(*) FROM actions"), ["0"]);
}

fn an_action() -> impl Strategy<Value = Action> {
    let ends = prop_oneof![
        Just(None),
        Just(Some(time("2026-01-01T00:00:09Z"))),
        Just(Some(time("0000-01-01T00:00:00Z"))),
    ];
    let statuses = prop::sample::select(vec![
        None,
        text("in-progress"),
        text("completed"),
        text("errored"),
    ]);
    let extras = prop::sample::select(vec!["{}", r#"{"a":1}"#, r#"{"a":null,"b":[2]}"#]);
    (1..30_i64, statuses, ends, extras, any::<bool>()).prop_map(
        |(id, status, completed_at, json, is_own)| Action {
            status,
            completed_at,
            resource_type: is_own.then(|| "droplet".to_owned()),
            resource_id: is_own.then_some(42),
            extra: extra(json),
            ..bare(id)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn put_aside_or_written_at_once_the_archive_is_the_same(
        pages in prop::collection::vec(prop::collection::vec(an_action(), 0..12), 0..6),
    ) {
        let mut plain = Archive::in_memory();
        plain.read(ListingKind::Droplet(42));
        let mut staged = staging(Archive::in_memory());
        let mut new = (0, 0);
        for page in &pages {
            new.0 += plain.record(page).inserted;
            new.1 += staged.record(page).inserted;
        }
        staged.store.make_deferred_indexes(|| false).unwrap();
        prop_assert_eq!(new.0, new.1);
        let all = "SELECT id, status, type, started_at, completed_at, resource_id, resource_type, region_slug, extra
                     FROM actions ORDER BY id";
        prop_assert_eq!(staged.rows(all), plain.rows(all));
        prop_assert_eq!(staged.rows(LINKS), plain.rows(LINKS));
    }
}
