//! What must be true of everything but actions and coverage: the log of syncs, regions, droplets, what waits.

use rusqlite::Connection;

use super::finding::{Finding, Severity};
use super::rule::{Rule, count, is_no_time};
use crate::time::Timestamp;

const NOT_OURS: &str =
    "archiver did not write this: if you did, write it again; if not, go back to a backup";
/// The clocks of two machines may differ; not by a day.
const ONE_DAY: i64 = 86_400;

/// Each table with times, what names a row of it, and the columns.
const TIMES: [(&str, &str, &[&str]); 7] = [
    ("sync_runs", "id", &["started_at", "finished_at"]),
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
    ("listings", "path", &["complete_at"]),
];

pub(super) fn check(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (table, key, columns) in TIMES {
        let broken: Vec<_> = columns.iter().map(|column| is_no_time(column)).collect();
        let rule = Rule {
            severity: Severity::Error,
            check: "time_format",
            broken_by: broken.join(" OR "),
            what: format!(
                "rows of `{table}` have a time that is not written as YYYY-MM-DDTHH:MM:SSZ"
            ),
            advice: NOT_OURS,
        };
        findings.extend(count(connection, table, key, None, &[rule])?);
    }
    let tomorrow = now.saturating_add_seconds(ONE_DAY);
    findings.extend(count(
        connection,
        "sync_runs",
        "id",
        Some(tomorrow),
        &syncs(),
    )?);
    findings.extend(count(connection, "droplets", "id", None, &[droplets()])?);
    findings.extend(count(connection, "staged_actions", "id", None, &staged())?);
    Ok(findings)
}

fn syncs() -> [Rule; 3] {
    [
        Rule {
            severity: Severity::Error,
            check: "sync",
            broken_by: "(outcome IS NULL) <> (finished_at IS NULL)
                        OR outcome NOT IN ('complete', 'partial', 'failed', 'interrupted')"
                .to_owned(),
            what: "syncs have an outcome that archiver does not know, or one without an end"
                .to_owned(),
            advice: NOT_OURS,
        },
        Rule {
            severity: Severity::Error,
            check: "sync",
            broken_by: "min(requests, retries, faults, inserted, updated, unchanged, rejected) < 0"
                .to_owned(),
            what: "syncs count less than nothing".to_owned(),
            advice: NOT_OURS,
        },
        Rule {
            severity: Severity::Note,
            check: "clock",
            broken_by: "finished_at < started_at OR started_at > :now".to_owned(),
            what: "syncs ended before they began, or began in the future: a clock was wrong"
                .to_owned(),
            advice: "look at the clock; ages that `archiver status` tells may be wrong",
        },
    ]
}

fn droplets() -> Rule {
    Rule {
        severity: Severity::Error,
        check: "extra",
        broken_by: "extra IS NOT NULL AND NOT json_valid(extra)".to_owned(),
        what: "droplets have further fields that are no JSON".to_owned(),
        advice: NOT_OURS,
    }
}

fn staged() -> [Rule; 2] {
    [
        Rule {
            severity: Severity::Note,
            check: "staged",
            broken_by: "1".to_owned(),
            what: "actions wait to be put in place: a sync is at work, or was killed".to_owned(),
            advice: "the next sync puts them in place; until then questions do not find them",
        },
        Rule {
            severity: Severity::Error,
            check: "reference",
            broken_by: "region_slug NOT IN (SELECT slug FROM regions)
                        OR first_seen_run NOT IN (SELECT id FROM sync_runs)"
                .to_owned(),
            what: "actions that wait to be put in place name a region or a sync that is not there"
                .to_owned(),
            advice: "the next sync cannot put them in place: go back to a backup",
        },
    ]
}
