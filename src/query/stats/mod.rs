//! Counts of actions by type, week, droplet and other dimensions, with the number of failed actions and the durations.
//!
//! Every matching action is read once, with only the needed columns. It is grouped here and not by SQLite, which would
//! sort all rows and has no time zones. Memory grows with the number of groups and of different durations, not with the
//! number of actions.

mod answer;
mod groups;

pub use groups::{Dimension, UnknownDimension};

use rusqlite::Connection;

use crate::core::time::{Timestamp, Zone};
use crate::output::RowWriter;
use crate::query::{Error, Filter};

/// The maximum number of dimensions. More would make too many groups to read.
pub const MOST_DIMENSIONS: usize = 3;

/// The question: the counts and their presentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The dimensions, each once. Dimensions beyond [`MOST_DIMENSIONS`] are ignored.
    pub by: Vec<Dimension>,
    /// The time zone of the hours, days and weeks.
    pub zone: Zone,
    /// The measure of a group beside the number of actions.
    pub measure: Measure,
    /// The maximum number of groups, the largest first. Without it: all groups, sorted by the dimensions.
    pub top: Option<usize>,
    /// Only groups with a failed action.
    pub only_errored: bool,
}

/// A measure of a group of actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The number and share of failed actions: `errored`, `errored_percent`.
    Errors,
    /// The number of actions with a known duration, and the durations that half, 95 percent and all of them do not
    /// exceed: `n`, `p50_seconds`, `p95_seconds`, `max_seconds`. Each is the duration of an action (nearest rank), not
    /// an average of two. A negative duration counts as unknown.
    Durations,
}

/// Writes a row for each group of the matching actions. The filter's order and limit are ignored.
///
/// An action without the time of a dimension is in the group of unknown values. In the dimension droplet, an action is
/// in the group of each of its droplets: its resource, and the droplets whose own listings contain it.
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
mod meaning_tests;
