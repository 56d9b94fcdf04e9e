//! Archives in memory for the tests of this layer and of the layers above.

use std::fmt::Debug;
use std::str::FromStr;

use rusqlite::{Connection, params};

use super::{Choice, Column, Filter, Term, actions, count};
use crate::core::time::Timestamp;
use crate::output::Value;

/// One action as the archive stores it.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) id: i64,
    pub(crate) status: Option<&'a str>,
    pub(crate) kind: Option<&'a str>,
    pub(crate) started_at: Option<&'a str>,
    pub(crate) completed_at: Option<&'a str>,
    pub(crate) resource_id: Option<i64>,
    pub(crate) resource_type: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
}

impl Default for Row<'_> {
    fn default() -> Self {
        Self {
            id: 1,
            status: Some("completed"),
            kind: Some("reboot"),
            started_at: Some("2020-07-20T19:37:30Z"),
            completed_at: Some("2020-07-20T19:37:45Z"),
            resource_id: Some(1),
            resource_type: Some("droplet"),
            region: Some("nyc3"),
        }
    }
}

/// A complete archive of an account without actions, with the regions nyc3 and ams3.
pub(crate) fn archive() -> Connection {
    let connection = crate::archive::empty();
    connection
        .execute_batch(
            "INSERT INTO sync_runs (id, started_at, scope, version)
             VALUES (1, '2020-08-01T00:00:00Z', 'account', '0.1.0');
             INSERT INTO listings (path, total, complete_total, complete_at)
             VALUES ('/v2/actions', 0, 0, '2020-08-01T00:00:00Z');
             INSERT INTO regions (slug, first_seen_at, last_seen_at)
             VALUES ('nyc3', '2020-08-01T00:00:00Z', '2020-08-01T00:00:00Z'),
                    ('ams3', '2020-08-01T00:00:00Z', '2020-08-01T00:00:00Z');",
        )
        .unwrap();
    connection
}

/// The current time in these tests: after all generated actions.
pub(crate) fn now() -> Timestamp {
    "2020-08-01T00:00:00Z".parse().unwrap()
}

pub(crate) fn insert(connection: &Connection, row: &Row<'_>) {
    connection
        .execute(
            "INSERT INTO actions (id, status, type, started_at, completed_at,
                                  resource_id, resource_type, region_slug, first_seen_run)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1)",
            params![
                row.id,
                row.status,
                row.kind,
                row.started_at,
                row.completed_at,
                row.resource_id,
                row.resource_type,
                row.region,
            ],
        )
        .unwrap();
}

/// A droplet with its current name first, and the names it had before.
pub(crate) fn droplet(connection: &Connection, id: i64, names: &[&str]) {
    connection
        .execute(
            "INSERT INTO droplets (id, name, first_seen_at) VALUES (?1, ?2, '2020-08-01T00:00:00Z')",
            params![id, names[0]],
        )
        .unwrap();
    for name in names {
        connection
            .execute(
                "INSERT INTO droplet_names (droplet_id, name, first_seen_at)
                 VALUES (?1, ?2, '2020-08-01T00:00:00Z')",
                params![id, name],
            )
            .unwrap();
    }
}

/// A tag of a droplet, which has it or was missed with it at a time.
pub(crate) fn tag(connection: &Connection, droplet_id: i64, tag: &str, gone_at: Option<&str>) {
    connection
        .execute(
            "INSERT INTO droplet_tags (droplet_id, tag, first_seen_at, gone_at)
             VALUES (?1, ?2, '2020-08-01T00:00:00Z', ?3)",
            params![droplet_id, tag, gone_at],
        )
        .unwrap();
}

/// The choice that these terms write.
pub(crate) fn choice<T>(terms: &[&str]) -> Choice<T>
where
    Term<T>: FromStr<Err: Debug>,
{
    let terms = terms.iter().map(|text| text.parse::<Term<T>>().unwrap());
    terms.collect()
}

/// Adds an action to the droplet's own listing.
pub(crate) fn listed(connection: &Connection, droplet_id: i64, action_id: i64) {
    connection
        .execute(
            "INSERT INTO droplet_listed_actions (droplet_id, action_id) VALUES (?1, ?2)",
            [droplet_id, action_id],
        )
        .unwrap();
}

/// Generated actions of twelve types on a hundred droplets, most of them listed, some gone and some with tags, with five
/// sync runs. There are several actions per second; some have no time or no end, are in progress or long, or ended before
/// they began.
pub(crate) fn generated(count: i64) -> Connection {
    let connection = archive();
    connection.execute_batch(SYNCS_AND_DROPLETS).unwrap();
    connection.execute(ACTIONS, [count]).unwrap();
    connection.execute_batch(LISTED).unwrap();
    connection
}

