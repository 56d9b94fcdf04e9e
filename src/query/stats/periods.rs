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
/// matches and the filter has no window.
pub(super) fn fill(question: &Question, counted: &mut Counted) {
    let ([Dimension::Started(unit)], Some((from, last))) = (question.by.as_slice(), counted.reach)
    else {
        return;
    };
    let steps = (last.epoch_seconds() - from.epoch_seconds()) / STEP_SECONDS;
    if last < from || steps > MOST_STEPS {
        return;
    }
    let hours = (0..=steps).map(|step| from.saturating_add_seconds(step * STEP_SECONDS));
    for time in hours.chain([last]) {
        let number = i64::from(unit.at(time, &question.zone));
        let parts = vec![Part::Number(number)];
        counted.groups.entry(parts).or_default();
    }
}

/// The first and the last second that the answer is about: of the window, as far as it lies in the past and is archived.
/// `None` when neither an action nor the window has a beginning.
pub(super) fn reach(
    connection: &Connection,
    (filter, now): (&Filter, Timestamp),
    started: Option<(Timestamp, Timestamp)>,
) -> rusqlite::Result<Option<(Timestamp, Timestamp)>> {
    let time = |sql: &str| {
        let text: Option<String> = connection.query_row(sql, [], |row| row.get(0))?;
        Ok::<_, rusqlite::Error>(text.and_then(|text| text.parse::<Timestamp>().ok()))
    };
    let (first, last) = started.unzip();
    let from = match filter.since {
        None => first,
        Some(since) => {
            let archived = time("SELECT min(started_at) FROM actions")?.or(first);
            archived.map(|archived| since.max(archived))
        }
    };
    let until = filter.until.map(|until| until.saturating_add_seconds(-1));
    // Later actions are not archived yet.
    let synced = time("SELECT max(started_at) FROM sync_runs WHERE outcome = 'complete'")?;
    let synced = match synced.or(last) {
        None => time("SELECT max(started_at) FROM actions")?,
        known => known,
    };
    let to = [Some(now), until, synced].into_iter().flatten().min();
    let earliest = [first, from].into_iter().flatten().min();
    Ok(earliest.zip(last.max(to)))
}
