//! Reads the matching actions, and adds each to its group. Adds an empty group for each period without actions.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::{Counts, Dimension, Measure, Question};
use crate::core::model::DropletId;
use crate::core::time::Timestamp;
use crate::query::{Column, Error, Filter, rows, scan};

/// The position of a group in one dimension. An unknown value comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    Unknown,
    /// Of the clock or the calendar, or the id of a droplet.
    Number(i64),
    Name(String),
}

/// The data of one group. Its size does not depend on the number of actions.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) errored: u64,
    pub(super) durations: Durations,
}

impl Tally {
    fn add(&mut self, has_failed: bool, seconds: Option<i64>) {
        self.count += 1;
        self.errored += u64::from(has_failed);
        if let Some(seconds) = seconds {
            self.durations.add(seconds, 1);
        }
    }

    /// Adds the actions of another group.
    pub(super) fn join(&mut self, other: Self) {
        self.count += other.count;
        self.errored += other.errored;
        for (seconds, count) in other.durations.seen {
            self.durations.add(seconds, count);
        }
    }
}

/// The number of actions with each duration. This is exact and small: most actions take one of a few hundred durations.
#[derive(Debug, Default)]
pub(super) struct Durations {
    seen: BTreeMap<i64, u64>,
    pub(super) count: u64,
}

impl Durations {
    fn add(&mut self, seconds: i64, count: u64) {
        *self.seen.entry(seconds).or_default() += count;
        self.count += count;
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

    /// The sum in seconds.
    pub(super) fn sum(&self) -> i128 {
        let seconds = |(seconds, count): (&i64, &u64)| i128::from(*seconds) * i128::from(*count);
        self.seen.iter().map(seconds).sum()
    }
}

/// The first and the last second of a window.
pub(super) type Reach = (Timestamp, Timestamp);

/// Adds the matching actions to their groups, as those of the window with this number.
///
/// # Errors
/// When a droplet's name or a tag in the filter is unknown or ambiguous, or the archive cannot be read.
pub(super) fn add(
    connection: &Connection,
    (filter, now): (&Filter, Timestamp),
    question: &Question,
    account: Option<&str>,
    (counts, window): (&mut Counts, usize),
) -> Result<(), Error> {
    let mut grouping = Grouping {
        question,
        account: account.map_or(Part::Unknown, |account| Part::Name(account.to_owned())),
        tags: tags(connection, question)?,
        parts: Vec::new(),
        started: None,
        counts,
        window,
    };
    let expressions = expressions(question);
    scan(connection, filter, now, &expressions, &mut |row| {
        grouping.add(row)
    })?;
    let started = grouping.started;
    if let ([Dimension::Started(_)], true) = (question.by.as_slice(), question.every_period) {
        counts.reach[window] = reach(connection, (filter, now), started)?;
    }
    Ok(())
}

/// The tags of all droplets, if the question asks for them.
fn tags(
    connection: &Connection,
    question: &Question,
) -> rusqlite::Result<HashMap<DropletId, Vec<Part>>> {
    const TAGS: &str = "SELECT droplet_id, tag FROM droplet_tags WHERE gone_at IS NULL";
    let mut tags: HashMap<_, Vec<Part>> = HashMap::new();
    if question.by.contains(&Dimension::Tag) {
        for (droplet, tag) in rows::pairs::<_, _, Vec<_>>(connection, TAGS)? {
            tags.entry(droplet).or_default().push(Part::Name(tag));
        }
    }
    Ok(tags)
}

/// The columns to read for each action: the status, the needs of the dimensions, and the duration if it is measured.
fn expressions(question: &Question) -> Vec<&'static str> {
    let mut expressions = vec!["actions.status"];
    expressions.extend(question.by.iter().map(|dimension| dimension.expression()));
    if question.measure == Measure::Durations {
        expressions.push(Column::DurationSeconds.expression());
    }
    expressions
}

struct Grouping<'a> {
    question: &'a Question,
    account: Part,
    tags: HashMap<DropletId, Vec<Part>>,
    /// The group of the last action.
    parts: Vec<Part>,
    /// The first and the last start, where the start is a dimension.
    started: Option<Reach>,
    counts: &'a mut Counts,
    window: usize,
}

