//! Suggestions for a misspelt word, and lists of names in messages.

use std::fmt::Display;

/// The maximum number of suggestions.
const MOST: usize = 3;

/// The minimum length, in bytes, of a word that counts as a part of another. Shorter words are part of too many others.
const SHORTEST_PART: usize = 3;

/// The candidates that the user may have meant by `word`, nearest first. The word itself is none of them.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<String> {
    let others = candidates.filter(|candidate| *candidate != word);
    let word = word.to_lowercase();
    let mut near: Vec<(usize, &str)> = others
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

/// `1, 2 and 5 more`: at most the first `most` of the names.
#[must_use]
pub fn listed<T: Display>(most: usize, names: impl IntoIterator<Item = T>) -> String {
    let mut names: Vec<_> = names.into_iter().map(|name| name.to_string()).collect();
    let more = names.len().saturating_sub(most);
    names.truncate(most);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
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
