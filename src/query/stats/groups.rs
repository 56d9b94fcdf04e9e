//! Reads the matching actions, and adds each to its group.

use super::{MOST_DIMENSIONS, Measure, Question};
use crate::core::time::{CalendarUnit, Timestamp, Zone};
use crate::output::Heading;
use crate::query::{Column, Error, Filter, scan};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

/// The position of a group in one dimension: a number of the clock or calendar, a droplet, or the number of a name.
type Key = [Option<i64>; MOST_DIMENSIONS];

/// The position of a group in one dimension, for display. An unknown value comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Unknown,
    Number(i64),
    Name(String),
}

/// One group.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) parts: Vec<Part>,
    pub(super) tally: Tally,
}

const FAILED: &[u8] = b"errored";

/// The groups of the matching actions, in no order.
///
/// # Errors
/// When a droplet's name in the filter is unknown or ambiguous, or the archive cannot be read.
pub(super) fn read(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    question: &Question,
) -> Result<Vec<Group>, Error> {
    let mut grouping = Grouping::new(question);
    let expressions = grouping.expressions();
    scan(connection, filter, now, &expressions, &mut |row| {
        grouping.add(row)
    })?;
    Ok(grouping.groups())
}

struct Grouping<'a> {
    dimensions: Vec<(Dimension, Names)>,
    zone: &'a Zone,
    measure: Measure,
    tallies: HashMap<Key, Tally>,
}

impl<'a> Grouping<'a> {
    fn new(question: &'a Question) -> Self {
        let dimensions = question.by.iter().take(MOST_DIMENSIONS);
        Self {
            dimensions: dimensions
                .map(|dimension| (*dimension, Names::default()))
                .collect(),
            zone: &question.zone,
            measure: question.measure,
            tallies: HashMap::default(),
        }
    }

    /// The columns to read for each action: the status, the needs of the dimensions, and both times for durations.
    fn expressions(&self) -> Vec<&'static str> {
        let mut expressions = vec!["actions.status"];
        expressions.extend(
            self.dimensions
                .iter()
                .map(|(dimension, _)| dimension.expression()),
        );
        if self.measure == Measure::Durations {
            expressions.extend(["actions.started_at", "actions.completed_at"]);
        }
        expressions
    }

    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let mut key = Key::default();
        let mut droplets = None;
        for (place, (dimension, names)) in self.dimensions.iter_mut().enumerate() {
            let value = text(row, place + 1)?;
            key[place] = match (*dimension, value) {
                (_, None) => None,
                (Dimension::Started(unit), Some(value)) => {
                    instant(value).map(|time| i64::from(unit.at(time, self.zone)))
                }
                (Dimension::Droplet, Some(value)) => {
                    droplets = Some((place, value));
                    None
                }
                (_, Some(value)) => Some(names.number(value)),
            };
        }
        let has_failed = text(row, 0)? == Some(FAILED);
        let seconds = match self.measure {
            Measure::Errors => None,
            Measure::Durations => duration(row, self.dimensions.len() + 1)?,
        };
        let Some((place, list)) = droplets else {
            self.count(key, has_failed, seconds);
            return Ok(());
        };
        let mut is_of_none = true;
        for id in numbers(list) {
            key[place] = Some(id);
            self.count(key, has_failed, seconds);
            is_of_none = false;
        }
        if is_of_none {
            self.count(key, has_failed, seconds);
        }
        Ok(())
    }

    fn count(&mut self, key: Key, has_failed: bool, seconds: Option<i64>) {
        let tally = self.tallies.entry(key).or_default();
        tally.count += 1;
        tally.errored += u64::from(has_failed);
        if let Some(seconds) = seconds {
            tally.durations.add(seconds);
        }
    }

    fn groups(self) -> Vec<Group> {
        let Self {
            dimensions,
            tallies,
            ..
        } = self;
        let part = |(dimension, names): &(Dimension, Names), number: Option<i64>| match number {
            None => Part::Unknown,
            Some(number) => match dimension {
                Dimension::Droplet | Dimension::Started(_) => Part::Number(number),
                _ => names.name(number),
            },
        };
        tallies
            .into_iter()
            .map(|(key, tally)| Group {
                parts: dimensions
                    .iter()
                    .zip(key)
                    .map(|(dimension, number)| part(dimension, number))
                    .collect(),
                tally,
            })
            .collect()
    }
}

