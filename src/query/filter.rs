//! The question as a plain value: no SQL, no flags.

use super::{Column, InvalidValue, TypeSelector};
use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;
use std::convert::Infallible;
use std::str::FromStr;

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
    /// The sort key, in ascending order.
    pub sort: SortKey,
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
        self.sort == SortKey::Started && self.overlap.is_some()
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

/// The sort key. Actions with an unknown value come first; ties are sorted by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortKey {
    /// The start time.
    #[default]
    Started,
    /// The end time.
    Completed,
    /// The duration.
    Duration,
    /// The id.
    Id,
}

impl SortKey {
    /// The column with the key.
    #[must_use]
    pub fn column(self) -> Column {
        match self {
            Self::Started => Column::StartedAt,
            Self::Completed => Column::CompletedAt,
            Self::Duration => Column::DurationSeconds,
            Self::Id => Column::Id,
        }
    }

    /// Every key.
    pub const ALL: [Self; 4] = [Self::Started, Self::Completed, Self::Duration, Self::Id];

    /// The name, which chooses the key: that of the column, in short.
    #[must_use]
    pub fn name(self) -> &'static str {
        short(self.column().name())
    }
}

fn short(column: &str) -> &str {
    let time = column.strip_suffix("_at");
    time.or_else(|| column.strip_suffix("_seconds"))
        .unwrap_or(column)
}

impl FromStr for SortKey {
    type Err = InvalidValue;

    /// The name of a column chooses the key too: `started_at`, `duration_seconds`.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let lower = text.to_ascii_lowercase();
        let mut all = Self::ALL.into_iter();
        all.find(|key| key.name() == short(&lower)).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            InvalidValue(format!("`{text}` is not a sort key: use {names}"))
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

    /// True when the choice keeps this value.
    pub fn has<V>(&self, value: &V) -> bool
    where
        T: PartialEq<V>,
        V: ?Sized,
    {
        let is_in = |values: &[T]| values.iter().any(|other| other == value);
        (self.any_of.is_empty() || is_in(&self.any_of)) && !is_in(&self.none_of)
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

/// A text that is not a valid term.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermError<E: std::error::Error> {
    /// A `!` without a value.
    #[error("`!` needs a value to leave out, as in `!reboot`")]
    NothingLeftOut,
    /// The value is invalid.
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

/// The final values of a choice, after all look-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// All values, also unknown ones.
    Any,
    /// These values, without duplicates. Empty: nothing matches.
    Only(Vec<String>),
    /// All values but these, also unknown ones.
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

    /// As [`Self::has`], for a value that may be unknown.
    pub(super) fn allow(&self, value: Option<&str>) -> bool {
        match value {
            Some(value) => self.has(value),
            None => !matches!(self, Self::Only(_)),
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
            "`size` is not a sort key: use started, completed, duration, id"
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
