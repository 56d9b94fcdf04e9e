//! The errors of a question.

use crate::core::model::{ActionId, DropletId};
use std::io;

/// A question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive could not be read.
    #[error("cannot read the archive")]
    Read(#[from] rusqlite::Error),
    /// The rows were found, but the receiver could not take them. A closed pipe is one cause.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
    /// No droplet has, or ever had, this name.
    #[error("no archived droplet is or was named `{name}`{}", did_you_mean(.near))]
    UnknownName {
        /// The name in the question.
        name: String,
        /// Archived names with a similar spelling.
        near: Vec<String>,
    },
    /// Several droplets have or had this name.
    #[error("`{name}` is or was the name of several droplets, choose by id: {}", list(.ids))]
    AmbiguousName {
        /// The name in the question.
        name: String,
        /// The droplets, oldest first.
        ids: Vec<DropletId>,
    },
    /// The number is the id of one droplet and the name of others.
    #[error(
        "`{id}` is the id of one droplet, and is or was the name of another: {id}, {}; write `0{id}` to choose the id",
        list(.ids)
    )]
    AmbiguousNumber {
        /// The droplet with this id.
        id: DropletId,
        /// The droplets with this name, oldest first.
        ids: Vec<DropletId>,
    },
    /// No archived action has this id.
    #[error("no action with the id {id} is archived")]
    UnknownAction {
        /// The id in the question.
        id: ActionId,
    },
}

fn list(ids: &[DropletId]) -> String {
    ids.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The maximum number of suggestions.
const MOST: usize = 3;

/// The minimum length, in bytes, of a word that counts as a part of another. Shorter words are part of too many others.
const SHORTEST_PART: usize = 3;

/// The candidates that the user may have meant by `word`, nearest first.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<String> {
    let word = word.to_lowercase();
    let mut near: Vec<(usize, &str)> = candidates
        .filter_map(|candidate| Some((distance(&word, &candidate.to_lowercase())?, candidate)))
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter()
        .take(MOST)
        .map(|(_, candidate)| candidate.to_owned())
        .collect()
}

/// The suggestions as the end of an error message; empty when there are none.
pub(crate) fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() {
        return String::new();
    }
    format!(", did you mean {}?", near.join(", "))
}

/// The number of wrong letters, or `None` when too many are wrong. A part of a word, such as `reset` of
/// `password_reset`, counts as at most the tolerated number of wrong letters.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    let tolerated = (word.chars().count() / 3).max(1);
    let wrong = strsim::damerau_levenshtein(word, candidate);
    let is_part = word.len() >= SHORTEST_PART
        && candidate.len() >= SHORTEST_PART
        && (candidate.contains(word) || word.contains(candidate));
    if is_part {
        return Some(wrong.min(tolerated));
    }
    (wrong <= tolerated).then_some(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [&str; 6] = [
        "create",
        "password_reset",
        "power_cycle",
        "power_off",
        "reboot",
        "snapshot",
    ];

    #[test]
    fn the_word_that_was_meant_is_found() {
        for (given, expected) in [
            ("rebot", vec!["reboot"]),
            ("Reboot", vec!["reboot"]),
            ("power-off", vec!["power_off"]),
            ("reset", vec!["password_reset"]),
            ("power", vec!["power_off", "power_cycle"]),
            ("snapshots", vec!["snapshot"]),
            ("xyz", vec![]),
            ("r", vec![]),
        ] {
            let mut found = nearest(given, TYPES.into_iter());
            found.sort_by_key(|word| expected.iter().position(|other| other == word));
            assert_eq!(found, expected, "{given}");
        }
    }

    #[test]
    fn a_few_suggestions_are_enough() {
        let names: Vec<String> = (0..1000).map(|number| format!("web-{number}")).collect();
        assert_eq!(nearest("web", names.iter().map(String::as_str)).len(), MOST);
    }
}
