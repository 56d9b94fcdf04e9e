//! Writes one SQL statement for a filter, runs it, and passes on the rows one by one.
//!
//! The arms of the plan (see `question`) are combined with `UNION ALL … ORDER BY`, which merges arms that are already in
//! order.
//!
//! This code decides the index of each arm. The planner does not, because it has no statistics in a young archive. A
//! unary `+` keeps a condition from choosing an index. Values are always bound, never pasted.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;

use rusqlite::types::Value as Parameter;
use rusqlite::{Connection, Row, params_from_iter};

use super::question::{Arm, Question, Source, plan};
use super::{Choice, Column, Error, Filter, rows};
use crate::core::model::DropletId;
use crate::core::time::Timestamp;
use crate::output::Value;

/// Passes every matching action to `visit`, and returns their number.
///
/// The actions come in the order of the filter. The default order is by `started_at`, then by id, oldest first; actions
/// without a time come before all others. With an overlap interval, actions in progress that began more than a day
/// before it come last: when [`has_stuck_last`](Filter::has_stuck_last), a cell follows those of the columns, which is 1
/// for such an action, else 0. A limit keeps the actions with the greatest sort keys, by default the most recent ones.
/// An action in progress has lasted until `now`. In the default order, only the rows within the limit are kept in
/// memory.
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
    let question = Question::resolve(connection, filter, now)?;
    let (sql, parameters) = select(&question, columns);
    // SQL returns only the keys of these: a look-up in each row would take longer.
    let (mut names, mut regions) = (HashMap::new(), HashMap::<String, String>::new());
    if columns.contains(&Column::DropletName) {
        names = rows::names(connection)?;
    }
    if columns.contains(&Column::Region) {
        regions = rows::pairs(connection, rows::REGIONS)?;
    }
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(parameters))?;
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

/// The number of matching actions, at most the limit.
///
/// # Errors
/// When a droplet's name is unknown or ambiguous, or the archive cannot be read.
pub fn count(connection: &Connection, filter: &Filter, now: Timestamp) -> Result<u64, Error> {
    let question = Question::resolve(connection, filter, now)?;
    let (sql, parameters) = tally(&question);
    let parameters = params_from_iter(parameters);
    let matching: i64 = connection.query_row(&sql, parameters, |row| row.get(0))?;
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
    let mut conditions = Conditions::new(&question);
    let sql = all_arms(&question, &mut conditions, &expressions.join(", "));
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(&conditions.parameters))?;
    while let Some(row) = rows.next()? {
        visit(row)?;
    }
    Ok(())
}

/// SQL, and the values of its parameters in their order.
pub(super) type Statement = (String, Vec<Parameter>);

/// The matching actions, in the order of the filter. Columns that only the order needs may follow the requested
/// columns.
pub(super) fn select(question: &Question<'_>, columns: &[Column]) -> Statement {
    let filter = question.filter;
    let mut conditions = Conditions::new(question);
    let mut shown: Vec<&'static str> = columns.iter().map(|column| column.expression()).collect();
    let key = place_of(filter.sort.expression(), &mut shown);
    let id = place_of(Column::Id.expression(), &mut shown);
    let mut expressions = shown.join(", ");
    let mut last = String::new();
    if let Some(is_stuck) = conditions.is_stuck() {
        let _ = write!(expressions, ", {is_stuck}");
        last = format!("{}, ", shown.len() + 1);
    }
    let matching = all_arms(question, &mut conditions, &expressions);
    let order = |way: &str| format!("ORDER BY {last}{key}{way}, {id}{way}");
    let Some(limit) = filter.limit else {
        let way = if filter.reverse { " DESC" } else { "" };
        return (format!("{matching}\n{}", order(way)), conditions.parameters);
    };
    let limit = conditions.bind(most(limit));
    let mut sql = format!("{matching}\n{}\nLIMIT {limit}", order(" DESC"));
    if !filter.reverse {
        // The greatest are at the other end of the index. The outer SELECT reverses them, so only these rows are kept.
        sql = format!("SELECT * FROM (\n{sql}\n)\n{}", order(""));
    }
    (sql, conditions.parameters)
}

/// The position of an expression among the shown ones, from 1. Adds the expression if it is missing.
fn place_of(expression: &'static str, shown: &mut Vec<&'static str>) -> usize {
    let place = shown.iter().position(|other| *other == expression);
    place.unwrap_or_else(|| {
        shown.push(expression);
        shown.len() - 1
    }) + 1
}

