//! What is asked for, as a plain value: no SQL, no flags.

use super::TypeSelector;
use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;
use std::convert::Infallible;
use std::str::FromStr;

/// Which actions are asked for. Every field narrows the answer, an empty one does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// What was done: `reboot`, `snapshot` …, or a group of types.
    pub types: Choice<TypeSelector>,
    /// `in-progress`, `completed`, `errored` …
    pub statuses: Choice<String>,
    /// The droplets it was done to, or in whose own listing it was.
    pub droplets: Choice<DropletSelector>,
    /// The slugs of the regions it was done in.
    pub regions: Choice<String>,
    /// What it was done to: `droplet`, `volume` …
    pub resource_types: Choice<String>,
    /// The actions themselves.
    pub ids: Vec<ActionId>,
    /// Started at this instant or later.
    pub since: Option<Timestamp>,
    /// Started before this instant.
    pub until: Option<Timestamp>,
    /// Begun before the second instant, and not ended before the first. What is in progress has not ended; what is
    /// settled without a known end, or with one before its beginning, ended as it began.
    pub overlap: Option<(Timestamp, Timestamp)>,
    /// Took at least as long. What is in progress has lasted until now. A duration that is unknown or negative is
    /// neither this nor the maximum.
    pub min_duration_seconds: Option<u64>,
    /// Took at most as long. How long something in progress will take is not known.
    pub max_duration_seconds: Option<u64>,
    /// Of droplets that are known to be gone (`true`), or known to exist (`false`), among `droplets`.
    ///
    /// A droplet is gone when a sync marked it as gone, or when its destruction is archived as completed. It exists
    /// when the API listed it and neither is so. Of one that is only named by actions, archived before any sync saw
    /// the whole list of droplets, neither is known.
    pub gone: Option<bool>,
    /// New in the archive since then.
    pub seen_since: Option<SeenSince>,
    /// What the answer is ordered by, the smallest first.
    pub sort: SortKey,
    /// The greatest first.
    pub reverse: bool,
    /// At most this many: the greatest by the order, the most recent ones unless another was chosen. They are shown
    /// in that order, like all answers.
    pub limit: Option<u64>,
}

/// Since when an action is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenSince {
    /// A sync archived it that started at this instant or later.
    Time(Timestamp),
    /// The last sync archived it; one that still runs is the last.
    LastSync,
    /// The last sync that archived anything new archived it.
    LastNews,
}

/// How a droplet is named in a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DropletSelector {
    /// By its number alone, archived or not.
    Id(DropletId),
    /// By its number, or by a name that it has or once had, and no other droplet.
    Name(String),
    /// By names with `*`, `?` or `[…]` in them, as in `web-*`: every droplet that has or had such a name.
    Pattern(String),
}

impl FromStr for DropletSelector {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(if text.contains(['*', '?', '[']) {
            Self::Pattern(text.to_owned())
        } else {
            Self::Name(text.to_owned())
        })
    }
}

/// What actions are ordered by; those of which it is not known come before all others, and equals by their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// When they were initiated.
    #[default]
    Started,
    /// When they ended.
    Completed,
    /// How long they took.
    Duration,
    /// Their ids.
    Id,
}

/// A name that nothing is ordered by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is nothing to sort by: use {}", SortKey::ALL.map(SortKey::name).join(", "))]
pub struct UnknownSortKey {
    input: String,
}

impl SortKey {
    /// Every key.
    pub const ALL: [Self; 4] = [Self::Started, Self::Completed, Self::Duration, Self::Id];

    /// Its name, which chooses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Duration => "duration",
            Self::Id => "id",
        }
    }
}

impl FromStr for SortKey {
    type Err = UnknownSortKey;

    /// A column's name chooses it too: `started_at`, `duration_seconds`.
    fn from_str(text: &str) -> Result<Self, UnknownSortKey> {
        let lower = text.to_ascii_lowercase();
        let name = lower
            .strip_suffix("_at")
            .or_else(|| lower.strip_suffix("_seconds"))
            .unwrap_or(&lower);
        Self::ALL
            .into_iter()
            .find(|key| key.name() == name)
            .ok_or_else(|| UnknownSortKey {
                input: text.to_owned(),
            })
    }
}

