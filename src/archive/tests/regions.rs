//! Regions: one row each, with the history of their features and sizes.

use std::sync::Arc;

use super::fixture::{Archive, bare, extra, in_region, region, text};
use crate::core::model::{Action, Region};

const SIZES: &str = "SELECT size_slug, first_seen_at, last_seen_at FROM region_sizes";
const FEATURES: &str = "SELECT feature, first_seen_at, last_seen_at FROM region_features";
const REGIONS: &str = "SELECT slug, name, available, first_seen_at, last_seen_at FROM regions";

/// A sync at `now` that reads one action of this region.
fn sync(archive: &mut Archive, now: &str, seen: Region) {
    archive.next_run(now);
    archive.record(&[in_region(1, &Arc::new(seen))]);
}

#[test]
fn two_hundred_actions_of_a_region_leave_one_region() {
    let mut archive = Archive::in_memory();
    let seen = region("nyc3", &["backups", "ipv6"], &["s-1", "s-2", "s-3"]);
    let shared = Arc::new(seen.clone());
    let page: Vec<_> = (0..200)
        .map(|id| match id % 2 {
            0 => in_region(id, &shared),
            _ => in_region(id, &Arc::new(seen.clone())),
        })
        .collect();
    archive.record(&page);
    let count = |table: &str| archive.rows(&format!("SELECT count(*) FROM {table}"));
    assert_eq!(count("regions"), ["1"]);
    assert_eq!(count("region_features"), ["2"]);
    assert_eq!(count("region_sizes"), ["3"]);
    assert_eq!(count("actions WHERE region_slug = 'nyc3'"), ["200"]);
}

#[test]
fn a_region_that_varies_more_than_is_remembered_is_still_one() {
    let mut archive = Archive::in_memory();
    let page: Vec<_> = (0..300)
        .map(|id| {
            let size = format!("s-{id}");
            in_region(
                id,
                &Arc::new(region(&format!("r{}", id % 70), &[], &[&size])),
            )
        })
        .collect();
    archive.record(&page);
    assert_eq!(archive.rows("SELECT count(*) FROM regions"), ["70"]);
    assert_eq!(archive.rows("SELECT count(*) FROM region_sizes"), ["300"]);
}

#[test]
fn regions_that_nobody_has_are_written_and_not_kept_in_memory() {
    let mut archive = Archive::in_memory();
    let mut dropped = Vec::new();
    for id in 0..20 {
        let name = "x".repeat(2_000_000);
        let seen = Arc::new(Region {
            name: Some(name),
            ..region(&format!("r{id}"), &[], &[])
        });
        dropped.push(Arc::downgrade(&seen));
        let mut action = in_region(id, &seen);
        action.region_slug = Some("s".repeat(1_000));
        archive.record(&[action]);
    }
    assert!(dropped.iter().all(|region| region.upgrade().is_none()));
    assert_eq!(archive.rows("SELECT count(*) FROM regions"), ["21"]);
    let many: Vec<_> = (0..60)
        .map(|id| {
            let name = Some("x".repeat(100_000));
            let region = Arc::new(Region {
                name,
                ..region(&format!("m{id}"), &[], &[])
            });
            dropped.push(Arc::downgrade(&region));
            in_region(id, &region)
        })
        .collect();
    archive.record(&many);
    drop(many);
    let kept = dropped.iter().filter(|region| region.upgrade().is_some());
    assert!(kept.count() <= 10);
}

