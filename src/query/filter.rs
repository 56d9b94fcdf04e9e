//! The question as a plain value: no SQL, no flags.
//!
//! A group of types, such as `@power`, is requested under one name. The types come from the API reference and from
//! clients of the API. Types are an open set, so a group is a convenience and never a check of its own.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::{self, Display};
use std::str::FromStr;

use super::Column;
use crate::core::model::{ActionId, BACKUPS, DropletId};
use crate::core::time::Timestamp;

/// The requested actions. Every field narrows the answer; an empty field does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The types: `reboot`, `snapshot` …, or a group of types.
    pub types: Choice<TypeSelector>,
    /// `in-progress`, `completed`, `errored` …
    pub statuses: Choice<String>,
    /// The droplets that the action was done to, or whose own listings contain it.
    pub droplets: Choice<DropletSelector>,
    /// The tags of the droplets, as last seen, or patterns of tags. A droplet that is gone keeps the tags it had.
    pub tags: Choice<String>,
    /// The slugs of the regions.
    pub regions: Choice<String>,
    /// The types of the resources: `droplet`, `volume` …
    pub resource_types: Choice<String>,
    /// The ids of the actions.
    pub ids: Vec<ActionId>,
    /// Started at this time or later.
    pub since: Option<Timestamp>,
    /// Started before this time.
    pub until: Option<Timestamp>,
    /// Began before the second time, and did not end before the first. An action in progress has not ended. A settled
    /// action without a known end, or with an end before its start, ended when it began.
    pub overlap: Option<(Timestamp, Timestamp)>,
    /// The minimum duration. An action in progress has lasted until now. An unknown or negative duration matches
    /// neither the minimum nor the maximum.
    pub min_duration_seconds: Option<u64>,
    /// The maximum duration. The duration of an action in progress is unknown, so it does not match.
    pub max_duration_seconds: Option<u64>,
    /// Keeps only the `droplets` that are known to be gone (`true`), or known to exist (`false`).
    ///
    /// A droplet is gone when a sync run marked it as gone, or when its destruction is archived as completed. It exists
    /// when the API listed it and it is not gone. Neither is known for a droplet that only actions name, archived
    /// before a sync run saw the complete list of droplets.
    pub gone: Option<bool>,
    /// Archived since then.
    pub seen_since: Option<SeenSince>,
    /// The sort key, in ascending order: one of [`Column::KEYS`]. Actions with an unknown value come first; ties are
    /// sorted by id.
    pub sort: Column,
    /// Descending order.
    pub reverse: bool,
    /// The maximum number of actions. Those with the greatest sort keys are kept, by default the most recent ones. They
    /// are shown in the usual order.
    pub limit: Option<u64>,
}

impl Filter {
    /// True when the order puts actions last that began long before the overlap interval, and are still in progress.
    #[must_use]
    pub fn has_stuck_last(&self) -> bool {
        self.sort == Column::StartedAt && self.overlap.is_some()
    }
}

/// The time since when an action is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenSince {
    /// Archived by a sync run that started at this time or later.
    Time(Timestamp),
    /// Archived by the last sync run, even if it still runs.
    LastSync,
    /// Archived by the last sync run that archived anything new.
    LastNews,
}

/// The way a question names a droplet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropletSelector {
    /// By its id alone, archived or not.
    Id(DropletId),
    /// By its id, or by a current or former name that only this droplet has.
    Name(String),
    /// By a name pattern with `*`, `?` or `[…]`, as in `web-*`: every droplet that has or had a matching name.
    Pattern(String),
}

/// True for a pattern of names or of tags. Neither has one of these characters.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

impl FromStr for DropletSelector {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if is_pattern(text) {
            Self::Pattern(text.to_owned())
        } else {
            Self::Name(text.to_owned())
        })
    }
}

/// The requested values of a field. An empty choice keeps every action.
///
/// `any_of` lists alternatives. `none_of` is subtracted from them, or from all values when `any_of` is empty. An action
/// with an unknown value matches neither: any alternative excludes it, and `none_of` never does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    /// The action has one of these values. Empty: any value, known or unknown.
    pub any_of: Vec<T>,
    /// The action has none of these values.
    pub none_of: Vec<T>,
}

impl<T> Default for Choice<T> {
    fn default() -> Self {
        Self {
            any_of: Vec::new(),
            none_of: Vec::new(),
        }
    }
}

impl<T> Choice<T> {
    /// A choice of these values.
    pub fn any_of(values: impl IntoIterator<Item = T>) -> Self {
        Self {
            any_of: values.into_iter().collect(),
            none_of: Vec::new(),
        }
    }

    /// True when the choice keeps every action.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.any_of.is_empty() && self.none_of.is_empty()
    }

    /// All values, requested or left out.
    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.any_of.iter().chain(&self.none_of)
    }

    /// Keeps these values. False when none is left of those that were requested.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&T) -> bool) -> bool {
        let is_anything = self.any_of.is_empty();
        self.any_of.retain(&is_kept);
        self.none_of.retain(is_kept);
        is_anything || !self.any_of.is_empty()
    }

    /// True when each requested value is left out again.
    pub(super) fn is_left_out(&self) -> bool
    where
        T: PartialEq,
    {
        let mut any_of = self.any_of.iter();
        !self.any_of.is_empty() && any_of.all(|value| self.none_of.contains(value))
    }
}

