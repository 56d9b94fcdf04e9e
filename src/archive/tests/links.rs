//! An action that a droplet listed can be found under that droplet, once, whatever its resource says.

use super::fixture::{Archive, bare, completed, in_progress, text};
use crate::archive::ListingKind;
use crate::core::model::Action;

const DROPLET: ListingKind = ListingKind::Droplet(42);

fn found(archive: &Archive) -> Vec<String> {
    archive.rows("SELECT droplet_id, id FROM droplet_actions ORDER BY 1, 2")
}

#[test]
fn an_action_of_the_droplet_itself_needs_no_link() {
    let mut archive = Archive::in_memory();
    archive.read(DROPLET);
    archive.record(&[completed(1)]);
    assert_eq!(found(&archive), ["42 1"]);
    assert!(
        archive
            .rows("SELECT * FROM droplet_listed_actions")
            .is_empty()
    );
}

#[test]
fn an_action_of_another_resource_or_of_none_is_found_under_the_droplet_that_listed_it() {
    let mut archive = Archive::in_memory();
    archive.read(DROPLET);
    let of = |id, resource_id, resource_type: &str| Action {
        resource_id,
        resource_type: text(resource_type),
        ..bare(id)
    };
    let page = [
        bare(1),
        of(2, Some(42), "volume"),
        of(3, Some(7), "droplet"),
        of(4, None, "droplet"),
    ];
    archive.record(&page);
    archive.record(&page);
    assert_eq!(found(&archive), ["7 3", "42 1", "42 2", "42 3", "42 4"]);
    assert_eq!(
        archive
            .store
            .archived_actions(DROPLET, i64::MIN, i64::MAX)
            .unwrap(),
        4
    );
    assert!(archive.store.knows_droplet(42).unwrap());
}

#[test]
fn an_action_whose_resource_becomes_known_later_is_still_found_once() {
    let mut archive = Archive::in_memory();
    archive.read(DROPLET);
    archive.record(&[bare(1)]);
    archive.record(&[completed(1)]);
    assert_eq!(found(&archive), ["42 1"]);
    assert_eq!(
        archive
            .store
            .archived_actions(DROPLET, i64::MIN, i64::MAX)
            .unwrap(),
        1
    );
}

#[test]
fn an_action_whose_resource_is_not_repeated_is_still_found_once() {
    let mut archive = Archive::in_memory();
    archive.read(DROPLET);
    archive.record(&[completed(1)]);
    archive.record(&[bare(1)]);
    assert_eq!(found(&archive), ["42 1"]);
    assert_eq!(
        archive
            .store
            .archived_actions(DROPLET, i64::MIN, i64::MAX)
            .unwrap(),
        1
    );
}

#[test]
fn an_open_action_without_a_resource_is_asked_for_under_the_droplet_that_listed_it() {
    let mut archive = Archive::in_memory();
    archive.read(DROPLET);
    let action = Action {
        resource_id: None,
        ..in_progress(1)
    };
    archive.record(&[action]);
    let open = archive.store.open_actions(archive.now).unwrap();
    assert_eq!(open[0].droplet_id, Some(42));
}

#[test]
fn the_account_counts_every_action_and_a_droplet_its_own() {
    let mut archive = Archive::in_memory();
    let other = Action {
        resource_id: Some(7),
        ..completed(3)
    };
    archive.record(&[completed(1), completed(2), other, bare(4)]);
    let archived = |kind| {
        archive
            .store
            .archived_actions(kind, i64::MIN, i64::MAX)
            .unwrap()
    };
    assert_eq!(archived(ListingKind::Account), 4);
    assert_eq!(archived(DROPLET), 2);
    assert_eq!(archived(ListingKind::Droplet(5)), 0);
}
