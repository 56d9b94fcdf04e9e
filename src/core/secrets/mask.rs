//! One token and its parts, taken out of what a server says, however that writes them.
//!
//! A server was given the token, and may repeat all of it or a part: in either case, backwards, in hexadecimal digits, in
//! base64, and with what JSON or URLs escape. Twenty characters in a row are no chance, and fewer give nobody the token.

use std::borrow::Cow;
use std::ops::Range;

use secrecy::zeroize::Zeroizing;

use super::escapes::{self, Escape, Piece, Unescaped};
use super::spelling::{ALPHABETS, SPELLINGS, in_base64, in_hexadecimal};
use super::spelling::{GRAM, Grams};

/// What stands where the token or a part of it stood.
const PLACEHOLDER: &str = "[token]";
/// The same where JSON had a number.
const PLACEHOLDER_OF_NUMBER: &str = "\"[token]\"";
/// So many characters in a row are not shown; of a token that has fewer, all of them.
const PART: usize = 20;
/// A shorter text is no token that a server would repeat, and may be part of any word.
const SHORTEST: usize = GRAM;
/// What is undone, in this order: what JSON holds may be of a URL, or JSON again.
const ESCAPES: [Escape; 3] = [Escape::Json, Escape::Percent, Escape::Json];

/// Takes a token out of texts.
pub struct Mask {
    token: Zeroizing<Vec<u8>>,
    /// How many of its characters in a row are taken out.
    part: usize,
    grams: Grams,
}

impl Mask {
    /// Prepares for a token; one of fewer than eight characters is left wherever it is.
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

    /// The body of an answer without the token and its parts: before anything is read of it, so that no excerpt can hold
    /// one. JSON stays JSON, with all the members, rows and integers that it had.
    #[must_use]
    pub fn taken_out_of_body<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        if !self.may_be_in(body, &ESCAPES) {
            return Cow::Borrowed(body);
        }
        // What is no text is no answer either: it is only shown, in part.
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

    /// The text without the token, if that is in it.
    fn masked(&self, text: &str) -> Option<String> {
        if !self.may_be_in(text.as_bytes(), &ESCAPES) {
            return None;
        }
        let places = self.places(text.as_bytes(), &ESCAPES);
        // What is left of an escape would break the JSON.
        let escapes = escapes::of_json(text.as_bytes());
        let whole = |place| escapes::with_whole(&escapes, place);
        let mut places: Vec<_> = places.iter().map(whole).collect();
        places.sort_unstable_by_key(|place| (place.start, place.end));
        let mut clean = Vec::with_capacity(text.len());
        let mut end = 0;
        for place in places {
            // One that only touches the last is another.
            if place.start >= end {
                clean.extend_from_slice(text.as_bytes().get(end..place.start)?);
                clean.extend_from_slice(PLACEHOLDER.as_bytes());
            }
            end = end.max(place.end);
        }
        clean.extend_from_slice(text.as_bytes().get(end..)?);
        (end > 0).then(|| String::from_utf8_lossy(&clean).into_owned())
    }

    /// Whether a text may hold a part: never no where it does, and hardly ever yes where it does not.
    fn may_be_in(&self, text: &[u8], escapes: &[Escape]) -> bool {
        // No part, however it is written, is shorter than in plain characters.
        if self.grams.are_in(text, self.part + 1 - GRAM) {
            return true;
        }
        first_in(text, escapes).is_some_and(|(escape, others)| {
            self.may_be_in(&Unescaped::new(text, escape).bytes, others)
        })
    }

    /// Where there are parts of the token in a text; places may overlap.
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

/// The first of some escapes that a text may hold, and those behind it.
fn first_in<'a>(text: &[u8], escapes: &'a [Escape]) -> Option<(Escape, &'a [Escape])> {
    let at = escapes
        .iter()
        .position(|escape| escape.next_in(text).is_some())?;
    Some((*escapes.get(at)?, escapes.get(at + 1..)?))
}

#[cfg(test)]
#[path = "mask_tests.rs"]
mod tests;