const SYNCS_AND_DROPLETS: &str = "
    WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 5)
    INSERT INTO sync_runs (id, started_at, scope, version)
    SELECT n, strftime('%Y-%m-%dT%H:%M:%SZ', '2020-08-01', n || ' days'), 'account', '0.1.0' FROM numbers;

    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 90)
    INSERT INTO droplets (id, name, first_seen_at, gone_at)
    SELECT n, 'web-' || n, '2020-08-01T00:00:00Z', CASE WHEN n % 6 = 0 THEN '2020-08-02T00:00:00Z' END
      FROM numbers;

    INSERT INTO droplet_tags (droplet_id, tag, first_seen_at, gone_at)
    SELECT id, 'even', '2020-08-01T00:00:00Z', NULL FROM droplets WHERE id % 2 = 0
     UNION ALL
    SELECT id, 'third', '2020-08-01T00:00:00Z', CASE WHEN id > 40 THEN '2020-08-02T00:00:00Z' END
      FROM droplets WHERE id % 3 = 0;";

const ACTIONS: &str = "
    WITH RECURSIVE numbers (n, start) AS (
        SELECT 1, 1500000000
         UNION ALL
        SELECT n + 1, 1500000000 + (n + 1) / 3 * 60 FROM numbers WHERE n < ?1
    )
    INSERT INTO actions (id, status, type, started_at, completed_at,
                         resource_id, resource_type, region_slug, first_seen_run)
    SELECT n * 7919 % 1000003 + 36000000,
           CASE WHEN n % 97 = 0 THEN 'in-progress' WHEN n % 83 = 0 THEN NULL
                WHEN n % 50 = 0 THEN 'errored' ELSE 'completed' END,
           CASE WHEN n % 71 = 0 THEN NULL ELSE 'type_' || char(97 + n % 12) END,
           CASE WHEN n % 100 = 0 THEN NULL
                ELSE strftime('%Y-%m-%dT%H:%M:%SZ', start, 'unixepoch') END,
           CASE WHEN n % 97 = 0 AND n % 5 > 0 OR n % 43 = 0 THEN NULL
                ELSE strftime('%Y-%m-%dT%H:%M:%SZ',
                              start + CASE WHEN n % 59 = 0 THEN 3600 + n % 7 * 7200
                                           WHEN n % 61 = 0 THEN -n % 120
                                           WHEN n % 7 = 0 THEN n * 60 % 3600
                                           ELSE n % 180 END, 'unixepoch') END,
           CASE WHEN n % 31 = 0 THEN NULL ELSE 1 + n % 101 END,
           CASE WHEN n % 31 = 0 THEN 'backend' WHEN n % 37 = 0 THEN NULL
                WHEN n % 13 = 0 THEN 'volume' ELSE 'droplet' END,
           CASE n % 3 WHEN 0 THEN 'nyc3' WHEN 1 THEN 'ams3' END,
           CASE WHEN n % 10 < 7 THEN 1 ELSE 1 + n % 5 END
      FROM numbers";

/// The listings contain actions whose resource is not the droplet, and some of them are in several listings.
const LISTED: &str = "
    INSERT INTO droplet_listed_actions (droplet_id, action_id)
    SELECT 1 + id % 7, id FROM actions WHERE resource_type = 'backend';
    INSERT OR IGNORE INTO droplet_listed_actions (droplet_id, action_id)
    SELECT 1 + id % 5, id FROM actions WHERE id % 11 = 0;";

/// The ids of the matching actions, in the order of the answer.
pub(crate) fn found(connection: &Connection, filter: &Filter) -> Vec<i64> {
    found_at(now(), connection, filter)
}

/// As [`found`], at another time.
pub(crate) fn found_at(now: Timestamp, connection: &Connection, filter: &Filter) -> Vec<i64> {
    let mut ids = Vec::new();
    let visited = actions(connection, filter, now, &[Column::Id], &mut |values| {
        let [Value::Integer(id), ..] = values else {
            panic!("{values:?}");
        };
        assert_eq!(values.len(), 1 + usize::from(filter.has_stuck_last()));
        ids.push(*id);
        Ok(())
    });
    assert_eq!(visited.unwrap(), ids.len() as u64);
    assert_eq!(
        count(connection, filter, now).unwrap(),
        ids.len() as u64,
        "{filter:?}"
    );
    ids
}
