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
