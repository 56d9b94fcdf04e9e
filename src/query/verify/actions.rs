//! What must be true of every action, and what is worth knowing of some.

use rusqlite::Connection;

use super::finding::{Finding, Severity};
use super::rule::{Rule, count, is_no_object, is_no_time};
use crate::core::time::Timestamp;

const READ_AGAIN: &str =
    "archiver did not write this: `archiver sync --full` reads again what the API still lists";
const AS_TOLD: &str = "nothing: it is archived as the API told it";

/// DigitalOcean was founded in 2011, so no action of its API is older.
const FIRST_YEAR: &str = "2011";
/// The clocks of two machines may differ; not by a day.
const ONE_DAY: i64 = 86_400;

pub(super) fn check(connection: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Finding>> {
    let tomorrow = now.saturating_add_seconds(ONE_DAY);
    count(connection, "actions", "id", Some(tomorrow), &rules())
}

fn rules() -> Vec<Rule> {
    let mut rules = Vec::from(errors());
    rules.extend(notes());
    rules
}

/// What archiver never writes.
fn errors() -> [Rule; 3] {
    let rule = |check, broken_by: String, what: &str| Rule {
        severity: Severity::Error,
        check,
        broken_by,
        what: what.to_owned(),
        advice: READ_AGAIN,
    };
    let [started, completed] = ["started_at", "completed_at"].map(is_no_time);
    [
        rule(
            "time_format",
            format!("{started} OR {completed}"),
            "actions have a time that is not written as YYYY-MM-DDTHH:MM:SSZ",
        ),
        rule(
            "extra",
            is_no_object("extra"),
            "actions have further fields that are no JSON",
        ),
        rule(
            "run",
            "changed_run < first_seen_run".to_owned(),
            "actions were changed by a sync before the one that archived them",
        ),
    ]
}

/// What the API tells, and is odd.
fn notes() -> [Rule; 6] {
    let rule = |check, broken_by: &str, what: &str| Rule {
        severity: Severity::Note,
        check,
        broken_by: broken_by.to_owned(),
        what: what.to_owned(),
        advice: AS_TOLD,
    };
    let is_unreadable =
        |name: &str| format!("{name} IS NULL AND json_type(extra, '$.{name}') IS NOT NULL");
    let [started, completed] = ["started_at", "completed_at"].map(is_unreadable);
    [
        rule(
            "unreadable_time",
            &format!("CASE WHEN json_valid(extra) THEN {started} OR {completed} END"),
            "actions have a time that cannot be read: it is in `extra` as it came",
        ),
        rule(
            "order",
            "completed_at < started_at",
            "actions ended before they began",
        ),
        rule(
            "future",
            "started_at > :now OR completed_at > :now",
            "actions have a time in the future, by this machine's clock",
        ),
        rule(
            "past",
            &format!("started_at < '{FIRST_YEAR}' OR completed_at < '{FIRST_YEAR}'"),
            "actions are older than DigitalOcean",
        ),
        rule(
            "status",
            "status IS NULL OR status NOT IN ('in-progress', 'completed', 'errored')",
            "actions have a status that the API does not document, or none",
        ),
        rule(
            "open_with_end",
            "status = 'in-progress' AND completed_at IS NOT NULL",
            "actions are in progress although it is known when they ended",
        ),
    ]
}
