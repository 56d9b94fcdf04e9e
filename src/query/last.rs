//! The last matching action of each droplet.
//!
//! A droplet's actions are read from its own part of an index, most recent first, until one matches.

use std::cmp::Reverse;

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::actions::select;
use super::droplets::{all_droplets, not_archived};
use super::question::Question;
use super::rows::names;
use super::{Column, Error, Filter};
use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;
use crate::output::Value;

/// A droplet and its most recent matching action. Without one, all but the droplet is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// The droplet.
    pub droplet_id: DropletId,
    /// The latest known name of the droplet.
    pub droplet_name: Option<String>,
    /// The id of the action.
    pub action_id: Option<ActionId>,
    /// The type.
    pub kind: Option<String>,
    /// The status.
    pub status: Option<String>,
    /// The start time.
    pub started_at: Option<String>,
    /// The end time.
    pub completed_at: Option<String>,
    /// The time since the start in seconds; 0 when the start is in the future by the clock of this machine.
    pub ago_seconds: Option<i64>,
    /// The duration in seconds.
    pub duration_seconds: Option<i64>,
    /// The slug of the region.
    pub region_slug: Option<String>,
}

impl Last {
    /// The columns of the row, each with its value.
    #[must_use]
    pub fn cells(&self) -> [(&'static str, Value<'_>); 10] {
        let number = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
        [
            ("droplet_id", Value::Integer(self.droplet_id)),
            ("droplet_name", self.droplet_name.as_deref().into()),
            ("type", self.kind.as_deref().into()),
            ("status", self.status.as_deref().into()),
            ("started_at", self.started_at.as_deref().into()),
            ("ago_seconds", number(self.ago_seconds)),
            ("completed_at", self.completed_at.as_deref().into()),
            ("duration_seconds", number(self.duration_seconds)),
            ("action_id", number(self.action_id)),
            ("region_slug", self.region_slug.as_deref().into()),
        ]
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns() -> [&'static str; 10] {
        Self::default().cells().map(|(name, _)| name)
    }
}

/// The most recent action of each droplet that matches the filter, by start time. An action that is only in the
/// droplet's own listing counts too.
///
/// The most recent action comes first. When the filter chooses droplets, by name, tag or `gone`, each of them has a row,
/// unless no action matches and its history is [not archived](not_archived); droplets without a matching action come
/// last, by id. Otherwise only droplets with a matching action are shown. The limit of the filter is the number of rows;
/// its order is ignored.
///
/// # Errors
/// When a droplet's name is unknown or ambiguous, or the archive cannot be read.
pub fn last(connection: &Connection, filter: &Filter, now: Timestamp) -> Result<Vec<Last>, Error> {
    let limit = usize::try_from(filter.limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
    let filter = Filter {
        sort: Column::StartedAt,
        reverse: true,
        limit: Some(1),
        ..filter.clone()
    };
    let mut question = Question::resolve(connection, &filter, now)?;
    let chosen = question.droplets.any_of.take();
    let droplets = match &chosen {
        Some(chosen) => chosen.clone(),
        None => all_droplets(connection)?,
    };
    let mut names = names(connection)?;
    let mut found = Vec::with_capacity(droplets.len());
    for droplet_id in droplets {
        question.droplets.any_of = Some(vec![droplet_id]);
        let action = newest(connection, &question)?;
        if action.is_some() || chosen.is_some() {
            found.push(Last {
                droplet_id,
                droplet_name: names.remove(&droplet_id),
                ..action.unwrap_or_default()
            });
        }
    }
    // It may have happened to a droplet whose history is not archived.
    let missed = found.iter().filter(|last| last.action_id.is_none());
    let missed: Vec<_> = missed.map(|last| last.droplet_id).collect();
    let unarchived = not_archived(connection, Some(&missed))?;
    found.retain(|last| {
        last.action_id.is_some() || unarchived.binary_search(&last.droplet_id).is_err()
    });
    found.sort_by_cached_key(|last| {
        let newest = last.action_id.map(|id| (last.started_at.clone(), id));
        (Reverse(newest), last.droplet_id)
    });
    found.truncate(limit);
    Ok(found)
}

/// The first action of the answer.
fn newest(connection: &Connection, question: &Question<'_>) -> rusqlite::Result<Option<Last>> {
    let (sql, parameters) = select(question, &COLUMNS);
    let mut statement = connection.prepare_cached(&sql)?;
    let action = statement.query_row(params_from_iter(parameters), |row| {
        let started_at: Option<String> = row.get(3)?;
        let start = started_at.as_deref().and_then(|it| it.parse().ok());
        let ago = |start: Timestamp| question.now.epoch_seconds() - start.epoch_seconds();
        Ok(Last {
            action_id: row.get(0)?,
            kind: row.get(1)?,
            status: row.get(2)?,
            started_at,
            ago_seconds: start.map(|start| ago(start).max(0)),
            completed_at: row.get(4)?,
            duration_seconds: row.get(5)?,
            region_slug: row.get(6)?,
            ..Last::default()
        })
    });
    action.optional()
}

const COLUMNS: [Column; 7] = [
    Column::Id,
    Column::Type,
    Column::Status,
    Column::StartedAt,
    Column::CompletedAt,
    Column::DurationSeconds,
    Column::RegionSlug,
];

#[cfg(test)]
mod tests {
    use super::super::fixture::{Row, archive, choice, droplet, generated, insert, listed, now};
    use super::*;

    /// Droplet 1 has a reboot, then a failed one; 2 has a reboot that only its listing contains; 3 has a snapshot.
    fn three_droplets() -> Connection {
        let connection = archive();
        for (id, name) in [(1, "web-1"), (2, "web-2"), (3, "db")] {
            droplet(&connection, id, &[name]);
        }
        for (id, kind, status, day, resource_id) in [
            (10, "reboot", "completed", 1, Some(1)),
            (11, "reboot", "completed", 3, Some(1)),
            (12, "reboot", "errored", 5, Some(1)),
            (13, "reboot", "completed", 4, None),
            (14, "snapshot", "completed", 6, Some(3)),
            (15, "reboot", "completed", 7, Some(9)),
        ] {
            let started_at = format!("2020-07-0{day}T00:00:00Z");
            let row = Row {
                id,
                kind: Some(kind),
                status: Some(status),
                started_at: Some(&started_at),
                resource_id,
                resource_type: Some(if resource_id == Some(9) {
                    "volume"
                } else {
                    "droplet"
                }),
                ..Row::default()
            };
            insert(&connection, &row);
        }
        listed(&connection, 2, 13);
        connection
    }

    fn found(connection: &Connection, filter: &Filter) -> Vec<(DropletId, Option<ActionId>)> {
        let found = last(connection, filter, now()).unwrap();
        let pair = |last: &Last| (last.droplet_id, last.action_id);
        found.iter().map(pair).collect()
    }

    fn completed(types: &[&str]) -> Filter {
        Filter {
            types: choice(types),
            statuses: choice(&["completed"]),
            ..Filter::default()
        }
    }

    #[test]
    fn the_last_of_each_droplet_is_found_and_the_most_recent_comes_first() {
        let connection = three_droplets();
        assert_eq!(
            found(&connection, &completed(&["reboot"])),
            [(2, Some(13)), (1, Some(11))]
        );
        let any_status = Filter {
            types: choice(&["!backup"]),
            ..Filter::default()
        };
        assert_eq!(
            found(&connection, &any_status),
            [(3, Some(14)), (1, Some(12)), (2, Some(13))]
        );
        let one = Filter {
            limit: Some(1),
            ..completed(&["@power"])
        };
        assert_eq!(found(&connection, &one), [(2, Some(13))]);
    }

    #[test]
    fn every_droplet_that_was_asked_for_has_a_row_even_when_it_never_happened() {
        let connection = three_droplets();
        let of = |droplets: &[&str], gone| Filter {
            droplets: choice(droplets),
            gone,
            ..completed(&["reboot"])
        };
        assert_eq!(
            found(&connection, &of(&["db", "web-*", "77"], None)),
            [(2, Some(13)), (1, Some(11)), (3, None), (77, None)]
        );
        assert_eq!(
            found(&connection, &of(&["!web-2"], Some(false))),
            [(1, Some(11)), (3, None)]
        );
        assert_eq!(found(&connection, &of(&["!web-2"], None)), [(1, Some(11))]);
    }

    #[test]
    fn nothing_is_said_of_a_droplet_whose_history_is_not_archived() {
        let connection = three_droplets();
        connection
            .execute_batch(
                "UPDATE listings SET path = '/v2/droplets/3/actions', droplet_id = 3 WHERE path = '/v2/actions'",
            )
            .unwrap();
        let filter = Filter {
            droplets: choice(&["web-1", "db", "77"]),
            limit: Some(2),
            ..completed(&["reboot"])
        };
        assert_eq!(found(&connection, &filter), [(1, Some(11)), (3, None)]);
        assert_eq!(
            not_archived(&connection, Some(&[1, 3, 77])).unwrap(),
            [1, 77]
        );
    }

    #[test]
    fn a_row_names_its_droplet_and_says_what_is_known() {
        let connection = three_droplets();
        let filter = Filter {
            droplets: choice(&["web-1", "77"]),
            ..completed(&["reboot"])
        };
        let found = last(&connection, &filter, now()).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|last| format!("{:?}", last.cells().map(|(_, value)| value)))
            .collect();
        assert_eq!(
            shown,
            [
                "[Integer(1), Text(\"web-1\"), Text(\"reboot\"), Text(\"completed\"), \
                 Text(\"2020-07-03T00:00:00Z\"), Integer(2505600), Text(\"2020-07-20T19:37:45Z\"), Integer(1539465), Integer(11), \
                 Text(\"nyc3\")]",
                "[Integer(77), Null, Null, Null, Null, Null, Null, Null, Null, Null]",
            ]
        );
    }

    #[test]
    fn the_last_of_each_is_the_newest_of_its_actions() {
        let connection = generated(3_000);
        for types in [
            &["type_a"][..],
            &["type_a", "type_b", "type_c", "type_d"],
            &["none"],
        ] {
            for filter in [
                completed(types),
                Filter {
                    until: Some("2017-07-14T12:00:00Z".parse().unwrap()),
                    ..completed(types)
                },
                Filter {
                    gone: Some(true),
                    ..completed(types)
                },
            ] {
                let found = found(&connection, &filter);
                assert_eq!(found.is_empty(), types == ["none"] && filter.gone.is_none());
                for (droplet, newest) in found {
                    let of_droplet = Filter {
                        droplets: choice(&[&format!("0{droplet}")]),
                        ..filter.clone()
                    };
                    let of_droplet = super::super::fixture::found(&connection, &of_droplet);
                    assert_eq!(newest, of_droplet.last().copied(), "{droplet} {filter:?}");
                }
            }
        }
    }

    #[test]
    fn a_droplet_costs_a_look_at_its_most_recent_actions() {
        let connection = generated(100_000);
        let filter = Filter {
            reverse: true,
            limit: Some(1),
            droplets: choice(&["10"]),
            ..completed(&["type_a", "type_b"])
        };
        let question = Question::resolve(&connection, &filter, now()).unwrap();
        let query = select(&question, &[Column::Id]);
        let mut statement = connection.prepare(&query.0).unwrap();
        let id: ActionId = statement
            .query_row(params_from_iter(&query.1), |row| row.get(0))
            .unwrap();
        assert!(id > 0);
        let steps = statement.get_status(rusqlite::StatementStatus::VmStep);
        assert!(steps < 1_000, "{steps} steps");
    }
}
