//! Maps that are asked once for every row.
//!
//! The map of the standard library withstands keys that were chosen to collide, and takes several times as long for it.
//! Here such keys would only make an answer slow, and only that of the archive's owner. Counted with callgrind
//! over half a million actions by week and type, an action costs 2680 instructions with it, and 3280 without.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map with a quick hash.
pub(crate) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;

/// Mixes words by multiplication.
#[derive(Default)]
pub(crate) struct QuickHasher(u64);

impl QuickHasher {
    fn mix(&mut self, word: u64) {
        // 2^64 divided by the golden ratio.
        let spread = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // A table takes the place of a key from the lowest and the highest bits.
        self.0 = spread ^ (spread >> 32);
    }
}

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (place, byte) in last.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.mix(u64::from_le_bytes(last));
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_i64(&mut self, number: i64) {
        self.mix(number.cast_unsigned());
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_usize(number.cast_unsigned());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::hash::{BuildHasher, Hash};

    use super::*;

    /// How many of the keys have a place of their own among 32 thousand.
    fn distinct<K: Hash>(keys: impl Iterator<Item = K>) -> usize {
        let hasher = BuildHasherDefault::<QuickHasher>::default();
        let place = |key| {
            let hash = hasher.hash_one(key);
            (hash & 0xff, hash >> 57)
        };
        keys.map(place).collect::<BTreeSet<_>>().len()
    }

    #[test]
    fn keys_that_are_much_alike_are_spread() {
        for step in [1, 256, 1 << 32] {
            let ids = (0..1_000).map(|number| 120_000_000_i64 + number * step);
            assert!(distinct(ids) > 900, "{step}");
        }
        assert!(distinct((0..1_000).map(|number| format!("type_{number}").into_bytes())) > 900);
        let groups =
            (0..1_000_i64).map(|number| [Some(202_600 + number % 50), Some(number / 50), None]);
        assert!(distinct(groups) > 900);
        assert_eq!(
            distinct([[Some(0_i64), None], [None, Some(0)], [None, None]].into_iter()),
            3
        );
    }
}
