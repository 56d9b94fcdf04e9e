//! Counts of actions by type, week, droplet and other dimensions, with the number of failed actions and the durations.
//!
//! Every matching action is read once, with only the needed columns. It is grouped here and not by SQLite, which would
//! sort all rows and has no time zones. Memory grows with the number of groups and of different durations, not with the
//! number of actions.

mod answer;
mod dimension;
mod groups;
mod periods;
mod tally;

pub use answer::column_names;
pub use dimension::{ACCOUNT, Dimension};

use std::collections::HashMap;

use groups::{Counted, Part};
use rusqlite::Connection;
use tally::Tally;

use crate::core::model::DropletId;
use crate::core::time::{Timestamp, Zone};
use crate::output::RowWriter;
use crate::query::rows::names as names_of_droplets;
use crate::query::{Error, Filter};

/// The maximum number of dimensions. More would make too many groups to read.
pub const MOST_DIMENSIONS: usize = 3;
/// The account is one dimension more.
const PLACES: usize = MOST_DIMENSIONS + 1;

/// The question: the counts and their presentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The dimensions, each once: at most [`MOST_DIMENSIONS`], and the account. Others are ignored.
    pub by: Vec<Dimension>,
    /// The time zone of the hours, days and weeks.
    pub zone: Zone,
    /// The measure of a group beside the number of actions.
    pub measure: Measure,
    /// Another window to compare with: every number is followed by that of the actions that started in it, and by the
    /// difference.
    pub before: Option<(Timestamp, Timestamp)>,
    /// The minimum number of actions of a group, in one of the two windows.
    pub min_count: u64,
    /// The maximum number of groups: the largest first, or with `only_errored` those with the most failed actions.
    /// Without it: all groups, sorted by the dimensions.
    pub top: Option<usize>,
    /// Only groups with a failed action.
    pub only_errored: bool,
    /// A group for every period of the window, also for one without actions, if the only dimension is a period. The
    /// window ends with what is archived.
    pub every_period: bool,
    /// A last row for all matching actions, each counted once, if there is any group.
    pub total: bool,
}

impl Question {
    /// All groups of these dimensions, without a comparison and a total.
    #[must_use]
    pub fn new(by: Vec<Dimension>, zone: Zone, measure: Measure) -> Self {
        Self {
            by,
            zone,
            measure,
            before: None,
            min_count: 0,
            top: None,
            only_errored: false,
            every_period: false,
            total: false,
        }
    }
}

/// A measure of a group of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The number and share of failed actions: `errored`, `errored_percent`.
    Errors,
    /// The number of actions with a known duration, their mean, and the durations that half, 95 percent and all of them
    /// do not exceed: `n`, `mean_seconds`, `p50_seconds`, `p95_seconds`, `max_seconds`. Each of the last three is the
    /// duration of an action (nearest rank), not an average of two. A negative duration counts as unknown.
    Durations,
}

/// Writes a row for each group of the matching actions, and returns the number of these actions. The filter's order and
/// limit are ignored.
///
/// An action without the time of a dimension is in the group of unknown values. In the dimension droplet, an action is
/// in the group of each of its droplets: its resource, and the droplets whose own listings contain it. In the dimension
/// tag, it is in the group of each tag of these droplets.
///
/// # Errors
/// When a droplet's name or a tag in the filter is unknown or ambiguous, the archive cannot be read, or a row cannot be
/// written.
pub fn stats(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    question: &Question,
    writer: &mut dyn RowWriter,
) -> Result<u64, Error> {
    let counts = Counts::read(connection, (filter, now), question, None)?;
    let matching = counts.matching();
    counts.write(question, writer)?;
    Ok(matching)
}

/// The groups before they are written. Those of several archives can be added.
#[derive(Debug)]
pub struct Counts {
    counted: Counted,
    before: Option<Counted>,
    names: Names,
}

/// The latest names of droplets, by account and id. A single archive has no account.
type Names = HashMap<(Option<String>, DropletId), String>;

impl Counts {
    /// Counts the matching actions of an archive, as [`stats`]. All groups are in the one of its account, where the
    /// account is a dimension.
    ///
    /// # Errors
    /// As [`stats`].
    pub fn read(
        connection: &Connection,
        (filter, now): (&Filter, Timestamp),
        question: &Question,
        account: Option<&str>,
    ) -> Result<Self, Error> {
        let account = account.filter(|_| question.by.contains(&Dimension::Account));
        let counted = |filter: &Filter| counted(connection, (filter, now), question, account);
        let before = question.before.map(|(since, until)| {
            counted(&Filter {
                since: Some(since),
                until: Some(until),
                ..filter.clone()
            })
        });
        let mut names = Names::new();
        if question.by.contains(&Dimension::Droplet) {
            let known = names_of_droplets(connection)?.into_iter();
            names.extend(known.map(|(id, name)| ((account.map(str::to_owned), id), name)));
        }
        Ok(Self {
            counted: counted(filter)?,
            before: before.transpose()?,
            names,
        })
    }

    /// Adds the counts of the same question to another archive.
    pub fn add(&mut self, other: Self) {
        self.counted.add(other.counted);
        if let Some((before, others)) = self.before.as_mut().zip(other.before) {
            before.add(others);
        }
        self.names.extend(other.names);
    }

    /// The number of counted actions, with those of the window before.
    #[must_use]
    pub fn matching(&self) -> u64 {
        let before = self.before.as_ref();
        self.counted.total.count + before.map_or(0, |it| it.total.count)
    }

    /// Writes a row for each group.
    ///
    /// # Errors
    /// When a row cannot be written.
    pub fn write(mut self, question: &Question, writer: &mut dyn RowWriter) -> Result<(), Error> {
        periods::fill(question, &mut self.counted);
        if let Some(before) = &mut self.before {
            periods::fill(question, before);
        }
        answer::write(self, question, writer).map_err(Error::Write)
    }
}

fn counted(
    connection: &Connection,
    (filter, now): (&Filter, Timestamp),
    question: &Question,
    account: Option<&str>,
) -> Result<Counted, Error> {
    let mut counted = groups::read(connection, (filter, now), question, account)?;
    if let ([Dimension::Started(_)], true) = (question.by.as_slice(), question.every_period) {
        counted.reach = periods::reach(connection, (filter, now), counted.started)?;
    }
    Ok(counted)
}

/// The number of actions of each droplet that has any.
pub(super) fn of_droplets(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
) -> Result<HashMap<DropletId, u64>, Error> {
    let question = Question::new(vec![Dimension::Droplet], Zone::utc(), Measure::Errors);
    let counted = groups::read(connection, (filter, now), &question, None)?;
    let count = |(parts, tally): (Vec<Part>, Tally)| match parts.as_slice() {
        [Part::Number(id)] => Some((*id, tally.count)),
        _ => None,
    };
    Ok(counted.groups.into_iter().filter_map(count).collect())
}

#[cfg(test)]
mod meaning_tests;