/// Names by number. A group is found without a copy of a name.
#[derive(Default)]
struct Names {
    numbers: HashMap<Vec<u8>, i64>,
}

impl Names {
    fn number(&mut self, name: &[u8]) -> i64 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.numbers.len() as i64;
        self.numbers.insert(name.to_vec(), number);
        number
    }

    fn name(&self, number: i64) -> Part {
        let found = self.numbers.iter().find(|(_, other)| **other == number);
        found.map_or(Part::Unknown, |(name, _)| {
            Part::Name(String::from_utf8_lossy(name).into_owned())
        })
    }
}

fn text<'row>(row: &'row Row<'_>, position: usize) -> rusqlite::Result<Option<&'row [u8]>> {
    Ok(match row.get_ref(position)? {
        ValueRef::Text(text) => Some(text),
        _ => None,
    })
}

/// An invalid time counts as unknown.
fn instant(text: &[u8]) -> Option<Timestamp> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn duration(row: &Row<'_>, position: usize) -> rusqlite::Result<Option<i64>> {
    let started_at = text(row, position)?.and_then(instant);
    let completed_at = text(row, position + 1)?.and_then(instant);
    let (Some(started_at), Some(completed_at)) = (started_at, completed_at) else {
        return Ok(None);
    };
    let seconds = completed_at.epoch_seconds() - started_at.epoch_seconds();
    Ok(Some(seconds).filter(|seconds| *seconds >= 0))
}

fn numbers(list: &[u8]) -> impl Iterator<Item = i64> {
    let parts = list.split(|byte| *byte == b',');
    parts.filter_map(|part| std::str::from_utf8(part).ok()?.parse().ok())
}

/// A dimension by which actions are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The type.
    Type,
    /// The status.
    Status,
    /// The droplet of the action.
    Droplet,
    /// The region.
    Region,
    /// The type of the resource.
    ResourceType,
    /// The start time, by clock or calendar.
    Started(CalendarUnit),
}

/// A name that matches no dimension.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot count by `{input}`: use {}", Dimension::ALL.map(Dimension::name).join(", "))]
pub struct UnknownDimension {
    input: String,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 12] = [
        Self::Type,
        Self::Status,
        Self::Droplet,
        Self::Region,
        Self::ResourceType,
        Self::Started(CalendarUnit::Hour),
        Self::Started(CalendarUnit::Weekday),
        Self::Started(CalendarUnit::Day),
        Self::Started(CalendarUnit::Week),
        Self::Started(CalendarUnit::Month),
        Self::Started(CalendarUnit::Quarter),
        Self::Started(CalendarUnit::Year),
    ];

    /// The name, which chooses the dimension.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Status => "status",
            Self::Droplet => "droplet",
            Self::Region => "region",
            Self::ResourceType => "resource-type",
            Self::Started(CalendarUnit::Hour) => "hour",
            Self::Started(CalendarUnit::Weekday) => "weekday",
            Self::Started(CalendarUnit::Day) => "day",
            Self::Started(CalendarUnit::Week) => "week",
            Self::Started(CalendarUnit::Month) => "month",
            Self::Started(CalendarUnit::Quarter) => "quarter",
            Self::Started(CalendarUnit::Year) => "year",
        }
    }

    /// The titles of its columns: a droplet has its id and its name.
    pub(super) fn headings(self) -> Vec<Heading<'static>> {
        let heading = match self {
            Self::Type => Column::Type.heading(),
            Self::Status => Column::Status.heading(),
            Self::Droplet => {
                return vec![Heading::named("droplet_id"), Column::DropletName.heading()];
            }
            Self::Region => Column::RegionSlug.heading(),
            Self::ResourceType => Column::ResourceType.heading(),
            Self::Started(_) => Heading::plain(self.name()),
        };
        // Without what was asked for, a count counts nothing.
        vec![Heading { rank: 0, ..heading }]
    }

    /// The needed value of an action, as SQL in terms of the table `actions`.
    pub(super) fn expression(self) -> &'static str {
        match self {
            Self::Type => "actions.type",
            Self::Status => "actions.status",
            Self::Droplet => DROPLETS,
            Self::Region => "actions.region_slug",
            Self::ResourceType => "actions.resource_type",
            Self::Started(_) => "actions.started_at",
        }
    }
}

