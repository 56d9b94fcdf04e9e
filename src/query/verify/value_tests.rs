//! Values that archiver does not write, also without SQL: each is found, and hides no other.

use super::tests::{Archive, found};
use super::{Depth, Severity};

/// The checks with a finding after a change.
fn checks(sql: &str) -> Vec<&'static str> {
    let verification = Archive::changed(sql).verified(Depth::Full);
    assert!(!verification.is_sound, "{sql}");
    verification.findings.iter().map(|it| it.check).collect()
}

#[test]
fn a_text_that_is_none_is_found_in_every_table() {
    for (sql, rows, example) in [
        (
            "UPDATE actions SET type = CAST(x'72e5' AS TEXT) WHERE id IN (3, 4)",
            2,
            "3",
        ),
        ("UPDATE droplets SET name = CAST(x'ff' AS TEXT)", 1, "41"),
        ("UPDATE sync_runs SET message = CAST(x'c3' AS TEXT)", 1, "1"),
        (
            "INSERT INTO region_features VALUES ('nyc3', CAST(x'ff' AS TEXT), '2026-01-01T12:00:00Z', '2026-01-01T12:00:00Z')",
            1,
            "nyc3",
        ),
    ] {
        let found = found(sql, Severity::Error);
        assert_eq!(found, ("value", rows, example.to_owned()), "{sql}");
    }
    let quick =
        Archive::changed("UPDATE actions SET type = CAST(x'e5' AS TEXT)").verified(Depth::Quick);
    assert!(quick.is_sound, "that takes a look at every row");
}

#[test]
fn a_value_of_the_wrong_kind_is_a_finding_and_the_rest_is_looked_at_all_the_same() {
    let found = checks(
        "UPDATE actions SET started_at = 'soon' WHERE id = 2;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')') WHERE name = 'listings';
         PRAGMA writable_schema = RESET;
         UPDATE listings SET droplet_id = 41.5 WHERE id = 2;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = sql || ' STRICT' WHERE name = 'listings'",
    );
    assert!(found.contains(&"value"), "{found:?}");
    assert!(found.contains(&"time_format"), "{found:?}");
}

#[test]
fn a_schema_with_bytes_that_are_no_text_is_named() {
    let sql = "PRAGMA writable_schema = ON;
               UPDATE sqlite_schema SET sql = CAST(replace(sql, '-- NULL: still', '-- ' || x'ff') AS TEXT)
                WHERE name = 'sync_runs'";
    // A comment with any contents makes no difference.
    assert_eq!(Archive::changed(sql).verified(Depth::Full).findings, []);
    let name = "CREATE TABLE mine (id); PRAGMA writable_schema = ON;
                UPDATE sqlite_schema SET name = CAST('m' || x'ff' AS TEXT), tbl_name = CAST('m' || x'ff' AS TEXT),
                       sql = CAST('CREATE TABLE m' || x'ff' || ' (id)' AS TEXT) WHERE name = 'mine'";
    assert_eq!(found(name, Severity::Note).0, "added");
}

#[test]
fn an_index_over_a_part_of_a_table_that_holds_more_is_found() {
    let archive = Archive::changed("UPDATE actions SET status = 'in-progress' WHERE id IN (2, 3)");
    archive.damage("actions", |page| {
        let place = page
            .windows(11)
            .position(|it| it == b"in-progress")
            .unwrap();
        page[place] = b'I';
    });
    let verification = archive.verified(Depth::Full);
    let index = verification.findings.iter().find(|it| it.check == "index");
    assert_eq!(index.unwrap().example.as_deref(), Some("actions_open"));
    archive.execute("REINDEX");
    assert!(archive.verified(Depth::Full).is_sound);
}

#[test]
fn what_a_comment_in_an_index_says_is_not_asked() {
    let endless = "1), (WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id FROM n) SELECT max(id) FROM n), (SELECT 1)";
    for comment in [
        format!("/* WHERE {endless} -- */"),
        "/* WHERE 0 -- */".to_owned(),
    ] {
        let sql = format!(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_schema SET type = 'INDEX', sql = replace(sql, ' WHERE ', ' {comment} WHERE ')
              WHERE name = 'actions_open'"
        );
        let verification = Archive::changed(&sql).verified(Depth::Full);
        assert_eq!(verification.findings, [], "{comment}");
    }
}

#[test]
fn a_view_that_stands_before_a_function_of_sqlite_holds_nothing_up() {
    let endless = "CREATE VIEW pragma_foreign_key_check AS WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id FROM n)
                   SELECT id AS \"table\", id AS parent, id AS rowid FROM n";
    assert_eq!(found(endless, Severity::Error).0, "foreign");
}

#[test]
fn what_dangles_in_somebodys_own_table_is_no_error_of_the_archive() {
    let sql = "CREATE TABLE notes (action_id INTEGER REFERENCES actions (id)); INSERT INTO notes VALUES (3), (77)";
    let verification = Archive::changed(sql).verified(Depth::Full);
    assert!(verification.is_sound, "{verification:#?}");
    let dangling = verification
        .findings
        .iter()
        .find(|it| it.check == "reference");
    assert!(dangling.unwrap().advice.contains("does not use"));
}

#[test]
fn values_that_archiver_does_not_write_are_errors() {
    for (sql, check) in [
        ("UPDATE actions SET extra = '[]' WHERE id = 4".to_owned(), "extra"),
        ("UPDATE actions SET first_seen_run = 1, changed_run = 0 WHERE id = 4; INSERT INTO sync_runs (id, started_at, finished_at, scope, outcome, version) VALUES (0, '2026-01-01T12:00:00Z', '2026-01-01T12:00:05Z', 'account', 'complete', '0.1.0')".to_owned(), "run"),
        ("UPDATE regions SET extra = '{'".to_owned(), "extra"),
        ("UPDATE regions SET available = 7".to_owned(), "extra"),
    ] {
        assert_eq!(found(&sql, Severity::Error).0, check, "{sql}");
    }
}

#[test]
fn clocks_that_were_wrong_are_notes() {
    for (sql, check) in [
        (
            "UPDATE droplets SET created_at = '2026-01-01T12:00:00Z', gone_at = '2025-01-01T12:00:00Z'",
            "order",
        ),
        (
            "UPDATE droplets SET gone_at = '2999-01-01T12:00:00Z'",
            "future",
        ),
        (
            "UPDATE regions SET last_seen_at = '2020-01-01T12:00:00Z'",
            "clock",
        ),
    ] {
        assert_eq!(found(sql, Severity::Note).0, check, "{sql}");
    }
}
