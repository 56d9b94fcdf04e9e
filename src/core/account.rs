//! The name of an account in the configuration. Messages, metrics and answers show it.

use std::fmt;
use std::str::FromStr;

const LONGEST: usize = 64;
/// Means every account, so no account has this name.
pub const ALL: &str = "all";

/// The schemas of every connection of SQLite, where an account is a schema in SQL too.
const OF_SQLITE: [&str; 2] = ["main", "temp"];

/// A name of 1 to 64 letters, digits, `_` and `-`, which is not `all`, `main` or `temp`. It is part of file names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountName {
    bytes: [u8; LONGEST],
}

/// The text cannot be the name of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the name of an account has 1 to 64 letters, digits, `_` and `-`, and is not `all`, nor `main` or `temp`, which are \
     SQLite's own"
)]
pub struct NameError;

impl FromStr for AccountName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        let is_taken = OF_SQLITE.iter().any(|name| text.eq_ignore_ascii_case(name));
        if !text.bytes().all(is_allowed) || text.is_empty() || text == ALL || is_taken {
            return Err(NameError);
        }
        let mut bytes = [0; LONGEST];
        let part = bytes.get_mut(..text.len()).ok_or(NameError)?;
        part.copy_from_slice(text.as_bytes());
        Ok(Self { bytes })
    }
}

impl AccountName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.bytes.iter().position(|byte| *byte == 0);
        let name = &self.bytes[..end.unwrap_or(LONGEST)];
        // A name is ASCII.
        std::str::from_utf8(name).unwrap_or_default()
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_can_be_part_of_a_file_name() {
        let longest = "x".repeat(64);
        for text in ["a", "Team_1", "-", "All", &longest] {
            assert_eq!(text.parse::<AccountName>().unwrap().to_string(), text);
        }
        let longer = "x".repeat(65);
        for text in ["", "all", "a b", "a.b", "../a", "a/b", "é", "a\0", &longer] {
            assert_eq!(text.parse::<AccountName>(), Err(NameError), "{text}");
        }
    }

    #[test]
    fn a_name_that_sqlite_has_taken_is_refused_with_the_reason() {
        for text in ["main", "Main", "temp", "TEMP"] {
            let error = text.parse::<AccountName>().unwrap_err().to_string();
            assert!(error.contains("SQLite's own"), "{error}");
        }
        for text in ["mains", "temp_"] {
            assert!(text.parse::<AccountName>().is_ok(), "{text}");
        }
    }

    #[test]
    fn names_are_sorted_as_texts() {
        let mut names: Vec<AccountName> =
            ["b", "a-b", "B", "a"].map(|it| it.parse().unwrap()).into();
        names.sort_unstable();
        assert_eq!(format!("{names:?}"), "[B, a, a-b, b]");
    }
}
