//! Whether a text may hold a part of the token, which nearly none does: a look at a few of its places tells.

use secrecy::zeroize::Zeroizing;

/// So many bytes are looked at at once.
pub(super) const GRAM: usize = 8;
/// A gram's hash has so many bits: a token's grams then meet a chance text's once in a hundred looks.
const HASH_BITS: u32 = 16;
/// Makes upper and lower case one, and keeps digits apart.
const LOWER_CASE: u64 = u64::from_ne_bytes([0x20; GRAM]);

/// All sequences of eight bytes that some texts hold, whatever their case.
pub(super) struct Grams {
    /// A bit for the hash of each: all that most looks need.
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

    /// Whether a text holds any, looked for at every so many places.
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

/// Where the bit of a gram is: multiplied by the golden ratio, its upper bits depend on all of it.
fn place(gram: u64) -> (usize, u64) {
    let hash = gram.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - HASH_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

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
