//! Stale backups, gaps between backups, and changes without a backup, on short histories.

use super::fixture::{Archive, Row};

fn archive() -> Archive {
    let archive = Archive::new();
    archive.droplet(1, "web-1", Some("2025-06-01T00:00:00Z"), None);
    archive
}

/// Backups of a droplet, at the first minute of each day.
fn backups(archive: &Archive, droplet: i64, days: &[&str]) {
    for (index, day) in days.iter().enumerate() {
        let id = droplet * 100 + i64::try_from(index).unwrap();
        let at = format!("{day} 00:00");
        archive.completed(droplet, &[(id, "backup", &at, &at)]);
    }
}

#[test]
fn a_droplet_without_a_recent_backup_is_stale() {
    let archive = archive();
    archive.droplet(2, "never", Some("2025-12-01T00:00:00Z"), None);
    archive.droplet(3, "new", Some("01-20 00:00"), None);
    archive.droplet(4, "fresh", None, None);
    archive.droplet(5, "gone", Some("2025-06-01T00:00:00Z"), Some("01-20 00:00"));
    backups(&archive, 1, &["01-01"]);
    backups(&archive, 4, &["01-03"]);
    let stale = |chosen: &[(&str, &str)]| archive.answer("stale-backups", chosen);
    assert_eq!(
        stale(&[]),
        [
            "2 never 2025-12-01T00:00:00Z - none -",
            "1 web-1 2025-06-01T00:00:00Z 2026-01-01T00:00:00Z backup 2678400",
        ]
    );
    assert_eq!(
        stale(&[("older_than", "31d")]),
        ["2 never 2025-12-01T00:00:00Z - none -"]
    );
    assert_eq!(
        stale(&[("droplet", "web-*")]),
        ["1 web-1 2025-06-01T00:00:00Z 2026-01-01T00:00:00Z backup 2678400"]
    );
    assert_eq!(stale(&[("older_than", "1s")]).len(), 4);
    assert_eq!(
        stale(&[("type", "snapshot"), ("droplet", "fresh")]),
        ["4 fresh 2026-01-03T00:00:00Z - none -"]
    );
}

#[test]
fn only_what_was_completed_and_of_the_droplet_counts_as_a_backup() {
    let archive = archive();
    for (id, status, resource_type) in [
        (10, "errored", Some("droplet")),
        (11, "in-progress", Some("droplet")),
        (12, "completed", Some("volume")),
    ] {
        archive.action(&Row {
            id,
            kind: Some("snapshot"),
            status,
            started_at: Some("01-31 00:00"),
            completed_at: Some("01-31 00:01"),
            resource_type,
            ..Row::default()
        });
    }
    archive.listed(1, 12);
    let none = "1 web-1 2025-06-01T00:00:00Z - none -";
    assert_eq!(archive.answer("stale-backups", &[]), [none]);
    archive.action(&Row {
        id: 13,
        kind: Some("snapshot"),
        started_at: Some("01-31 00:00"),
        resource_id: None,
        resource_type: None,
        ..Row::default()
    });
    archive.listed(1, 13);
    assert!(archive.answer("stale-backups", &[]).is_empty());
}

#[test]
fn droplets_that_the_api_never_listed_may_exist_unless_it_lists_others() {
    let archive = Archive::new();
    archive.completed(
        7,
        &[(70, "create", "2025-06-01T00:00:00Z", "2025-06-01T00:01:00Z")],
    );
    let stale = ["7 - 2025-06-01T00:00:00Z - none -"];
    assert_eq!(archive.answer("stale-backups", &[]), stale);
    archive.droplet(1, "web-1", Some("01-31 00:00"), None);
    assert!(archive.answer("stale-backups", &[]).is_empty());
}

#[test]
fn a_gap_lies_between_backups_before_the_first_and_after_the_last() {
    let archive = archive();
    archive.droplet(2, "web-2", Some("01-01 00:00"), Some("01-31 00:00"));
    archive.droplet(3, "without", Some("2025-06-01T00:00:00Z"), None);
    backups(&archive, 1, &["01-01", "01-09", "01-18"]);
    backups(&archive, 2, &["01-05", "01-06"]);
    let gaps = |chosen: &[(&str, &str)]| archive.answer("backup-gaps", chosen);
    assert_eq!(
        gaps(&[]),
        [
            "1 web-1 2025-06-01T00:00:00Z create 2026-01-01T00:00:00Z backup 18489600",
            "2 web-2 2026-01-06T00:00:00Z backup 2026-01-31T00:00:00Z sync 2160000",
            "1 web-1 2026-01-09T00:00:00Z backup 2026-01-18T00:00:00Z backup 777600",
            "1 web-1 2026-01-18T00:00:00Z backup - now 1209600",
        ]
    );
    assert_eq!(
        gaps(&[("since", "2026-01-19"), ("droplet", "1")]),
        ["1 web-1 2026-01-18T00:00:00Z backup - now 1209600"]
    );
    let until = |text: &str| gaps(&[("until", text), ("droplet", "1")]).len();
    assert_eq!((until("2026-01-17"), until("2026-01-18")), (2, 3));
    assert_eq!(gaps(&[("longer_than", "25d")]).len(), 1);
    assert_eq!(gaps(&[("longer_than", "24d")]).len(), 2);
    assert!(gaps(&[("type", "snapshot")]).is_empty());
}

#[test]
fn a_gap_does_not_begin_before_what_is_known_nor_end_when_nothing_tells() {
    let archive = archive();
    // This droplet is not listed: it may be gone, and its creation was before the first archived action.
    archive.completed(2, &[(20, "reboot", "01-01 00:00", "01-01 00:00")]);
    backups(&archive, 2, &["01-10"]);
    assert!(archive.answer("backup-gaps", &[]).is_empty());
}

#[test]
fn a_change_is_unprotected_without_a_backup_before_it() {
    let archive = archive();
    archive.completed(
        1,
        &[
            (10, "resize", "01-01 00:00", "01-01 00:10"),
            (11, "snapshot", "01-01 00:05", "01-01 00:20"),
            (12, "rebuild", "01-01 00:20", "01-01 00:30"),
            (13, "restore", "01-09 00:20", "01-09 00:30"),
            (14, "reboot", "01-20 00:00", "01-20 00:01"),
            (15, "password_reset", "01-20 00:10", "01-20 00:11"),
            (16, "destroy", "01-20 00:20", "01-20 00:21"),
        ],
    );
    archive.action(&Row {
        id: 17,
        kind: Some("resize"),
        status: "errored",
        started_at: Some("01-20 00:00"),
        ..Row::default()
    });
    let changes = |chosen: &[(&str, &str)]| archive.answer("unprotected-changes", chosen);
    let resize = "1 web-1 10 resize completed 2026-01-01T00:00:00Z - -";
    let destroy = "1 web-1 16 destroy completed 2026-01-20T00:20:00Z 2026-01-01T00:20:00Z 1641600";
    assert_eq!(changes(&[]), [resize, destroy]);
    assert_eq!(changes(&[("within", "19d")]), [resize]);
    assert_eq!(changes(&[("within", "7d")]).len(), 3);
    assert_eq!(changes(&[("since", "2026-01-02")]), [destroy]);
    assert_eq!(changes(&[("until", "2026-01-02")]), [resize]);
    assert_eq!(
        changes(&[("type", "password_reset, destroy")]),
        [
            "1 web-1 15 password_reset completed 2026-01-20T00:10:00Z 2026-01-01T00:20:00Z 1641000",
            destroy
        ]
    );
}
