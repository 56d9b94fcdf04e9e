//! Proof that questions read an index and neither sort nor scan: checks the query plan and the counters of SQLite.

use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::actions::{self, Statement};
use super::fixture::{choice, generated, now};
use super::question::Question;
use super::{Column, Filter, SeenSince};

const ARCHIVED: i64 = 100_000;

fn plan(connection: &Connection, query: &Statement) -> String {
    let sql = format!("EXPLAIN QUERY PLAN {}", query.0);
    let mut statement = connection.prepare(&sql).unwrap();
    let steps = statement
        .query_map(params_from_iter(&query.1), |row| {
            row.get::<_, String>("detail")
        })
        .unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

/// The number of rows, sorts, table scan steps and virtual machine steps.
fn run(connection: &Connection, query: &Statement) -> (u64, i32, i32, i32) {
    let mut statement = connection.prepare(&query.0).unwrap();
    let mut rows = statement.query(params_from_iter(&query.1)).unwrap();
    let mut count = 0;
    while rows.next().unwrap().is_some() {
        count += 1;
    }
    drop(rows);
    (
        count,
        statement.get_status(StatementStatus::Sort),
        statement.get_status(StatementStatus::FullscanStep),
        statement.get_status(StatementStatus::VmStep),
    )
}

fn select(connection: &Connection, filter: &Filter, columns: &[Column]) -> Statement {
    let question = Question::resolve(connection, filter, now()).unwrap();
    actions::select(&question, columns)
}

fn tally(connection: &Connection, filter: &Filter) -> Statement {
    actions::tally(&Question::resolve(connection, filter, now()).unwrap())
}

fn since() -> Filter {
    // The last thousandth of the generated actions.
    Filter {
        since: Some("2017-08-06T04:00:00Z".parse().unwrap()),
        ..Filter::default()
    }
}

/// The plans must be the same before and after `ANALYZE`.
fn with_and_without_statistics(check: impl Fn(&Connection)) {
    let connection = generated(ARCHIVED);
    check(&connection);
    connection.execute_batch("ANALYZE").unwrap();
    check(&connection);
}

fn assert_ordered(connection: &Connection, filter: &Filter, index: &str) {
    for columns in [&Column::FOR_PEOPLE[..], &Column::FOR_PROGRAMS[..]] {
        let query = select(connection, filter, columns);
        let plan = plan(connection, &query);
        assert!(plan.contains(index), "{}\n{plan}", query.0);
        assert!(
            !plan.contains("SCAN actions\n") && !plan.ends_with("SCAN actions"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{}\n{plan}", query.0);
        let (rows, sorts, scanned, _) = run(connection, &query);
        assert!(rows > 0, "{}", query.0);
        assert_eq!((sorts, scanned), (0, 0), "{}\n{plan}", query.0);
    }
}

#[test]
fn a_type_since_a_time_reads_its_part_of_the_index() {
    with_and_without_statistics(|connection| {
        let filter = Filter {
            types: choice(&["type_a"]),
            ..since()
        };
        assert_ordered(
            connection,
            &filter,
            "SEARCH actions USING INDEX actions_by_type_and_time (type=? AND started_at>?)",
        );
        let (rows, .., steps) = run(
            connection,
            &select(connection, &filter, &Column::FOR_PROGRAMS),
        );
        assert!(
            i64::from(steps) < 100 * i64::try_from(rows).unwrap() + 500,
            "{rows} rows, {steps} steps"
        );
    });
}

#[test]
fn several_types_are_merged_and_not_sorted() {
    with_and_without_statistics(|connection| {
        let filter = Filter {
            types: choice(&["type_a", "type_b", "type_c"]),
            ..since()
        };
        assert_ordered(connection, &filter, "MERGE (UNION ALL)");
    });
}

#[test]
fn a_time_reads_its_part_of_the_index() {
    with_and_without_statistics(|connection| {
        assert_ordered(
            connection,
            &since(),
            "SEARCH actions USING INDEX actions_by_time (started_at>?)",
        );
        let filter = Filter {
            regions: choice(&["nyc3"]),
            statuses: choice(&["completed"]),
            ..since()
        };
        assert_ordered(
            connection,
            &filter,
            "SEARCH actions USING INDEX actions_by_time (started_at>?)",
        );
    });
}

#[test]
fn everything_is_read_in_the_order_of_the_index() {
    with_and_without_statistics(|connection| {
        let query = select(connection, &Filter::default(), &Column::FOR_PROGRAMS);
        let plan = plan(connection, &query);
        // No other step: the name of a droplet is not looked up for each of its actions.
        assert_eq!(plan, "SCAN actions USING INDEX actions_by_time");
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        assert_eq!(run(connection, &query).1, 0);
    });
}

#[test]
fn open_actions_have_their_own_index() {
    with_and_without_statistics(|connection| {
        let filter = Filter {
            statuses: choice(&["in-progress"]),
            types: choice(&["type_a", "type_b", "type_c"]),
            since: Some("2017-07-20T00:00:00Z".parse().unwrap()),
            ..Filter::default()
        };
        assert_ordered(
            connection,
            &filter,
            "SEARCH actions USING INDEX actions_open",
        );
    });
}

#[test]
fn a_droplet_since_a_time_sorts_no_more_than_what_its_listing_adds() {
    with_and_without_statistics(|connection| {
        let filter = Filter {
            types: choice(&["type_a", "type_b"]),
            ..Filter::default()
        };
        let filter = Filter {
            since: "2017-07-20T00:00:00Z".parse().ok(),
            droplets: choice(&["3"]),
            ..filter
        };
        let query = select(connection, &filter, &Column::FOR_PROGRAMS);
        let plan = plan(connection, &query);
        let index = "SEARCH actions USING INDEX actions_by_resource_and_time (resource_id=? AND started_at>?)";
        assert!(plan.contains(index), "{plan}");
        assert!(
            plan.contains("SEARCH actions USING INTEGER PRIMARY KEY (rowid=?)"),
            "{plan}"
        );
        assert!(
            plan.contains("SEARCH listed USING PRIMARY KEY (droplet_id=?)"),
            "{plan}"
        );
        assert!(!plan.contains("SCAN actions"), "{plan}");
        assert_eq!(
            plan.matches("TEMP B-TREE FOR ORDER BY").count(),
            1,
            "{plan}"
        );
    });
}

#[test]
fn a_limit_reads_no_more_than_it_shows() {
    with_and_without_statistics(|connection| {
        for types in [
            choice(&[]),
            choice(&["type_a"]),
            choice(&["type_a", "type_b", "type_c"]),
        ] {
            let filter = Filter {
                types,
                limit: Some(20),
                ..Filter::default()
            };
            let query = select(connection, &filter, &Column::FOR_PEOPLE);
            let (rows, .., steps) = run(connection, &query);
            assert_eq!(rows, 20);
            assert!(steps < 5_000, "{steps} steps\n{}", plan(connection, &query));
        }
    });
}

#[test]
fn ids_are_looked_up_one_by_one() {
    with_and_without_statistics(|connection| {
        let filter = Filter {
            ids: vec![36_000_001, 36_007_919],
            types: choice(&["type_b"]),
            droplets: choice(&["3"]),
            ..since()
        };
        let query = select(connection, &filter, &Column::FOR_PROGRAMS);
        let plan = plan(connection, &query);
        assert!(
            plan.contains("SEARCH actions USING INTEGER PRIMARY KEY (rowid=?)"),
            "{plan}"
        );
        assert!(!plan.contains("SCAN actions"), "{plan}");
    });
}

#[test]
fn counting_reads_the_index_and_no_more() {
    with_and_without_statistics(|connection| {
        let filter = Filter {
            types: choice(&["type_a", "type_b"]),
            ..since()
        };
        let plan = plan(connection, &tally(connection, &filter));
        assert!(
            plan.contains("SEARCH actions USING COVERING INDEX actions_by_type_and_time"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    });
}

/// Checks that a question reads only a small part of the archive.
fn assert_reads_little(connection: &Connection, filter: &Filter, index: &str) {
    let query = select(connection, filter, &Column::FOR_PROGRAMS);
    let plan = plan(connection, &query);
    assert!(plan.contains(index), "{}\n{plan}", query.0);
    let is_scan = |line: &str| {
        line.starts_with("SCAN actions")
            && !line.contains("actions_long")
            && !line.contains("actions_open")
    };
    assert!(!plan.lines().any(is_scan), "{plan}");
    let (rows, _, scanned, steps) = run(connection, &query);
    assert!(rows > 0, "{}", query.0);
    // A fortieth of the generated actions is long or in progress.
    let most = i32::try_from(ARCHIVED).unwrap();
    assert!(steps < most, "{steps} steps\n{plan}");
    assert!(scanned < most / 20, "{scanned} rows scanned\n{plan}");
}

#[test]
fn what_overlaps_a_time_is_found_without_reading_what_was_before() {
    with_and_without_statistics(|connection| {
        let overlap = Filter {
            overlap: Some((
                "2017-07-30T00:00:00Z".parse().unwrap(),
                "2017-07-30T00:30:00Z".parse().unwrap(),
            )),
            ..Filter::default()
        };
        let long = "USING INDEX actions_long";
        let near = "SEARCH actions USING INDEX actions_by_time (started_at>? AND started_at<?)";
        for index in [long, near, "USING INDEX actions_open"] {
            assert_reads_little(connection, &overlap, index);
        }
        for filter in [
            Filter {
                types: choice(&["type_a", "type_b"]),
                ..overlap.clone()
            },
            Filter {
                droplets: choice(&["8", "9"]),
                ..overlap.clone()
            },
            Filter {
                gone: Some(true),
                statuses: choice(&["!errored"]),
                ..overlap
            },
        ] {
            assert_reads_little(connection, &filter, long);
        }
    });
}

#[test]
fn what_took_long_has_its_own_index() {
    with_and_without_statistics(|connection| {
        let filter = Filter {
            min_duration_seconds: Some(7_200),
            types: choice(&["type_a", "type_b"]),
            ..Filter::default()
        };
        assert_reads_little(connection, &filter, "USING INDEX actions_long");
        assert_ordered_whole(connection, &filter);
    });
}

/// Checks that the arms are merged and not sorted.
fn assert_ordered_whole(connection: &Connection, filter: &Filter) {
    let query = select(connection, filter, &Column::FOR_PROGRAMS);
    let plan = plan(connection, &query);
    assert!(!plan.contains("TEMP B-TREE"), "{}\n{plan}", query.0);
    assert_eq!(run(connection, &query).1, 0);
}

#[test]
fn what_is_new_since_a_later_sync_has_its_own_index() {
    let connection = generated(ARCHIVED);
    connection
        .execute_batch(
            "UPDATE actions SET first_seen_run = 1 WHERE first_seen_run = 5 AND id % 50 > 0",
        )
        .unwrap();
    for _ in 0..2 {
        let filter = Filter {
            seen_since: Some(SeenSince::LastNews),
            ..Filter::default()
        };
        assert_reads_little(
            &connection,
            &filter,
            "SEARCH actions USING INDEX actions_by_later_run",
        );
        connection.execute_batch("ANALYZE").unwrap();
    }
}

#[test]
fn the_newest_first_are_read_from_the_other_end_of_the_index() {
    with_and_without_statistics(|connection| {
        for types in [
            choice(&[]),
            choice(&["type_a"]),
            choice(&["type_a", "type_b"]),
        ] {
            let filter = Filter {
                types,
                reverse: true,
                ..Filter::default()
            };
            assert_ordered_whole(connection, &filter);
        }
    });
}

#[test]
fn droplets_that_are_most_of_the_archive_are_read_in_the_order_of_time() {
    with_and_without_statistics(|connection| {
        let filter = Filter {
            gone: Some(false),
            limit: Some(20),
            ..Filter::default()
        };
        let query = select(connection, &filter, &Column::FOR_PROGRAMS);
        let (rows, .., steps) = run(connection, &query);
        assert_eq!(rows, 20);
        assert!(steps < 5_000, "{steps} steps\n{}", plan(connection, &query));
    });
}
