//! The dimensions by which actions are grouped.

use std::str::FromStr;

use crate::core::time::CalendarUnit;
use crate::output::Heading;
use crate::query::{Column, InvalidValue};

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
        match self {
            Self::Type => "type",
            Self::Status => "status",
            Self::Droplet => "droplet",
            Self::Tag => "tag",
            Self::Region => "region",
            Self::ResourceType => "resource-type",
            Self::Started(CalendarUnit::Hour) => "hour",
            Self::Started(CalendarUnit::Weekday) => "weekday",
            Self::Started(CalendarUnit::Day) => "day",
            Self::Started(CalendarUnit::Week) => "week",
            Self::Started(CalendarUnit::Month) => "month",
            Self::Started(CalendarUnit::Quarter) => "quarter",
            Self::Started(CalendarUnit::Year) => "year",
            Self::Account => ACCOUNT,
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
            Self::Tag => Heading::plain("tag"),
            Self::Region => Column::RegionSlug.heading(),
            Self::ResourceType => Column::ResourceType.heading(),
            Self::Started(_) | Self::Account => Heading::plain(self.name()),
        };
        // Without what was asked for, a count counts nothing.
        vec![Heading { rank: 0, ..heading }]
    }

    /// The needed value of an action, as SQL in terms of the table `actions`.
    pub(super) fn expression(self) -> &'static str {
        match self {
            Self::Type => "actions.type",
            Self::Status => "actions.status",
            Self::Droplet | Self::Tag => DROPLETS,
            Self::Region => "actions.region_slug",
            Self::ResourceType => "actions.resource_type",
            Self::Started(_) => "actions.started_at",
            // One archive does not know the name of its account.
            Self::Account => "NULL",
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
    type Err = InvalidValue;

    /// The name of a column chooses the dimension too: `resource_type`, `region_slug`, `droplet_id`.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
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
                InvalidValue(format!("cannot count by `{text}`: use {names}"))
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
            "cannot count by `size`: use type, status, droplet, tag, region, resource-type, hour, weekday, day, \
             week, month, quarter, year, account"
        );
    }
}
