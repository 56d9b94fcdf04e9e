//! Rules that the rows must satisfy, and notes about unusual ones.

use rusqlite::{Connection, named_params};

use super::{Finding, Severity, shown};
use crate::archive::ListingKind;
use crate::core::time::Timestamp;

/// A rule about rows: the SQL condition that is true for a row that breaks it, and the finding. `:soon` is a time that
/// only a wrong clock is behind.
type Rule = (String, Finding);

/// A rule that archiver never breaks.
fn error(
    check: &'static str,
    broken_by: impl Into<String>,
    what: impl Into<String>,
    advice: &'static str,
) -> Rule {
    let finding = Finding::new(Severity::Error, check, what, advice);
    (broken_by.into(), finding)
}

/// A rule that the rows of a sound archive may break.
fn note(
    check: &'static str,
    broken_by: impl Into<String>,
    what: impl Into<String>,
    advice: &'static str,
) -> Rule {
    let finding = Finding::new(Severity::Note, check, what, advice);
    (broken_by.into(), finding)
}

/// The clocks of two machines may differ, but by less than a day.
const ONE_DAY: i64 = 86_400;

/// Counts the rows of `table` that break each rule, in one pass. `key` names a row, and `table` may be a join.
fn count(
    connection: &Connection,
    table: &str,
    key: &str,
    now: Timestamp,
    rules: &[Rule],
) -> rusqlite::Result<Vec<Finding>> {
    // `:soon` is always bound, even if no rule uses it.
    let mut sql = "SELECT :soon".to_owned();
    for (broken, _) in rules {
        sql += &format!(", count(*) FILTER (WHERE {broken}), min({key}) FILTER (WHERE {broken})");
    }
    sql += &format!(" FROM {table}");
    let soon = now.saturating_add_seconds(ONE_DAY).to_string();
    connection.query_row(&sql, named_params! { ":soon": soon }, |row| {
        let mut findings = Vec::new();
        for (number, (_, finding)) in rules.iter().enumerate() {
            let rows = row.get::<_, i64>(1 + 2 * number)?.unsigned_abs();
            if rows > 0 {
                findings.push(Finding {
                    rows,
                    example: shown(row.get_ref(2 + 2 * number)?),
                    ..finding.clone()
                });
            }
        }
        Ok(findings)
    })
}

/// The condition that a column has a value that is not a time in the archive's format.
fn is_no_time(column: &str) -> String {
    format!("{column} IS NOT strftime('%Y-%m-%dT%H:%M:%SZ', {column})")
}

/// The condition that a column has a value that is not a JSON object.
fn is_no_object(column: &str) -> String {
    format!(
        "{column} IS NOT NULL AND CASE WHEN json_valid({column}) THEN json_type({column}) <> 'object' ELSE 1 END"
    )
}

const READ_AGAIN: &str = "archiver did not write this: use `archiver sync --full` to read again all actions that the API still lists";
const AS_TOLD: &str = "nothing to do: the archive has what the API reported";

/// DigitalOcean was founded in 2011, so no action of its API is older.
const FIRST_YEAR: &str = "2011";

pub(super) fn check_actions(
    connection: &Connection,
    now: Timestamp,
) -> rusqlite::Result<Vec<Finding>> {
    let rules = [&action_errors()[..], &odd_times(), &odd_actions()].concat();
    count(connection, "actions", "id", now, &rules)
}

