//! Removes one token and its parts from the text of a server, in any spelling.
//!
//! A server received the token and may repeat all or a part of it: in either case, backwards, in hexadecimal digits, in
//! base64, and with the escapes of JSON or URLs. Twenty equal characters in a row are no coincidence, and fewer do not
//! reveal the token.
//!
//! The word that contains a part is replaced whole: no spelling of a token has a space in it, and no escape is cut.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memchr;
use secrecy::zeroize::Zeroizing;
use serde::de::IgnoredAny;

/// Replaces a word with the token or a part of it.
const PLACEHOLDER: &str = "[token]";
/// A part is this many characters in a row. A shorter token is one part.
const PART: usize = 20;
/// A shorter text is not a token that a server would repeat, and may be a part of any word.
const SHORTEST: usize = GRAM;
/// The escapes to undo, in this order: a JSON text may contain a URL, or JSON again.
const ESCAPES: [u8; 3] = [b'\\', b'%', b'\\'];
/// `-9223372036854775808`
const LONGEST_INTEGER: usize = 20;

/// The number of bytes that are compared at once.
const GRAM: usize = 8;
/// The table of hashes has 4 KiB, which stay in the fastest cache, and few of its bits are set.
const HASH_BITS: u32 = 15;

/// Removes a token from texts.
pub struct Mask {
    spellings: Vec<Spelling>,
    /// All sequences of eight bytes in the spellings, as numbers in order.
    grams: Zeroizing<Vec<u64>>,
    /// A bit for each hash, set when one of these sequences has it. Most places of a page need no more.
    hashes: Zeroizing<Vec<u64>>,
    /// The distance of the places to look at: no part lies between two of them.
    stride: usize,
}

/// A token in one spelling.
struct Spelling {
    token: Zeroizing<Vec<u8>>,
    /// The number of characters in a row that make a part.
    part: usize,
    /// The number of characters for a byte, where it is whole.
    step: usize,
}

impl Spelling {
    fn new(token: Zeroizing<Vec<u8>>, longest_part: usize, step: usize) -> Self {
        Self {
            part: token.len().clamp(1, longest_part),
            token,
            step,
        }
    }
}

