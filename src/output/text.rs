//! Text for people: safe on a terminal and fitted to its width; and numbers with groups of digits.
//!
//! Every user of the account can choose the name of a droplet. Characters that a terminal would act on, or that would
//! change the reading order, are shown as escapes.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr;

use crate::core::control_characters::is_hidden;

/// The replacement for the part of a text that does not fit.
const ELLIPSIS: &str = "…";

/// The text with visible escapes for everything that a terminal would act on: `\n`, `\x1b`, `\u{202e}`.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    let is_plain = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_plain || !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => escaped.extend(character.escape_default()),
            hidden if is_hidden(hidden) => {
                escaped.push_str(&match u32::from(hidden) {
                    number @ ..=0xff => format!("\\x{number:02x}"),
                    number => format!("\\u{{{number:x}}}"),
                });
            }
            shown => escaped.push(shown),
        }
    }
    Cow::Owned(escaped)
}

/// JSON with JSON escapes for everything that a terminal would act on; any reader reverses them. Only strings can
/// contain such characters. The lines and spaces between the strings stay.
#[must_use]
pub fn visible_json(json: &str) -> Cow<'_, str> {
    let is_hidden = |character: char| !character.is_ascii_whitespace() && is_hidden(character);
    if json.bytes().all(|byte| byte < 0x7f) || !json.contains(is_hidden) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 8);
    for character in json.chars() {
        if is_hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// The width of a text in terminal columns.
pub(super) fn width(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.width()
    }
}

/// The beginning of a text; an ellipsis replaces the rest when the text is wider than `limit`.
pub(super) fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    if width(text) <= limit {
        return Cow::Borrowed(text);
    }
    let room = limit.saturating_sub(ELLIPSIS.width());
    // Characters that join may be wider together than one by one.
    let ends = text.char_indices().map(|(end, _)| end);
    let fitting = ends.take_while(|end| text[..*end].width() <= room);
    let kept = &text[..fitting.last().unwrap_or(0)];
    Cow::Owned(format!("{kept}{ELLIPSIS}"))
}

/// The text on lines of at most `limit` columns, broken between words. Lines after the first begin with `indent`
/// spaces. A word that is longer than a line stays whole, so that it can be copied.
#[must_use]
pub fn wrapped(text: &str, limit: Option<usize>, indent: usize) -> String {
    let Some(limit) = limit.filter(|limit| width(text) > *limit) else {
        return text.to_owned();
    };
    let mut lines = String::with_capacity(text.len() + 8);
    let mut taken = 0;
    for word in text.split_inclusive(' ') {
        let length = width(word.trim_end());
        if taken > indent && taken + length > limit {
            lines.truncate(lines.trim_end().len());
            lines.push('\n');
            lines.push_str(&" ".repeat(indent));
            taken = indent;
        }
        lines.push_str(word);
        taken += width(word);
    }
    lines
}

/// `52,292`
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// `1 action`, `2,345 actions`
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {noun}{end}", grouped(number))
}

/// `-52,292`
pub(super) fn grouped_integer(number: i64) -> String {
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", grouped(number.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (52_292, "52,292"),
            (1_234_567, "1,234,567"),
            (-1_000, "-1,000"),
        ] {
            assert_eq!(grouped_integer(number), text);
        }
    }

    #[test]
    fn a_long_line_is_broken_between_words_and_no_word_is_cut() {
        let text = "actions   60,000, from 2020 to 2026";
        for (limit, expected) in [
            (None, text),
            (Some(35), text),
            (
                Some(20),
                "actions   60,000,\n          from 2020\n          to 2026",
            ),
            (
                Some(5),
                "actions   60,000,\n          from\n          2020\n          to\n          2026",
            ),
        ] {
            assert_eq!(wrapped(text, limit, 10), expected, "{limit:?}");
        }
    }

    #[test]
    fn what_a_terminal_would_act_on_is_shown_instead() {
        for (given, expected) in [
            ("web-1", "web-1"),
            ("", ""),
            ("naïve 🦈 日本", "naïve 🦈 日本"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}[31mred", "\\x1b[31mred"),
            ("\u{0}\u{7}\u{7f}", "\\x00\\x07\\x7f"),
            ("\u{9b}31m", "\\x9b31m"),
            ("\u{85}", "\\x85"),
            ("abc\u{202e}fed", "abc\\u{202e}fed"),
            ("\u{2067}x\u{2069}\u{2028}", "\\u{2067}x\\u{2069}\\u{2028}"),
        ] {
            assert_eq!(visible(given), expected);
        }
    }

    #[test]
    fn json_says_the_same_to_its_readers_and_nothing_to_a_terminal() {
        let texts = [
            "web-1",
            "naïve 🦈",
            "\u{7f}\u{9b}31m\u{202e}x",
            "\u{e0041}\"\\\u{1b}",
            "\u{feff}",
        ];
        let json = serde_json::to_string_pretty(&texts).unwrap();
        let shown = visible_json(&json);
        assert!(
            !shown.chars().any(|it| it != '\n' && is_hidden(it)),
            "{shown:?}"
        );
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), texts);
        assert!(shown.contains("\\u009b31m\\u202ex") && shown.contains("naïve 🦈"));
        assert!(matches!(visible_json("{\n  \"é\": 1\n}"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_control_character_is_ever_raw() {
        for character in (0..=0x2fff).filter_map(char::from_u32) {
            let text = format!("é{character}");
            assert!(
                !visible(&text).chars().any(is_hidden),
                "{:x}",
                u32::from(character)
            );
        }
    }

    #[test]
    fn a_shortened_text_fits_and_says_that_it_is_shortened() {
        for (given, limit, expected) in [
            ("snapshot", 8, "snapshot"),
            ("snapshot", 7, "snapsh…"),
            ("snapshot", 1, "…"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("❤\u{fe0f}❤\u{fe0f}❤\u{fe0f}", 4, "❤\u{fe0f}❤…"),
        ] {
            let found = shortened(given, limit);
            assert_eq!(found, expected, "{given} in {limit}");
            assert!(width(&found) <= limit, "{given} in {limit}");
        }
    }
}
