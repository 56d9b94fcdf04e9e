//! Counts of actions by type, week, droplet and other dimensions, with the number of failed actions and the durations.
//!
//! Every matching action is read once, with only the needed columns. It is grouped here and not by SQLite, which would
//! sort all rows and has no time zones. Memory grows with the number of groups and of different durations, not with the
//! number of actions.

mod answer;
mod groups;

pub use answer::column_names;

use std::collections::HashMap;
use std::str::FromStr;

use groups::{Part, Reach, Tally};
use rusqlite::Connection;

use crate::core::model::DropletId;
use crate::core::time::{CalendarUnit, Timestamp, Zone};
use crate::output::{Heading, RowWriter};
use crate::query::rows::names as names_of_droplets;
use crate::query::{Column, Error, Filter};

/// The maximum number of dimensions, without the account. More would make too many groups to read.
pub const MOST_DIMENSIONS: usize = 3;

/// The question: the counts and their presentation. By default one group of all actions, in UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The dimensions, each once.
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

/// A measure of a group of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// The number and share of failed actions: `errored`, `errored_percent`.
    #[default]
    Errors,
    /// The number of actions with a known duration, their mean, and the durations that half, 95 percent and all of them
    /// do not exceed: `n`, `mean_seconds`, `p50_seconds`, `p95_seconds`, `max_seconds`. Each of the last three is the
    /// duration of an action (nearest rank), not an average of two. A negative duration counts as unknown.
    Durations,
}

/// The groups of the matching actions, in the window and in the one before. Those of several archives can be added.
///
/// An action without the time of a dimension is in the group of unknown values. In the dimension droplet, an action is
/// in the group of each of its droplets: its resource, and the droplets whose own listings contain it. In the dimension
/// tag, it is in the group of each tag of these droplets.
#[derive(Debug, Default)]
pub struct Counts {
    groups: HashMap<Vec<Part>, [Tally; 2]>,
    /// All matching actions, each of them once.
    totals: [Tally; 2],
    /// The time that the count is about, where each period has a group.
    reach: [Option<Reach>; 2],
    names: Names,
}

/// The latest names of droplets, by account and id. A single archive has no account.
type Names = HashMap<(Option<String>, DropletId), String>;

impl Counts {
    /// Counts the matching actions of an archive. The filter's order and limit are ignored. All groups are in the one of
    /// its account, where the account is a dimension.
    ///
    /// # Errors
    /// When a droplet's name or a tag in the filter is unknown or ambiguous, or the archive cannot be read.
    pub fn read(
        connection: &Connection,
        (filter, now): (&Filter, Timestamp),
        question: &Question,
        account: Option<&str>,
    ) -> Result<Self, Error> {
        let account = account.filter(|_| question.by.contains(&Dimension::Account));
        let mut counts = Self::default();
        let mut add = |filter: &Filter, window| {
            let counts = (&mut counts, window);
            groups::add(connection, (filter, now), question, account, counts)
        };
        add(filter, 0)?;
        if let Some((since, until)) = question.before {
            let before = Filter {
                since: Some(since),
                until: Some(until),
                ..filter.clone()
            };
            add(&before, 1)?;
        }
        if question.by.contains(&Dimension::Droplet) {
            let known = names_of_droplets(connection)?.into_iter();
            let known = known.map(|(id, name)| ((account.map(str::to_owned), id), name));
            counts.names = known.collect();
        }
        Ok(counts)
    }

    /// Adds the counts of the same question to another archive.
    pub fn add(&mut self, other: Self) {
        let join = |tallies: &mut [Tally; 2], others: [Tally; 2]| {
            let pairs = tallies.iter_mut().zip(others);
            pairs.for_each(|(tally, other)| tally.join(other));
        };
        for (parts, tallies) in other.groups {
            join(self.groups.entry(parts).or_default(), tallies);
        }
        join(&mut self.totals, other.totals);
        for (reach, other) in self.reach.iter_mut().zip(other.reach) {
            let ends = [*reach, other].into_iter().flatten();
            *reach = ends.reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)));
        }
        self.names.extend(other.names);
    }

    /// The number of counted actions, with those of the window before.
    #[must_use]
    pub fn matching(&self) -> u64 {
        self.totals.iter().map(|total| total.count).sum()
    }

    /// Writes a row for each group.
    ///
    /// # Errors
    /// When a row cannot be written.
    pub fn write(mut self, question: &Question, writer: &mut dyn RowWriter) -> Result<(), Error> {
        groups::fill(question, &mut self);
        answer::write(self, question, writer).map_err(Error::Write)
    }
}

