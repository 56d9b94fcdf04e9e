//! Characters that control a terminal or are invisible. External text is shown without them.

/// True when a terminal acts on a character, shows nothing for it, or reverses the text after it.
///
/// Excludes the joiners and variation selectors that Unicode calls default-ignorable
/// (<https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>): emoji and scripts need them, and they
/// change the visible text.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // Marks, embeddings, overrides and isolates of the bidirectional algorithm.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            // Invisible characters: two names that differ only in one of them seem equal.
            | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}' | '\u{ffff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
            // Separators at which some terminals break the line.
            | '\u{2028}' | '\u{2029}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_not_hidden() {
        for text in [
            "web-1 ~",
            "naïve 日本 🦈",
            "می\u{200c}خواهم",
            "❤\u{fe0f}",
            "👩\u{200d}💻",
            "e\u{301}",
            "\u{fffd}",
        ] {
            assert!(!text.contains(is_hidden), "{text:?}");
        }
    }

    #[test]
    fn what_steers_a_terminal_or_is_not_seen_is_hidden() {
        for character in [
            '\0',
            '\n',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{9b}',
            '\u{ad}',
            '\u{200b}',
            '\u{202e}',
            '\u{2028}',
            '\u{2069}',
            '\u{3164}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert!(is_hidden(character), "{:x}", u32::from(character));
        }
    }
}
