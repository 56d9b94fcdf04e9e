//! The last matching action of each droplet.
//!
//! A droplet's actions are read from its own part of an index, most recent first, until one matches. For a rare type
//! this would read all actions of most droplets for nothing. So for a rare type its actions are read instead, most
//! recent first, and each droplet counts where it first appears.

use std::cmp::Reverse;
use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::droplets::{all_droplets, not_archived};
use super::filter::Values;
use super::question::Question;
use super::rows::names;
use super::statement::select;
use super::{Column, Error, Filter, SortKey};
use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;
use crate::output::Value;

/// Types are rare when they have at most this number of actions in total,
const MOST_OF_RARE_TYPES: usize = 50_000;
/// or at most this number for each requested droplet, if that is less.
const MOST_FOR_A_DROPLET: usize = 1_000;

/// A droplet and its most recent matching action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// The droplet.
    pub droplet_id: DropletId,
    /// The latest known name of the droplet.
    pub droplet_name: Option<String>,
    /// The action, or `None` when no action matches.
    pub action: Option<LastAction>,
}

/// The last action of a droplet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastAction {
    /// The id.
    pub id: ActionId,
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
    /// The names of the [`values`](Self::values).
    pub const COLUMNS: [&'static str; 10] = [
        "droplet_id",
        "droplet_name",
        "type",
        "status",
        "started_at",
        "ago_seconds",
        "completed_at",
        "duration_seconds",
        "action_id",
        "region_slug",
    ];

    /// The values as a row.
    #[must_use]
    pub fn values(&self) -> [Value<'_>; 10] {
        let action = self.action.as_ref();
        let number = |number: Option<i64>| number.map_or(Value::Null, Value::Integer);
        [
            Value::Integer(self.droplet_id),
            text(self.droplet_name.as_ref()),
            text(action.and_then(|action| action.kind.as_ref())),
            text(action.and_then(|action| action.status.as_ref())),
            text(action.and_then(|action| action.started_at.as_ref())),
            number(action.and_then(|action| action.ago_seconds)),
            text(action.and_then(|action| action.completed_at.as_ref())),
            number(action.and_then(|action| action.duration_seconds)),
            number(action.map(|action| action.id)),
            text(action.and_then(|action| action.region_slug.as_ref())),
        ]
    }
}

fn text(text: Option<&String>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Text(text))
}

/// A droplet and its last action.
type Found = (DropletId, Option<ActionId>);

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
    let limit = filter.limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    let filter = Filter {
        sort: SortKey::Started,
        reverse: true,
        limit: None,
        ..filter.clone()
    };
    let question = Question::resolve(connection, &filter, now)?;
    let found = find(connection, &filter, &question)?;
    let found = without_unarchived(connection, found)?;
    let names = names(connection)?;
    let mut described = Vec::with_capacity(found.len());
    for (droplet_id, action) in found {
        let action = action.map(|id| last_action(connection, id, now));
        described.push(Last {
            droplet_id,
            droplet_name: names.get(&droplet_id).cloned(),
            action: action.transpose()?,
        });
    }
    described.sort_by_cached_key(|last| {
        let action = last.action.as_ref();
        let newest = action.map(|action| (action.started_at.clone(), action.id));
        (Reverse(newest), last.droplet_id)
    });
    described.truncate(limit);
    Ok(described)
}

/// Leaves out droplets without an action whose history is not archived: it may have happened to them.
fn without_unarchived(connection: &Connection, mut found: Vec<Found>) -> Result<Vec<Found>, Error> {
    let missed = found.iter().filter(|(_, action)| action.is_none());
    let missed: Vec<DropletId> = missed.map(|(droplet, _)| *droplet).collect();
    let unarchived = not_archived(connection, Some(&missed))?;
    found.retain(|(id, action)| action.is_some() || unarchived.binary_search(id).is_err());
    Ok(found)
}

fn find(
    connection: &Connection,
    filter: &Filter,
    question: &Question<'_>,
) -> Result<Vec<Found>, Error> {
    let chosen = question.droplets.any_of.as_deref();
    let most = chosen.map_or(usize::MAX, |chosen| chosen.len() * MOST_FOR_A_DROPLET);
    if are_rare(connection, &question.types, most.min(MOST_OF_RARE_TYPES))? {
        return Ok(first_met(connection, question)?);
    }
    if let Some(chosen) = chosen {
        return of_each(connection, filter, question, chosen);
    }
    let all = all_droplets(connection)?;
    let mut found = of_each(connection, filter, question, &all)?;
    found.retain(|(_, action)| action.is_some());
    Ok(found)
}

