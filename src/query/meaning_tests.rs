//! Proof that a statement, in any shape that speed needs, returns what its filter means.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::fixture::{choice, found, generated, now};
use super::{Choice, Column, DropletSelector, Filter, SeenSince, TypeSelector};
use crate::core::time::Timestamp;

/// One archived action, and what the archive knows about its droplets.
struct Archived {
    id: i64,
    status: Option<String>,
    kind: Option<String>,
    started_at: Option<Timestamp>,
    completed_at: Option<Timestamp>,
    resource_type: Option<String>,
    region: Option<String>,
    run: i64,
    droplets: BTreeSet<i64>,
}

/// All actions, by id.
fn everything(connection: &Connection) -> BTreeMap<i64, Archived> {
    let mut statement = connection
        .prepare(
            "SELECT id, status, type, started_at, completed_at, resource_type, region_slug, first_seen_run,
                    CASE WHEN resource_type = 'droplet' THEN resource_id END AS droplet_id
               FROM actions",
        )
        .unwrap();
    let rows = statement.query_map([], |row| {
        let time = |name| {
            let text: Option<String> = row.get(name)?;
            Ok::<_, rusqlite::Error>(text.map(|text| text.parse().unwrap()))
        };
        let droplet: Option<i64> = row.get("droplet_id")?;
        let archived = Archived {
            id: row.get("id")?,
            status: row.get("status")?,
            kind: row.get("type")?,
            started_at: time("started_at")?,
            completed_at: time("completed_at")?,
            resource_type: row.get("resource_type")?,
            region: row.get("region_slug")?,
            run: row.get("first_seen_run")?,
            droplets: droplet.into_iter().collect(),
        };
        Ok((archived.id, archived))
    });
    let mut everything: BTreeMap<_, _> = rows.unwrap().map(Result::unwrap).collect();
    let mut statement = connection
        .prepare("SELECT action_id, droplet_id FROM droplet_listed_actions")
        .unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let action = everything.get_mut(&row.get(0).unwrap()).unwrap();
        action.droplets.insert(row.get(1).unwrap());
    }
    everything
}

impl Archived {
    fn seconds(&self) -> Option<i64> {
        Some(self.completed_at?.epoch_seconds() - self.started_at?.epoch_seconds())
    }

    fn is_open(&self) -> bool {
        self.status.as_deref() == Some("in-progress") && self.completed_at.is_none()
    }

    fn has_lasted(&self, least: u64) -> bool {
        let until_now = || Some(now().epoch_seconds() - self.started_at?.epoch_seconds());
        let seconds = if self.is_open() {
            until_now()
        } else {
            self.seconds()
        };
        seconds.is_some_and(|seconds| seconds >= i64::try_from(least).unwrap())
    }

    fn is_over_within(&self, most: u64) -> bool {
        let most = i64::try_from(most).unwrap();
        self.seconds()
            .is_some_and(|seconds| (0..=most).contains(&seconds))
    }

    fn overlaps(&self, (from, to): (Timestamp, Timestamp)) -> bool {
        let Some(start) = self.started_at else {
            return false;
        };
        let end = if self.is_open() {
            now()
        } else {
            self.completed_at.unwrap_or(start)
        };
        start < to && end.max(start) >= from
    }

    /// Began more than a day before the time that the filter is about, and has not ended.
    fn is_stuck(&self, filter: &Filter) -> bool {
        let began_before =
            |edge: i64| (self.started_at).is_some_and(|start| start.epoch_seconds() < edge);
        let is_old =
            |(from, _): (Timestamp, Timestamp)| began_before(from.epoch_seconds() - 86_400);
        self.is_open() && filter.overlap.is_some_and(is_old)
    }

