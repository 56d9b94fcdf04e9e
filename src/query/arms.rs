//! Which parts an answer is put together from, and where each is read.
//!
//! An answer is ordered by time, and an index gives that order for free only under a single type or droplet. So each
//! of them becomes a `SELECT` of its own, an *arm*, and SQLite merges the ordered arms: nothing is sorted, the first
//! row comes at once, and memory stays constant. Every match is in exactly one arm.
//!
//! No index knows which actions overlap a time. But all of them started within an hour before it, or took longer than
//! an hour, or have not ended; and the last two are few, and have indexes of their own.

use super::choice::Values;
use super::question::Question;
use crate::core::model::{DropletId, IN_PROGRESS};
use crate::core::time::Timestamp;

/// More arms than this are not merged: SQLite takes 500, and every row passes through the merges.
const MOST_ARMS: usize = 32;

/// An action that took this long or longer is in the index of long ones.
pub(super) const LONG_SECONDS: u64 = 3600;

/// Where an arm's rows are read from, and in which order they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source<'a> {
    /// Nowhere: no action can match.
    Nowhere,
    /// By id. Sorted: there are as many rows as ids.
    Ids,
    /// One droplet's, by time.
    Droplet(DropletId),
    /// Many droplets'. Sorted by SQLite, which moves to temporary files when the rows do not fit its cache.
    Droplets,
    /// What the droplets' own listings showed beyond their resources. Sorted: there are few.
    Listed,
    /// In progress, by time.
    Open,
    /// In progress without an end, by time.
    Unended,
    /// Ended after a long time, by when they started.
    Long,
    /// Archived by later syncs than the first. Sorted.
    Runs,
    /// One type's, by time.
    Type(&'a str),
    /// All, by time.
    Time,
}

/// One `SELECT` of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arm<'a> {
    pub(super) source: Source<'a>,
    /// Started at this instant or later.
    pub(super) since: Option<Timestamp>,
    /// Started before this instant.
    pub(super) until: Option<Timestamp>,
}

/// The arms that together read every match exactly once.
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
    let Some((from, _)) = filter.overlap else {
        return sources.into_iter().map(arm).collect();
    };
    if !sources.iter().all(|source| source.is_by_time_of_many()) {
        return sources.into_iter().map(arm).collect();
    }
    // Whatever started before this and reaches `from` is long, or has not ended.
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
    /// The index to use where the planner takes another for the order alone.
    pub(super) fn index(self) -> &'static str {
        match self {
            Self::Long => " INDEXED BY actions_long",
            Self::Runs => " INDEXED BY actions_by_later_run",
            _ => "",
        }
    }

    /// Whether it is read by time, and may hold far more than what is long or in progress.
    fn is_by_time_of_many(self) -> bool {
        match self {
            Self::Droplet(_) | Self::Droplets | Self::Listed | Self::Type(_) | Self::Time => true,
            Self::Nowhere | Self::Ids | Self::Open | Self::Unended | Self::Long | Self::Runs => {
                false
            }
        }
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
    let is_of_no_droplet = |ids: &Vec<DropletId>| ids.is_empty();
    if choices.into_iter().any(Values::is_nothing)
        || question
            .droplets
            .any_of
            .as_ref()
            .is_some_and(is_of_no_droplet)
    {
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

/// An arm for each droplet. Of many that have most of the actions, all actions are better read in their order.
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
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Filter;
    use super::super::fixture::{Row, archive, found, found_at, insert};
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_overlaps_is_decided_to_the_second() {
        let connection = archive();
        let completed = Some("completed");
        for (id, status, started_at, completed_at) in [
            // From 10:00:00 until 10:30:00 is asked for: long and short ones up to the edges, and beyond them.
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
            // Without an end, or with one before its beginning, it is over as it begins.
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
