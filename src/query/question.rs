//! A filter after all look-ups: names are ids, sync runs are numbers, groups are types.

use rusqlite::Connection;

use super::droplets::{self, Droplets};
use super::filter::Values;
use super::{Error, Filter, SeenSince, TypeSelector};
use crate::core::time::Timestamp;

/// The number of a sync run in the archive.
type RunId = i64;

/// A number that is greater than that of any sync run.
const NO_RUN: RunId = RunId::MAX;

/// The input of a statement.
#[derive(Clone, Debug)]
pub(super) struct Question<'a> {
    /// The parts of the filter that need no look-up.
    pub(super) filter: &'a Filter,
    pub(super) types: Values,
    pub(super) statuses: Values,
    pub(super) regions: Values,
    pub(super) resource_types: Values,
    pub(super) droplets: Droplets,
    /// Archived by this sync run or a later one; `None`: by any.
    pub(super) first_run: Option<RunId>,
    /// The time until which an action in progress has lasted.
    pub(super) now: Timestamp,
}

impl<'a> Question<'a> {
    /// # Errors
    /// When a droplet's name is unknown or ambiguous, or the archive cannot be read.
    pub(super) fn resolve(
        connection: &Connection,
        filter: &'a Filter,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let first_run = filter.seen_since.map(|since| first_run(connection, since));
        Ok(Self {
            droplets: droplets::choose(connection, filter)?,
            first_run: first_run.transpose()?,
            ..Self::without_archive(filter, now)
        })
    }

    /// The parts of the filter that need no archive.
    pub(super) fn without_archive(filter: &'a Filter, now: Timestamp) -> Self {
        let types = &filter.types;
        Self {
            filter,
            types: Values::new(
                types.any_of.iter().flat_map(TypeSelector::types),
                types.none_of.iter().flat_map(TypeSelector::types),
            ),
            statuses: Values::from(&filter.statuses),
            regions: Values::from(&filter.regions),
            resource_types: Values::from(&filter.resource_types),
            droplets: Droplets::default(),
            first_run: None,
            now,
        }
    }
}

/// The first matching sync run. Sync runs are numbered in the order of their start.
fn first_run(connection: &Connection, since: SeenSince) -> rusqlite::Result<RunId> {
    let run: Option<RunId> = match since {
        SeenSince::Time(time) => connection.query_row(
            "SELECT min(id) FROM sync_runs WHERE started_at >= ?1",
            [time.to_string()],
            |row| row.get(0),
        ),
        SeenSince::LastSync => {
            connection.query_row("SELECT max(id) FROM sync_runs", [], |row| row.get(0))
        }
        SeenSince::LastNews => connection.query_row(LAST_NEWS, [], |row| row.get(0)),
    }?;
    Ok(run.unwrap_or(NO_RUN))
}

/// The index of later sync runs does not contain the first one.
const LAST_NEWS: &str = "
    SELECT coalesce((SELECT max(first_seen_run) FROM actions WHERE first_seen_run > 1), 1)";

#[cfg(test)]
mod tests {
    use super::super::fixture::{Row, archive, found, insert};
    use super::*;

    /// Sync runs on four days: the first archives 1 and 2, the second nothing, the third 3, the fourth nothing.
    fn four_syncs() -> Connection {
        let connection = archive();
        connection
            .execute_batch(
                "INSERT INTO sync_runs (id, started_at, scope, version)
                 VALUES (2, '2020-08-02T00:00:00Z', 'account', '0.1.0'),
                        (3, '2020-08-03T00:00:00Z', 'account', '0.1.0'),
                        (4, '2020-08-04T00:00:00Z', 'account', '0.1.0')",
            )
            .unwrap();
        for id in 1..=3 {
            insert(
                &connection,
                &Row {
                    id,
                    ..Row::default()
                },
            );
        }
        connection
            .execute_batch("UPDATE actions SET first_seen_run = 3 WHERE id = 3")
            .unwrap();
        connection
    }

    #[test]
    fn what_is_new_is_what_a_later_sync_archived_first() {
        let connection = four_syncs();
        let seen_since = |since| Filter {
            seen_since: Some(since),
            ..Filter::default()
        };
        let time = |text: &str| seen_since(SeenSince::Time(text.parse().unwrap()));
        for (text, expected) in [
            ("2020-07-01T00:00:00Z", &[1, 2, 3][..]),
            ("2020-08-01T00:00:00Z", &[1, 2, 3]),
            ("2020-08-01T00:00:01Z", &[3]),
            ("2020-08-03T00:00:00Z", &[3]),
            ("2020-08-03T00:00:01Z", &[]),
            ("2020-08-04T00:00:01Z", &[]),
        ] {
            assert_eq!(found(&connection, &time(text)), expected, "{text}");
        }
        assert_eq!(found(&connection, &seen_since(SeenSince::LastSync)), [0; 0]);
        assert_eq!(found(&connection, &seen_since(SeenSince::LastNews)), [3]);
    }

    #[test]
    fn the_first_sync_is_news_until_there_is_other() {
        let connection = four_syncs();
        connection
            .execute_batch("DELETE FROM actions WHERE id = 3; DELETE FROM sync_runs WHERE id > 1")
            .unwrap();
        for since in [SeenSince::LastSync, SeenSince::LastNews] {
            let filter = Filter {
                seen_since: Some(since),
                ..Filter::default()
            };
            assert_eq!(found(&connection, &filter), [1, 2]);
        }
    }
}