    fn is_on(&self, filter: &Filter) -> bool {
        let (droplets, tags, gone) = (&filter.droplets, &filter.tags, filter.gone);
        let id = |selector: &DropletSelector| match selector {
            DropletSelector::Id(id) => *id,
            DropletSelector::Name(digits) => digits.parse().unwrap(),
            other => panic!("{other:?}"),
        };
        let any_of: Vec<_> = droplets.any_of.iter().map(id).collect();
        let none_of: Vec<_> = droplets.none_of.iter().map(id).collect();
        // As generated: droplets up to 90 are listed, and every sixth of them is gone.
        let has_fate = |id: &i64, is_gone| *id <= 90 && (id % 6 == 0) == is_gone;
        let has_tag = |id: &i64, tag: &String| match tag.as_str() {
            "even" => *id <= 90 && id % 2 == 0,
            _ => *id <= 40 && id % 3 == 0,
        };
        let has_any = |id: &i64, tags: &[String]| tags.iter().any(|tag| has_tag(id, tag));
        let is_meant = |id: &i64| {
            (any_of.is_empty() || any_of.contains(id))
                && (tags.any_of.is_empty() || has_any(id, &tags.any_of))
                && gone.is_none_or(|is_gone| has_fate(id, is_gone))
        };
        let is_left_out = |id: &i64| none_of.contains(id) || has_any(id, &tags.none_of);
        let is_any = any_of.is_empty() && tags.any_of.is_empty() && gone.is_none();
        (is_any || self.droplets.iter().any(is_meant)) && !self.droplets.iter().any(is_left_out)
    }

    fn matches(&self, filter: &Filter) -> bool {
        let first_run = match filter.seen_since {
            None => 1,
            Some(SeenSince::Time(time)) => (1..=5)
                .find(|run| {
                    format!("2020-08-{:02}T00:00:00Z", run_day(*run))
                        .parse::<Timestamp>()
                        .unwrap()
                        >= time
                })
                .unwrap(),
            Some(SeenSince::LastSync | SeenSince::LastNews) => 5,
        };
        is_chosen(self.kind.as_deref(), &filter.types, TypeSelector::types)
            && is_chosen(self.status.as_deref(), &filter.statuses, one)
            && is_chosen(self.region.as_deref(), &filter.regions, one)
            && is_chosen(self.resource_type.as_deref(), &filter.resource_types, one)
            && (filter.ids.is_empty() || filter.ids.contains(&self.id))
            && filter
                .since
                .is_none_or(|since| self.started_at >= Some(since))
            && filter
                .until
                .is_none_or(|until| self.started_at.is_some_and(|start| start < until))
            && filter
                .overlap
                .is_none_or(|interval| self.overlaps(interval))
            && filter
                .min_duration_seconds
                .is_none_or(|least| self.has_lasted(least))
            && filter
                .max_duration_seconds
                .is_none_or(|most| self.is_over_within(most))
            && self.is_on(filter)
            && self.run >= first_run
    }

    fn key(&self, sort: Column) -> (Option<i64>, i64) {
        let seconds = |time: Option<Timestamp>| time.map(Timestamp::epoch_seconds);
        let key = match sort {
            Column::StartedAt => seconds(self.started_at),
            Column::CompletedAt => seconds(self.completed_at),
            Column::DurationSeconds => self.seconds().filter(|seconds| *seconds >= 0),
            _ => Some(self.id),
        };
        (key, self.id)
    }
}

/// The day of August 2020 of a sync run, as generated.
fn run_day(run: i64) -> i64 {
    if run == 1 { 1 } else { run + 1 }
}

#[expect(clippy::ptr_arg, reason = "it names what a choice of strings holds")]
fn one(value: &String) -> impl Iterator<Item = &str> {
    std::iter::once(value.as_str())
}

fn is_chosen<'a, T, I>(value: Option<&str>, choice: &'a Choice<T>, names: fn(&'a T) -> I) -> bool
where
    I: Iterator<Item = &'a str>,
{
    let is_in = |list: &'a [T]| {
        value.is_some_and(|value| list.iter().flat_map(names).any(|name| name == value))
    };
    (choice.any_of.is_empty() || is_in(&choice.any_of)) && !is_in(&choice.none_of)
}

