//! The statements of the store use indexes: the cost of a page does not grow with the archive.

use rusqlite::types::Null;
use rusqlite::{Connection, params_from_iter};

use super::fixture::Archive;
use crate::archive::{actions, droplets, listings, regions};

/// An archive with many actions; some are in progress, some are only listed.
fn large() -> Archive {
    let archive = Archive::in_memory();
    archive.execute(
        "WITH RECURSIVE ids (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM ids WHERE id < 20000)
         INSERT INTO actions (id, status, type, started_at, resource_id, resource_type, first_seen_run)
         SELECT id, CASE WHEN id % 500 = 0 THEN 'in-progress' ELSE 'completed' END, 'reboot',
                strftime('%Y-%m-%dT%H:%M:%SZ', 1500000000 + id, 'unixepoch'), id % 100, 'droplet', 1
           FROM ids;
         INSERT INTO droplet_listed_actions SELECT 1000 + id % 7, id FROM actions WHERE id % 50 = 0;",
    );
    archive
}

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let unbound = vec![Null; statement.parameter_count()];
    let steps = statement.query_map(params_from_iter(unbound), |row| {
        row.get::<_, String>("detail")
    });
    let steps: Vec<_> = steps.unwrap().map(Result::unwrap).collect();
    steps.join("\n")
}

/// With and without the statistics of `ANALYZE`.
fn plans(sql: &str) -> [String; 2] {
    let archive = large();
    let before = plan(&archive.store.connection, sql);
    archive.execute("ANALYZE");
    [before, plan(&archive.store.connection, sql)]
}

#[test]
fn open_actions_are_read_from_their_own_index() {
    for plan in plans(actions::OPEN_ACTIONS) {
        assert!(plan.contains("actions USING INDEX actions_open"), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[test]
fn the_actions_of_a_droplet_are_counted_by_their_index() {
    for sql in [listings::ACTIONS_OF_DROPLET, droplets::KNOWS_DROPLET] {
        for plan in plans(sql) {
            assert!(
                plan.contains("INDEX actions_by_resource_and_time (resource_id=?"),
                "{plan}"
            );
            assert!(plan.contains("SEARCH listed USING PRIMARY KEY"), "{plan}");
            assert!(!plan.contains("SCAN actions"), "{plan}");
            assert!(!plan.contains("SCAN listed"), "{plan}");
        }
    }
}

/// A step without an index reads every action, once for each droplet: SQLite calls that `SEARCH actions`.
#[test]
fn unlisted_droplets_are_found_by_their_index() {
    for plan in plans(droplets::UNLISTED) {
        let mut of_actions = plan.lines().filter(|step| step.contains(" actions"));
        let index = "INDEX actions_by_resource_and_time";
        assert!(of_actions.all(|step| step.contains(index)), "{plan}");
        assert_eq!(plan.matches(index).count(), 3, "{plan}");
    }
}

#[test]
fn statements_of_every_page_scan_no_table() {
    let statements = [
        actions::KNOWN_EXTRA,
        listings::FIND,
        listings::COVERAGE,
        listings::UNCOVER,
        regions::KNOWN,
        regions::FEATURES.current,
        regions::SIZES.current,
    ];
    for sql in statements {
        for plan in plans(sql) {
            assert!(plan.contains("SEARCH"), "{sql}\n{plan}");
            assert!(!plan.contains("SCAN"), "{sql}\n{plan}");
        }
    }
}
