//! How a sync ended, with a place for each way in a table of counts.

use crate::archive::Outcome;

/// How a sync ended, by itself or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything that its scope listed when it began is archived.
    Complete,
    /// Something is missing.
    Partial,
    /// Nothing could be archived.
    Failed,
    /// It was told to stop.
    Interrupted,
    /// It ended without a word.
    Killed,
}

impl Ending {
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::Complete,
        Self::Partial,
        Self::Failed,
        Self::Interrupted,
        Self::Killed,
    ];

    /// As metrics call it, and the archive where it has a word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => Outcome::Complete.as_str(),
            Self::Partial => Outcome::Partial.as_str(),
            Self::Failed => Outcome::Failed.as_str(),
            Self::Interrupted => Outcome::Interrupted.as_str(),
            Self::Killed => "killed",
        }
    }

    /// Of a sync that does not run any more, by what it noted. A word that only a later version knows is taken for
    /// partial, which promises the least of what was archived.
    pub(super) fn of(outcome: Option<&str>) -> Self {
        let Some(outcome) = outcome else {
            return Self::Killed;
        };
        let known = Self::ALL.into_iter().find(|it| it.as_str() == outcome);
        known.unwrap_or(Self::Partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_word_and_is_known_by_it() {
        for ending in Ending::ALL {
            assert_eq!(Ending::of(Some(ending.as_str())), ending);
        }
        assert_eq!(Ending::of(None), Ending::Killed);
        assert_eq!(Ending::of(Some("suspended")), Ending::Partial);
    }
}
