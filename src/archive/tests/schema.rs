//! The file as an interface for other programs: its tables, indexes and views.

use super::fixture::Archive;

#[test]
fn every_table_is_strict() {
    let archive = Archive::in_memory();
    let tables = "FROM pragma_table_list
                  WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let lenient = archive.rows(&format!("SELECT name {tables} AND NOT strict"));
    assert!(lenient.is_empty(), "{lenient:?}");
    assert_eq!(archive.rows(&format!("SELECT count(*) {tables}")), ["14"]);
}

#[test]
fn the_columns_that_people_rely_on_are_there() {
    let archive = Archive::in_memory();
    for (table, columns) in [
        (
            "actions",
            "id status type started_at completed_at resource_id resource_type region_slug extra",
        ),
        ("regions", "slug name available"),
        ("region_features", "region_slug feature"),
        ("region_sizes", "region_slug size_slug"),
        ("droplets", "id name region_slug gone_at"),
        ("sync_runs", "id started_at finished_at outcome requests"),
    ] {
        let found = archive.rows(&format!("SELECT name FROM pragma_table_info('{table}')"));
        for column in columns.split(' ') {
            assert!(
                found.iter().any(|found| found == column),
                "{table}.{column}"
            );
        }
    }
}

#[test]
fn every_index_is_there() {
    let archive = Archive::in_memory();
    assert_eq!(
        archive.rows(
            "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name"
        ),
        [
            "actions_backwards",
            "actions_by_later_run",
            "actions_by_resource_and_time",
            "actions_by_time",
            "actions_by_type_and_time",
            "actions_long",
            "actions_only_imported",
            "actions_open",
            "actions_over_without_end",
            "actions_without_end",
            "droplet_listed_actions_by_action",
            "droplet_names_by_name",
            "listings_by_droplet",
        ]
    );
}

#[test]
fn the_views_that_people_rely_on_are_there() {
    let archive = Archive::in_memory();
    for (view, columns) in [
        (
            "action_durations",
            "id type status started_at completed_at resource_id resource_type region_slug duration_seconds",
        ),
        (
            "droplet_actions",
            "droplet_id id status type started_at completed_at resource_id resource_type region_slug extra",
        ),
        ("archived_histories", "droplet_id archived_until"),
        ("droplet_backups", "droplet_id action_id type saved_at"),
        (
            "droplet_lives",
            "droplet_id droplet_name region_slug created_at created_known_by gone_at gone_known_by state last_action_at",
        ),
        (
            "off_intervals",
            "droplet_id off_at off_by off_action_id ended_at ended_by ended_action_id certainty",
        ),
        (
            "power_events",
            "droplet_id action_id type happened_at power certainty",
        ),
    ] {
        let found = archive.rows(&format!("SELECT name FROM pragma_table_info('{view}')"));
        assert_eq!(found.join(" "), columns, "{view}");
    }
    assert_eq!(
        archive.rows("SELECT count(*) FROM sqlite_schema WHERE type = 'view'"),
        ["13"]
    );
}

#[test]
fn an_actions_region_and_sync_exist() {
    let archive = Archive::in_memory();
    assert_eq!(
        archive.rows("SELECT DISTINCT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list('actions') ORDER BY 1"),
        [
            "changed_run sync_runs id",
            "first_seen_import imports id",
                    "first_seen_run sync_runs id",
            "region_slug regions slug",
        ]
    );
}

/// Functions and operators that are newer than SQLite 3.37. The views must run on that version.
const TOO_NEW: [&str; 11] = [
    "unixepoch",
    "timediff",
    "string_agg",
    "octet_length",
    "jsonb",
    "->",
    "concat",
    "format(",
    "subsec",
    " right join",
    " full join",
];

#[test]
fn views_need_nothing_newer_than_sqlite_3_37() {
    let archive = Archive::in_memory();
    let views = archive.rows("SELECT lower(sql) FROM sqlite_schema WHERE type = 'view'");
    assert!(!views.is_empty());
    for view in views {
        for name in TOO_NEW {
            assert!(!view.contains(name), "`{name}` in {view}");
        }
    }
}
