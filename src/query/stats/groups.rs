//! Reads the matching actions, and adds each to its group.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::tally::Tally;
use super::{Dimension, Measure, PLACES, Question};
use crate::core::model::DropletId;
use crate::core::time::{Timestamp, Zone};
use crate::query::{Error, Filter, scan};

/// The position of a group in one dimension: a number of the clock or calendar, a droplet, or the number of a name.
type Key = [Option<i64>; PLACES];

/// The position of a group in one dimension, for display. An unknown value comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Unknown,
    Number(i64),
    Name(String),
}

/// The groups of the matching actions.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// By their parts.
    pub(super) groups: BTreeMap<Vec<Part>, Tally>,
    /// All matching actions, each of them once.
    pub(super) total: Tally,
    /// The first and the last start, where the start is a dimension.
    pub(super) started: Option<(Timestamp, Timestamp)>,
    /// The first and the last second that the count is about, where each period has a group.
    pub(super) reach: Option<(Timestamp, Timestamp)>,
}

impl Counted {
    /// Adds the groups of another archive.
    pub(super) fn add(&mut self, other: Self) {
        for (parts, tally) in other.groups {
            self.groups.entry(parts).or_default().join(tally);
        }
        self.total.join(other.total);
        let ends = [self.reach, other.reach].into_iter().flatten();
        self.reach = ends.reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)));
    }
}

const FAILED: &[u8] = b"errored";

/// The groups of the matching actions.
///
/// # Errors
/// When a droplet's name or a tag in the filter is unknown or ambiguous, or the archive cannot be read.
pub(super) fn read(
    connection: &Connection,
    (filter, now): (&Filter, Timestamp),
    question: &Question,
    account: Option<&str>,
) -> Result<Counted, Error> {
    let mut grouping = Grouping::new(connection, question)?;
    let expressions = grouping.expressions();
    scan(connection, filter, now, &expressions, &mut |row| {
        grouping.add(row)
    })?;
    Ok(grouping.counted(account))
}

struct Grouping<'a> {
    dimensions: Vec<(Dimension, Names)>,
    zone: &'a Zone,
    measure: Measure,
    tags: Tags,
    tallies: HashMap<Key, Tally>,
    total: Tally,
    started: Option<(Timestamp, Timestamp)>,
}

impl<'a> Grouping<'a> {
    fn new(connection: &Connection, question: &'a Question) -> rusqlite::Result<Self> {
        let dimensions = question.by.iter().take(PLACES);
        let mut dimensions: Vec<_> = dimensions
            .map(|dimension| (*dimension, Names::default()))
            .collect();
        Ok(Self {
            tags: Tags::read(connection, &mut dimensions)?,
            dimensions,
            zone: &question.zone,
            measure: question.measure,
            tallies: HashMap::default(),
            total: Tally::default(),
            started: None,
        })
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
        let has_failed = text(row, 0)? == Some(FAILED);
        let seconds = match self.measure {
            Measure::Errors => None,
            Measure::Durations => duration(row, self.dimensions.len() + 1)?,
        };
        self.total.add(has_failed, seconds);
        let (mut key, droplets) = self.key(row)?;
        for (droplet, tag) in self.tags.places(droplets) {
            for (part, (dimension, _)) in key.iter_mut().zip(&self.dimensions) {
                match dimension {
                    Dimension::Droplet => *part = droplet,
                    Dimension::Tag => *part = tag,
                    _ => {}
                }
            }
            let tally = self.tallies.entry(key).or_default();
            tally.add(has_failed, seconds);
        }
        Ok(())
    }

