//! Reads the matching actions, and puts each into its group.

use std::collections::HashMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::tally::Tally;
use super::{Dimension, MOST_DIMENSIONS, Measure, Question};
use crate::core::time::{Timestamp, Zone};
use crate::query::{Error, Filter, scan};

/// Where a group stands in each dimension: a number of clock or calendar, a droplet, or the number of a name.
type Key = [Option<i64>; MOST_DIMENSIONS];

/// Where a group stands in one dimension, to be shown. What is not known comes before all else.
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

    /// What is read of each action: the status, what the dimensions need, and for durations both times.
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

/// Names by numbers, so that a group is found without copying any.
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

/// What is no instant is as good as nothing.
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
