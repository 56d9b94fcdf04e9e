//! Undoes the escapes of JSON and URLs, and maps positions back to the original text.

use serde::de::IgnoredAny;
use std::ops::Range;

/// The escapes that matter here: those of characters that occur in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\u0064`, `\/`, `\"`, `\\`.
    Json,
    /// `%64`.
    Percent,
}

impl Escape {
    fn lead(self) -> u8 {
        match self {
            Self::Json => b'\\',
            Self::Percent => b'%',
        }
    }

    /// The position of the next possible escape.
    pub(super) fn next_in(self, text: &[u8]) -> Option<usize> {
        /// The compiler compares the bytes of a chunk in parallel.
        const CHUNK: usize = 64;
        let lead = self.lead();
        let has_lead = |chunk: &[u8]| chunk.iter().fold(false, |has, byte| has | (*byte == lead));
        let skipped = CHUNK * text.chunks(CHUNK).position(has_lead)?;
        let rest = text.get(skipped..)?.iter();
        Some(skipped + rest.take(CHUNK).position(|byte| *byte == lead)?)
    }

    /// The character of the escape at the start of the text, and the length of the escape.
    fn undone(self, text: &[u8]) -> Option<(u8, usize)> {
        let (code, length) = match (self, text) {
            (Self::Json, [_, b'u', b'0', b'0', high, low, ..]) => (code(*high, *low)?, 6),
            (Self::Json, [_, escaped @ (b'/' | b'"' | b'\\'), ..]) => (*escaped, 2),
            (Self::Percent, [_, high, low, ..]) => (code(*high, *low)?, 3),
            _ => return None,
        };
        code.is_ascii_graphic().then_some((code, length))
    }
}

/// The byte for two hexadecimal digits.
fn code(high: u8, low: u8) -> Option<u8> {
    let digit = |byte| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// The places of JSON escapes in a text. A pair of surrogates counts as one escape.
pub(super) fn of_json(text: &[u8]) -> Vec<Range<usize>> {
    let mut escapes = Vec::new();
    let mut end = 0;
    while let Some(before) = Escape::Json.next_in(&text[end..]) {
        let start = end + before;
        let length = match &text[start..] {
            [
                _,
                b'u',
                b'd' | b'D',
                b'8' | b'9' | b'a' | b'b' | b'A' | b'B',
                _,
                _,
                b'\\',
                b'u',
                ..,
            ] => 12,
            [_, b'u', ..] => 6,
            _ => 2,
        };
        end = text.len().min(start + length);
        escapes.push(start..end);
    }
    escapes
}

/// Extends a place so that it contains its first and last escape completely.
pub(super) fn with_whole(escapes: &[Range<usize>], place: &Range<usize>) -> Range<usize> {
    let around = |at: usize| {
        let escape = escapes.get(escapes.partition_point(|it| it.end <= at));
        escape.filter(|it| it.start < at)
    };
    let start = around(place.start).map_or(place.start, |it| it.start);
    let end = around(place.end).map_or(place.end, |it| it.end);
    start..end
}

/// A text with its escapes undone.
pub(super) struct Unescaped {
    pub(super) bytes: Vec<u8>,
    /// The positions after each escape: in `bytes`, and in the source. Both advance in parallel up to the next escape.
    behind: Vec<(usize, usize)>,
}

impl Unescaped {
    pub(super) fn new(text: &[u8], escape: Escape) -> Self {
        let mut plain = Self {
            bytes: Vec::with_capacity(text.len()),
            behind: Vec::new(),
        };
        let mut rest = text;
        while let Some(at) = escape.next_in(rest) {
            let (before, escaped) = rest.split_at(at);
            plain.bytes.extend_from_slice(before);
            let undone = escape.undone(escaped);
            let (byte, length) = undone.unwrap_or((escape.lead(), 1));
            plain.bytes.push(byte);
            rest = &escaped[length..];
            if undone.is_some() {
                let place = (plain.bytes.len(), text.len() - rest.len());
                plain.behind.push(place);
            }
        }
        plain.bytes.extend_from_slice(rest);
        plain
    }

    /// The place in the source.
    pub(super) fn source(&self, place: &Range<usize>) -> Range<usize> {
        let source = |at: usize| {
            let escapes = self.behind.partition_point(|(here, _)| *here <= at);
            let last = escapes.checked_sub(1).and_then(|it| self.behind.get(it));
            last.map_or(at, |(here, there)| there + (at - here))
        };
        source(place.start)..source(place.end)
    }
}

/// `-9223372036854775808`
const LONGEST_INTEGER: usize = 20;

/// A piece of a JSON text. All pieces together are the whole text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// The text between two quotes.
    Text(&'a str),
    /// A number that is longer than any 64-bit integer.
    LongNumber(&'a str),
    Other(&'a str),
}

/// The pieces of a text, if it is JSON.
pub(super) fn pieces(text: &str) -> Option<Vec<Piece<'_>>> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.bytes().next() {
        let (piece, behind) = match first {
            b'"' => {
                let (quote, inside) = rest.split_at(1);
                let (text, end) = inside.split_at(length_of_text(inside));
                let (end, behind) = end.split_at(end.len().min(1));
                pieces.extend([Piece::Other(quote), Piece::Text(text)]);
                (Piece::Other(end), behind)
            }
            b'-' | b'0'..=b'9' => {
                let (number, behind) = rest.split_at(length_while(rest, is_of_number));
                let is_long = number.len() > LONGEST_INTEGER;
                let kind = if is_long {
                    Piece::LongNumber
                } else {
                    Piece::Other
                };
                (kind(number), behind)
            }
            _ => {
                let is_other = |byte| !matches!(byte, b'"' | b'-' | b'0'..=b'9');
                let (other, behind) = rest.split_at(length_while(rest, is_other));
                (Piece::Other(other), behind)
            }
        };
        pieces.push(piece);
        rest = behind;
    }
    Some(pieces)
}

/// The length up to the closing quote.
fn length_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    length_while(text, |byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        !is_end
    })
}

