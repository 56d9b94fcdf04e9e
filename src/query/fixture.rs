//! Archives in memory for the tests of this layer.

use rusqlite::{Connection, params};

use super::{Column, Filter, actions, count};
use crate::output::Value;

/// One action as it is stored.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) id: i64,
    pub(super) status: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
    pub(super) started_at: Option<&'a str>,
    pub(super) completed_at: Option<&'a str>,
    pub(super) resource_id: Option<i64>,
    pub(super) resource_type: Option<&'a str>,
    pub(super) region: Option<&'a str>,
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

/// An archive without actions, with the regions nyc3 and ams3.
pub(super) fn archive() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(include_str!("../../migrations/0001_archive.sql"))
        .unwrap();
    connection
        .execute_batch(
            "INSERT INTO sync_runs (id, started_at, scope, version)
             VALUES (1, '2020-08-01T00:00:00Z', 'account', '0.1.0');
             INSERT INTO regions (slug, first_seen_at, last_seen_at)
             VALUES ('nyc3', '2020-08-01T00:00:00Z', '2020-08-01T00:00:00Z'),
                    ('ams3', '2020-08-01T00:00:00Z', '2020-08-01T00:00:00Z');",
        )
        .unwrap();
    connection
}

pub(super) fn insert(connection: &Connection, row: &Row<'_>) {
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
pub(super) fn droplet(connection: &Connection, id: i64, names: &[&str]) {
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

/// An action that the droplet's own listing showed.
pub(super) fn listed(connection: &Connection, droplet_id: i64, action_id: i64) {
    connection
        .execute(
            "INSERT INTO droplet_listed_actions (droplet_id, action_id) VALUES (?1, ?2)",
            [droplet_id, action_id],
        )
        .unwrap();
}

/// Twelve types, a hundred droplets, every 97th action open, every 100th without a time and several per second.
pub(super) fn generated(count: i64) -> Connection {
    let connection = archive();
    connection
        .execute(
            "WITH RECURSIVE numbers (n) AS (
                 SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?1
             )
             INSERT INTO actions (id, status, type, started_at, completed_at,
                                  resource_id, resource_type, region_slug, first_seen_run)
             SELECT n * 7919 % 1000003 + 36000000,
                    CASE WHEN n % 97 = 0 THEN 'in-progress' WHEN n % 50 = 0 THEN 'errored' ELSE 'completed' END,
                    'type_' || char(97 + n % 12),
                    CASE WHEN n % 100 = 0 THEN NULL
                         ELSE strftime('%Y-%m-%dT%H:%M:%SZ', 1500000000 + n / 3 * 60, 'unixepoch') END,
                    CASE WHEN n % 97 = 0 THEN NULL
                         ELSE strftime('%Y-%m-%dT%H:%M:%SZ', 1500000030 + n / 3 * 60, 'unixepoch') END,
                    CASE WHEN n % 31 = 0 THEN NULL ELSE 1 + n % 101 END,
                    CASE WHEN n % 31 = 0 THEN 'backend' WHEN n % 13 = 0 THEN 'volume' ELSE 'droplet' END,
                    CASE n % 3 WHEN 0 THEN 'nyc3' WHEN 1 THEN 'ams3' END,
                    1
               FROM numbers",
            [count],
        )
        .unwrap();
    // The listings showed what their droplets' resources do not say, and some of it for several droplets.
    connection
        .execute_batch(
            "INSERT INTO droplet_listed_actions (droplet_id, action_id)
             SELECT 1 + id % 7, id FROM actions WHERE resource_type = 'backend';
             INSERT OR IGNORE INTO droplet_listed_actions (droplet_id, action_id)
             SELECT 1 + id % 5, id FROM actions WHERE id % 11 = 0;",
        )
        .unwrap();
    connection
}

/// The ids of the actions that match, in the order they come in.
pub(super) fn found(connection: &Connection, filter: &Filter) -> Vec<i64> {
    let mut ids = Vec::new();
    let visited = actions(connection, filter, &[Column::Id], &mut |values| {
        let [Value::Integer(id)] = values else {
            panic!("{values:?}");
        };
        ids.push(*id);
        Ok(())
    });
    assert_eq!(visited.unwrap(), ids.len() as u64);
    assert_eq!(
        count(connection, filter).unwrap(),
        ids.len() as u64,
        "{filter:?}"
    );
    ids
}