#[test]
fn empty_lists_and_missing_fields_wipe_nothing() {
    let mut archive = Archive::in_memory();
    let known = Region {
        extra: extra(r#"{"zone":1}"#),
        ..region("nyc3", &["backups"], &["s-1"])
    };
    sync(&mut archive, "2026-01-01T00:00:00Z", known);
    let silent = Region {
        name: None,
        available: None,
        extra: extra(r#"{"zone":null,"new":2}"#),
        ..region("nyc3", &[], &[])
    };
    sync(&mut archive, "2026-01-05T00:00:00Z", silent);
    let seen = "2026-01-01T00:00:00Z 2026-01-05T00:00:00Z";
    assert_eq!(archive.rows(REGIONS), [format!("nyc3 New York 3 1 {seen}")]);
    assert_eq!(
        archive.rows("SELECT extra FROM regions"),
        [r#"{"new":2,"zone":1}"#]
    );
    let unseen = "2026-01-01T00:00:00Z 2026-01-01T00:00:00Z";
    assert_eq!(archive.rows(FEATURES), [format!("backups {unseen}")]);
    assert_eq!(archive.rows(SIZES), [format!("s-1 {unseen}")]);
}

#[test]
fn a_size_that_disappears_keeps_its_row_and_one_that_returns_its_first_day() {
    let mut archive = Archive::in_memory();
    let both = || region("nyc3", &["ipv6"], &["s-1", "s-2"]);
    let one = || region("nyc3", &["ipv6"], &["s-2"]);
    sync(&mut archive, "2026-01-01T00:00:00Z", both());
    sync(&mut archive, "2026-01-01T01:00:00Z", one());
    assert_eq!(
        archive.rows(SIZES),
        [
            "s-1 2026-01-01T00:00:00Z 2026-01-01T00:00:00Z",
            "s-2 2026-01-01T00:00:00Z 2026-01-01T01:00:00Z",
        ]
    );
    sync(&mut archive, "2026-01-01T02:00:00Z", both());
    assert_eq!(
        archive.rows(SIZES),
        [
            "s-1 2026-01-01T00:00:00Z 2026-01-01T02:00:00Z",
            "s-2 2026-01-01T00:00:00Z 2026-01-01T02:00:00Z",
        ]
    );
}

#[test]
fn sizes_that_come_back_after_a_token_without_them_are_seen_again() {
    let mut archive = Archive::in_memory();
    let with = || region("nyc3", &[], &["s-1"]);
    sync(&mut archive, "2026-01-01T00:00:00Z", with());
    sync(
        &mut archive,
        "2026-01-03T00:00:00Z",
        region("nyc3", &[], &[]),
    );
    sync(&mut archive, "2026-01-03T01:00:00Z", with());
    assert_eq!(
        archive.rows(SIZES),
        ["s-1 2026-01-01T00:00:00Z 2026-01-03T01:00:00Z"]
    );
}

#[test]
fn a_region_with_nothing_new_is_written_once_a_day_at_most() {
    let mut archive = Archive::in_memory();
    let same = || region("nyc3", &["ipv6", "backups"], &["s-2", "s-1"]);
    sync(&mut archive, "2026-01-01T00:00:00Z", same());
    archive.next_run("2026-01-02T00:00:00Z");
    let changes = archive.changes();
    archive.record(&[in_region(1, &Arc::new(same()))]);
    assert_eq!(archive.changes(), changes);
    sync(&mut archive, "2026-01-02T00:00:01Z", same());
    for table in ["regions", "region_features", "region_sizes"] {
        let seen = format!("SELECT DISTINCT first_seen_at, last_seen_at FROM {table}");
        assert_eq!(
            archive.rows(&seen),
            ["2026-01-01T00:00:00Z 2026-01-02T00:00:01Z"],
            "{table}"
        );
    }
}

#[test]
fn an_empty_list_is_nothing_new() {
    let mut archive = Archive::in_memory();
    sync(
        &mut archive,
        "2026-01-01T00:00:00Z",
        region("nyc3", &["ipv6"], &["s-1"]),
    );
    archive.next_run("2026-01-01T01:00:00Z");
    let changes = archive.changes();
    archive.record(&[in_region(1, &Arc::new(region("nyc3", &[], &[])))]);
    assert_eq!(archive.changes(), changes);
}

#[test]
fn what_changed_is_written_within_the_day() {
    let mut archive = Archive::in_memory();
    sync(
        &mut archive,
        "2026-01-01T00:00:00Z",
        region("nyc3", &["ipv6"], &["s-1"]),
    );
    let closed = Region {
        available: Some(false),
        name: text("NYC"),
        ..region("nyc3", &["ipv6", "metadata"], &["s-1"])
    };
    sync(&mut archive, "2026-01-01T00:00:05Z", closed);
    assert_eq!(
        archive.rows(REGIONS),
        ["nyc3 NYC 0 2026-01-01T00:00:00Z 2026-01-01T00:00:05Z"]
    );
    assert_eq!(
        archive.rows(FEATURES),
        [
            "ipv6 2026-01-01T00:00:00Z 2026-01-01T00:00:05Z",
            "metadata 2026-01-01T00:00:05Z 2026-01-01T00:00:05Z",
        ]
    );
}

#[test]
fn a_store_that_outlives_a_day_still_refreshes_the_regions_it_remembers() {
    let mut archive = Archive::in_memory();
    let shared = Arc::new(region("nyc3", &[], &["s-1"]));
    archive.next_run("2026-01-01T00:00:00Z");
    archive.record(&[in_region(1, &shared)]);
    archive.next_run("2026-01-03T00:00:00Z");
    archive.record(&[in_region(1, &shared)]);
    assert_eq!(
        archive.rows("SELECT last_seen_at FROM regions"),
        ["2026-01-03T00:00:00Z"]
    );
}

#[test]
fn a_slug_alone_makes_a_region_that_is_filled_in_later() {
    let mut archive = Archive::in_memory();
    archive.next_run("2026-01-01T00:00:00Z");
    let named = Action {
        region_slug: text("nyc3"),
        ..bare(7)
    };
    archive.record(&[named.clone(), named]);
    assert_eq!(
        archive.rows(REGIONS),
        ["nyc3 - - 2026-01-01T00:00:00Z 2026-01-01T00:00:00Z"]
    );
    assert!(archive.rows("PRAGMA foreign_key_check").is_empty());
    sync(
        &mut archive,
        "2026-01-01T00:01:00Z",
        region("nyc3", &["ipv6"], &[]),
    );
    assert_eq!(
        archive.rows(REGIONS),
        ["nyc3 New York 3 1 2026-01-01T00:00:00Z 2026-01-01T00:01:00Z"]
    );
}

#[test]
fn a_slug_alone_changes_nothing_about_a_known_region() {
    let mut archive = Archive::in_memory();
    sync(
        &mut archive,
        "2026-01-01T00:00:00Z",
        region("nyc3", &["ipv6"], &["s-1"]),
    );
    let before = archive.rows(REGIONS);
    archive.next_run("2026-02-01T00:00:00Z");
    archive.record(&[Action {
        region_slug: text("nyc3"),
        ..bare(7)
    }]);
    assert_eq!(archive.rows(REGIONS), before);
}

#[test]
fn an_action_that_names_one_region_and_repeats_another_makes_both() {
    let mut archive = Archive::in_memory();
    let torn = Action {
        region_slug: text("ams3"),
        ..in_region(1, &Arc::new(region("nyc3", &[], &[])))
    };
    archive.record(&[torn]);
    assert_eq!(
        archive.rows("SELECT slug, name FROM regions ORDER BY slug"),
        ["ams3 -", "nyc3 New York 3"]
    );
    assert_eq!(archive.rows("SELECT region_slug FROM actions"), ["ams3"]);
}

#[test]
fn a_clock_that_goes_back_lowers_no_time() {
    let mut archive = Archive::in_memory();
    sync(
        &mut archive,
        "2026-01-05T00:00:00Z",
        region("nyc3", &["ipv6"], &["s-1"]),
    );
    sync(
        &mut archive,
        "2026-01-01T00:00:00Z",
        region("nyc3", &["ipv6"], &["s-1", "s-2"]),
    );
    for table in ["regions", "region_features", "region_sizes"] {
        let seen = format!("SELECT DISTINCT first_seen_at, last_seen_at FROM {table}");
        assert_eq!(
            archive.rows(&seen),
            ["2026-01-05T00:00:00Z 2026-01-05T00:00:00Z"],
            "{table}"
        );
    }
}
