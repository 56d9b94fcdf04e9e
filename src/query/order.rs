//! What an answer is ordered by.

use std::str::FromStr;

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
}
