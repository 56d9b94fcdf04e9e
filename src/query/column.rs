//! What can be shown of an action.
//!
//! Programs get the API's own names and raw values. A person gets fewer columns under shorter titles, so that a
//! row fits a terminal, and one that says in words what an action was done to.

use std::str::FromStr;

use crate::output::{Heading, is_same_name};

/// A column of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The action's id.
    Id,
    /// Its status.
    Status,
    /// What was done.
    Type,
    /// When it was initiated.
    StartedAt,
    /// When it ended.
    CompletedAt,
    /// How long it took, in seconds; nothing where it ended before it began.
    DurationSeconds,
    /// What it was done to: a droplet's name, else a type and an id such as `volume 7`.
    Resource,
    /// The number of the resource.
    ResourceId,
    /// The type of the resource.
    ResourceType,
    /// The slug of the region.
    RegionSlug,
    /// The latest name of the droplet it was done to.
    DropletName,
    /// The region as an object: slug, name, availability and features.
    Region,
    /// When the sync started that archived it.
    FirstSeenAt,
}

/// A name that is no column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not a column: use {}", Column::ALL.map(Column::name).join(", "))]
pub struct UnknownColumn {
    input: String,
}

impl Column {
    /// Every column.
    pub const ALL: [Self; 13] = [
        Self::Id,
        Self::Status,
        Self::Type,
        Self::StartedAt,
        Self::CompletedAt,
        Self::DurationSeconds,
        Self::Resource,
        Self::ResourceId,
        Self::ResourceType,
        Self::RegionSlug,
        Self::DropletName,
        Self::Region,
        Self::FirstSeenAt,
    ];

    /// What a person is shown unless they choose.
    pub const FOR_PEOPLE: [Self; 7] = [
        Self::Id,
        Self::StartedAt,
        Self::Type,
        Self::Status,
        Self::DurationSeconds,
        Self::Resource,
        Self::RegionSlug,
    ];

    /// What a person is shown on a terminal that is narrower than [`Self::NARROW_BELOW`].
    pub const FOR_NARROW_TERMINALS: [Self; 5] = [
        Self::Id,
        Self::StartedAt,
        Self::Type,
        Self::Status,
        Self::Resource,
    ];

    /// How many columns of text the columns for people take with names of usual length.
    pub const NARROW_BELOW: usize = 80;

    /// What a program is given unless it chooses: the fields of the API, and the droplet's name.
    pub const FOR_PROGRAMS: [Self; 9] = [
        Self::Id,
        Self::Status,
        Self::Type,
        Self::StartedAt,
        Self::CompletedAt,
        Self::ResourceId,
        Self::ResourceType,
        Self::RegionSlug,
        Self::DropletName,
    ];

    /// What a program is given that reads JSON: the region as well, as the API repeats it in every action.
    pub const FOR_JSON: [Self; 10] = [
        Self::Id,
        Self::Status,
        Self::Type,
        Self::StartedAt,
        Self::CompletedAt,
        Self::ResourceId,
        Self::ResourceType,
        Self::RegionSlug,
        Self::DropletName,
        Self::Region,
    ];

    /// Its name: the key in JSON, the header of CSV, and what chooses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Status => "status",
            Self::Type => "type",
            Self::StartedAt => "started_at",
            Self::CompletedAt => "completed_at",
            Self::DurationSeconds => "duration_seconds",
            Self::Resource => "resource",
            Self::ResourceId => "resource_id",
            Self::ResourceType => "resource_type",
            Self::RegionSlug => "region_slug",
            Self::DropletName => "droplet_name",
            Self::Region => "region",
            Self::FirstSeenAt => "first_seen_at",
        }
    }

    /// Its title in a table, which chooses it as well.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::RegionSlug => "region",
            Self::DropletName => "droplet",
            Self::DurationSeconds => "took",
            other => Heading::named(other.name()).title,
        }
    }

    /// What stands over it, and how it looks.
    #[must_use]
    pub fn heading(self) -> Heading<'static> {
        Heading {
            title: self.title(),
            ..Heading::named(self.name())
        }
    }

    /// Its value, in terms of the table `actions`.
    pub(super) fn expression(self) -> &'static str {
        match self {
            Self::Id => "actions.id",
            Self::Status => "actions.status",
            Self::Type => "actions.type",
            Self::StartedAt => "actions.started_at",
            Self::CompletedAt => "actions.completed_at",
            Self::DurationSeconds => {
                "CASE WHEN actions.completed_at >= actions.started_at
                      THEN unixepoch(actions.completed_at) - unixepoch(actions.started_at) END"
            }
            Self::Resource => {
                "coalesce((SELECT droplets.name FROM droplets
                            WHERE droplets.id = actions.resource_id
                              AND actions.resource_type = 'droplet'),
                          actions.resource_type || ' ' || actions.resource_id,
                          actions.resource_type,
                          CAST(actions.resource_id AS TEXT))"
            }
            Self::ResourceId => "actions.resource_id",
            Self::ResourceType => "actions.resource_type",
            // The region's object is looked up by its slug.
            Self::RegionSlug | Self::Region => "actions.region_slug",
            // The name is looked up by the droplet's id.
            Self::DropletName => {
                "CASE WHEN actions.resource_type = 'droplet' THEN actions.resource_id END"
            }
            Self::FirstSeenAt => {
                "(SELECT sync_runs.started_at FROM sync_runs WHERE sync_runs.id = actions.first_seen_run)"
            }
        }
    }
}

impl FromStr for Column {
    type Err = UnknownColumn;

    fn from_str(text: &str) -> Result<Self, UnknownColumn> {
        let called = |call: fn(Self) -> &'static str| {
            let mut all = Self::ALL.into_iter();
            all.find(|column| is_same_name(call(*column), text))
        };
        called(Self::name)
            .or_else(|| called(Self::title))
            .ok_or_else(|| UnknownColumn {
                input: text.to_owned(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_chosen_by_its_name_or_its_title() {
        for column in Column::ALL {
            assert_eq!(column.name().parse(), Ok(column));
            // `region` is the title of its slug, and a column of its own.
            if column != Column::RegionSlug {
                assert_eq!(column.title().to_uppercase().parse(), Ok(column));
            }
        }
    }

    #[test]
    fn an_unknown_column_lists_those_that_exist() {
        let message = "who".parse::<Column>().unwrap_err().to_string();
        assert!(
            message.starts_with("`who` is not a column: use id, status, type"),
            "{message}"
        );
    }
}