/// The number of matching actions.
pub(super) fn tally(question: &Question<'_>) -> Statement {
    let mut conditions = Conditions::new(question);
    let mut matching = all_arms(question, &mut conditions, "1");
    if let Some(limit) = question.filter.limit {
        let limit = conditions.bind(most(limit));
        let _ = write!(matching, "\nLIMIT {limit}");
    }
    let sql = format!("SELECT count(*) FROM (\n{matching}\n)");
    (sql, conditions.parameters)
}

fn most(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn all_arms(question: &Question<'_>, conditions: &mut Conditions<'_>, shown: &str) -> String {
    let arms = plan(question);
    let arms = arms.iter().map(|arm| {
        let (index, conditions) = (arm.source.index(), conditions.of(arm).join("\n   AND "));
        format!("SELECT {shown}\n  FROM actions{index}\n WHERE {conditions}")
    });
    arms.collect::<Vec<_>>().join("\nUNION ALL\n")
}

/// The expression of the partial index `actions_long`. SQLite uses the index only for exactly this expression.
const IS_LONG: &str =
    "strftime('%s', actions.completed_at) - strftime('%s', actions.started_at) >= 3600";

/// In progress. The value is a literal, because a partial index is not used for a parameter.
const IS_OPEN: &str = "actions.status = 'in-progress'";

/// An action that is in progress for longer is hardly what somebody looks for who asks about a time.
const STUCK_SECONDS: i64 = 24 * 3600;

const IS_UNENDED: &str = "+actions.status = 'in-progress' AND actions.completed_at IS NULL";

const SECONDS: &str = "(unixepoch(actions.completed_at) - unixepoch(actions.started_at))";

/// The conditions of a question, with the values of their parameters.
struct Conditions<'a> {
    question: &'a Question<'a>,
    parameters: Vec<Parameter>,
}

impl<'a> Conditions<'a> {
    fn new(question: &'a Question<'a>) -> Self {
        Self {
            question,
            parameters: Vec::new(),
        }
    }

    fn bind(&mut self, value: impl Into<Parameter>) -> String {
        self.parameters.push(value.into());
        format!("?{}", self.parameters.len())
    }

    fn bind_list(&mut self, list: impl Into<serde_json::Value>) -> String {
        let parameter = self.bind(list.into().to_string());
        format!("(SELECT value FROM json_each({parameter}))")
    }

    /// A single value is compared with `=`, so that an index keeps its order.
    fn is_one_of<T>(&mut self, list: &[T]) -> String
    where
        T: Clone + Into<Parameter> + Into<serde_json::Value>,
    {
        match list {
            [value] => format!("= {}", self.bind(value.clone())),
            several => format!("IN {}", self.bind_list(several.to_vec())),
        }
    }

    /// The conditions of the rows of one arm. Only those of its source and its window choose an index.
    fn of(&mut self, arm: &Arm<'_>) -> Vec<String> {
        let question = self.question;
        let filter = question.filter;
        let mut conditions = self.source(arm.source);
        if !matches!(arm.source, Source::Type(_)) {
            conditions.extend(self.values("+actions.type", &question.types));
        }
        let is_of_droplets = matches!(
            arm.source,
            Source::Droplet(_) | Source::Droplets | Source::Listed | Source::Nowhere
        );
        if let (Some(droplets), false) = (&question.droplets.any_of, is_of_droplets) {
            conditions.push(self.on_droplets_or_listed(droplets));
        }
        let is_by_time = !matches!(arm.source, Source::Ids | Source::Listed | Source::Runs);
        conditions.extend(self.window(arm, if is_by_time { "" } else { "+" }));
        conditions.extend(self.reaches(arm.source));
        if arm.source != Source::Open {
            conditions.extend(self.values("+actions.status", &filter.statuses));
        }
        conditions.extend(self.values("actions.region_slug", &filter.regions));
        conditions.extend(self.values("actions.resource_type", &filter.resource_types));
        if let Some(run) = question.first_run.filter(|run| *run > 1) {
            let run = self.bind(run);
            // SQLite uses the index of later sync runs only when this condition is explicit.
            conditions.push(match arm.source {
                Source::Runs => {
                    format!("actions.first_seen_run > 1 AND actions.first_seen_run >= {run}")
                }
                _ => format!("+actions.first_seen_run >= {run}"),
            });
        }
        conditions.extend(self.minimum());
        conditions.extend(self.maximum());
        if !question.droplets.none_of.is_empty() {
            conditions.push(self.on_none_of(&question.droplets.none_of));
        }
        conditions
    }

