//! Rules that every action must satisfy, and notes about unusual actions.

use super::finding::{Finding, Rule, Severity};
use super::finding::{count, error, is_no_object, is_no_time, note};
use crate::archive::ListingKind;
use crate::core::time::Timestamp;
use rusqlite::Connection;

const READ_AGAIN: &str = "archiver did not write this: use `archiver sync --full` to read again all actions that the API still lists";
const AS_TOLD: &str = "nothing to do: the archive has what the API reported";

/// DigitalOcean was founded in 2011, so no action of its API is older.
const FIRST_YEAR: &str = "2011";
/// The clocks of two machines may differ, but by less than a day.
const ONE_DAY: i64 = 86_400;

pub(super) fn check_values(
    connection: &Connection,
    now: Timestamp,
) -> rusqlite::Result<Vec<Finding>> {
    let tomorrow = now.saturating_add_seconds(ONE_DAY);
    let rules: Vec<Rule> = errors()
        .into_iter()
        .chain(odd_times())
        .chain(notes())
        .collect();
    count(connection, "actions", "id", Some(tomorrow), &rules)
}

/// Values that archiver never writes.
fn errors() -> [Rule; 4] {
    let rule = |check, broken_by: &str, what: &str| error(check, broken_by, what, READ_AGAIN);
    let [started, completed] = ["started_at", "completed_at"].map(is_no_time);
    [
        rule(
            "time_format",
            &format!("{started} OR {completed}"),
            "actions have a time that is not written as YYYY-MM-DDTHH:MM:SSZ",
        ),
        rule(
            "extra",
            &is_no_object("extra"),
            "actions have an `extra` that is not a JSON object",
        ),
        rule(
            "run",
            "changed_run < first_seen_run",
            "actions were changed by a sync before the one that archived them",
        ),
        rule(
            "run",
            "first_seen_run IS NULL AND first_seen_import IS NULL",
            "actions come neither from a sync nor from an import",
        ),
    ]
}