fn length_while(text: &str, mut is_part: impl FnMut(u8) -> bool) -> usize {
    let end = text.bytes().position(|byte| !is_part(byte));
    end.unwrap_or(text.len())
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_and_found_again() {
        for (escape, text, expected) in [
            (
                Escape::Json,
                r"a\u0064b\/\\u0064\n\u00e9\u00",
                r"adb/\u0064\n\u00e9\u00",
            ),
            (Escape::Json, r"\", r"\"),
            (Escape::Percent, "a%64%6F%zz%c3%20%", "ado%zz%c3%20%"),
            (Escape::Percent, r"\u0064", r"\u0064"),
        ] {
            let plain = Unescaped::new(text.as_bytes(), escape);
            assert_eq!(String::from_utf8_lossy(&plain.bytes), expected);
        }
        let text = r"a\u0064b\/c";
        let plain = Unescaped::new(text.as_bytes(), Escape::Json);
        for (place, source) in [
            (0..1, "a"),
            (1..2, r"\u0064"),
            (1..3, r"\u0064b"),
            (2..4, r"b\/"),
            (4..5, "c"),
            (0..5, text),
        ] {
            assert_eq!(&text[plain.source(&place)], source);
        }
        assert_eq!(Escape::Json.next_in(text.as_bytes()), Some(1));
        assert_eq!(Escape::Percent.next_in(text.as_bytes()), None);
        let far = format!("{}%64", "x".repeat(1_000));
        assert_eq!(Escape::Percent.next_in(far.as_bytes()), Some(1_000));
    }

    #[test]
    fn texts_and_long_numbers_are_told_from_all_else() {
        let json =
            r#"{"a\"\\": [-9223372036854775808, 123456789012345678901, true, ""], "é": 1.5e3}"#;
        let pieces = pieces(json).unwrap();
        let texts = pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) | Piece::LongNumber(text) => Some(*text),
            Piece::Other(_) => None,
        });
        let texts: Vec<_> = texts.collect();
        assert_eq!(texts, [r#"a\"\\"#, "123456789012345678901", "", "é"]);
        let whole = pieces.iter().map(|piece| match piece {
            Piece::Text(text) | Piece::LongNumber(text) | Piece::Other(text) => *text,
        });
        assert_eq!(whole.collect::<String>(), json);
        for broken in ["", "{", "<p>\"x\"</p>", "\"x", "{} \"x"] {
            assert_eq!(super::pieces(broken), None, "{broken}");
        }
    }
}
