//! A page that fails midway leaves nothing, and the store stays usable.

use std::sync::Arc;

use rusqlite::ErrorCode;

use super::fixture::{Archive, bare, counts, extra, folder, in_region, interval, region};
use crate::archive::Error;
use crate::core::model::Action;

const EVERYTHING: &str = "
    SELECT (SELECT count(*) FROM actions), (SELECT count(*) FROM regions),
           (SELECT count(*) FROM region_sizes), (SELECT count(*) FROM coverage),
           (SELECT total FROM listings)";

fn refuse_seven(archive: &Archive, how: &str) {
    archive.execute(&format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON actions WHEN new.id = 7
         BEGIN SELECT RAISE ({how}, 'not this one'); END"
    ));
}

fn page() -> Vec<Action> {
    let shared = Arc::new(region("nyc3", &["ipv6"], &["s-1"]));
    (1..=9).rev().map(|id| in_region(id, &shared)).collect()
}

#[test]
fn a_page_with_a_row_that_fails_leaves_neither_rows_nor_coverage() {
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        let mut archive = Archive::in_memory();
        refuse_seven(&archive, how);
        let error = archive
            .try_page(&page(), &[interval(0, 9)], Some(9))
            .unwrap_err();
        assert!(error.to_string().contains("not this one"), "{how}: {error}");
        assert_eq!(archive.rows(EVERYTHING), ["0 0 0 0 -"], "{how}");
    }
}

#[test]
fn the_page_after_a_failed_one_writes_the_regions_again() {
    for how in ["ABORT", "FAIL", "ROLLBACK"] {
        let mut archive = Archive::in_memory();
        refuse_seven(&archive, how);
        let page = page();
        archive.try_page(&page, &[], None).unwrap_err();
        archive.execute("DROP TRIGGER refuse");
        let recorded = archive.try_page(&page, &[interval(0, 9)], Some(9));
        assert_eq!(counts(recorded.unwrap()), (9, 0, 0), "{how}");
        assert_eq!(archive.rows(EVERYTHING), ["9 1 1 1 9"], "{how}");
    }
}

#[test]
fn an_action_that_fails_alone_leaves_no_region_that_is_thought_written() {
    let mut archive = Archive::in_memory();
    refuse_seven(&archive, "ABORT");
    let (run, now) = (archive.run, archive.now);
    let shared = Arc::new(region("nyc3", &["ipv6"], &["s-1"]));
    archive
        .store
        .record_action(&in_region(7, &shared), run, now)
        .unwrap_err();
    let recorded = archive.try_page(&[in_region(8, &shared)], &[], None);
    assert_eq!(counts(recorded.unwrap()), (1, 0, 0));
}

#[test]
fn a_failure_while_noting_coverage_takes_the_rows_with_it() {
    let mut archive = Archive::in_memory();
    archive.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON coverage
         BEGIN SELECT RAISE (ABORT, 'no coverage'); END",
    );
    archive
        .try_page(&page(), &[interval(0, 9)], Some(9))
        .unwrap_err();
    assert_eq!(archive.rows(EVERYTHING), ["0 0 0 0 -"]);
}

#[test]
fn a_full_disk_loses_one_page_and_says_what_to_do() {
    let (_folder, path) = folder();
    let mut archive = Archive::at(&path);
    archive.record(&[bare(1)]);
    let bulky: Vec<_> = (2..200)
        .map(|id| Action {
            extra: extra(&format!(r#"{{"text":"{}"}}"#, "x".repeat(1000))),
            ..bare(id)
        })
        .collect();
    let pages = archive.rows("PRAGMA page_count").remove(0);
    archive.rows(&format!("PRAGMA max_page_count = {pages}"));
    let error = archive
        .try_page(&bulky, &[interval(0, 198)], Some(198))
        .unwrap_err();
    let Error::Sqlite { source, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(source.sqlite_error_code(), Some(ErrorCode::DiskFull));
    assert!(error.hint().contains("the disk is full"));
    assert!(!error.is_unusable_archive());
    assert_eq!(archive.rows(EVERYTHING), ["1 0 0 0 -"]);

    archive.rows("PRAGMA max_page_count = 1000000");
    archive
        .try_page(&bulky, &[interval(0, 198)], Some(198))
        .unwrap();
    archive.store.close().unwrap();
}

#[test]
fn droplets_are_archived_all_or_none() {
    let mut archive = Archive::in_memory();
    archive.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON droplets WHEN new.id = 2
         BEGIN SELECT RAISE (ABORT, 'not this one'); END",
    );
    let droplet = |id| crate::core::model::Droplet {
        id,
        name: Some("web".to_owned()),
        region_slug: None,
        created_at: None,
        extra: crate::core::model::Extra::new(),
    };
    let now = archive.now;
    archive
        .store
        .record_droplets(&[droplet(1), droplet(2)], now)
        .unwrap_err();
    assert!(archive.rows("SELECT * FROM droplets").is_empty());
    assert!(archive.rows("SELECT * FROM droplet_names").is_empty());
}