/// One value as the user writes it: `reboot` requests it, `!reboot` leaves it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term<T> {
    /// An alternative.
    Is(T),
    /// Left out.
    IsNot(T),
}

impl<T: FromStr<Err: Display>> FromStr for Term<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let value = |text: &str| text.parse::<T>().map_err(|error| error.to_string());
        match text.strip_prefix('!') {
            Some("") => Err(NOTHING_LEFT_OUT.to_owned()),
            Some(rest) => value(rest).map(Self::IsNot),
            None => value(text).map(Self::Is),
        }
    }
}

const NOTHING_LEFT_OUT: &str = "`!` needs a value to leave out, as in `!reboot`";

impl<T> FromIterator<Term<T>> for Choice<T> {
    fn from_iter<I: IntoIterator<Item = Term<T>>>(terms: I) -> Self {
        let mut choice = Self::default();
        for term in terms {
            match term {
                Term::Is(value) => choice.any_of.push(value),
                Term::IsNot(value) => choice.none_of.push(value),
            }
        }
        choice
    }
}

impl Choice<String> {
    /// The values that are requested and not left out again, each once; `None` when no value is requested.
    pub(super) fn wanted(&self) -> Option<BTreeSet<&str>> {
        let none_of: BTreeSet<_> = self.none_of.iter().collect();
        let wanted = self.any_of.iter().filter(|value| !none_of.contains(value));
        (!self.any_of.is_empty()).then(|| wanted.map(String::as_str).collect())
    }

    /// True when the choice keeps this value. `None` is an unknown value.
    #[must_use]
    pub fn has(&self, value: Option<&str>) -> bool {
        let is_in = |values: &[String]| values.iter().any(|other| Some(other.as_str()) == value);
        (self.any_of.is_empty() || is_in(&self.any_of)) && !is_in(&self.none_of)
    }
}

impl Choice<TypeSelector> {
    /// The choice with the types of each group in its place.
    pub(super) fn names(&self) -> Choice<String> {
        let names = |selectors: &[TypeSelector]| {
            let names = selectors.iter().flat_map(TypeSelector::types);
            names.map(str::to_owned).collect()
        };
        Choice {
            any_of: names(&self.any_of),
            none_of: names(&self.none_of),
        }
    }
}

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

/// All groups.
pub static GROUPS: [Group; 6] = [
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
        types: &BACKUPS,
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

/// The types that an action may have, as far as they are known.
pub(super) fn known_types() -> impl Iterator<Item = &'static str> {
    let grouped = GROUPS.iter().flat_map(|group| group.types);
    grouped.copied().chain(OTHERS)
}

impl Display for Group {
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
    /// The message for a name that no group has.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(name) = text.strip_prefix('@') else {
            return Ok(Self::Type(text.to_owned()));
        };
        let mut groups = GROUPS.iter();
        let group = groups.find(|group| group.name.eq_ignore_ascii_case(name));
        group.map(Self::Group).ok_or_else(|| {
            let groups = GROUPS.each_ref().map(ToString::to_string).join(", ");
            format!("`{text}` is not a group of types: use {groups}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(terms: &[&str]) -> Choice<String> {
        terms
            .iter()
            .map(|text| text.parse::<Term<String>>().unwrap())
            .collect()
    }

    #[test]
    fn an_exclamation_mark_leaves_out() {
        let written = choice(&["reboot", "!backup", "create", "!!x"]);
        assert_eq!(written.any_of, ["reboot", "create"]);
        assert_eq!(written.none_of, ["backup", "!x"]);
        assert!(!written.is_anything());
        assert!(choice(&[]).is_anything());
    }

    #[test]
    fn an_exclamation_mark_alone_is_a_slip() {
        let error = "!".parse::<Term<String>>().unwrap_err();
        assert_eq!(error, NOTHING_LEFT_OUT);
    }

    #[test]
    fn what_is_left_out_is_taken_from_the_alternatives_or_from_everything() {
        let kept = |terms: &[&str]| {
            let choice = choice(terms);
            let values = [Some("a"), Some("b"), None];
            (choice.is_left_out(), values.map(|value| choice.has(value)))
        };
        assert_eq!(kept(&[]), (false, [true, true, true]));
        assert_eq!(kept(&["b", "a", "b"]), (false, [true, true, false]));
        assert_eq!(kept(&["!b", "!b"]), (false, [true, false, true]));
        assert_eq!(kept(&["a", "!b", "b", "!c"]), (false, [true, false, false]));
        assert_eq!(kept(&["a", "!a"]), (true, [false, false, false]));
    }

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
            error,
            "`@pwoer` is not a group of types: use @power, @down, @backup, @risky, @network, @volume"
        );
    }

    #[test]
    fn a_group_has_no_type_twice_and_no_namesake() {
        for (position, group) in GROUPS.iter().enumerate() {
            let others = &GROUPS[position + 1..];
            assert!(others.iter().all(|other| other.name != group.name));
            let distinct: std::collections::BTreeSet<_> = group.types.iter().collect();
            assert_eq!(distinct.len(), group.types.len(), "{group}");
        }
    }
}