    fn source(&mut self, source: Source<'_>) -> Vec<String> {
        let question = self.question;
        let droplets = question.droplets.any_of.as_deref().unwrap_or_default();
        match source {
            Source::Nowhere => vec!["0".to_owned()],
            Source::Ids => {
                let ids = self.bind_list(question.filter.ids.clone());
                vec![format!("actions.id IN {ids}")]
            }
            Source::Droplet(id) => vec![self.on_droplets("", &[id])],
            Source::Droplets => vec![self.on_droplets("", droplets)],
            Source::Listed => {
                let listed = self.listed("", droplets);
                let on = self.on_droplets("+", droplets);
                // An unknown resource is none of the droplets.
                vec![listed, format!("coalesce({on}, 0) = 0")]
            }
            Source::Open => vec![IS_OPEN.to_owned()],
            Source::Unended => vec![format!("{IS_OPEN} AND actions.completed_at IS NULL")],
            Source::Long => vec![IS_LONG.to_owned()],
            Source::Type(name) => vec![format!("actions.type = {}", self.bind(name.to_owned()))],
            Source::Runs | Source::Time => vec!["1".to_owned()],
        }
    }

    fn values(&mut self, column: &str, choice: &Choice<String>) -> Option<String> {
        if let Some(wanted) = choice.wanted() {
            let wanted: Vec<_> = wanted.into_iter().map(str::to_owned).collect();
            return Some(format!("{column} {}", self.is_one_of(&wanted)));
        }
        (!choice.none_of.is_empty()).then(|| {
            let list = self.bind_list(choice.none_of.clone());
            format!("({column} IS NULL OR {column} NOT IN {list})")
        })
    }

    fn window(&mut self, arm: &Arm<'_>, unary: &str) -> Vec<String> {
        [(">=", arm.since), ("<", arm.until)]
            .into_iter()
            .filter_map(|(operator, bound)| {
                let parameter = self.bind(bound?.to_string());
                Some(format!("{unary}actions.started_at {operator} {parameter}"))
            })
            .collect()
    }

    /// The action had not ended before the start of the overlap interval. The window checks that it had begun.
    fn reaches(&mut self, source: Source<'_>) -> Option<String> {
        let (from, _) = self.question.filter.overlap?;
        let is_reached_now = from <= self.question.now;
        let from = self.bind(from.to_string());
        let ends_later = format!("actions.completed_at >= {from}");
        let starts_later = format!("+actions.started_at >= {from}");
        let lasts = if is_reached_now { IS_UNENDED } else { "0" };
        Some(match source {
            // The index alone decides about an action with an end, without a read of its row.
            Source::Long => format!("({starts_later} OR {ends_later})"),
            _ => format!("({starts_later} OR {ends_later} OR ({lasts}))"),
        })
    }

    /// Tells, for a question about a time, if an action began long before it and is still in progress.
    fn is_stuck(&mut self) -> Option<String> {
        let filter = self.question.filter;
        let (from, _) = filter.overlap.filter(|_| filter.has_stuck_last())?;
        let edge = from.saturating_add_seconds(-STUCK_SECONDS);
        let edge = self.bind(edge.to_string());
        Some(format!(
            "coalesce({IS_OPEN} AND actions.completed_at IS NULL AND actions.started_at < {edge}, 0)"
        ))
    }

    fn minimum(&mut self) -> Option<String> {
        let minimum = most(self.question.filter.min_duration_seconds?);
        let started_by = self.question.now.saturating_add_seconds(-minimum);
        let (minimum, started_by) = (self.bind(minimum), self.bind(started_by.to_string()));
        Some(format!(
            "({SECONDS} >= {minimum}\n        \
             OR ({IS_UNENDED} AND +actions.started_at <= {started_by}))"
        ))
    }

    fn maximum(&mut self) -> Option<String> {
        let maximum = self.bind(most(self.question.filter.max_duration_seconds?));
        Some(format!("{SECONDS} BETWEEN 0 AND {maximum}"))
    }

