//! Periods without actions: a count by week has a row for every week, also for one in which nothing happened.

use rusqlite::Connection;

use super::groups::{Counted, Part};
use super::{Dimension, Question};
use crate::core::time::Timestamp;
use crate::query::Filter;

/// No period is shorter.
const STEP_SECONDS: i64 = 3_600;
/// More hours than any account has existed. The limit stops at actions with an absurd time.
const MOST_STEPS: i64 = 50 * 366 * 24;

/// Adds an empty group for each period without actions, if the only dimension is a period. Does nothing if no action
/// matches.
pub(super) fn fill(
    connection: &Connection,
    (filter, now): (&Filter, Timestamp),
    question: &Question,
    counted: &mut Counted,
) -> rusqlite::Result<()> {
    let ([Dimension::Started(unit)], Some(started)) = (question.by.as_slice(), counted.started)
    else {
        return Ok(());
    };
    let (from, last) = reach(connection, (filter, now), started)?;
    let steps = (last.epoch_seconds() - from.epoch_seconds()) / STEP_SECONDS;
    if steps > MOST_STEPS {
        return Ok(());
    }
    let hours = (0..=steps).map(|step| from.saturating_add_seconds(step * STEP_SECONDS));
    for time in hours.chain([last]) {
        let number = i64::from(unit.at(time, &question.zone));
        let parts = vec![Part::Number(number)];
        counted.groups.entry(parts).or_default();
    }
    Ok(())
}

/// The first and the last second that the answer is about: of the window, as far as it lies in the past and is archived.
fn reach(
    connection: &Connection,
    (filter, now): (&Filter, Timestamp),
    (first, last): (Timestamp, Timestamp),
) -> rusqlite::Result<(Timestamp, Timestamp)> {
    let time = |sql: &str| {
        let text: Option<String> = connection.query_row(sql, [], |row| row.get(0))?;
        Ok::<_, rusqlite::Error>(text.and_then(|text| text.parse::<Timestamp>().ok()))
    };
    let from = match filter.since {
        None => first,
        Some(since) => since.max(time("SELECT min(started_at) FROM actions")?.unwrap_or(first)),
    };
    let until = filter.until.map(|until| until.saturating_add_seconds(-1));
    // Later actions are not archived yet.
    let synced = time("SELECT max(started_at) FROM sync_runs WHERE outcome = 'complete'")?;
    let to = until.unwrap_or(now).min(now).min(synced.unwrap_or(last));
    Ok((from.min(first), to.max(last)))
}
