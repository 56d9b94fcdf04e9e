//! Removes one token and its parts from the text of a server, in any spelling.
//!
//! A server received the token and may repeat all or a part of it: in either case, backwards, in hexadecimal digits, in
//! base64, and with the escapes of JSON or URLs. Twenty equal characters in a row are no coincidence, and fewer do not
//! reveal the token.

use std::borrow::Cow;
use std::ops::Range;

use secrecy::zeroize::Zeroizing;

use super::escapes::{self, Escape, Piece, Unescaped};
use super::spelling::{ALPHABETS, SPELLINGS, in_base64, in_hexadecimal};
use super::spelling::{GRAM, Grams};

/// Replaces the token or a part of it.
const PLACEHOLDER: &str = "[token]";
/// Replaces a number in JSON.
const PLACEHOLDER_OF_NUMBER: &str = "\"[token]\"";
/// A part is this many characters in a row. A shorter token is one part.
const PART: usize = 20;
/// A shorter text is not a token that a server would repeat, and may be a part of any word.
const SHORTEST: usize = GRAM;
/// The escapes to undo, in this order: a JSON text may contain a URL, or JSON again.
const ESCAPES: [Escape; 3] = [Escape::Json, Escape::Percent, Escape::Json];

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
            Zeroizing::new(in_hexadecimal(&token)),
        ];
        for alphabet in ALPHABETS {
            let in_base64 = |before| Zeroizing::new(in_base64(&token, before, alphabet));
            spelt.extend((0..3).map(in_base64));
        }
        Self {
            part: token.len().clamp(SHORTEST, PART),
            grams: Grams::of(&spelt),
            token,
        }
    }

    /// A text without the token and its parts.
    #[must_use]
    pub fn taken_out_of<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        match self.masked(&text) {
            Some(clean) => Cow::Owned(clean),
            None => text,
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
        let clean: String = match escapes::pieces(&text) {
            Some(pieces) => pieces.iter().map(|piece| self.clean(piece)).collect(),
            None => self.taken_out_of(text).into_owned(),
        };
        Cow::Owned(clean.into_bytes())
    }

    fn clean<'a>(&self, piece: &Piece<'a>) -> Cow<'a, str> {
        match piece {
            Piece::LongNumber(number) if self.masked(number).is_some() => {
                Cow::Borrowed(PLACEHOLDER_OF_NUMBER)
            }
            Piece::Text(text) => self.taken_out_of(Cow::Borrowed(text)),
            Piece::LongNumber(text) | Piece::Other(text) => Cow::Borrowed(text),
        }
    }

    /// The text without the token, or `None` when the text does not contain it.
    fn masked(&self, text: &str) -> Option<String> {
        if !self.may_be_in(text.as_bytes(), &ESCAPES) {
            return None;
        }
        let places = self.places(text.as_bytes(), &ESCAPES);
        // An incomplete escape would break the JSON.
        let escapes = escapes::of_json(text.as_bytes());
        let whole = |place| escapes::with_whole(&escapes, place);
        let mut places: Vec<_> = places.iter().map(whole).collect();
        places.sort_unstable_by_key(|place| (place.start, place.end));
        let mut clean = Vec::with_capacity(text.len());
        let mut end = 0;
        for place in places {
            // A place that only touches the last one gets its own placeholder.
            if place.start >= end {
                clean.extend_from_slice(text.as_bytes().get(end..place.start)?);
                clean.extend_from_slice(PLACEHOLDER.as_bytes());
            }
            end = end.max(place.end);
        }
        clean.extend_from_slice(text.as_bytes().get(end..)?);
        (end > 0).then(|| String::from_utf8_lossy(&clean).into_owned())
    }

    /// True when a text may contain a part. Never false when it does, and rarely true when it does not.
    fn may_be_in(&self, text: &[u8], escapes: &[Escape]) -> bool {
        // In no spelling is a part shorter than in plain characters.
        if self.grams.are_in(text, self.part + 1 - GRAM) {
            return true;
        }
        first_in(text, escapes).is_some_and(|(escape, others)| {
            self.may_be_in(&Unescaped::new(text, escape).bytes, others)
        })
    }

    /// The places of the token's parts in a text; places may overlap.
    fn places(&self, text: &[u8], escapes: &[Escape]) -> Vec<Range<usize>> {
        let mut places: Vec<_> = self.plain_places(text).collect();
        for spelling in SPELLINGS {
            for spelt in spelling.read(text, self.part) {
                places.extend(self.plain_places(&spelt.bytes).map(|it| spelt.source(&it)));
            }
        }
        if let Some((escape, others)) = first_in(text, escapes) {
            let plain = Unescaped::new(text, escape);
            let found = self.places(&plain.bytes, others);
            places.extend(found.iter().map(|place| plain.source(place)));
        }
        places
    }

    fn plain_places(&self, text: &[u8]) -> impl Iterator<Item = Range<usize>> {
        let windows = text.windows(self.part).enumerate();
        windows
            .filter(|(_, window)| self.is_part(window))
            .map(|(at, window)| at..at + window.len())
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

/// The first of these escapes that a text may contain, and the escapes after it.
fn first_in<'a>(text: &[u8], escapes: &'a [Escape]) -> Option<(Escape, &'a [Escape])> {
    let at = escapes
        .iter()
        .position(|escape| escape.next_in(text).is_some())?;
    Some((*escapes.get(at)?, escapes.get(at + 1..)?))
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
