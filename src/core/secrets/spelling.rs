//! Reads and writes hexadecimal digits and base64, in both alphabets, with or without padding. Undoes the escapes of JSON
//! and URLs. Tells fast whether a text may contain a token.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::zeroize::Zeroizing;

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
    pub(super) fn read(self, text: &[u8], least: usize) -> impl Iterator<Item = Vec<u8>> {
        let least = (least * 8).div_ceil(self.bits);
        let runs = text.split(move |byte| (self.value)(*byte).is_none());
        runs.filter(move |run| run.len() >= least)
            .flat_map(move |run| (0..self.period).map(move |skipped| self.bytes(&run[skipped..])))
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
pub(super) fn in_hexadecimal(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() * 2));
    for byte in bytes {
        text.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    text
}

/// The base64 digits that `bytes` alone determine, in both alphabets, when 0, 1 or 2 other bytes precede them.
pub(super) fn in_base64(bytes: &[u8]) -> impl Iterator<Item = Zeroizing<Vec<u8>>> {
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
pub(super) fn unescaped(text: &[u8], lead: u8) -> Vec<u8> {
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
        let base64 = |bytes: &[u8]| {
            let spelt = in_base64(bytes).map(|it| String::from_utf8(it.to_vec()).unwrap());
            spelt.collect::<Vec<_>>()
        };
        assert_eq!(base64(b"Man Ma")[0], "TWFuIE1h");
        // `TWFuIE1h` again, without the digits that need `M` or `Ma` too.
        assert_eq!(base64(b"an Ma")[2], "FuIE1h");
        assert_eq!(base64(b"n Ma")[4], "uIE1h");
        assert_eq!(base64(b"Man M")[0], "TWFuIE");
        assert_eq!(base64(b"\xfb\xff\xbf")[1], "-_-_");
        assert_eq!(**in_hexadecimal(b"\x00do\xff"), *b"00646fff");
        for bytes in [&b""[..], b"M"] {
            assert_eq!(base64(bytes).len(), 6);
        }
    }

    #[test]
    fn what_digits_spell_is_read_wherever_it_begins() {
        for (text, word) in [
            ("x=TWFuIE1h;", "Man Ma"),
            ("x=TWFuIE1h;", "an"),
            ("x:AATWFuIE1h", "Man Ma"),
            ("a 6d616e; b", "man"),
            ("a 06D616E; b", "man"),
        ] {
            let found = SPELLINGS.iter().flat_map(|it| it.read(text.as_bytes(), 3));
            let texts = found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert_eq!(texts.filter(|it| it.contains(word)).count(), 1, "{text}");
        }
    }

    #[test]
    fn escapes_are_undone() {
        for (lead, text, expected) in [
            (
                b'\\',
                r"a\u0064b\/\\u0064\n\u00e9\u00",
                r"adb/\u0064\n\u00e9\u00",
            ),
            (b'\\', r"\", r"\"),
            (b'%', "a%64%6F%zz%c3%20%", "ado%zz%c3%20%"),
            (b'%', r"\u0064", r"\u0064"),
        ] {
            let plain = unescaped(text.as_bytes(), lead);
            assert_eq!(String::from_utf8_lossy(&plain), expected);
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