impl Mask {
    /// Prepares a mask for a token. A token of fewer than eight characters is never removed.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let token = if token.len() < SHORTEST { "" } else { token };
        let token = Zeroizing::new(token.as_bytes().to_vec());
        let backwards = Zeroizing::new(token.iter().rev().copied().collect());
        let mut spellings = vec![
            Spelling::new(backwards, PART, 1),
            Spelling::new(in_hexadecimal(&token), PART * 2, 2),
        ];
        // The digits that a part determines alone, at any offset.
        let base64 = in_base64(&token).map(|digits| Spelling::new(digits, PART * 8 / 6, 1));
        spellings.extend(base64);
        // In no spelling is a part shorter than in plain characters.
        let shortest_part = token.len().clamp(SHORTEST, PART);
        spellings.push(Spelling::new(token, PART, 1));
        let bytes = spellings.iter().map(|it| it.token.len()).sum();
        let mut grams = Zeroizing::new(Vec::with_capacity(bytes));
        for spelling in &spellings {
            let windows = spelling.token.windows(GRAM);
            grams.extend(windows.filter_map(gram));
        }
        grams.sort_unstable();
        let mut hashes = Zeroizing::new(vec![0; 1 << (HASH_BITS - 6)]);
        for gram in grams.iter() {
            let (word, bit) = hash(*gram);
            hashes[word] |= bit;
        }
        Self {
            hashes,
            stride: shortest_part + 1 - GRAM,
            grams,
            spellings,
        }
    }

    /// A text without the token and its parts.
    #[must_use]
    pub fn taken_out_of<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if self.may_be_in(text.as_bytes(), &ESCAPES) {
            Cow::Owned(self.clean_words(&text))
        } else {
            text
        }
    }

    /// The body of an answer without the token and its parts. Call this before anything else reads the body, so that no
    /// excerpt can contain a part. JSON stays JSON, with all its members, rows and integers.
    #[must_use]
    pub fn taken_out_of_body<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.may_be_in(body, &ESCAPES) {
            return Cow::Borrowed(body);
        }
        // A body that is not text is not a valid answer: only a part of it is ever shown.
        let text = String::from_utf8_lossy(body);
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let clean = if is_json {
            self.clean_json(&text)
        } else {
            self.clean_words(&text)
        };
        Cow::Owned(clean.into_bytes())
    }

    fn clean_json(&self, json: &str) -> String {
        let mut clean = String::with_capacity(json.len());
        let mut rest = json;
        loop {
            let (outside, quoted) = rest.split_at(rest.find('"').unwrap_or(rest.len()));
            self.push_clean_numbers(outside, &mut clean);
            let Some(text) = quoted.get(1..) else {
                return clean;
            };
            let (text, behind) = text.split_at(length_of_text(text));
            clean.extend(["\"", &self.clean_words(text), "\""]);
            rest = behind.get(1..).unwrap_or_default();
        }
    }

    /// Text without quotes from JSON. A number that is longer than any integer may be a part in hexadecimal digits.
    fn push_clean_numbers(&self, json: &str, clean: &mut String) {
        let is_beside = |it: char| !matches!(it, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
        for piece in json.split_inclusive(is_beside) {
            let number = piece.trim_end_matches(is_beside);
            if number.len() > LONGEST_INTEGER && self.is_in(number.as_bytes(), &ESCAPES) {
                clean.extend(["\"", PLACEHOLDER, "\"", &piece[number.len()..]]);
            } else {
                clean.push_str(piece);
            }
        }
    }

    fn clean_words(&self, text: &str) -> String {
        let words = text.split(' ').map(|word| {
            let is_part = self.is_in(word.as_bytes(), &ESCAPES);
            if is_part { PLACEHOLDER } else { word }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// True when a text may contain a part. Never false when it does, and rarely true when it does not.
    fn may_be_in(&self, text: &[u8], escapes: &[u8]) -> bool {
        let mut places = (0..text.len()).step_by(self.stride);
        places.any(|place| self.begins_with_gram(&text[place..]))
            || next_plain(text, escapes).is_some_and(|(it, others)| self.may_be_in(&it, others))
    }

    fn begins_with_gram(&self, text: &[u8]) -> bool {
        gram(text).is_some_and(|gram| {
            let (word, bit) = hash(gram);
            self.hashes[word] & bit != 0 && self.grams.binary_search(&gram).is_ok()
        })
    }

    /// True when a text contains a part.
    fn is_in(&self, text: &[u8], escapes: &[u8]) -> bool {
        (0..text.len()).any(|start| self.begins(&text[start..]))
            || next_plain(text, escapes).is_some_and(|(it, others)| self.is_in(&it, others))
    }

    /// True when a text begins with a part.
    fn begins(&self, text: &[u8]) -> bool {
        let begins = |part: &[u8]| {
            let beginning = text.get(..part.len());
            beginning.is_some_and(|it| it.eq_ignore_ascii_case(part))
        };
        self.begins_with_gram(text)
            && self.spellings.iter().any(|it| {
                let mut parts = it.token.windows(it.part).step_by(it.step);
                parts.any(begins)
            })
    }
}

/// The text without the first of these escapes that it may contain, and the escapes after it.
fn next_plain<'a>(text: &[u8], escapes: &'a [u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let is_there = |lead: &u8| memchr(*lead, text).is_some();
    let at = escapes.iter().position(is_there)?;
    Some((unescaped(text, escapes[at]), &escapes[at + 1..]))
}

/// The length of a JSON text up to its closing quote.
fn length_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(text.len())
}

/// The place of a sequence in the table of hashes: a word, and a bit in it.
fn hash(gram: u64) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// The first eight bytes of a text. Sequences that differ in upper and lower case are equal, and so are a few others.
fn gram(text: &[u8]) -> Option<u64> {
    let bytes = text.first_chunk::<GRAM>()?;
    Some(u64::from_ne_bytes(*bytes) | 0x2020_2020_2020_2020)
}

/// Bytes in lower-case hexadecimal digits.
fn in_hexadecimal(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() * 2));
    for byte in bytes {
        text.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    text
}

/// The base64 digits that `bytes` alone determine, in both alphabets, when 0, 1 or 2 other bytes precede them.
fn in_base64(bytes: &[u8]) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
    (0..3).flat_map(move |before| {
        let all = Zeroizing::new([&[0; 2][..before], bytes].concat());
        [STANDARD_NO_PAD, URL_SAFE_NO_PAD].map(|alphabet| {
            let digits = Zeroizing::new(alphabet.encode(&*all));
            let sure = (before * 8).div_ceil(6)..all.len() * 8 / 6;
            Zeroizing::new(digits.as_bytes().get(sure).unwrap_or_default().to_vec())
        })
    })
}

/// A text without the escapes that begin with `lead`: `\u0064`, `\/`, `\"` and `\\`, or `%64`. Only escapes of
/// characters that occur in tokens are undone.
fn unescaped(text: &[u8], lead: u8) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let escape = (*first == lead).then(|| undone(rest)).flatten();
        let (byte, length) = escape.unwrap_or((*first, 1));
        plain.push(byte);
        rest = &rest[length..];
    }
    plain
}

/// The character of the escape at the start of the text, and the length of the escape.
fn undone(text: &[u8]) -> Option<(u8, usize)> {
    let code = |high: u8, low: u8| Some(hexadecimal(high)? << 4 | hexadecimal(low)?);
    let (code, length) = match text {
        [b'\\', b'u', b'0', b'0', high, low, ..] => (code(*high, *low)?, 6),
        [b'\\', escaped @ (b'/' | b'"' | b'\\'), ..] => (*escaped, 2),
        [b'%', high, low, ..] => (code(*high, *low)?, 3),
        _ => return None,
    };
    code.is_ascii_graphic().then_some((code, length))
}

fn hexadecimal(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
