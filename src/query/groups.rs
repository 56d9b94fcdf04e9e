//! Groups of action types that can be requested under one name: `@power`.
//!
//! The types come from the API reference and from clients of the API. Action types are an open set, so a group is a
//! convenience and never a check of its own.

use std::fmt;
use std::str::FromStr;

use super::InvalidValue;

/// A group of types.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// The name without its `@`.
    pub name: &'static str,
    /// The types of the group.
    pub types: &'static [&'static str],
    /// A short description of their effect.
    pub description: &'static str,
}

static GROUPS: [Group; 6] = [
    Group {
        name: "power",
        types: &["reboot", "power_cycle", "power_off", "power_on", "shutdown"],
        description: "switched it on, off, or both",
    },
    Group {
        name: "down",
        types: &["power_off", "shutdown", "destroy"],
        description: "ended with it off or gone",
    },
    Group {
        name: "backup",
        types: &crate::core::model::BACKUPS,
        description: "made an image of it",
    },
    Group {
        name: "risky",
        types: &["destroy", "rebuild", "restore", "resize", "password_reset"],
        description: "replaced its data, its size or who gets in",
    },
    Group {
        name: "network",
        types: &[
            "enable_ipv6",
            "enable_private_networking",
            "assign_ip",
            "unassign_ip",
            "reserve_ip",
            "release_ip",
            "remove_ip",
        ],
        description: "changed its addresses",
    },
    Group {
        name: "volume",
        types: &["attach_volume", "detach_volume", "resize_volume"],
        description: "changed its volumes",
    },
];

/// Known types without a group.
const OTHERS: [&str; 11] = [
    "change_backup_policy",
    "change_kernel",
    "convert",
    "create",
    "disable_backups",
    "enable_backups",
    "image_destroy",
    "migrate",
    "rename",
    "transfer",
    "upgrade",
];

/// True for a type that an action may have, even if none is archived.
pub(super) fn is_known_type(name: &str) -> bool {
    known_types().any(|known| known == name)
}

/// The types that an action may have, as far as they are known.
pub(super) fn known_types() -> impl Iterator<Item = &'static str> {
    let grouped = GROUPS.iter().flat_map(|group| group.types);
    grouped.copied().chain(OTHERS)
}

/// All groups.
#[must_use]
pub fn groups() -> &'static [Group] {
    &GROUPS
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "@{}", self.name)
    }
}

/// The way a question names types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeSelector {
    /// By the name of a type, archived or not.
    Type(String),
    /// By the name of a group.
    Group(&'static Group),
}

impl TypeSelector {
    /// The names of the types.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        let (one, several) = match self {
            Self::Type(name) => (Some(name.as_str()), [].as_slice()),
            Self::Group(group) => (None, group.types),
        };
        one.into_iter().chain(several.iter().copied())
    }
}

impl FromStr for TypeSelector {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let Some(name) = text.strip_prefix('@') else {
            return Ok(Self::Type(text.to_owned()));
        };
        let group = GROUPS
            .iter()
            .find(|group| group.name.eq_ignore_ascii_case(name));
        group.map(Self::Group).ok_or_else(|| {
            let groups: Vec<_> = GROUPS.iter().map(ToString::to_string).collect();
            let groups = groups.join(", ");
            InvalidValue(format!("`{text}` is not a group of types: use {groups}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(text: &str) -> Vec<String> {
        let selector: TypeSelector = text.parse().unwrap();
        selector.types().map(str::to_owned).collect()
    }

    #[test]
    fn a_group_is_its_types_and_a_type_is_itself() {
        assert_eq!(types("@down"), ["power_off", "shutdown", "destroy"]);
        assert_eq!(types("@Backup"), ["backup", "snapshot"]);
        assert_eq!(types("reboot"), ["reboot"]);
        assert_eq!(types("never_seen"), ["never_seen"]);
    }

    #[test]
    fn an_unknown_group_lists_those_that_exist() {
        let error = "@pwoer".parse::<TypeSelector>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`@pwoer` is not a group of types: use @power, @down, @backup, @risky, @network, @volume"
        );
    }

    #[test]
    fn a_group_has_no_type_twice_and_no_namesake() {
        for (position, group) in groups().iter().enumerate() {
            let others = &groups()[position + 1..];
            assert!(others.iter().all(|other| other.name != group.name));
            let distinct: std::collections::BTreeSet<_> = group.types.iter().collect();
            assert_eq!(distinct.len(), group.types.len(), "{group}");
        }
    }
}
