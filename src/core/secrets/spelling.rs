//! Reads and writes hexadecimal digits and base64, in both alphabets, with or without padding.

use secrecy::zeroize::Zeroizing;
use std::ops::Range;

/// A spelling with `bits` bits per digit.
#[derive(Clone, Copy)]
pub(super) struct Spelling {
    bits: usize,
    /// The number of digits after which byte boundaries repeat.
    period: usize,
    value: fn(u8) -> Option<u8>,
}

pub(super) const SPELLINGS: [Spelling; 2] = [
    Spelling {
        bits: 4,
        period: 2,
        value: hexadecimal,
    },
    Spelling {
        bits: 6,
        period: 4,
        value: base64,
    },
];

impl Spelling {
    /// The byte sequences of at least `least` bytes that digits in a text may spell, at any offset.
    pub(super) fn read(self, text: &[u8], least: usize) -> Vec<Spelt> {
        let least = (least * 8).div_ceil(self.bits);
        let is_digit = |byte: &u8| (self.value)(*byte).is_some();
        let mut read = Vec::new();
        let mut end = 0;
        for run in text.split(|byte| !is_digit(byte)) {
            let start = end;
            end = start + run.len() + 1;
            if run.len() >= least {
                let starts = (0..self.period).map(|skipped| Spelt {
                    bytes: self.bytes(&run[skipped..]),
                    start: start + skipped,
                    bits: self.bits,
                });
                read.extend(starts);
            }
        }
        read
    }

    fn bytes(self, digits: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(digits.len() * self.bits / 8);
        let (mut store, mut held) = (0_u16, 0);
        for value in digits.iter().filter_map(|digit| (self.value)(*digit)) {
            store = store << self.bits | u16::from(value);
            held += self.bits;
            if held >= 8 {
                held -= 8;
                bytes.push((store >> held & 0xff) as u8);
            }
        }
        bytes
    }
}

/// The bytes that some digits spell.
pub(super) struct Spelt {
    pub(super) bytes: Vec<u8>,
    /// The position of its first digit.
    start: usize,
    bits: usize,
}

