//! The columns that can be shown of an action.
//!
//! Programs get the names and raw values of the API. People get fewer columns with shorter titles, so that a row fits a
//! terminal, and one column that describes the target of the action in words.

use std::str::FromStr;

use crate::output::{Heading, is_same_name};

/// A column of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Column {
    /// The id of the action.
    Id,
    /// The status.
    Status,
    /// The type.
    Type,
    /// The start time, by which actions are sorted unless the user chooses another column.
    #[default]
    StartedAt,
    /// The end time.
    CompletedAt,
    /// The duration in seconds; null when the action ended before it began.
    DurationSeconds,
    /// The target: the name of a droplet, else a type and an id such as `volume 7`.
    Resource,
    /// The id of the resource.
    ResourceId,
    /// The type of the resource.
    ResourceType,
    /// The slug of the region.
    RegionSlug,
    /// The latest name of the droplet that the action was done to.
    DropletName,
    /// The region as an object: slug, name, availability and features.
    Region,
    /// The start time of the sync run, or the import, that archived the action.
    FirstSeenAt,
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

    /// The columns that sort actions.
    pub const KEYS: [Self; 4] = [
        Self::StartedAt,
        Self::CompletedAt,
        Self::DurationSeconds,
        Self::Id,
    ];

    /// The columns for people, unless they choose others.
    pub const FOR_PEOPLE: [Self; 7] = [
        Self::Id,
        Self::StartedAt,
        Self::Type,
        Self::Status,
        Self::DurationSeconds,
        Self::Resource,
        Self::RegionSlug,
    ];

    /// The columns for programs, unless they choose others: the fields of the API, the name of the droplet, and the
    /// duration.
    pub const FOR_PROGRAMS: [Self; 10] = [
        Self::Id,
        Self::Status,
        Self::Type,
        Self::StartedAt,
        Self::CompletedAt,
        Self::ResourceId,
        Self::ResourceType,
        Self::RegionSlug,
        Self::DropletName,
        Self::DurationSeconds,
    ];

    /// The columns for programs that read JSON: the region, as the API repeats it in every action, in the place of the
    /// duration.
    pub const FOR_JSON: [Self; 10] = {
        let mut columns = Self::FOR_PROGRAMS;
        columns[9] = Self::Region;
        columns
    };

    /// The name: the key in JSON, the header of CSV, and the word that chooses the column.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().0
    }

    /// The name in short, which chooses the column as the sort key.
    #[must_use]
    pub fn key(self) -> &'static str {
        short(self.name())
    }

    /// The column that is chosen as the sort key, by its key or its name.
    ///
    /// # Errors
    /// The message for another word. It says which words are keys.
    pub fn of_key(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let mut all = Self::KEYS.into_iter();
        all.find(|column| column.key() == short(&lower))
            .ok_or_else(|| {
                let keys = Self::KEYS.map(Self::key).join(", ");
                format!("`{text}` is not a sort key: use {keys}")
            })
    }

    /// The title with the way to format the values.
    #[must_use]
    pub fn heading(self) -> Heading<'static> {
        let heading = Heading::named(self.name());
        // An action is what happened to what, and when.
        match self {
            Self::StartedAt => Heading { rank: 0, ..heading },
            _ => heading,
        }
    }

    /// The value, as SQL in terms of the table `actions`.
    pub(super) fn expression(self) -> &'static str {
        self.definition().1
    }

    fn definition(self) -> (&'static str, &'static str) {
        match self {
            Self::Id => ("id", "actions.id"),
            Self::Status => ("status", "actions.status"),
            Self::Type => ("type", "actions.type"),
            Self::StartedAt => ("started_at", "actions.started_at"),
            Self::CompletedAt => ("completed_at", "actions.completed_at"),
            Self::DurationSeconds => ("duration_seconds", DURATION),
            Self::Resource => ("resource", RESOURCE),
            Self::ResourceId => ("resource_id", "actions.resource_id"),
            Self::ResourceType => ("resource_type", "actions.resource_type"),
            Self::RegionSlug => ("region_slug", "actions.region_slug"),
            Self::DropletName => ("droplet_name", DROPLET),
            // The object is looked up by the slug.
            Self::Region => ("region", "actions.region_slug"),
            Self::FirstSeenAt => ("first_seen_at", FIRST_SEEN),
        }
    }
}

fn short(column: &str) -> &str {
    column.trim_end_matches("_at").trim_end_matches("_seconds")
}

const DURATION: &str = "
    CASE WHEN actions.completed_at >= actions.started_at
         THEN unixepoch(actions.completed_at) - unixepoch(actions.started_at) END";

const RESOURCE: &str = "
    coalesce((SELECT droplets.name FROM droplets
               WHERE droplets.id = actions.resource_id AND actions.resource_type = 'droplet'),
             actions.resource_type || ' ' || actions.resource_id,
             actions.resource_type,
             CAST(actions.resource_id AS TEXT))";

/// The name of the droplet is looked up by this id.
const DROPLET: &str = "CASE WHEN actions.resource_type = 'droplet' THEN actions.resource_id END";

const FIRST_SEEN: &str = "
    coalesce((SELECT imports.started_at FROM imports WHERE imports.id = actions.first_seen_import),
             (SELECT sync_runs.started_at FROM sync_runs WHERE sync_runs.id = actions.first_seen_run))";

impl FromStr for Column {
    /// The message for another word. It says which words are columns.
    type Err = String;

    /// The title in a table chooses the column too.
    fn from_str(text: &str) -> Result<Self, String> {
        let called = |call: fn(Self) -> &'static str| {
            let mut all = Self::ALL.into_iter();
            all.find(|column| is_same_name(call(*column), text))
        };
        called(Self::name)
            .or_else(|| called(|column| column.heading().title))
            .ok_or_else(|| {
                let names = Self::ALL.map(Self::name).join(", ");
                format!("`{text}` is not a column: use {names}")
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
            // `region` is the title of `region_slug`, and the name of another column.
            if column != Column::RegionSlug {
                assert_eq!(column.heading().title.to_uppercase().parse(), Ok(column));
            }
        }
    }

    #[test]
    fn an_unknown_column_lists_those_that_exist() {
        let message = "who".parse::<Column>().unwrap_err();
        assert!(
            message.starts_with("`who` is not a column: use id, status, type"),
            "{message}"
        );
    }

    #[test]
    fn a_key_is_chosen_by_its_name_or_its_column() {
        for column in Column::KEYS {
            assert_eq!(Column::of_key(column.key()), Ok(column));
        }
        assert_eq!(Column::of_key("started_at"), Ok(Column::StartedAt));
        assert_eq!(
            Column::of_key("Duration_Seconds"),
            Ok(Column::DurationSeconds)
        );
    }

    #[test]
    fn an_unknown_key_lists_those_that_exist() {
        assert_eq!(
            Column::of_key("size").unwrap_err(),
            "`size` is not a sort key: use started, completed, duration, id"
        );
    }
}