/// Values that archiver never writes.
fn action_errors() -> [Rule; 4] {
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
            "started_at > :soon OR completed_at > :soon",
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
fn odd_actions() -> [Rule; 3] {
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

pub(super) fn check_coverage(
    connection: &Connection,
    now: Timestamp,
) -> rusqlite::Result<Vec<Finding>> {
    let mut findings = Vec::from_iter(account_coverage(connection)?);
    findings.extend(droplet_coverage(connection)?);
    findings.extend(count(connection, INTERVALS, "path", now, &intervals())?);
    findings.extend(count(connection, "listings", "path", now, &listings())?);
    Ok(findings)
}

/// The sum of the covered lengths. A nonsensical interval may exceed the integers of SQLite, hence the cast.
const LENGTH: &str = "CAST(total(end_position - start_position) AS INTEGER)";

/// Covered positions without an action: an error if the listing was complete, otherwise a note.
fn uncovered(is_proven: bool, missing: i64, what: String, example: Option<String>) -> Finding {
    let (severity, advice) = match is_proven {
        true => (Severity::Error, ADVICE),
        false => (Severity::Note, NEXT_SYNC),
    };
    Finding {
        rows: missing.unsigned_abs(),
        example,
        ..Finding::new(severity, "coverage", what, advice)
    }
}

/// The account's listing may contain all actions of the archive, except those that only imports know.
fn account_coverage(connection: &Connection) -> rusqlite::Result<Option<Finding>> {
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

fn droplet_coverage(connection: &Connection) -> rusqlite::Result<Vec<Finding>> {
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

const INTERVALS: &str = "(
    SELECT path, start_position, end_position, total,
           lag(end_position) OVER (PARTITION BY listing_id ORDER BY start_position) AS end_before
      FROM coverage JOIN listings ON listings.id = listing_id)";

/// Intervals of a listing must not overlap, nor exceed its length.
fn intervals() -> [Rule; 2] {
    [
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
    ]
}

/// A proven complete listing must be covered from the oldest position on, and every listing must have a known path.
fn listings() -> [Rule; 3] {
    let rule = |broken_by: &str, what: &str| error("listing", broken_by, what, ADVICE);
    let [account, followed] = [ListingKind::Account, ListingKind::Followed].map(ListingKind::path);
    [
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
    ]
}

const NOT_OURS: &str =
    "archiver did not write this: if you did, correct it; if not, restore a backup";

/// Each table with columns of times, and the key of its rows.
const TIMES: [(&str, &str); 9] = [
    ("sync_runs", "id"),
    ("imports", "id"),
    ("regions", "slug"),
    ("region_features", "region_slug"),
    ("region_sizes", "region_slug"),
    ("droplets", "id"),
    ("droplet_names", "droplet_id"),
    ("droplet_tags", "droplet_id"),
    ("listings", "path"),
];

pub(super) fn check_other_tables(
    connection: &Connection,
    now: Timestamp,
) -> rusqlite::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (table, key) in TIMES {
        let statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = statement.column_names();
        let times = columns.filter(|name| name.ends_with("_at"));
        let broken: Vec<_> = times.map(is_no_time).collect();
        let what =
            format!("rows of `{table}` have a time that is not written as YYYY-MM-DDTHH:MM:SSZ");
        let mut rules = vec![error("time_format", broken.join(" OR "), what, NOT_OURS)];
        match table {
            "sync_runs" => rules.extend(syncs()),
            "droplets" => rules.extend(droplets()),
            "regions" => {
                let broken = format!("{} OR available NOT IN (0, 1)", is_no_object("extra"));
                let what =
                    "regions have an `extra` that is not a JSON object, or an invalid `available`";
                rules.extend([error("extra", broken, what, NOT_OURS), seen(table)]);
            }
            "region_features" | "region_sizes" => rules.push(seen(table)),
            _ => {}
        }
        findings.extend(count(connection, table, key, now, &rules)?);
    }
    Ok(findings)
}

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
            "finished_at < started_at OR started_at > :soon",
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
            "max(coalesce(created_at, ''), coalesce(gone_at, '')) > :soon OR first_seen_at > :soon",
            "droplets have a time in the future, by this machine's clock",
            "check the clock",
        ),
    ]
}

fn seen(table: &str) -> Rule {
    note(
        "clock",
        "last_seen_at < first_seen_at",
        format!("rows of `{table}` were last seen before they were first seen: a clock was wrong"),
        "nothing to do: the next sync on another day writes the time again",
    )
}