/// The ids of the droplets of an action, as in the view `droplet_actions`, separated by commas.
const DROPLETS: &str = "
    coalesce(CASE WHEN actions.resource_type = 'droplet' THEN actions.resource_id END, '') || ',' ||
    coalesce((SELECT group_concat(listed.droplet_id) FROM droplet_listed_actions AS listed
               WHERE listed.action_id = actions.id
                 AND (actions.resource_type IS NOT 'droplet' OR actions.resource_id IS NOT listed.droplet_id)), '')";

impl FromStr for Dimension {
    type Err = UnknownDimension;

    /// The name of a column chooses the dimension too: `resource_type`, `region_slug`, `droplet_id`.
    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        let plain = text.to_ascii_lowercase().replace('_', "-");
        let name = ["-slug", "-id", "-name"]
            .into_iter()
            .find_map(|suffix| plain.strip_suffix(suffix))
            .unwrap_or(&plain);
        Self::ALL
            .into_iter()
            .find(|dimension| dimension.name() == name)
            .ok_or_else(|| UnknownDimension {
                input: text.to_owned(),
            })
    }
}

/// The data of one group. Its size does not depend on the number of actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) errored: u64,
    pub(super) durations: Durations,
}

impl Tally {
    /// The share of failed actions in percent, with one decimal.
    pub(super) fn errored_percent(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        (1_000.0 * self.errored as f64 / self.count as f64).round() / 10.0
    }
}

/// The number of actions with each duration. This is exact and small: most actions take one of a few hundred durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Durations {
    seen: BTreeMap<i64, u64>,
    pub(super) count: u64,
}

impl Durations {
    pub(super) fn add(&mut self, seconds: i64) {
        *self.seen.entry(seconds).or_default() += 1;
        self.count += 1;
    }

    /// The smallest duration in seconds that this percentage of actions does not exceed (nearest rank); `None` without
    /// actions.
    pub(super) fn percentile(&self, percent: u64) -> Option<i64> {
        let rank = (u128::from(percent) * u128::from(self.count)).div_ceil(100);
        let mut passed = 0;
        self.seen.iter().find_map(|(seconds, count)| {
            passed += u128::from(*count);
            (passed >= rank).then_some(*seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_dimension_is_chosen_by_its_name_or_its_column() {
        for dimension in Dimension::ALL {
            assert_eq!(dimension.name().parse(), Ok(dimension));
            for heading in dimension.headings() {
                assert_eq!(heading.name.parse(), Ok(dimension));
            }
        }
        assert_eq!("Region".parse(), Ok(Dimension::Region));
    }

    #[test]
    fn an_unknown_dimension_lists_those_that_exist() {
        assert_eq!(
            "size".parse::<Dimension>().unwrap_err().to_string(),
            "cannot count by `size`: use type, status, droplet, region, resource-type, hour, weekday, day, week, \
             month, quarter, year"
        );
    }

    fn durations(seconds: &[i64]) -> Durations {
        let mut durations = Durations::default();
        seconds.iter().for_each(|seconds| durations.add(*seconds));
        durations
    }

    #[test]
    fn a_percentile_is_a_duration_that_was_seen() {
        let percentiles = |seconds: &[i64]| [50, 95, 100].map(|p| durations(seconds).percentile(p));
        assert_eq!(percentiles(&[]), [None; 3]);
        assert_eq!(percentiles(&[7]), [Some(7); 3]);
        assert_eq!(percentiles(&[9, 1]), [Some(1), Some(9), Some(9)]);
        assert_eq!(percentiles(&[3, 1, 2]), [Some(2), Some(3), Some(3)]);
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!(percentiles(&hundred), [Some(50), Some(95), Some(100)]);
    }

    #[test]
    fn a_share_has_one_decimal() {
        for (errored, count, percent) in [
            (0, 0, 0.0),
            (0, 3, 0.0),
            (1, 3, 33.3),
            (2, 3, 66.7),
            (1, 8, 12.5),
        ] {
            let tally = Tally {
                count,
                errored,
                ..Tally::default()
            };
            assert_eq!(tally.errored_percent(), percent);
        }
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_one_of_the_sorted_list(
            seconds in prop::collection::vec(0_i64..50, 1..200), percent in 1_u64..=100,
        ) {
            let mut sorted = seconds.clone();
            sorted.sort_unstable();
            let rank = (percent as f64 / 100.0 * sorted.len() as f64 - 1e-9).ceil() as usize;
            prop_assert_eq!(durations(&seconds).percentile(percent), Some(sorted[rank - 1]));
        }
    }
}