    /// The parts of an action's group that its droplets do not decide, and the list of its droplets.
    fn key<'row>(&mut self, row: &'row Row<'_>) -> rusqlite::Result<(Key, &'row [u8])> {
        let mut key = Key::default();
        let mut droplets: &[u8] = &[];
        for (place, (dimension, names)) in self.dimensions.iter_mut().enumerate() {
            let Some(value) = text(row, place + 1)? else {
                continue;
            };
            key[place] = match *dimension {
                Dimension::Started(unit) => instant(value).map(|time| {
                    let (first, last) = self.started.unwrap_or((time, time));
                    self.started = Some((first.min(time), last.max(time)));
                    i64::from(unit.at(time, self.zone))
                }),
                Dimension::Droplet | Dimension::Tag => {
                    droplets = value;
                    None
                }
                _ => Some(names.number(value)),
            };
        }
        Ok((key, droplets))
    }

    fn counted(self, account: Option<&str>) -> Counted {
        let part = |(dimension, names): &(Dimension, Names), number: Option<i64>| match (
            dimension, number, account,
        ) {
            (Dimension::Account, _, Some(account)) => Part::Name(account.to_owned()),
            (_, None, _) => Part::Unknown,
            (Dimension::Droplet | Dimension::Started(_), Some(number), _) => Part::Number(number),
            (_, Some(number), _) => names.name(number),
        };
        let parts = |key: Key| {
            let numbers = self.dimensions.iter().zip(key);
            numbers.map(|(dimension, number)| part(dimension, number))
        };
        let tallies = self.tallies.into_iter();
        Counted {
            groups: tallies
                .map(|(key, tally)| (parts(key).collect(), tally))
                .collect(),
            total: self.total,
            started: self.started,
            reach: None,
        }
    }
}

/// A droplet and the number of one of its tags; `None` where it is not asked for or there is none.
type Place = (Option<DropletId>, Option<i64>);

/// The tags of all droplets.
struct Tags {
    has_droplets: bool,
    /// The numbers of the tags; `None` when the question does not ask for tags.
    of_droplets: Option<HashMap<DropletId, Vec<i64>>>,
}

impl Tags {
    fn read(
        connection: &Connection,
        dimensions: &mut [(Dimension, Names)],
    ) -> rusqlite::Result<Self> {
        let mut tags = Self {
            has_droplets: false,
            of_droplets: None,
        };
        for (dimension, names) in dimensions {
            match dimension {
                Dimension::Droplet => tags.has_droplets = true,
                Dimension::Tag => tags.of_droplets = Some(tags_of_droplets(connection, names)?),
                _ => {}
            }
        }
        Ok(tags)
    }

    /// The groups of an action of these droplets: each droplet with each of its tags. By tags alone, an action is once in
    /// the group of each tag.
    fn places(&self, list: &[u8]) -> Vec<Place> {
        let mut places = Vec::with_capacity(1);
        for id in numbers(list) {
            let droplet = self.has_droplets.then_some(id);
            match self.of_droplets.as_ref().and_then(|tags| tags.get(&id)) {
                None => places.push((droplet, None)),
                Some(tags) => places.extend(tags.iter().map(|tag| (droplet, Some(*tag)))),
            }
        }
        if !self.has_droplets {
            places.sort_unstable();
            places.dedup();
            if places.len() > 1 {
                places.retain(|(_, tag)| tag.is_some());
            }
        }
        if places.is_empty() {
            places.push(Place::default());
        }
        places
    }
}

fn tags_of_droplets(
    connection: &Connection,
    names: &mut Names,
) -> rusqlite::Result<HashMap<DropletId, Vec<i64>>> {
    let mut tags: HashMap<_, Vec<i64>> = HashMap::new();
    let mut statement =
        connection.prepare("SELECT droplet_id, tag FROM droplet_tags WHERE gone_at IS NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let number = text(row, 1)?.map(|tag| names.number(tag));
        tags.entry(row.get(0)?).or_default().extend(number);
    }
    Ok(tags)
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
    let ends = started_at.zip(completed_at);
    let seconds = ends.map(|(start, end)| end.epoch_seconds() - start.epoch_seconds());
    Ok(seconds.filter(|seconds| *seconds >= 0))
}

fn numbers(list: &[u8]) -> impl Iterator<Item = i64> {
    let parts = list.split(|byte| *byte == b',');
    parts.filter_map(|part| std::str::from_utf8(part).ok()?.parse().ok())
}