impl Grouping<'_> {
    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let has_failed = text(row, 0)?.is_some_and(|status| status == "errored");
        let seconds = match self.question.measure {
            Measure::Errors => None,
            Measure::Durations => row.get(self.question.by.len() + 1)?,
        };
        self.counts.totals[self.window].add(has_failed, seconds);
        for (droplet, tag) in &*self.places_of(row)? {
            for (part, dimension) in self.parts.iter_mut().zip(&self.question.by) {
                match dimension {
                    Dimension::Droplet => *part = droplet.clone(),
                    Dimension::Tag => *part = tag.clone(),
                    _ => {}
                }
            }
            let groups = &mut self.counts.groups;
            // Most actions belong to a known group.
            let group = match groups.get_mut(&self.parts) {
                Some(group) => group,
                None => groups.entry(self.parts.clone()).or_default(),
            };
            group[self.window].add(has_failed, seconds);
        }
        Ok(())
    }

    /// Reads the parts of an action's group that its droplets do not decide. Returns those that each of its droplets
    /// decides.
    fn places_of(&mut self, row: &Row<'_>) -> rusqlite::Result<Cow<'static, [Place]>> {
        self.parts.clear();
        let mut droplets = Cow::default();
        for (position, dimension) in self.question.by.iter().enumerate() {
            let value = text(row, position + 1)?;
            self.parts.push(match (dimension, value) {
                (Dimension::Account, _) => self.account.clone(),
                (_, None) => Part::Unknown,
                (Dimension::Droplet | Dimension::Tag, Some(list)) => {
                    droplets = list;
                    Part::Unknown
                }
                (Dimension::Started(unit), Some(text)) => match text.parse() {
                    Ok(time) => {
                        let (first, last) = self.started.unwrap_or((time, time));
                        self.started = Some((first.min(time), last.max(time)));
                        Part::Number(unit.at(time, &self.question.zone))
                    }
                    Err(_) => Part::Unknown,
                },
                (_, Some(name)) => Part::Name(name.into_owned()),
            });
        }
        Ok(self.places(&droplets))
    }

    /// The groups of an action of these droplets: each droplet with each of its tags. By tags alone, an action is once in
    /// the group of each tag.
    fn places(&self, droplets: &str) -> Cow<'static, [Place]> {
        let has_droplets = self.question.by.contains(&Dimension::Droplet);
        let mut places = Vec::new();
        for id in droplets.split(',').filter_map(|id| id.parse().ok()) {
            let droplet = match has_droplets {
                true => Part::Number(id),
                false => Part::Unknown,
            };
            let tags = self.tags.get(&id).map_or(UNTAGGED, Vec::as_slice);
            places.extend(tags.iter().map(|tag| (droplet.clone(), tag.clone())));
        }
        places.sort_unstable();
        places.dedup();
        match places.as_slice() {
            [] => return Cow::Borrowed(&[NOWHERE]),
            // Another of the droplets has a tag.
            [NOWHERE, _, ..] => drop(places.remove(0)),
            _ => {}
        }
        Cow::Owned(places)
    }
}

/// A droplet and one of its tags, as far as they are asked for and known.
type Place = (Part, Part);

const UNTAGGED: &[Part] = &[Part::Unknown];

const NOWHERE: Place = (Part::Unknown, Part::Unknown);

fn text<'row>(row: &'row Row<'_>, position: usize) -> rusqlite::Result<Option<Cow<'row, str>>> {
    Ok(match row.get_ref(position)? {
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text)),
        _ => None,
    })
}

/// No period is shorter.
const STEP_SECONDS: i64 = 3_600;
/// More hours than any account has existed. The limit stops at actions with an absurd time.
const MOST_STEPS: i64 = 50 * 366 * 24;

/// Adds an empty group for each period without actions, if the only dimension is a period. Does nothing if no action
/// matches and the filter has no window.
pub(super) fn fill(question: &Question, counts: &mut Counts) {
    let [Dimension::Started(unit)] = question.by.as_slice() else {
        return;
    };
    for (from, last) in counts.reach.into_iter().flatten() {
        let steps = (last.epoch_seconds() - from.epoch_seconds()) / STEP_SECONDS;
        if last < from || steps > MOST_STEPS {
            continue;
        }
        let hours = (0..=steps).map(|step| from.saturating_add_seconds(step * STEP_SECONDS));
        for time in hours.chain([last]) {
            let number = unit.at(time, &question.zone);
            counts.groups.entry(vec![Part::Number(number)]).or_default();
        }
    }
}

/// The first and the last second that the answer is about: of the window, as far as it lies in the past and is archived.
/// `None` when neither an action nor the window has a beginning.
fn reach(
    connection: &Connection,
    (filter, now): (&Filter, Timestamp),
    started: Option<Reach>,
) -> rusqlite::Result<Option<Reach>> {
    let time = |sql: &str| {
        let text: Option<String> = connection.query_row(sql, [], |row| row.get(0))?;
        Ok::<_, rusqlite::Error>(text.and_then(|text| text.parse::<Timestamp>().ok()))
    };
    let (first, last) = started.unzip();
    let from = match filter.since {
        None => first,
        Some(since) => {
            let archived = time("SELECT min(started_at) FROM actions")?.or(first);
            archived.map(|archived| since.max(archived))
        }
    };
    let until = filter.until.map(|until| until.saturating_add_seconds(-1));
    // Later actions are not archived yet.
    let synced = time("SELECT max(started_at) FROM sync_runs WHERE outcome = 'complete'")?;
    let synced = match synced.or(last) {
        None => time("SELECT max(started_at) FROM actions")?,
        known => known,
    };
    let to = [Some(now), until, synced].into_iter().flatten().min();
    let earliest = [first, from].into_iter().flatten().min();
    Ok(earliest.zip(last.max(to)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn durations(seconds: &[i64]) -> Durations {
        let mut durations = Durations::default();
        seconds
            .iter()
            .for_each(|seconds| durations.add(*seconds, 1));
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
