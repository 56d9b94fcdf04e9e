//! What actions are put together by.

use std::str::FromStr;

use crate::core::time::CalendarUnit;
use crate::output::Heading;
use crate::query::Column;

/// What actions are put together by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// What was done.
    Type,
    /// Its status.
    Status,
    /// The droplet whose action it is.
    Droplet,
    /// The region it was done in.
    Region,
    /// What it was done to.
    ResourceType,
    /// When it started, by clock or calendar.
    Started(CalendarUnit),
}

/// A name that actions cannot be put together by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is nothing to count by: use {}", Dimension::ALL.map(Dimension::name).join(", "))]
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

    /// Its name, which chooses it.
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

    /// What stands over its columns: a droplet has its number and its name.
    pub(super) fn headings(self) -> Vec<Heading<'static>> {
        match self {
            Self::Type => vec![Column::Type.heading()],
            Self::Status => vec![Column::Status.heading()],
            Self::Droplet => vec![Heading::named("droplet_id"), Column::DropletName.heading()],
            Self::Region => vec![Column::RegionSlug.heading()],
            Self::ResourceType => vec![Column::ResourceType.heading()],
            Self::Started(_) => vec![Heading::plain(self.name())],
        }
    }

    /// What has to be known of an action, as SQL in terms of the table `actions`.
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

/// The numbers of the droplets whose action it is, as the view `droplet_actions` has it, separated by commas.
const DROPLETS: &str = "
    coalesce(CASE WHEN actions.resource_type = 'droplet' THEN actions.resource_id END, '') || ',' ||
    coalesce((SELECT group_concat(listed.droplet_id) FROM droplet_listed_actions AS listed
               WHERE listed.action_id = actions.id
                 AND (actions.resource_type IS NOT 'droplet' OR actions.resource_id IS NOT listed.droplet_id)), '')";

impl FromStr for Dimension {
    type Err = UnknownDimension;

    /// A column's name chooses it too: `resource_type`, `region_slug`, `droplet_id`.
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
            "size".parse::<Dimension>().unwrap_err().to_string(),
            "`size` is nothing to count by: use type, status, droplet, region, resource-type, hour, weekday, day, week, \
             month, quarter, year"
        );
    }
}
