//! The conditions of an arm as SQL with bound parameters.

use super::filter::Values;
use super::question::Question;
use crate::core::model::{DropletId, IN_PROGRESS};
use crate::core::time::Timestamp;
use rusqlite::types::Value;

/// The expression of the partial index `actions_long`. SQLite uses the index only for exactly this expression.
const IS_LONG: &str =
    "strftime('%s', actions.completed_at) - strftime('%s', actions.started_at) >= 3600";

/// In progress. The value is a literal, because a partial index is not used for a parameter.
const IS_OPEN: &str = "actions.status = 'in-progress'";

/// An action that is in progress for longer is hardly what somebody looks for who asks about a time.
const STUCK_SECONDS: i64 = 24 * 3600;

const IS_UNENDED: &str = "+actions.status = 'in-progress' AND actions.completed_at IS NULL";

const SECONDS: &str = "(unixepoch(actions.completed_at) - unixepoch(actions.started_at))";

/// The conditions of a question. If possible, a parameter is bound once for all arms.
pub(super) struct Conditions<'a> {
    question: &'a Question<'a>,
    pub(super) parameters: Vec<Value>,
}

impl<'a> Conditions<'a> {
    pub(super) fn new(question: &'a Question<'a>) -> Self {
        Self {
            question,
            parameters: Vec::new(),
        }
    }

    pub(super) fn bind(&mut self, value: Value) -> String {
        self.parameters.push(value);
        format!("?{}", self.parameters.len())
    }

    fn bind_time(&mut self, time: Timestamp) -> String {
        self.bind(Value::Text(time.to_string()))
    }

    fn bind_list(&mut self, list: impl Into<serde_json::Value>) -> String {
        let parameter = self.bind(Value::Text(list.into().to_string()));
        format!("(SELECT value FROM json_each({parameter}))")
    }

    /// The conditions of the rows of every arm that choose no index.
    pub(super) fn common(&mut self, arms: &[Arm<'_>]) -> Vec<String> {
        let question = self.question;
        let mut conditions = Vec::new();
        let is_only = |source| matches!(arms, [arm] if arm.source == source);
        if !is_only(Source::Open) {
            conditions.extend(self.values("+actions.status", &question.statuses));
        }
        conditions.extend(self.values("actions.region_slug", &question.regions));
        conditions.extend(self.values("actions.resource_type", &question.resource_types));
        if let Some(run) = question.first_run.filter(|run| *run > 1) {
            let run = self.bind(Value::Integer(run));
            // SQLite uses the index of later sync runs only when this condition is explicit.
            conditions.push(if is_only(Source::Runs) {
                format!("actions.first_seen_run > 1 AND actions.first_seen_run >= {run}")
            } else {
                format!("+actions.first_seen_run >= {run}")
            });
        }
        conditions.extend(self.minimum());
        conditions.extend(self.maximum());
        if !question.droplets.none_of.is_empty() {
            conditions.push(self.on_none_of(&question.droplets.none_of));
        }
        conditions
    }

    /// The conditions of the rows of one arm.
    pub(super) fn of(&mut self, arm: &Arm<'_>) -> Vec<String> {
        let question = self.question;
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
            Source::Unended => vec![
                IS_OPEN.to_owned(),
                "actions.completed_at IS NULL".to_owned(),
            ],
            Source::Long => vec![IS_LONG.to_owned()],
            Source::Type(name) => {
                let parameter = self.bind(Value::Text(name.to_owned()));
                vec![format!("actions.type = {parameter}")]
            }
            Source::Runs | Source::Time => vec![],
        }
    }

    /// A single value is compared with `=`, so that an index keeps its order.
    fn values(&mut self, column: &str, values: &Values) -> Option<String> {
        match values {
            Values::Any => None,
            Values::Only(only) => Some(match only.as_slice() {
                [value] => {
                    let value = self.bind(Value::Text(value.clone()));
                    format!("{column} = {value}")
                }
                several => {
                    let list = self.bind_list(several.to_vec());
                    format!("{column} IN {list}")
                }
            }),
            Values::Except(except) => {
                let list = self.bind_list(except.clone());
                Some(format!("({column} IS NULL OR {column} NOT IN {list})"))
            }
        }
    }

    fn window(&mut self, arm: &Arm<'_>, unary: &str) -> Vec<String> {
        [(">=", arm.since), ("<", arm.until)]
            .into_iter()
            .filter_map(|(operator, bound)| {
                let parameter = self.bind_time(bound?);
                Some(format!("{unary}actions.started_at {operator} {parameter}"))
            })
            .collect()
    }

