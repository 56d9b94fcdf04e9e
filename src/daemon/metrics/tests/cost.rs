//! Proves that a second update does not read the log of syncs again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::{OPEN, totals as added};
use super::*;

/// An archive with these numbers of finished syncs and actions, of which ten are in progress.
fn grown(runs: i64, actions: i64) -> Connection {
    let connection = archive::empty();
    let numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)";
    let sql = format!(
        "{numbers} INSERT INTO sync_runs (started_at, finished_at, scope, outcome, version)
         SELECT '2026-01-01T00:00:00Z', '2026-01-01T00:00:02Z', 'account', 'complete', '0.1.0' FROM n"
    );
    connection.execute(&sql, [runs]).unwrap();
    let sql = format!(
        "{numbers} INSERT INTO actions (id, status, started_at, first_seen_run)
         SELECT i, CASE WHEN i <= 10 THEN 'in-progress' ELSE 'completed' END,
                strftime('%Y-%m-%dT%H:%M:%SZ', 1500000000 + i, 'unixepoch'), 1
           FROM n"
    );
    connection.execute(&sql, [actions]).unwrap();
    connection
}

fn plan(connection: &Connection, sql: &str) -> String {
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let mut statement = connection.prepare(&sql).unwrap();
    let steps = statement.raw_query().mapped(|row| row.get("detail"));
    let steps: Vec<String> = steps.map(Result::unwrap).collect();
    steps.join("\n")
}

#[test]
fn new_syncs_are_found_by_their_number_and_open_actions_by_their_index() {
    let connection = grown(100, 5_000);
    for _ in 0..2 {
        for sql in [added::RUNS, added::STARTED_AT] {
            let plan = plan(&connection, sql);
            assert!(
                plan.starts_with("SEARCH sync_runs USING INTEGER PRIMARY KEY"),
                "{plan}"
            );
            assert!(!plan.contains('\n'), "{plan}");
        }
        let plan = plan(&connection, OPEN);
        assert!(plan.contains("USING COVERING INDEX actions_open"), "{plan}");
        assert!(!plan.contains('\n'), "{plan}");
        execute(&connection, "ANALYZE");
    }
}

/// The steps of SQLite's virtual machine that an update takes.
fn steps(connection: &mut Connection, figures: &mut Figures) -> u64 {
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    let count = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection.progress_handler(1, Some(count)).unwrap();
    figures.update(connection).unwrap();
    connection
        .progress_handler(1, None::<fn() -> bool>)
        .unwrap();
    steps.load(Ordering::Relaxed)
}

#[test]
fn looking_again_takes_as_long_in_an_archive_of_a_hundred_times_as_many_syncs() {
    let steps = [(200, 1_000), (20_000, 100_000)].map(|(runs, actions)| {
        let mut connection = grown(runs, actions);
        let mut figures = Figures::default();
        let first = steps(&mut connection, &mut figures);
        let nothing_new = steps(&mut connection, &mut figures);
        sync(&connection, 86_400, "complete");
        let one_sync = steps(&mut connection, &mut figures);
        assert_eq!(
            figures.totals.runs(RunState::Complete),
            runs.unsigned_abs() + 1
        );
        (first, nothing_new, one_sync)
    });
    let [few, many] = steps;
    assert_eq!((few.1, few.2), (many.1, many.2));
    assert!(few.1 < few.2 && few.2 < 500, "{few:?}");
    // The counter does count.
    assert!(many.0 > 20_000, "{many:?}");
}
