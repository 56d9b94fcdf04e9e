//! Values that are asked for, and values that are not: `reboot`, `!reboot`.

use std::str::FromStr;

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
