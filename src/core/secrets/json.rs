//! The parts of a JSON text that hold what somebody wrote.

use serde::de::IgnoredAny;

/// `-9223372036854775808`
const LONGEST_INTEGER: usize = 20;

/// A piece of a JSON text. All of them one after the other are the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// What stands between two quotes.
    Text(&'a str),
    /// A number that is longer than any integer of 64 bits.
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

/// Up to the quote that ends a text.
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
