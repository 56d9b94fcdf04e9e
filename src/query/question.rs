//! A filter after all look-ups: names are ids, sync runs are numbers, groups are types. Then the plan: the parts of the
//! archive that a statement reads. A filter that no action can match is explained.

use std::collections::BTreeSet;

use rusqlite::{Connection, params_from_iter};

use super::droplets::{self, Droplets};
use super::{Choice, Error, Filter, SeenSince};
use crate::archive::RunId;
use crate::core::model::{DropletId, IN_PROGRESS};
use crate::core::time::{Timestamp, duration_text};

/// A number that is greater than that of any sync run.
const NO_RUN: RunId = RunId::MAX;

/// The input of a statement.
#[derive(Clone, Debug)]
pub(super) struct Question<'a> {
    /// The parts of the filter that need no look-up.
    pub(super) filter: &'a Filter,
    /// The types, also those of groups.
    pub(super) types: Choice<String>,
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
            filter,
            types: filter.types.names(),
            droplets: droplets::choose(connection, filter)?,
            first_run: first_run.transpose()?,
            now,
        })
    }
}

/// True when only actions in progress can match.
fn is_open(filter: &Filter) -> bool {
    filter.statuses.wanted() == Some(BTreeSet::from([IN_PROGRESS]))
}

/// The first matching sync run. Sync runs are numbered in the order of their start.
fn first_run(connection: &Connection, since: SeenSince) -> rusqlite::Result<RunId> {
    let (sql, time) = match since {
        SeenSince::Time(time) => (SINCE, Some(time.to_string())),
        SeenSince::LastSync => ("SELECT max(id) FROM sync_runs", None),
        SeenSince::LastNews => (LAST_NEWS, None),
    };
    let run: Option<RunId> = connection.query_row(sql, params_from_iter(time), |row| row.get(0))?;
    Ok(run.unwrap_or(NO_RUN))
}

const SINCE: &str = "SELECT min(id) FROM sync_runs WHERE started_at >= ?1";

/// The index of later sync runs does not contain the first one.
const LAST_NEWS: &str = "
    SELECT coalesce((SELECT max(first_seen_run) FROM actions WHERE first_seen_run > 1), 1)";

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
    let reaching_in = [Source::Long, Source::Unended].map(|source| Arm {
        until: earlier(until, Some(edge)),
        ..arm(source)
    });
    near.chain(reaching_in).collect()
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
    let droplets = question.droplets.any_of.as_deref();
    let is_nothing = question.types.is_left_out()
        || [&filter.statuses, &filter.regions, &filter.resource_types]
            .into_iter()
            .any(Choice::is_left_out);
    if is_nothing || droplets == Some(&[]) {
        return vec![Source::Nowhere];
    }
    if !filter.ids.is_empty() {
        return vec![Source::Ids];
    }
    match droplets {
        Some(few) if few.len() <= MOST_ARMS => {
            let few = few.iter().map(|id| Source::Droplet(*id));
            return few.chain([Source::Listed]).collect();
        }
        // When the droplets have most of the actions, a read of all actions in their order is faster.
        Some(_) if !question.droplets.is_most => return vec![Source::Droplets, Source::Listed],
        _ => {}
    }
    if is_open(filter) {
        return vec![Source::Open];
    }
    if question.first_run.is_some_and(|run| run > 1) {
        return vec![Source::Runs];
    }
    if filter.min_duration_seconds >= Some(LONG_SECONDS) {
        return vec![Source::Long, Source::Unended];
    }
    match question.types.wanted() {
        Some(types) if types.len() <= MOST_ARMS => types.into_iter().map(Source::Type).collect(),
        _ => vec![Source::Time],
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// The reasons why no action can match, in any archive, as far as the filter alone shows them. Useful after a question
/// that matched nothing.
#[must_use]
pub fn contradictions(filter: &Filter) -> Vec<String> {
    let mut found = of_bounds(filter);
    let fields = [
        ("type", filter.types.names().is_left_out()),
        ("status", filter.statuses.is_left_out()),
        ("region_slug", filter.regions.is_left_out()),
        ("resource_type", filter.resource_types.is_left_out()),
        ("droplet", filter.droplets.is_left_out()),
        ("tag", filter.tags.is_left_out()),
    ];
    let left_out = fields.into_iter().filter(|(_, is_left_out)| *is_left_out);
    found.extend(left_out.map(|(field, _)| format!("every requested {field} is left out again")));
    if is_open(filter) && filter.max_duration_seconds.is_some() {
        let text = "an action in progress has no known duration yet, so it cannot match a maximum duration";
        found.push(text.to_owned());
    }
    found
}

/// The bounds that exclude each other.
fn of_bounds(filter: &Filter) -> Vec<String> {
    let mut found = Vec::new();
    let empty = |from, to| format!("nothing lies at {from} or later and before {to}");
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since >= until
    {
        found.push(empty(since, until));
    }
    match (filter.overlap, filter.since) {
        (Some((from, to)), _) if from > to => found.push(empty(from, to)),
        (Some((_, to)), Some(since)) if since >= to => found.push(format!(
            "an action that started at {since} or later cannot overlap an interval that ends at {to}"
        )),
        _ => {}
    }
    if let (Some(min), Some(max)) = (filter.min_duration_seconds, filter.max_duration_seconds)
        && min > max
    {
        let text = |seconds| duration_text(i64::try_from(seconds).unwrap_or(i64::MAX));
        let (min, max) = (text(min), text(max));
        found.push(format!("nothing can take at least {min} and at most {max}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Row, archive, choice, found, insert};
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

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_can_match_is_no_contradiction() {
        let filter = Filter {
            types: choice(&["@power", "!reboot"]),
            statuses: choice(&["in-progress"]),
            since: Some(time("2020-01-01T00:00:00Z")),
            until: Some(time("2020-01-02T00:00:00Z")),
            overlap: Some((time("2020-01-01T00:00:00Z"), time("2020-01-01T00:00:01Z"))),
            min_duration_seconds: Some(60),
            ..Filter::default()
        };
        assert_eq!(contradictions(&filter), [""; 0]);
        assert_eq!(contradictions(&Filter::default()), [""; 0]);
    }

    #[test]
    fn parts_that_exclude_each_other_are_told() {
        let (early, late) = (time("2020-01-01T00:00:00Z"), time("2021-01-02T00:00:00Z"));
        let window = Filter {
            since: Some(late),
            until: Some(early),
            overlap: Some((early, early)),
            ..Filter::default()
        };
        assert_eq!(
            contradictions(&window),
            [
                "nothing lies at 2021-01-02T00:00:00Z or later and before 2020-01-01T00:00:00Z",
                "an action that started at 2021-01-02T00:00:00Z or later cannot overlap an interval that ends at 2020-01-01T00:00:00Z",
            ]
        );
        let values = Filter {
            types: choice(&["reboot", "!@power"]),
            statuses: choice(&["in-progress"]),
            regions: choice(&["nyc3", "!nyc3"]),
            droplets: choice(&["web-1", "!web-*", "!web-1"]),
            tags: choice(&["a", "b", "!a"]),
            min_duration_seconds: Some(3600),
            max_duration_seconds: Some(60),
            ..Filter::default()
        };
        assert_eq!(
            contradictions(&values),
            [
                "nothing can take at least 1h and at most 1m",
                "every requested type is left out again",
                "every requested region_slug is left out again",
                "every requested droplet is left out again",
                "an action in progress has no known duration yet, so it cannot match a maximum duration",
            ]
        );
    }
}