fn meant(everything: &BTreeMap<i64, Archived>, filter: &Filter) -> Vec<i64> {
    let mut matching: Vec<_> = everything
        .values()
        .filter(|action| action.matches(filter))
        .collect();
    let comes_last =
        |action: &Archived| filter.sort == Column::StartedAt && action.is_stuck(filter);
    matching.sort_by_key(|action| (comes_last(action), Reverse(action.key(filter.sort))));
    matching.truncate(
        filter
            .limit
            .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap()),
    );
    if !filter.reverse {
        matching.sort_by_key(|action| (comes_last(action), action.key(filter.sort)));
    }
    matching.iter().map(|action| action.id).collect()
}

type Step = fn(&mut Filter);

/// The values to try, field by field; the first value of each field changes nothing.
fn fields() -> Vec<Vec<Step>> {
    vec![
        vec![
            |_| {},
            |filter| filter.types = choice(&["type_a"]),
            |filter| filter.types = choice(&["type_c", "type_a", "type_c", "none", "@power"]),
            |filter| filter.types = choice(&["!type_a", "!@down", "!none"]),
            |filter| filter.types = choice(&["type_a", "type_b", "!type_b"]),
            |filter| filter.types = choice(&["type_a", "!type_a"]),
            |filter| {
                let many = (b'A'..=b'z').map(|last| format!("type_{}", char::from(last)));
                filter.types = Choice::any_of(many.map(TypeSelector::Type));
                filter
                    .types
                    .none_of
                    .push(TypeSelector::Type("type_b".to_owned()));
            },
        ],
        vec![
            |_| {},
            |filter| filter.statuses = choice(&["in-progress"]),
            |filter| filter.statuses = choice(&["completed", "errored"]),
            |filter| filter.statuses = choice(&["!completed"]),
            |filter| filter.statuses = choice(&["!in-progress", "!errored"]),
        ],
        vec![
            |_| {},
            |filter| filter.droplets = choice(&["1"]),
            |filter| filter.droplets = choice(&["2", "3", "2", "6"]),
            |filter| filter.droplets = choice(&["!1", "!4"]),
            |filter| filter.droplets = choice(&["1", "2", "12", "!2"]),
            |filter| filter.droplets = Choice::any_of((1..60).map(DropletSelector::Id)),
            |filter| filter.droplets = Choice::any_of((900..940).map(DropletSelector::Id)),
        ],
        vec![
            |_| {},
            |filter| filter.tags = choice(&["even"]),
            |filter| filter.tags = choice(&["even", "third"]),
            |filter| filter.tags = choice(&["even", "!third"]),
            |filter| filter.tags = choice(&["!even"]),
        ],
        vec![|_| {}, |filter| filter.gone = Some(true), |filter| {
            filter.gone = Some(false);
        }],
        vec![
            |_| {},
            |filter| filter.regions = choice(&["nyc3"]),
            |filter| filter.regions = choice(&["!nyc3"]),
        ],
        vec![
            |_| {},
            |filter| filter.resource_types = choice(&["droplet", "backend"]),
            |filter| filter.resource_types = choice(&["!droplet"]),
        ],
        vec![|_| {}, |filter| {
            filter.ids = (0..3000)
                .step_by(17)
                .map(|n| n * 7919 % 1_000_003 + 36_000_000)
                .collect();
        }],
        vec![
            |_| {},
            |filter| filter.since = Some(time("2017-07-14T05:00:00Z")),
            |filter| filter.until = Some(time("2017-07-14T12:00:00Z")),
            |filter| {
                filter.since = Some(time("2017-07-14T05:00:00Z"));
                filter.until = Some(time("2017-07-14T12:00:00Z"));
            },
        ],
        vec![
            |_| {},
            |filter| {
                filter.overlap = Some((time("2017-07-14T09:00:00Z"), time("2017-07-14T09:00:01Z")));
            },
            |filter| {
                filter.overlap = Some((time("2017-07-14T07:00:00Z"), time("2017-07-14T10:00:00Z")));
            },
            |filter| {
                filter.overlap = Some((time("2017-07-15T04:00:00Z"), time("2017-07-15T06:00:00Z")));
            },
            |filter| {
                filter.overlap = Some((time("2020-07-31T00:00:00Z"), time("2020-08-02T00:00:00Z")));
            },
            |filter| {
                filter.overlap = Some((time("2020-08-02T00:00:00Z"), time("2020-08-03T00:00:00Z")));
            },
        ],
        vec![
            |_| {},
            |filter| filter.min_duration_seconds = Some(0),
            |filter| filter.min_duration_seconds = Some(60),
            |filter| filter.min_duration_seconds = Some(3600),
            |filter| filter.min_duration_seconds = Some(7000),
        ],
        vec![
            |_| {},
            |filter| filter.max_duration_seconds = Some(0),
            |filter| filter.max_duration_seconds = Some(90),
            |filter| filter.max_duration_seconds = Some(4000),
        ],
        vec![
            |_| {},
            |filter| filter.seen_since = Some(SeenSince::Time(time("2020-07-01T00:00:00Z"))),
            |filter| filter.seen_since = Some(SeenSince::Time(time("2020-08-04T00:00:00Z"))),
            |filter| filter.seen_since = Some(SeenSince::LastNews),
        ],
        vec![
            |_| {},
            |filter| filter.sort = Column::CompletedAt,
            |filter| filter.sort = Column::DurationSeconds,
            |filter| filter.sort = Column::Id,
        ],
        vec![|_| {}, |filter| filter.reverse = true],
        vec![|_| {}, |filter| filter.limit = Some(7), |filter| {
            filter.limit = Some(300);
        }],
    ]
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Asks every question, and returns the number of questions with an answer.
fn check(connection: &Connection, filters: &[Filter]) -> usize {
    let everything = everything(connection);
    let mut answered = 0;
    for filter in filters {
        let answer = found(connection, filter);
        assert_eq!(answer, meant(&everything, filter), "{filter:?}");
        answered += usize::from(!answer.is_empty());
    }
    answered
}

#[test]
fn every_two_filters_mean_what_both_of_them_mean() {
    let fields = fields();
    let mut filters = Vec::new();
    for (position, one) in fields.iter().enumerate() {
        for other in &fields[position + 1..] {
            for first in one {
                for second in other {
                    let mut filter = Filter::default();
                    first(&mut filter);
                    second(&mut filter);
                    filters.push(filter);
                }
            }
        }
    }
    let answered = check(&generated(2_000), &filters);
    assert!(
        answered > filters.len() * 2 / 3,
        "only {answered} of {} questions had an answer",
        filters.len()
    );
}

#[test]
fn any_number_of_filters_means_what_each_of_them_means() {
    let fields = fields();
    let all: u64 = fields.iter().map(|values| values.len() as u64).product();
    // Combinations that are far apart. Together they use every value of every field with most values of the others.
    let filters: Vec<Filter> = (0..1_000_u64)
        .map(|number| {
            let mut rest = number.wrapping_mul(2_654_435_761) % all;
            let mut filter = Filter::default();
            for values in &fields {
                let count = values.len() as u64;
                // Half of the fields of a question stay empty; otherwise nothing would match.
                let is_asked = (number ^ rest) % 5 < 2;
                if is_asked {
                    values[usize::try_from(rest % count).unwrap()](&mut filter);
                }
                rest /= count;
            }
            filter
        })
        .collect();
    let answered = check(&generated(2_000), &filters);
    assert!(
        answered > filters.len() / 4,
        "only {answered} questions had an answer"
    );
}
