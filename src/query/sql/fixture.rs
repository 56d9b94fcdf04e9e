//! An archive in memory for the tests of this layer.

use rusqlite::Connection;

/// An archive with three actions.
pub(super) fn archive() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(include_str!("../../../migrations/0001_archive.sql"))
        .unwrap();
    connection
        .execute_batch(
            "INSERT INTO sync_runs (id, started_at, scope, version)
             VALUES (1, '2020-08-01T00:00:00Z', 'account', '0.1.0');
             INSERT INTO actions (id, type, status, first_seen_run)
             VALUES (1, 'reboot', 'completed', 1), (2, 'snapshot', 'errored', 1), (3, 'reboot', 'completed', 1);",
        )
        .unwrap();
    connection
}