/// Times that the API reports and that are unusual.
fn odd_times() -> [Rule; 4] {
    let rule = |check, broken_by: &str, what: &str| note(check, broken_by, what, AS_TOLD);
    let is_unreadable =
        |name: &str| format!("{name} IS NULL AND json_type(extra, '$.{name}') IS NOT NULL");
    let [started, completed] = ["started_at", "completed_at"].map(is_unreadable);
    [
        rule(
            "unreadable_time",
            &format!("CASE WHEN json_valid(extra) THEN {started} OR {completed} END"),
            "actions have an invalid time: `extra` has the original value",
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
    ]
}

/// Other values that are unusual.
fn notes() -> [Rule; 3] {
    [
        note(
            "status",
            "status IS NULL OR status NOT IN ('in-progress', 'completed', 'errored')",
            "actions have a status that the API does not document, or none",
            AS_TOLD,
        ),
        note(
            "open_with_end",
            "status = 'in-progress' AND completed_at IS NOT NULL",
            "actions are in progress but have an end time",
            AS_TOLD,
        ),
        note(
            "imported",
            "first_seen_run IS NULL AND first_seen_import IS NOT NULL",
            "actions come from imports alone: no sync has seen them",
            "nothing to do: the files that were imported are their only source",
        ),
    ]
}

const ADVICE: &str = "rows were lost, or another program wrote the coverage: use `archiver sync --full` to read every \
                      page again; actions that the API no longer lists are only in a backup";

const NEXT_SYNC: &str = "a sync ended before it could check an answer of the API: the next sync reads these listings again";

pub(super) fn check_coverage(connection: &Connection) -> rusqlite::Result<Vec<Finding>> {
    let mut findings = Vec::from_iter(account(connection)?);
    findings.extend(droplets(connection)?);
    findings.extend(intervals(connection)?);
    findings.extend(listings(connection)?);
    Ok(findings)
}

/// The sum of the covered lengths. A nonsensical interval may exceed the integers of SQLite, hence the cast.
const LENGTH: &str = "CAST(total(end_position - start_position) AS INTEGER)";

/// Covered positions without an action: an error if the listing was complete, otherwise a note.
fn uncovered(is_proven: bool, missing: i64, what: String, example: Option<String>) -> Finding {
    let (severity, advice) = if is_proven {
        (Severity::Error, ADVICE)
    } else {
        (Severity::Note, NEXT_SYNC)
    };
    Finding {
        rows: missing.unsigned_abs(),
        example,
        ..Finding::new(severity, "coverage", what, advice)
    }
}

/// The account's listing may contain all actions of the archive, except those that only imports know.
fn account(connection: &Connection) -> rusqlite::Result<Option<Finding>> {
    let sql = format!(
        "SELECT (SELECT {LENGTH} FROM coverage JOIN listings ON listings.id = listing_id WHERE path = :path) AS covered,
                (SELECT complete_total FROM listings WHERE path = :path) AS complete_total,
                (SELECT count(*) FROM actions WHERE first_seen_run IS NOT NULL) AS archived"
    );
    let path = ListingKind::Account.path();
    connection.query_row(&sql, [&path], |row| {
        let (covered, archived): (i64, i64) = (row.get("covered")?, row.get("archived")?);
        let complete: Option<i64> = row.get("complete_total")?;
        let is_proven = complete.is_some_and(|complete| covered.min(complete) > archived);
        let missing = covered.saturating_sub(archived).max(0);
        let what =
            format!("{covered} actions of {path} should be archived, but there are {archived}");
        Ok((missing > 0).then(|| uncovered(is_proven, missing, what, Some(path.clone()))))
    })
}

/// The actions of a droplet are those that name it, and those that only its own listing contains.
const DROPLETS: &str = "
WITH covered (droplet_id, positions, complete_total) AS MATERIALIZED (
    SELECT droplet_id, CAST(total(end_position - start_position) AS INTEGER), coalesce(complete_total, 0)
      FROM coverage
      JOIN listings ON listings.id = listing_id
     WHERE droplet_id IS NOT NULL
     GROUP BY droplet_id
), archived (droplet_id, action_count) AS MATERIALIZED (
    SELECT droplet_id, count(*)
      FROM (SELECT resource_id AS droplet_id FROM actions NOT INDEXED
             WHERE resource_type = 'droplet' AND resource_id IN (SELECT droplet_id FROM covered)
               AND first_seen_run IS NOT NULL
             UNION ALL
            SELECT listed.droplet_id
              FROM droplet_listed_actions AS listed
              JOIN actions ON actions.id = listed.action_id
             WHERE (resource_type IS NOT 'droplet' OR resource_id IS NOT listed.droplet_id)
               AND first_seen_run IS NOT NULL)
     GROUP BY droplet_id
), short (droplet_id, missing, is_proven) AS (
    SELECT covered.droplet_id, positions - coalesce(action_count, 0),
           min(positions, complete_total) > coalesce(action_count, 0)
      FROM covered LEFT JOIN archived ON archived.droplet_id = covered.droplet_id
     WHERE positions > coalesce(action_count, 0)
)
SELECT is_proven, count(*) AS droplets, CAST(total(missing) AS INTEGER) AS missing, min(droplet_id) AS example
  FROM short
 GROUP BY is_proven";

fn droplets(connection: &Connection) -> rusqlite::Result<Vec<Finding>> {
    let mut statement = connection.prepare(DROPLETS)?;
    let findings = statement.query_map([], |row| {
        let (droplets, missing): (i64, i64) = (row.get("droplets")?, row.get("missing")?);
        let example: i64 = row.get("example")?;
        let what = format!(
            "{missing} actions of {droplets} droplets are missing, although their positions are covered"
        );
        let example = Some(format!("droplet {example}"));
        Ok(uncovered(row.get("is_proven")?, missing, what, example))
    });
    findings?.collect()
}

/// Intervals of a listing must not overlap, nor exceed its length.
fn intervals(connection: &Connection) -> rusqlite::Result<Vec<Finding>> {
    let rules = [
        error(
            "coverage",
            "start_position < end_before",
            "positions of a listing are covered twice",
            ADVICE,
        ),
        error(
            "coverage",
            "end_position > total",
            "positions beyond the end of a listing are covered",
            ADVICE,
        ),
    ];
    let table = "(SELECT path, start_position, end_position, total,
                         lag(end_position) OVER (PARTITION BY listing_id ORDER BY start_position) AS end_before
                    FROM coverage JOIN listings ON listings.id = listing_id)";
    count(connection, table, "path", None, &rules)
}

/// A proven complete listing must be covered from the oldest position on, and every listing must have a known path.
fn listings(connection: &Connection) -> rusqlite::Result<Vec<Finding>> {
    let rule = |broken_by: &str, what: &str| error("listing", broken_by, what, ADVICE);
    let [account, followed] = [ListingKind::Account, ListingKind::Followed].map(ListingKind::path);
    let rules = [
        rule(
            "complete_total > 0 AND NOT EXISTS (SELECT 1 FROM coverage WHERE listing_id = listings.id
                                  AND start_position = 0 AND end_position >= complete_total)",
            "listings are complete, but their positions are not covered",
        ),
        rule(
            "total < 0 OR complete_total < 0 OR followed_from < 0 OR complete_total > coalesce(total, 0)
             OR (complete_total IS NULL) <> (complete_at IS NULL)",
            "listings have lengths that do not match",
        ),
        rule(
            &format!(
                "CASE WHEN droplet_id IS NULL THEN path NOT IN ('{account}', '{followed}')
                      ELSE path <> '/v2/droplets/' || droplet_id || '/actions' END"
            ),
            "listings have a path that archiver does not know",
        ),
    ];
    count(connection, "listings", "path", None, &rules)
}