fn of_each(
    connection: &Connection,
    filter: &Filter,
    question: &Question<'_>,
    droplets: &[DropletId],
) -> Result<Vec<Found>, Error> {
    let filter = Filter {
        limit: Some(1),
        ..filter.clone()
    };
    let mut question = Question {
        filter: &filter,
        ..question.clone()
    };
    let mut found = Vec::with_capacity(droplets.len());
    for droplet in droplets {
        question.droplets.any_of = Some(vec![*droplet]);
        let query = select(&question, &[Column::Id]);
        let action = connection
            .prepare_cached(&query.sql)?
            .query_row(params_from_iter(&query.parameters), |row| row.get(0))
            .optional()?;
        found.push((*droplet, action));
    }
    Ok(found)
}

fn are_rare(connection: &Connection, types: &Values, most: usize) -> rusqlite::Result<bool> {
    let Values::Only(types) = types else {
        return Ok(false);
    };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let types = serde_json::json!(types).to_string();
    let counted: i64 = connection.query_row(
        "SELECT count(*)
           FROM (SELECT 1 FROM actions WHERE type IN (SELECT value FROM json_each(?1)) LIMIT ?2 + 1)",
        (types, most),
        |row| row.get(0),
    )?;
    Ok(counted <= most)
}

/// Every droplet among the matches, with its first match. Requested droplets without a match follow.
fn first_met(connection: &Connection, question: &Question<'_>) -> rusqlite::Result<Vec<Found>> {
    let mut any_droplet = question.clone();
    let chosen = any_droplet.droplets.any_of.take();
    let is_chosen = |id: &DropletId| {
        let chosen = chosen.as_ref();
        chosen.is_none_or(|chosen| chosen.binary_search(id).is_ok())
    };
    let query = select(
        &any_droplet,
        &[Column::Id, Column::ResourceType, Column::ResourceId],
    );
    let mut listed_by =
        connection.prepare("SELECT droplet_id FROM droplet_listed_actions WHERE action_id = ?1")?;
    let mut statement = connection.prepare(&query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.parameters))?;
    let mut met = HashSet::new();
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let action: ActionId = row.get(0)?;
        let resource_type: Option<String> = row.get(1)?;
        let on: Option<DropletId> = row.get(2)?;
        let on = on.filter(|_| resource_type.as_deref() == Some("droplet"));
        let listed: Vec<DropletId> = listed_by
            .query_map([action], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for droplet in on.into_iter().chain(listed).filter(is_chosen) {
            if met.insert(droplet) {
                found.push((droplet, Some(action)));
            }
        }
    }
    let missed = chosen.iter().flatten().filter(|id| !met.contains(id));
    found.extend(missed.map(|id| (*id, None)));
    Ok(found)
}

const ACTION: &str = "
    SELECT id, type, status, started_at, max(?2 - unixepoch(started_at), 0) AS ago_seconds, completed_at,
           CASE WHEN completed_at >= started_at
                THEN unixepoch(completed_at) - unixepoch(started_at) END AS duration_seconds, region_slug
      FROM actions
     WHERE id = ?1";

fn last_action(
    connection: &Connection,
    id: ActionId,
    now: Timestamp,
) -> rusqlite::Result<LastAction> {
    let mut statement = connection.prepare_cached(ACTION)?;
    statement.query_row((id, now.epoch_seconds()), |row| {
        Ok(LastAction {
            id: row.get("id")?,
            kind: row.get("type")?,
            status: row.get("status")?,
            started_at: row.get("started_at")?,
            ago_seconds: row.get("ago_seconds")?,
            completed_at: row.get("completed_at")?,
            duration_seconds: row.get("duration_seconds")?,
            region_slug: row.get("region_slug")?,
        })
    })
}

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
        let pair = |last: &Last| {
            (
                last.droplet_id,
                last.action.as_ref().map(|action| action.id),
            )
        };
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
            .map(|last| format!("{:?}", last.values()))
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
    fn both_ways_to_find_them_find_the_same() {
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
                    droplets: choice(&["!3"]),
                    ..completed(types)
                },
                Filter {
                    gone: Some(true),
                    ..completed(types)
                },
            ] {
                let latest = Filter {
                    reverse: true,
                    ..filter.clone()
                };
                let question = Question::resolve(&connection, &latest, now()).unwrap();
                let mut by_time = first_met(&connection, &question).unwrap();
                let chosen = question.droplets.any_of.clone();
                let all = chosen.clone();
                let all = all.unwrap_or_else(|| all_droplets(&connection).unwrap());
                let mut by_droplet = of_each(&connection, &latest, &question, &all).unwrap();
                by_droplet.retain(|(_, action)| action.is_some() || chosen.is_some());
                by_time.sort_unstable();
                assert_eq!(by_time, by_droplet, "{filter:?}");
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
        let mut statement = connection.prepare(&query.sql).unwrap();
        let id: ActionId = statement
            .query_row(params_from_iter(&query.parameters), |row| row.get(0))
            .unwrap();
        assert!(id > 0);
        let steps = statement.get_status(rusqlite::StatementStatus::VmStep);
        assert!(steps < 1_000, "{steps} steps");
    }
}