    /// The action had not ended before the start of the overlap interval. The window checks that it had begun.
    fn reaches(&mut self, source: Source<'_>) -> Option<String> {
        let (from, _) = self.question.filter.overlap?;
        let is_reached_now = from <= self.question.now;
        let from = self.bind_time(from);
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
    pub(super) fn is_stuck(&mut self) -> Option<String> {
        let filter = self.question.filter;
        let (from, _) = filter.overlap.filter(|_| filter.has_stuck_last())?;
        let edge = self.bind_time(from.saturating_add_seconds(-STUCK_SECONDS));
        Some(format!(
            "coalesce({IS_OPEN} AND actions.completed_at IS NULL AND actions.started_at < {edge}, 0)"
        ))
    }

    fn minimum(&mut self) -> Option<String> {
        let minimum = self.question.filter.min_duration_seconds?;
        let minimum = i64::try_from(minimum).unwrap_or(i64::MAX);
        let started_by = self.question.now.saturating_add_seconds(-minimum);
        let minimum = self.bind(Value::Integer(minimum));
        let started_by = self.bind_time(started_by);
        Some(format!(
            "({SECONDS} >= {minimum}\n        \
             OR ({IS_UNENDED} AND +actions.started_at <= {started_by}))"
        ))
    }

    fn maximum(&mut self) -> Option<String> {
        let maximum = self.question.filter.max_duration_seconds?;
        let maximum = self.bind(Value::Integer(i64::try_from(maximum).unwrap_or(i64::MAX)));
        Some(format!("{SECONDS} BETWEEN 0 AND {maximum}"))
    }

    fn on_droplets(&mut self, unary: &str, droplets: &[DropletId]) -> String {
        let is_one = match droplets {
            [id] => {
                let id = self.bind(Value::Integer(*id));
                format!("= {id}")
            }
            several => format!("IN {}", self.bind_list(several.to_vec())),
        };
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

/// The maximum number of merged arms. SQLite accepts 500, but every row passes through all merges.
const MOST_ARMS: usize = 32;

/// The minimum duration, in seconds, of an action in the index of long actions.
pub(super) const LONG_SECONDS: u64 = 3600;

/// The source of an arm's rows, and their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    /// No action can match.
    Nowhere,
    /// By id. Sorted by SQLite: there are as many rows as ids.
    Ids,
    /// The actions of one droplet, by time.
    Droplet(DropletId),
    /// The actions of many droplets. SQLite sorts them, and uses temporary files when the rows do not fit its cache.
    Droplets,
    /// The actions in the droplets' own listings that have another resource. Sorted by SQLite: there are few.
    Listed,
    /// In progress, by time.
    Open,
    /// In progress without an end, by time.
    Unended,
    /// Ended after a long time, by start time.
    Long,
    /// Archived by later sync runs than the first. Sorted by SQLite.
    Runs,
    /// The actions of one type, by time.
    Type(&'a str),
    /// All actions, by time.
    Time,
}

/// One `SELECT` of the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arm<'a> {
    pub(super) source: Source<'a>,
    /// Started at this time or later.
    pub(super) since: Option<Timestamp>,
    /// Started before this time.
    pub(super) until: Option<Timestamp>,
}

/// The arms. Together they read every match exactly once.
pub(super) fn plan<'a>(question: &'a Question<'_>) -> Vec<Arm<'a>> {
    let filter = question.filter;
    let since = filter.since;
    let until = earlier(filter.until, filter.overlap.map(|(_, to)| to));
    let sources = sources(question);
    let arm = |source| Arm {
        source,
        since,
        until,
    };
    let are_of_many = sources.iter().all(|source| source.is_by_time_of_many());
    let Some((from, _)) = filter.overlap.filter(|_| are_of_many) else {
        return sources.into_iter().map(arm).collect();
    };
    // An action that started before this time and reaches `from` is long, or has not ended.
    let edge = from.saturating_add_seconds(-LONG_SECONDS.cast_signed());
    let near = sources.into_iter().map(|source| Arm {
        since: since.max(Some(edge)),
        ..arm(source)
    });
    let mut arms: Vec<Arm<'_>> = near.collect();
    let mut reaching_in = vec![Source::Long];
    if question.statuses.has(IN_PROGRESS) {
        reaching_in.push(Source::Unended);
    }
    arms.extend(reaching_in.into_iter().map(|source| Arm {
        until: earlier(until, Some(edge)),
        ..arm(source)
    }));
    arms
}

impl Source<'_> {
    /// The index to use where the planner would take another one for the order alone.
    pub(super) fn index(self) -> &'static str {
        match self {
            Self::Long => " INDEXED BY actions_long",
            Self::Runs => " INDEXED BY actions_by_later_run",
            _ => "",
        }
    }

    /// True when the source is read by time and may have many more actions than the long ones and those in progress.
    fn is_by_time_of_many(self) -> bool {
        use Source::{Droplet, Droplets, Listed, Time, Type};
        matches!(self, Droplet(_) | Droplets | Listed | Type(_) | Time)
    }
}

fn sources<'a>(question: &'a Question<'_>) -> Vec<Source<'a>> {
    let filter = question.filter;
    let choices = [
        &question.types,
        &question.statuses,
        &question.regions,
        &question.resource_types,
    ];
    let droplets = question.droplets.any_of.as_deref();
    if choices.into_iter().any(Values::is_nothing) || droplets == Some(&[]) {
        return vec![Source::Nowhere];
    }
    if !filter.ids.is_empty() {
        return vec![Source::Ids];
    }
    if let Some(sources) = of_droplets(question) {
        return sources;
    }
    if matches!(&question.statuses, Values::Only(only) if only == &[IN_PROGRESS]) {
        return vec![Source::Open];
    }
    if question.first_run.is_some_and(|run| run > 1) {
        return vec![Source::Runs];
    }
    if filter.min_duration_seconds >= Some(LONG_SECONDS) {
        return vec![Source::Long, Source::Unended];
    }
    match &question.types {
        Values::Only(types) if types.len() <= MOST_ARMS => {
            types.iter().map(|name| Source::Type(name)).collect()
        }
        _ => vec![Source::Time],
    }
}

/// One arm for each droplet. When the droplets have most of the actions, a read of all actions in their order is
/// faster.
fn of_droplets<'a>(question: &Question<'_>) -> Option<Vec<Source<'a>>> {
    let droplets = question.droplets.any_of.as_ref()?;
    let mut sources: Vec<Source<'_>> = match droplets.len() {
        ..=MOST_ARMS => droplets.iter().map(|id| Source::Droplet(*id)).collect(),
        _ if question.droplets.is_most => return None,
        _ => vec![Source::Droplets],
    };
    sources.push(Source::Listed);
    Some(sources)
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::super::fixture::{Row, archive, found, found_at, insert};
    use super::*;
    use crate::core::model::IN_PROGRESS;

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
