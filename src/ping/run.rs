//! What ties the start of a run to its end: a random UUID (RFC 9562, version 4).

use std::fmt;

use crate::chance;

/// The identity of a run, for a dead man's switch alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingRun(u128);

impl PingRun {
    /// One that no other run has.
    #[must_use]
    pub fn random() -> Self {
        Self::of(chance::bits(), chance::bits())
    }

    pub(super) fn of(high: u64, low: u64) -> Self {
        let bits = u128::from(high) << 64 | u128::from(low);
        // The version, 4, and the variant, binary 10, stand at fixed places.
        let versioned = bits & !(0xF << 76) | 0x4 << 76;
        Self(versioned & !(0b11 << 62) | 0b10 << 62)
    }
}

impl fmt::Display for PingRun {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:032x}", self.0);
        let (first, rest) = text.split_at(8);
        let (second, rest) = rest.split_at(4);
        let (third, rest) = rest.split_at(4);
        let (fourth, last) = rest.split_at(4);
        write!(formatter, "{first}-{second}-{third}-{fourth}-{last}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_uuid_of_version_4() {
        assert_eq!(
            PingRun::of(0, 0).to_string(),
            "00000000-0000-4000-8000-000000000000"
        );
        assert_eq!(
            PingRun::of(u64::MAX, u64::MAX).to_string(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_ne!(PingRun::random(), PingRun::random());
    }
}
