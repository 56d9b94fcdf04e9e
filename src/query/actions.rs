//! Runs the statement of a filter, and passes on the rows one by one.

use std::collections::HashMap;
use std::io;

use rusqlite::{Connection, Row, params_from_iter};

use super::question::Question;
use super::{Column, Error, Filter, rows, statement};
use crate::core::model::DropletId;
use crate::core::time::Timestamp;
use crate::output::Value;

/// Passes every matching action to `visit`, and returns their number.
///
/// The actions come in the order of the filter. The default order is by `started_at`, then by id, oldest first; actions
/// without a time come before all others. With an overlap interval, actions in progress that began more than a day
/// before it come last. A limit keeps the actions with the greatest sort keys, by default the most recent ones. An
/// action in progress has lasted until `now`. In the default order, only the rows within the limit are kept in memory.
///
/// # Errors
/// When a droplet's name is unknown or ambiguous, the archive cannot be read, or `visit` fails.
pub fn actions(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    columns: &[Column],
    visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
) -> Result<u64, Error> {
    let visit = &mut |cells: &[Value<'_>]| visit(&cells[..columns.len()]);
    actions_in_order(connection, filter, now, columns, visit)
}

/// As [`actions`], for columns with the sort key and the id. When [`has_stuck_last`](Filter::has_stuck_last), a cell
/// follows: 1 for an action that comes last, else 0.
///
/// # Errors
/// As [`actions`].
pub fn actions_in_order(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    columns: &[Column],
    visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
) -> Result<u64, Error> {
    let question = Question::resolve(connection, filter, now)?;
    let query = statement::select(&question, columns);
    let (names, regions) = looked_up(connection, columns)?;
    let mut statement = connection.prepare(&query.sql)?;
    let mut rows = statement.query(params_from_iter(query.parameters))?;
    let count = columns.len() + usize::from(filter.has_stuck_last());
    let mut visited = 0;
    while let Some(row) = rows.next()? {
        let mut cells = Vec::with_capacity(count);
        for position in 0..count {
            let read = rows::value(row, position)?;
            cells.push(match (columns.get(position), read) {
                (Some(Column::DropletName), Value::Integer(id)) => {
                    names.get(&id).map_or(Value::Null, |name| Value::Text(name))
                }
                (Some(Column::Region), Value::Text(slug)) => {
                    regions.get(slug).map_or(read, |json| Value::Json(json))
                }
                _ => read,
            });
        }
        visit(&cells).map_err(Error::Write)?;
        visited += 1;
    }
    Ok(visited)
}

/// The names of droplets and the regions as objects, as far as the columns need them. SQL returns only their keys: a
/// look-up in each row would take longer.
type LookedUp = (HashMap<DropletId, String>, HashMap<String, String>);

fn looked_up(connection: &Connection, columns: &[Column]) -> rusqlite::Result<LookedUp> {
    let (mut names, mut regions) = LookedUp::default();
    if columns.contains(&Column::DropletName) {
        names = rows::names(connection)?;
    }
    if columns.contains(&Column::Region) {
        regions = rows::regions_as_json(connection)?;
    }
    Ok((names, regions))
}

/// The number of matching actions, at most the limit.
///
/// # Errors
/// When a droplet's name is unknown or ambiguous, or the archive cannot be read.
pub fn count(connection: &Connection, filter: &Filter, now: Timestamp) -> Result<u64, Error> {
    let question = Question::resolve(connection, filter, now)?;
    let query = statement::tally(&question);
    let mut statement = connection.prepare(&query.sql)?;
    let matching: i64 =
        statement.query_row(params_from_iter(query.parameters), |row| row.get(0))?;
    Ok(matching.unsigned_abs())
}

/// Passes every matching action to `visit`, once and in no particular order. The filter's order and limit are ignored.
///
/// A row holds the values of `expressions`, which are SQL in terms of the table `actions`.
///
/// # Errors
/// When a droplet's name is unknown or ambiguous, the archive cannot be read, or `visit` fails.
pub(crate) fn scan(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    expressions: &[&'static str],
    visit: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), Error> {
    let question = Question::resolve(connection, filter, now)?;
    let query = statement::scan(&question, expressions);
    let mut statement = connection.prepare(&query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.parameters))?;
    while let Some(row) = rows.next()? {
        visit(row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        Row, archive, choice, droplet, found, generated, insert, listed, now,
    };
    use super::super::{Choice, TypeSelector};
    use super::*;

    fn started(connection: &Connection, times: &[(i64, Option<&str>)]) {
        for (id, started_at) in times {
            insert(
                connection,
                &Row {
                    id: *id,
                    started_at: *started_at,
                    ..Row::default()
                },
            );
        }
    }

    #[test]
    fn actions_come_oldest_first_and_by_id_within_a_second() {
        let connection = archive();
        started(
            &connection,
            &[
                (5, Some("2020-07-20T10:00:00Z")),
                (3, Some("2020-07-20T10:00:00Z")),
                (9, Some("2020-07-19T10:00:00Z")),
                (4, None),
            ],
        );
        assert_eq!(found(&connection, &Filter::default()), [4, 9, 3, 5]);
    }

    #[test]
    fn a_limit_keeps_the_most_recent_and_still_shows_the_oldest_first() {
        let connection = archive();
        started(
            &connection,
            &[
                (1, Some("2020-07-18T10:00:00Z")),
                (2, Some("2020-07-20T10:00:00Z")),
                (3, Some("2020-07-19T10:00:00Z")),
                (4, None),
            ],
        );
        let limited = |limit| Filter {
            limit: Some(limit),
            ..Filter::default()
        };
        assert_eq!(found(&connection, &limited(2)), [3, 2]);
        assert_eq!(found(&connection, &limited(0)), Vec::<i64>::new());
        assert_eq!(found(&connection, &limited(u64::MAX)), [4, 1, 3, 2]);
    }

    #[test]
    fn a_window_has_its_beginning_and_not_its_end() {
        let connection = archive();
        started(
            &connection,
            &[
                (1, Some("2020-07-18T23:59:59Z")),
                (2, Some("2020-07-19T00:00:00Z")),
                (3, Some("2020-07-20T00:00:00Z")),
                (4, None),
            ],
        );
        let filter = Filter {
            since: Some("2020-07-19T00:00:00Z".parse().unwrap()),
            until: Some("2020-07-20T00:00:00Z".parse().unwrap()),
            ..Filter::default()
        };
        assert_eq!(found(&connection, &filter), [2]);
    }

    /// Two droplets. Action 10 belongs to the first, 14 to the second, 11 to no droplet, 12 and 13 to a volume.
    fn two_droplets() -> Connection {
        let connection = archive();
        droplet(&connection, 1, &["web-1"]);
        droplet(&connection, 2, &["web-2"]);
        for (id, resource_id, resource_type) in [
            (10, Some(1), "droplet"),
            (11, None, "droplet"),
            (12, Some(1), "volume"),
            (13, Some(1), "volume"),
            (14, Some(2), "droplet"),
        ] {
            let resource_type = Some(resource_type);
            let row = Row {
                id,
                resource_id,
                resource_type,
                ..Row::default()
            };
            insert(&connection, &row);
        }
        connection
    }

    #[test]
    fn a_droplet_filter_finds_what_its_listing_showed() {
        let connection = two_droplets();
        for (droplet, action) in [(1, 10), (1, 11), (2, 11), (1, 12), (1, 14)] {
            listed(&connection, droplet, action);
        }
        let filter = |names: &[&str]| Filter {
            droplets: choice(names),
            ..Filter::default()
        };
        assert_eq!(found(&connection, &filter(&["1"])), [10, 11, 12, 14]);
        assert_eq!(found(&connection, &filter(&["web-1"])), [10, 11, 12, 14]);
        assert_eq!(found(&connection, &filter(&["2"])), [11, 14]);
        assert_eq!(
            found(&connection, &filter(&["web-*", "1"])),
            [10, 11, 12, 14]
        );
        let ids = vec![12, 13, 14];
        assert_eq!(
            found(
                &connection,
                &Filter {
                    ids,
                    ..filter(&["1"])
                }
            ),
            [12, 14]
        );
    }

    fn shown(connection: &Connection, id: i64) -> String {
        let filter = Filter {
            ids: vec![id],
            ..Filter::default()
        };
        let mut shown = String::new();
        let visited = actions(connection, &filter, now(), &Column::ALL, &mut |values| {
            shown = format!("{values:?}")
                .replace("Integer", "")
                .replace("Text", "");
            Ok(())
        });
        assert_eq!(visited.unwrap(), 1);
        shown
    }

    #[test]
    fn every_column_has_its_value() {
        let connection = two_droplets();
        assert_eq!(
            shown(&connection, 10),
            "[(10), (\"completed\"), (\"reboot\"), (\"2020-07-20T19:37:30Z\"), \
             (\"2020-07-20T19:37:45Z\"), (15), (\"web-1\"), (1), (\"droplet\"), (\"nyc3\"), (\"web-1\"), \
             Json(\"{\\\"slug\\\":\\\"nyc3\\\",\\\"name\\\":null,\\\"available\\\":null,\\\"features\\\":[]}\"), \
             (\"2020-08-01T00:00:00Z\")]"
        );
    }

    #[test]
    fn what_is_not_known_is_null_and_never_a_guess() {
        let connection = two_droplets();
        connection
            .execute_batch(
                "UPDATE actions SET status = NULL, type = NULL, started_at = NULL,
                                    completed_at = NULL, region_slug = NULL;
                 UPDATE actions SET resource_type = NULL WHERE id = 11",
            )
            .unwrap();
        assert_eq!(
            shown(&connection, 11),
            "[(11), Null, Null, Null, Null, Null, Null, Null, Null, Null, Null, Null, \
             (\"2020-08-01T00:00:00Z\")]"
        );
        assert_eq!(
            shown(&connection, 12),
            "[(12), Null, Null, Null, Null, Null, (\"volume 1\"), (1), (\"volume\"), Null, Null, Null, \
             (\"2020-08-01T00:00:00Z\")]"
        );
    }

    #[test]
    fn a_value_is_never_read_as_sql() {
        let connection = archive();
        let odd = "x' OR '1'='1\"];--\u{0}é";
        insert(
            &connection,
            &Row {
                id: 1,
                kind: Some(odd),
                ..Row::default()
            },
        );
        insert(
            &connection,
            &Row {
                id: 2,
                ..Row::default()
            },
        );
        for types in [&[odd][..], &[odd, "create"]] {
            let types = types
                .iter()
                .map(|name| TypeSelector::Type(name.to_string()));
            let types = Choice::any_of(types);
            assert_eq!(
                found(
                    &connection,
                    &Filter {
                        types,
                        ..Filter::default()
                    }
                ),
                [1]
            );
        }
    }

    #[test]
    fn a_visitor_that_fails_ends_the_answer_with_its_error() {
        let connection = generated(100);
        let error = actions(
            &connection,
            &Filter::default(),
            now(),
            &[Column::Id],
            &mut |_| Err(io::ErrorKind::BrokenPipe.into()),
        );
        let Err(Error::Write(error)) = error else {
            panic!("{error:?}")
        };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn what_is_scanned_is_what_matches() {
        let connection = generated(3_000);
        let filter = Filter {
            types: choice::<TypeSelector>(&["type_a", "type_b"]),
            droplets: choice(&["1", "2", "3"]),
            ..Filter::default()
        };
        for filter in [Filter::default(), filter] {
            let mut ids: Vec<i64> = Vec::new();
            let limited = Filter {
                limit: Some(1),
                ..filter.clone()
            };
            scan(&connection, &limited, now(), &["actions.id"], &mut |row| {
                ids.push(row.get(0)?);
                Ok(())
            })
            .unwrap();
            let mut expected = found(&connection, &filter);
            ids.sort_unstable();
            expected.sort_unstable();
            assert!(!ids.is_empty());
            assert_eq!(ids, expected);
        }
    }
}