impl Spelt {
    /// The place of the digits for these bytes.
    pub(super) fn source(&self, place: &Range<usize>) -> Range<usize> {
        let (first, end) = (
            place.start * 8 / self.bits,
            (place.end * 8).div_ceil(self.bits),
        );
        self.start + first..self.start + end
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

fn base64(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Bytes in lower-case hexadecimal digits.
pub(super) fn in_hexadecimal(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
    let mut text = Vec::with_capacity(bytes.len() * 2);
    text.extend(digits);
    text
}

/// The base64 digits that `bytes` alone determine, when `before` other bytes precede them.
pub(super) fn in_base64(bytes: &[u8], before: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let first = (before * 8).div_ceil(6);
    let end = (before + bytes.len()) * 8 / 6;
    let bit = |place: usize| {
        let at = place - before * 8;
        usize::from(bytes[at / 8] >> (7 - at % 8) & 1)
    };
    let digit =
        |digit: usize| alphabet[(0..6).fold(0, |value, it| value << 1 | bit(digit * 6 + it))];
    let mut text = Vec::with_capacity(end.saturating_sub(first));
    text.extend((first..end).map(digit));
    text
}

pub(super) const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// The number of bytes that are compared at once.
pub(super) const GRAM: usize = 8;
/// The number of bits of a gram's hash. A random text then matches a token's grams once in a hundred checks.
const HASH_BITS: u32 = 16;
/// Maps upper and lower case to the same value, and keeps digits distinct.
const LOWER_CASE: u64 = u64::from_ne_bytes([0x20; GRAM]);

/// All sequences of eight bytes in some texts, ignoring case.
pub(super) struct Grams {
    /// One bit per hash. Most checks need nothing else.
    hashes: Zeroizing<Vec<u64>>,
    sorted: Zeroizing<Vec<u64>>,
}

impl Grams {
    pub(super) fn of(texts: &[Zeroizing<Vec<u8>>]) -> Self {
        let bytes = texts.iter().map(|text| text.len()).sum();
        let mut sorted = Zeroizing::new(Vec::with_capacity(bytes));
        let mut hashes = Zeroizing::new(vec![0; 1 << (HASH_BITS - 6)]);
        for text in texts {
            let windows = text.windows(GRAM);
            sorted.extend(windows.filter_map(|bytes| bytes.first_chunk().map(gram)));
        }
        sorted.sort_unstable();
        sorted.dedup();
        for gram in sorted.iter() {
            let (word, bit) = place(*gram);
            hashes[word] |= bit;
        }
        Self { hashes, sorted }
    }

    pub(super) fn has(&self, bytes: &[u8; GRAM]) -> bool {
        let gram = gram(bytes);
        let (word, bit) = place(gram);
        self.hashes[word] & bit != 0 && self.sorted.binary_search(&gram).is_ok()
    }

    /// True when a text contains a gram at one of the checked positions, which are `stride` bytes apart.
    pub(super) fn are_in(&self, text: &[u8], stride: usize) -> bool {
        let mut rest = text;
        while let Some(bytes) = rest.first_chunk() {
            if self.has(bytes) {
                return true;
            }
            rest = rest.get(stride..).unwrap_or_default();
        }
        false
    }
}

fn gram(bytes: &[u8; GRAM]) -> u64 {
    u64::from_ne_bytes(*bytes) | LOWER_CASE
}

/// The position of a gram's bit. After the multiplication by the golden ratio, the upper bits depend on the whole gram.
fn place(gram: u64) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - HASH_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_hexadecimal_digits_are_written_as_everybody_does() {
        let base64 = |bytes: &[u8], before| {
            String::from_utf8(in_base64(bytes, before, ALPHABETS[0])).unwrap()
        };
        assert_eq!(base64(b"Man Ma", 0), "TWFuIE1h");
        // `TWFuIE1h` again, without the digits that need `M` or `Ma` too.
        assert_eq!(base64(b"an Ma", 1), "FuIE1h");
        assert_eq!(base64(b"n Ma", 2), "uIE1h");
        assert_eq!(base64(b"Man M", 0), "TWFuIE");
        assert_eq!(in_base64(b"\xfb\xff\xbf", 0, ALPHABETS[1]), b"-_-_");
        assert_eq!(in_hexadecimal(b"\x00do\xff"), b"00646fff");
    }

    #[test]
    fn what_digits_spell_is_read_wherever_it_begins_and_found_again() {
        for (text, word, digits) in [
            ("x=TWFuIE1h;", "Man Ma", "TWFuIE1h"),
            ("x=TWFuIE1h;", "an", "WFu"),
            ("x:AATWFuIE1h", "Man Ma", "TWFuIE1h"),
            ("a 6d616e; b", "man", "6d616e"),
            ("a 06D616E; b", "man", "6D616E"),
        ] {
            let found = SPELLINGS.iter().flat_map(|it| it.read(text.as_bytes(), 3));
            let places = found.filter_map(|spelt| {
                let whole = String::from_utf8_lossy(&spelt.bytes).into_owned();
                let at = whole.find(word)?;
                Some(spelt.source(&(at..at + word.len())))
            });
            let places: Vec<_> = places.map(|place| &text[place]).collect();
            assert_eq!(places, [digits], "{text}");
        }
    }

    #[test]
    fn grams_are_found_at_any_place_in_any_case_and_only_those_that_are_there() {
        let grams = Grams::of(&[Zeroizing::new(b"dop_v1_c0ffee1d5a9b3e".to_vec())]);
        for shift in 0..20 {
            let text = format!("{}DOP_v1_c0ffee1d5a9b3e{{}}", " ".repeat(shift));
            assert!(grams.are_in(text.as_bytes(), 13), "{shift}");
        }
        for text in [
            "",
            "dop_v1_",
            "dop_v1_another",
            "c0ffee1e5a9b3f",
            "{\"id\": 1}",
        ] {
            assert!(!grams.are_in(text.as_bytes(), 1), "{text}");
        }
    }
}