/// The number of actions of each droplet that has any.
pub(super) fn of_droplets(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
) -> Result<HashMap<DropletId, u64>, Error> {
    let question = Question {
        by: vec![Dimension::Droplet],
        ..Question::default()
    };
    let counts = Counts::read(connection, (filter, now), &question, None)?;
    let groups = counts.groups.iter();
    let count = groups.filter_map(|(parts, [tally, _])| match parts[..] {
        [Part::Number(id)] => Some((id, tally.count)),
        _ => None,
    });
    Ok(count.collect())
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
    /// The tags of the droplet of the action, as last seen.
    Tag,
    /// The region.
    Region,
    /// The type of the resource.
    ResourceType,
    /// The start time, by clock or calendar.
    Started(CalendarUnit),
    /// The account, in a count over several.
    Account,
}

/// The name of the account's column.
pub const ACCOUNT: &str = "account";

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 14] = [
        Self::Type,
        Self::Status,
        Self::Droplet,
        Self::Tag,
        Self::Region,
        Self::ResourceType,
        Self::Started(CalendarUnit::Hour),
        Self::Started(CalendarUnit::Weekday),
        Self::Started(CalendarUnit::Day),
        Self::Started(CalendarUnit::Week),
        Self::Started(CalendarUnit::Month),
        Self::Started(CalendarUnit::Quarter),
        Self::Started(CalendarUnit::Year),
        Self::Account,
    ];

    /// The name, which chooses the dimension.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().0
    }

    /// The titles of its columns: a droplet has its id and its name.
    pub(super) fn headings(self) -> Vec<Heading<'static>> {
        let heading = Heading::named(self.definition().1);
        match self {
            Self::Droplet => vec![heading, Column::DropletName.heading()],
            // Without what was asked for, a count counts nothing.
            _ => vec![Heading { rank: 0, ..heading }],
        }
    }

    /// The needed value of an action, as SQL in terms of the table `actions`.
    pub(super) fn expression(self) -> &'static str {
        self.definition().2
    }

    /// The name, the first column, and the SQL.
    fn definition(self) -> (&'static str, &'static str, &'static str) {
        let unit = match self {
            Self::Type => return ("type", "type", "actions.type"),
            Self::Status => return ("status", "status", "actions.status"),
            Self::Droplet => return ("droplet", "droplet_id", DROPLETS),
            Self::Tag => return ("tag", "tag", DROPLETS),
            Self::Region => return ("region", "region_slug", "actions.region_slug"),
            Self::ResourceType => {
                return ("resource-type", "resource_type", "actions.resource_type");
            }
            // One archive does not know the name of its account.
            Self::Account => return (ACCOUNT, ACCOUNT, "NULL"),
            Self::Started(unit) => unit,
        };
        let name = match unit {
            CalendarUnit::Hour => "hour",
            CalendarUnit::Weekday => "weekday",
            CalendarUnit::Day => "day",
            CalendarUnit::Week => "week",
            CalendarUnit::Month => "month",
            CalendarUnit::Quarter => "quarter",
            CalendarUnit::Year => "year",
        };
        (name, name, "actions.started_at")
    }
}

/// The ids of the droplets of an action, as in the view `droplet_actions`, separated by commas.
const DROPLETS: &str = "
    coalesce(CASE WHEN actions.resource_type = 'droplet' THEN actions.resource_id END, '') || ',' ||
    coalesce((SELECT group_concat(listed.droplet_id) FROM droplet_listed_actions AS listed
               WHERE listed.action_id = actions.id
                 AND (actions.resource_type IS NOT 'droplet' OR actions.resource_id IS NOT listed.droplet_id)), '')";

impl FromStr for Dimension {
    /// The message for another word. It says which words are dimensions.
    type Err = String;

    /// The name of a column chooses the dimension too: `resource_type`, `region_slug`, `droplet_id`.
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.to_ascii_lowercase().replace('_', "-");
        let name = ["-slug", "-id", "-name"]
            .into_iter()
            .find_map(|suffix| plain.strip_suffix(suffix))
            .unwrap_or(&plain);
        Self::ALL
            .into_iter()
            .find(|dimension| dimension.name() == name)
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("cannot count by `{text}`: use {names}")
            })
    }
}

#[cfg(test)]
mod meaning_tests;
#[cfg(test)]
mod tests {
    use super::*;

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
            "size".parse::<Dimension>().unwrap_err(),
            "cannot count by `size`: use type, status, droplet, tag, region, resource-type, hour, weekday, day, \
             week, month, quarter, year, account"
        );
    }
}
