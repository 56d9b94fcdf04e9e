//! Removes one token and its parts from the text of a server, in any spelling.
//!
//! A server received the token and may repeat all or a part of it: in either case, backwards, in hexadecimal digits, in
//! base64, and with the escapes of JSON or URLs. Twenty equal characters in a row are no coincidence, and fewer do not
//! reveal the token.
//!
//! The word that contains a part is replaced whole: no spelling of a token has a space in it, and no escape is cut.

use std::borrow::Cow;

use secrecy::zeroize::Zeroizing;
use serde::de::IgnoredAny;

use super::spelling::{GRAM, Grams};
use super::spelling::{SPELLINGS, in_base64, in_hexadecimal, unescaped};

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

/// Removes a token from texts.
pub struct Mask {
    token: Zeroizing<Vec<u8>>,
    /// The number of its characters in a row that make a part.
    part: usize,
    grams: Grams,
}

impl Mask {
    /// Prepares a mask for a token. A token of fewer than eight characters is never removed.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let token = if token.len() < SHORTEST { "" } else { token };
        let token = Zeroizing::new(token.as_bytes().to_vec());
        let backwards = token.iter().rev().copied();
        let mut spelt = vec![
            token.clone(),
            Zeroizing::new(backwards.collect()),
            in_hexadecimal(&token),
        ];
        spelt.extend(in_base64(&token));
        Self {
            part: token.len().clamp(SHORTEST, PART),
            grams: Grams::of(&spelt),
            token,
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
        // In no spelling is a part shorter than in plain characters.
        self.grams.are_in(text, self.part + 1 - GRAM)
            || next_plain(text, escapes).is_some_and(|(it, others)| self.may_be_in(&it, others))
    }

    /// True when a text contains a part.
    fn is_in(&self, text: &[u8], escapes: &[u8]) -> bool {
        let has_part = |text: &[u8]| text.windows(self.part).any(|it| self.is_part(it));
        let mut spelt = SPELLINGS.iter().flat_map(|it| it.read(text, self.part));
        has_part(text)
            || spelt.any(|bytes| has_part(&bytes))
            || next_plain(text, escapes).is_some_and(|(it, others)| self.is_in(&it, others))
    }

    fn is_part(&self, text: &[u8]) -> bool {
        let is_same = |one: (&u8, &u8)| one.0.eq_ignore_ascii_case(one.1);
        let mut parts = self.token.windows(self.part);
        text.first_chunk().is_some_and(|gram| self.grams.has(gram))
            && parts.any(|part| {
                text.iter().zip(part).all(is_same)
                    || text.iter().zip(part.iter().rev()).all(is_same)
            })
    }
}

/// The text without the first of these escapes that it may contain, and the escapes after it.
fn next_plain<'a>(text: &[u8], escapes: &'a [u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let at = escapes.iter().position(|lead| text.contains(lead))?;
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

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
