//! Rules for the sync log, regions and droplets.

use rusqlite::Connection;

use super::finding::{Finding, Rule};
use super::finding::{count, error, is_no_object, is_no_time, note};
use crate::core::time::Timestamp;

const NOT_OURS: &str =
    "archiver did not write this: if you did, correct it; if not, restore a backup";
/// The clocks of two machines may differ, but by less than a day.
const ONE_DAY: i64 = 86_400;

/// Each table with times, the key of its rows, and the columns.
const TIMES: [(&str, &str, &[&str]); 9] = [
    ("sync_runs", "id", &["started_at", "finished_at"]),
    ("imports", "id", &["started_at", "finished_at"]),
    ("regions", "slug", &["first_seen_at", "last_seen_at"]),
    (
        "region_features",
        "region_slug",
        &["first_seen_at", "last_seen_at"],
    ),
    (
        "region_sizes",
        "region_slug",
        &["first_seen_at", "last_seen_at"],
    ),
    (
        "droplets",
        "id",
        &["first_seen_at", "created_at", "gone_at"],
    ),
    ("droplet_names", "droplet_id", &["first_seen_at"]),
    ("droplet_tags", "droplet_id", &["first_seen_at", "gone_at"]),
    ("listings", "path", &["complete_at"]),
];

pub(super) fn check(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Finding>> {
    let tomorrow = Some(now.saturating_add_seconds(ONE_DAY));
    let mut findings = Vec::new();
    for (table, key, columns) in TIMES {
        let broken: Vec<_> = columns.iter().map(|column| is_no_time(column)).collect();
        let what =
            format!("rows of `{table}` have a time that is not written as YYYY-MM-DDTHH:MM:SSZ");
        let rule = error("time_format", broken.join(" OR "), what, NOT_OURS);
        findings.extend(count(connection, table, key, None, &[rule])?);
    }
    findings.extend(count(connection, "sync_runs", "id", tomorrow, &syncs())?);
    findings.extend(count(connection, "droplets", "id", tomorrow, &droplets())?);
    findings.extend(count(connection, "regions", "slug", None, &[region()])?);
    for (table, key) in REGION_PARTS {
        findings.extend(count(connection, table, key, None, &[seen(table)])?);
    }
    Ok(findings)
}

/// The tables with a first and a last observation.
const REGION_PARTS: [(&str, &str); 3] = [
    ("regions", "slug"),
    ("region_features", "region_slug"),
    ("region_sizes", "region_slug"),
];

fn syncs() -> [Rule; 3] {
    [
        error(
            "sync",
            "(outcome IS NULL) <> (finished_at IS NULL)
             OR outcome NOT IN ('complete', 'partial', 'failed', 'interrupted')",
            "syncs have an unknown outcome, or have only one of an outcome and an end time",
            NOT_OURS,
        ),
        error(
            "sync",
            "min(requests, retries, faults, inserted, updated, unchanged, rejected) < 0",
            "syncs have negative counts",
            NOT_OURS,
        ),
        note(
            "clock",
            "finished_at < started_at OR started_at > :now",
            "syncs ended before they began, or began in the future: a clock was wrong",
            "check the clock; the ages in `archiver status` may be wrong",
        ),
    ]
}

fn droplets() -> [Rule; 3] {
    [
        error(
            "extra",
            is_no_object("extra"),
            "droplets have an `extra` that is not a JSON object",
            NOT_OURS,
        ),
        note(
            "order",
            "gone_at < created_at",
            "droplets were gone before they were created",
            "nothing to do: both times are archived as they were reported",
        ),
        note(
            "future",
            "max(coalesce(created_at, ''), coalesce(gone_at, '')) > :now OR first_seen_at > :now",
            "droplets have a time in the future, by this machine's clock",
            "check the clock",
        ),
    ]
}

fn region() -> Rule {
    error(
        "extra",
        format!("{} OR available NOT IN (0, 1)", is_no_object("extra")),
        "regions have an `extra` that is not a JSON object, or an invalid `available`",
        NOT_OURS,
    )
}

fn seen(table: &str) -> Rule {
    note(
        "clock",
        "last_seen_at < first_seen_at",
        format!("rows of `{table}` were last seen before they were first seen: a clock was wrong"),
        "nothing to do: the next sync on another day writes the time again",
    )
}