/// The values of a field that are asked for. An empty choice leaves every action in.
///
/// `any_of` are alternatives, and `none_of` are taken away from them, or from everything when there are none. An
/// action of which the value is not known has none of them: it is out as soon as there is an alternative, and never
/// taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    /// One of these; empty: any, and none.
    pub any_of: Vec<T>,
    /// But not one of these.
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
    /// One of these values.
    pub fn any_of(values: impl IntoIterator<Item = T>) -> Self {
        Self {
            any_of: values.into_iter().collect(),
            none_of: Vec::new(),
        }
    }

    /// Whether it leaves every action in.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        self.any_of.is_empty() && self.none_of.is_empty()
    }
}

/// One value as it is written: `reboot` asks for it, `!reboot` leaves it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term<T> {
    /// An alternative.
    Is(T),
    /// Left out.
    IsNot(T),
}

/// A text that is no value to ask for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermError<E: std::error::Error> {
    /// A `!` with nothing behind it.
    #[error("`!` leaves out what stands behind it, and there is nothing")]
    NothingLeftOut,
    /// What stands behind the `!`, or alone, cannot be read.
    #[error(transparent)]
    Value(E),
}

impl<T> FromStr for Term<T>
where
    T: FromStr,
    T::Err: std::error::Error,
{
    type Err = TermError<T::Err>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix('!') {
            Some("") => Err(TermError::NothingLeftOut),
            Some(rest) => rest.parse().map(Self::IsNot).map_err(TermError::Value),
            None => text.parse().map(Self::Is).map_err(TermError::Value),
        }
    }
}

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

/// What a choice comes to, once nothing in it has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// All, unknown ones too.
    Any,
    /// These, each once; none of them when empty.
    Only(Vec<String>),
    /// All but these, unknown ones too.
    Except(Vec<String>),
}

impl Values {
    pub(super) fn new<'a>(
        any_of: impl IntoIterator<Item = &'a str>,
        none_of: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut any_of = any_of.into_iter().peekable();
        let is_any = any_of.peek().is_none();
        let none_of = each_once(none_of);
        let only = each_once(any_of.filter(|value| !none_of.iter().any(|other| other == value)));
        match (is_any, none_of.is_empty()) {
            (true, true) => Self::Any,
            (true, false) => Self::Except(none_of),
            (false, _) => Self::Only(only),
        }
    }

    pub(super) fn has(&self, value: &str) -> bool {
        let is_in = |values: &[String]| values.iter().any(|other| other == value);
        match self {
            Self::Any => true,
            Self::Only(values) => is_in(values),
            Self::Except(values) => !is_in(values),
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        matches!(self, Self::Only(values) if values.is_empty())
    }
}

impl From<&Choice<String>> for Values {
    fn from(choice: &Choice<String>) -> Self {
        Self::new(
            choice.any_of.iter().map(String::as_str),
            choice.none_of.iter().map(String::as_str),
        )
    }
}

fn each_once<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut values: Vec<String> = values.into_iter().map(str::to_owned).collect();
    values.sort_unstable();
    values.dedup();
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_chosen_by_its_name_or_its_column() {
        for key in SortKey::ALL {
            assert_eq!(key.name().parse(), Ok(key));
        }
        assert_eq!("started_at".parse(), Ok(SortKey::Started));
        assert_eq!("Duration_Seconds".parse(), Ok(SortKey::Duration));
    }

    #[test]
    fn an_unknown_key_lists_those_that_exist() {
        assert_eq!(
            "size".parse::<SortKey>().unwrap_err().to_string(),
            "`size` is nothing to sort by: use started, completed, duration, id"
        );
    }

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
        assert_eq!(error, TermError::NothingLeftOut);
    }

    #[test]
    fn what_is_left_out_is_taken_from_the_alternatives_or_from_everything() {
        let values = |terms: &[&str]| Values::from(&choice(terms));
        let list = |values: &[&str]| values.iter().map(ToString::to_string).collect();
        assert_eq!(values(&[]), Values::Any);
        assert_eq!(values(&["b", "a", "b"]), Values::Only(list(&["a", "b"])));
        assert_eq!(values(&["!b", "!b"]), Values::Except(list(&["b"])));
        assert_eq!(values(&["a", "!b", "b", "!c"]), Values::Only(list(&["a"])));
        assert!(values(&["a", "!a"]).is_nothing());
    }
}
