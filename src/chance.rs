//! Chance, for spreading what would otherwise happen to everybody at once: no secret depends on it.

use std::hash::{BuildHasher, Hasher, RandomState};

/// 64 bits, different each time: a hash map's randomness is as much as is needed here.
#[must_use]
pub fn bits() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A number in `[0, 1)`, different each time.
#[must_use]
pub fn fraction() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let fraction = (bits() >> 11) as f64 / (1_u64 << 53) as f64;
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_spread_over_the_whole_unit_and_never_reaches_one() {
        let fractions: Vec<_> = (0..1_000).map(|_| fraction()).collect();
        assert!(
            fractions
                .iter()
                .all(|fraction| (0.0..1.0).contains(fraction))
        );
        for tenth in 0..10 {
            let range = f64::from(tenth) / 10.0..f64::from(tenth + 1) / 10.0;
            assert!(fractions.iter().any(|fraction| range.contains(fraction)));
        }
    }
}
