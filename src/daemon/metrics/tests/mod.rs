//! Tests of the metrics of archives.

mod cost;
mod examples;
mod figures;
mod histories;
mod shape;
mod text;
mod totals;

use rusqlite::{Connection, params};

use super::totals::ENDINGS;
use super::*;
use crate::archive;
use crate::core::time::Timestamp;
use crate::query::status::RunState;

/// The start of the first sync of an archive in these tests.
const BEGINNING: i64 = 1_767_225_600;

/// The time this many seconds after the beginning.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_epoch_seconds(BEGINNING + seconds).unwrap()
}

/// Records the start of a sync.
fn begin(connection: &Connection, scope: &str, seconds: i64) {
    connection
        .execute(
            "INSERT INTO sync_runs (started_at, scope, version) VALUES (?1, ?2, '0.1.0')",
            params![at(seconds).to_string(), scope],
        )
        .unwrap();
}

/// The record of a sync at its end.
#[derive(Clone, Debug, Default)]
struct End {
    outcome: &'static str,
    seconds: i64,
    inserted: i64,
    updated: i64,
    rejected: i64,
    requests: i64,
    retries: i64,
    faults: i64,
    left: Option<i64>,
}

/// Records the end of the last sync, this many seconds after the beginning.
fn finish(connection: &Connection, end: &End) {
    connection
        .execute(
            "UPDATE sync_runs
                SET outcome = ?1, finished_at = ?2, inserted = ?3, updated = ?4, rejected = ?5,
                    requests = ?6, retries = ?7, faults = ?8, ratelimit_remaining = ?9
              WHERE id = (SELECT max(id) FROM sync_runs)",
            params![
                end.outcome,
                at(end.seconds).to_string(),
                end.inserted,
                end.updated,
                end.rejected,
                end.requests,
                end.retries,
                end.faults,
                end.left,
            ],
        )
        .unwrap();
}

/// A sync of the account that takes ten seconds and changes nothing.
fn sync(connection: &Connection, seconds: i64, outcome: &'static str) {
    sync_of(connection, "account", seconds, outcome);
}

fn sync_of(connection: &Connection, scope: &str, seconds: i64, outcome: &'static str) {
    begin(connection, scope, seconds);
    let end = End {
        outcome,
        seconds: seconds + 10,
        ..End::default()
    };
    finish(connection, &end);
}

fn execute(connection: &Connection, sql: &str) {
    connection.execute_batch(sql).unwrap();
}

/// The figures of an archive, after one update.
fn figures(connection: &Connection) -> Figures {
    let mut figures = Figures::default();
    figures.update(connection).unwrap();
    figures
}

/// The totals of an archive, after one update.
fn totals(connection: &Connection) -> Totals {
    let mut totals = Totals::default();
    totals.update(connection).unwrap();
    totals
}
