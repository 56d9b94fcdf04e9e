//! The name of an account in the configuration. Messages, metrics and answers show it.

use std::fmt;
use std::str::FromStr;

const LONGEST: usize = 64;
/// Means every account, so no account has this name.
pub const ALL: &str = "all";

/// A name of 1 to 64 letters, digits, `_` and `-`, which is not `all`. It is part of file names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountName {
    bytes: [u8; LONGEST],
}

/// The text cannot be the name of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of an account has 1 to 64 letters, digits, `_` and `-`, and is not `all`")]
pub struct NameError;

impl FromStr for AccountName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !text.bytes().all(is_allowed) || text.is_empty() || text == ALL {
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
    fn names_are_sorted_as_texts() {
        let mut names: Vec<AccountName> =
            ["b", "a-b", "B", "a"].map(|it| it.parse().unwrap()).into();
        names.sort_unstable();
        assert_eq!(format!("{names:?}"), "[B, a, a-b, b]");
    }
}
