//! Imports: they add what a file says, in any order, and prove nothing to a sync.

use std::sync::Arc;

use proptest::prelude::*;

use super::fixture::{
    Archive, bare, completed, counts, extra, in_progress, in_region, interval, region, text, time,
};
use crate::archive::{Import, ImportKind, ListingKind};
use crate::core::model::{Action, ActionId};

const LATER: &str = "2026-01-02T12:00:00Z";

impl Archive {
    /// Imports a file with these actions in batches of this size.
    pub(super) fn import(&mut self, path: &str, actions: &[Action], batch: usize) -> Import {
        let mut import = Import::new(path.to_owned(), ImportKind::List, time(LATER));
        for rows in actions.chunks(batch) {
            self.store.record_import(&mut import, rows).unwrap();
        }
        import.sha256 = Some(format!("hash of {path}"));
        self.store.finish_import(&mut import, time(LATER)).unwrap();
        import
    }

    fn origins(&self) -> Vec<String> {
        self.rows(
            "SELECT id, first_seen_run, changed_run, first_seen_import FROM actions ORDER BY id",
        )
    }
}

#[test]
fn an_imported_action_is_unseen_until_a_sync_sees_it() {
    let mut archive = Archive::in_memory();
    archive.record(&[in_progress(1)]);
    let import = archive.import("a", &[completed(1), completed(2), completed(3)], 9);
    assert_eq!(counts(import.recorded), (2, 1, 0));
    assert_eq!(archive.origins(), ["1 1 - -", "2 - - 1", "3 - - 1"]);
    archive.next_run(LATER);
    let recorded = archive.record(&[completed(1), completed(2)]);
    assert_eq!(
        (counts(recorded), recorded.new_to_syncs()),
        ((0, 1, 1), 1),
        "the first sync that sees an action learns that the API has it"
    );
    let seen = ["1 1 - -", "2 2 - 1", "3 - - 1"];
    assert_eq!(archive.origins(), seen);
    assert_eq!(counts(archive.record(&[completed(2)])), (0, 0, 1));
    assert_eq!(archive.origins(), seen);
}

#[test]
fn what_only_imports_know_counts_for_no_listing() {
    let mut archive = Archive::in_memory();
    archive.record(&[completed(1)]);
    archive.import("a", &[completed(2), completed(3)], 9);
    for kind in [ListingKind::Account, ListingKind::Droplet(42)] {
        let store = &archive.store;
        let all = store.archived_actions(kind, ActionId::MIN, ActionId::MAX);
        assert_eq!(all.unwrap(), 1);
        assert_eq!(store.newest_action(kind).unwrap(), Some(1));
    }
}

#[test]
fn an_imported_action_does_not_bear_out_a_covered_position() {
    let mut archive = Archive::in_memory();
    archive.try_page(&[], &[interval(0, 1)], Some(1)).unwrap();
    archive.import("a", &[completed(1)], 9);
    let recorded = archive.try_rows(&[(&completed(1), true)], &[], None);
    assert_eq!(recorded.unwrap().unexpected, 1);
    assert!(archive.stored_listing().coverage.is_empty());
}

#[test]
fn a_file_without_news_is_noted_once_and_one_that_was_read_before_not_at_all() {
    let mut archive = Archive::in_memory();
    archive.record(&[completed(1)]);
    for (path, noted) in [("a", 1), ("a", 1), ("b", 2), ("a", 2)] {
        archive.import(path, &[completed(1), in_progress(1)], 1);
        let count = archive.rows("SELECT count(*) FROM imports");
        assert_eq!(count, [noted.to_string()], "{path}");
    }
    let counts = archive.rows("SELECT rows_read, inserted, unchanged, refused FROM imports");
    assert_eq!(counts, ["0 0 2 0", "0 0 2 0"]);
    assert_eq!(archive.origins(), ["1 1 - -"]);
}