    fn on_droplets(&mut self, unary: &str, droplets: &[DropletId]) -> String {
        let is_one = self.is_one_of(droplets);
        format!("(actions.resource_type = 'droplet' AND {unary}actions.resource_id {is_one})")
    }

    fn listed(&mut self, unary: &str, droplets: &[DropletId]) -> String {
        let list = self.bind_list(droplets.to_vec());
        format!(
            "{unary}actions.id IN (SELECT listed.action_id FROM droplet_listed_actions AS listed\n         \
             WHERE listed.droplet_id IN {list})"
        )
    }

    fn on_droplets_or_listed(&mut self, droplets: &[DropletId]) -> String {
        let on = self.on_droplets("+", droplets);
        let list = self.bind_list(droplets.to_vec());
        format!(
            "({on}\n        OR EXISTS (SELECT 1 FROM droplet_listed_actions AS listed\n                    \
             WHERE listed.action_id = actions.id AND +listed.droplet_id IN {list}))"
        )
    }

    fn on_none_of(&mut self, droplets: &[DropletId]) -> String {
        let on = self.on_droplets("+", droplets);
        let listed = self.listed("+", droplets);
        format!("coalesce({on}, 0) = 0 AND NOT {listed}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{
        Row, archive, choice, droplet, found, found_at, generated, insert, listed, now,
    };
    use super::super::question::LONG_SECONDS;
    use super::super::{Choice, TypeSelector};
    use super::*;
    use crate::core::model::IN_PROGRESS;

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

    #[test]
    fn the_words_of_the_index_are_those_of_the_migration() {
        assert!(IS_LONG.ends_with(&format!(" {LONG_SECONDS}")));
        assert!(IS_OPEN.ends_with(&format!("'{IN_PROGRESS}'")));
        let migration = include_str!("../../migrations/0004_long_actions.sql");
        assert!(migration.contains(&IS_LONG.replace("actions.", "")));
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_overlaps_is_decided_to_the_second() {
        let connection = archive();
        let completed = Some("completed");
        for (id, status, started_at, completed_at) in [
            // The question is 10:00:00 until 10:30:00. The actions are long and short, at the edges and beyond.
            (
                1,
                completed,
                "2020-07-20T02:00:00Z",
                Some("2020-07-20T10:00:00Z"),
            ),
            (
                2,
                completed,
                "2020-07-20T02:00:00Z",
                Some("2020-07-20T09:59:59Z"),
            ),
            (
                3,
                completed,
                "2020-07-20T09:00:01Z",
                Some("2020-07-20T10:00:00Z"),
            ),
            (
                4,
                completed,
                "2020-07-20T09:00:00Z",
                Some("2020-07-20T10:00:00Z"),
            ),
            (
                5,
                completed,
                "2020-07-20T09:00:01Z",
                Some("2020-07-20T09:59:59Z"),
            ),
            (
                6,
                completed,
                "2020-07-20T10:29:59Z",
                Some("2020-07-20T10:30:30Z"),
            ),
            (
                7,
                completed,
                "2020-07-20T10:30:00Z",
                Some("2020-07-20T10:30:30Z"),
            ),
            // An action without an end, or with an end before its start, ends when it begins.
            (8, completed, "2020-07-20T10:00:00Z", None),
            (9, completed, "2020-07-20T09:59:59Z", None),
            (
                10,
                None,
                "2020-07-20T10:10:00Z",
                Some("2020-07-20T09:00:00Z"),
            ),
            // In progress.
            (11, Some(IN_PROGRESS), "2020-07-19T10:00:00Z", None),
            (12, Some(IN_PROGRESS), "2020-07-20T10:30:00Z", None),
        ] {
            let row = Row {
                id,
                status,
                started_at: Some(started_at),
                completed_at,
                ..Row::default()
            };
            insert(&connection, &row);
        }
        let filter = Filter {
            overlap: Some((time("2020-07-20T10:00:00Z"), time("2020-07-20T10:30:00Z"))),
            ..Filter::default()
        };
        assert_eq!(found(&connection, &filter), [11, 1, 4, 3, 8, 10, 6]);
        let asked_at = |now| found_at(time(now), &connection, &filter);
        assert_eq!(asked_at("2020-07-20T10:00:00Z"), [11, 1, 4, 3, 8, 10, 6]);
        assert_eq!(asked_at("2020-07-20T09:59:59Z"), [1, 4, 3, 8, 10, 6]);
    }
}
