//! The large indexes: deferred while most of the archive arrives, and created after that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::fixture::{Archive, completed, folder};

const LARGE: &str = "
    SELECT name FROM sqlite_schema
     WHERE name IN ('actions_by_type_and_time', 'actions_by_resource_and_time', 'actions_by_time') ORDER BY 1";
const INDEXES: &str = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name";

fn fill(archive: &Archive, actions: usize) {
    archive.execute(&format!(
        "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < {actions})
         INSERT INTO actions (id, type, started_at, resource_id, first_seen_run)
         SELECT id, 'reboot', '2026-01-01T00:00:00Z', id % 7, 1 FROM ids"
    ));
}

#[test]
fn they_are_put_off_when_most_is_still_to_come_and_made_as_the_migrations_have_them() {
    let mut archive = Archive::in_memory();
    let before = archive.rows(INDEXES);
    archive.store.expect_new_actions(10_000).unwrap();
    assert_eq!(archive.rows(LARGE), [""; 0]);
    archive.record(&[completed(2), completed(1)]);
    archive.store.make_deferred_indexes(|| false).unwrap();
    assert_eq!(archive.rows(INDEXES), before);
    let found = "SELECT id FROM actions INDEXED BY actions_by_resource_and_time
                  WHERE resource_type = 'droplet' AND resource_id = 42 ORDER BY 1";
    assert_eq!(archive.rows(found), ["1", "2"]);
}

#[test]
fn they_stay_when_little_comes_or_much_is_there() {
    for (archived, expected) in [(0, 9_999), (5_001, 10_000), (20_000, 20_000)] {
        let mut archive = Archive::in_memory();
        fill(&archive, archived);
        archive.store.expect_new_actions(expected).unwrap();
        assert_eq!(archive.rows(LARGE).len(), 3, "{archived} {expected}");
    }
}

#[test]
fn a_sync_that_was_killed_leaves_them_to_the_next_one() {
    let (_folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.store.expect_new_actions(10_000).unwrap();
    archive.record(&[completed(1)]);
    drop(archive);

    let mut archive = Archive::at(&path);
    assert_eq!(archive.rows(LARGE), [""; 0]);
    archive.record(&[completed(2)]);
    archive.store.make_deferred_indexes(|| false).unwrap();
    assert_eq!(archive.rows(LARGE).len(), 3);
    assert_eq!(archive.rows("PRAGMA integrity_check"), ["ok"]);
}

#[test]
fn without_time_none_is_made_and_nothing_is_broken() {
    let mut archive = Archive::in_memory();
    archive.store.expect_new_actions(100_000).unwrap();
    fill(&archive, 60_000);
    let looks = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    let enough = move || counted.fetch_add(1, Ordering::Relaxed) > 0;
    archive.store.make_deferred_indexes(enough).unwrap();
    assert_eq!(archive.rows(LARGE), [""; 0]);
    assert!(looks.load(Ordering::Relaxed) > 0);
    archive.record(&[completed(70_000)]);
    archive.store.make_deferred_indexes(|| false).unwrap();
    assert_eq!(archive.rows(LARGE).len(), 3);
}
