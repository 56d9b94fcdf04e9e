//! Counts of actions: how many of each type, in each week, for each droplet, how many of them failed, how long they
//! took.
//!
//! Every matching action is read once, with no more of it than is needed, and put into its group here and not by
//! SQLite, which would sort all rows to group them and knows no time zones. Memory grows with the number of groups
//! (and of different durations), not with the number of actions.

mod answer;
mod groups;

pub use groups::{Dimension, UnknownDimension};

use rusqlite::Connection;

use crate::core::time::{Timestamp, Zone};
use crate::output::RowWriter;
use crate::query::{Error, Filter};

/// More dimensions than this make groups that nobody reads.
pub const MOST_DIMENSIONS: usize = 3;

/// What is counted, and how the answer looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What actions are put together by, each once. Those beyond [`MOST_DIMENSIONS`] are left out.
    pub by: Vec<Dimension>,
    /// The zone of the hours, days and weeks that actions are put together by.
    pub zone: Zone,
    /// What is told of a group beside how many actions there are.
    pub measure: Measure,
    /// No more than this many groups, the largest first. Otherwise all, ordered by what they are put together by.
    pub top: Option<usize>,
    /// Only groups in which an action failed.
    pub only_errored: bool,
}

/// What is told of a group of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// How many failed, and which share of all that is: `errored`, `errored_percent`.
    Errors,
    /// How many have a known duration, and which durations half, 95 percent and all of them do not exceed: `n`,
    /// `p50_seconds`, `p95_seconds`, `max_seconds`. Each is the duration of an action (nearest rank), not an average
    /// of two. A duration below zero is no duration.
    Durations,
}

/// Writes a row for each group of the matching actions. The filter's order and limit do not matter.
///
/// An action that is put together by a time it does not have is in the group of which nothing is known. By droplet, it
/// is in the group of each droplet whose action it is: by its resource, or because the droplet's listing showed it.
///
/// # Errors
/// When a droplet's name in the filter is unknown or ambiguous, the archive cannot be read, or a row cannot be written.
pub fn stats(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    question: &Question,
    writer: &mut dyn RowWriter,
) -> Result<(), Error> {
    let groups = groups::read(connection, filter, now, question)?;
    answer::write(connection, groups, question, writer)
}

#[cfg(test)]
mod meaning;