#[test]
fn an_old_region_fills_an_unknown_one_and_replaces_none() {
    let mut archive = Archive::in_memory();
    let now = region("nyc3", &["ipv6"], &["s-1"]);
    archive.record(&[
        in_region(1, &Arc::new(now)),
        Action {
            region_slug: Some("ams2".to_owned()),
            ..bare(2)
        },
    ]);
    let old = ["nyc3", "ams2"].map(|slug| Arc::new(region(slug, &["virtio"], &["512mb"])));
    archive.import("a", &[in_region(3, &old[0]), in_region(4, &old[1])], 9);
    let sizes = "SELECT region_slug, size_slug FROM region_sizes ORDER BY 1, 2";
    assert_eq!(archive.rows(sizes), ["ams2 512mb", "nyc3 s-1"]);
    let names = "SELECT slug, name FROM regions ORDER BY 1";
    assert_eq!(archive.rows(names), ["ams2 New York 3", "nyc3 New York 3"]);
}

#[test]
fn a_file_replaces_nothing_that_is_known_and_ends_what_had_not_ended() {
    let mut archive = Archive::in_memory();
    archive.record(&[completed(1), in_progress(2)]);
    archive.import("a", &[completed(3)], 9);
    let otherwise = |id| Action {
        status: text("errored"),
        kind: text("shutdown"),
        started_at: Some(time("2020-07-20T20:00:00Z")),
        resource_id: Some(43),
        extra: extra(r#"{"progress":50,"more":1}"#),
        ..completed(id)
    };
    let said = [1, 2, 3].map(otherwise);
    for updated in [3, 0] {
        let import = archive.import("b", &said, 9);
        assert_eq!(counts(import.recorded), (0, updated, 3 - updated));
    }
    let rows = "SELECT id, status, type, started_at, completed_at, resource_id, extra FROM actions";
    let known = |id: i64, status: &str, progress: i64| {
        format!(
            "{id} {status} reboot 2020-07-20T19:37:30Z 2020-07-20T19:37:45Z 42 {{\"more\":1,\"progress\":{progress}}}"
        )
    };
    assert_eq!(
        archive.rows(rows),
        [
            known(1, "completed", 100),
            known(2, "errored", 50),
            known(3, "completed", 100)
        ]
    );
    // What the API says counts more than what a file said.
    archive.record(&[otherwise(3)]);
    assert_eq!(
        archive.rows("SELECT type FROM actions WHERE id = 3"),
        ["shutdown"]
    );
}

/// What a file may say about an action: less than is true, and nothing else.
fn report() -> impl Strategy<Value = Action> {
    let parts = prop::array::uniform7(any::<bool>());
    (1..6_i64, parts).prop_map(
        |(id, [ended, kind, started, resource, region, extra, typed])| {
            let whole = completed(id);
            Action {
                status: if ended {
                    whole.status
                } else {
                    in_progress(id).status
                },
                completed_at: whole.completed_at.filter(|_| ended),
                kind: whole.kind.filter(|_| kind),
                started_at: whole.started_at.filter(|_| started),
                resource_id: whole.resource_id.filter(|_| resource),
                resource_type: whole.resource_type.filter(|_| typed),
                region_slug: whole.region_slug.filter(|_| region),
                extra: if extra { whole.extra } else { bare(id).extra },
                ..bare(id)
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn files_in_any_order_and_of_any_size_say_what_one_file_says(
        (reports, shuffled) in prop::collection::vec(report(), 0..24)
            .prop_flat_map(|reports| (Just(reports.clone()), Just(reports).prop_shuffle())),
        file in 1_usize..9, batch in 1_usize..9,
    ) {
        let (mut one, mut many) = (Archive::in_memory(), Archive::in_memory());
        one.import("all", &reports, usize::MAX);
        for (number, file) in shuffled.chunks(file).enumerate() {
            many.import(&number.to_string(), file, batch);
        }
        let all = "SELECT id, status, type, started_at, completed_at, resource_id, resource_type, region_slug, extra,
                          first_seen_run, changed_run
                     FROM actions ORDER BY id";
        prop_assert_eq!(one.rows(all), many.rows(all));
    }
}
