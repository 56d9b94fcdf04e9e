//! What is kept of the actions of one group.

use std::collections::BTreeMap;

/// What is kept of the actions of one group, however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) errored: u64,
    pub(super) durations: Durations,
}

impl Tally {
    /// The share of what failed, in percent, to one decimal.
    pub(super) fn errored_percent(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        (1_000.0 * self.errored as f64 / self.count as f64).round() / 10.0
    }
}

/// How often each duration was seen: exact, and small, because most actions take one of a few hundred durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Durations {
    seen: BTreeMap<i64, u64>,
    pub(super) count: u64,
}

impl Durations {
    pub(super) fn add(&mut self, seconds: i64) {
        *self.seen.entry(seconds).or_default() += 1;
        self.count += 1;
    }

    /// The smallest duration in seconds that so many percent do not exceed (nearest rank); nothing when there are none.
    pub(super) fn percentile(&self, percent: u64) -> Option<i64> {
        let rank = (u128::from(percent) * u128::from(self.count)).div_ceil(100);
        let mut passed = 0;
        self.seen.iter().find_map(|(seconds, count)| {
            passed += u128::from(*count);
            (passed >= rank).then_some(*seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn durations(seconds: &[i64]) -> Durations {
        let mut durations = Durations::default();
        seconds.iter().for_each(|seconds| durations.add(*seconds));
        durations
    }

    #[test]
    fn a_percentile_is_a_duration_that_was_seen() {
        let percentiles = |seconds: &[i64]| [50, 95, 100].map(|p| durations(seconds).percentile(p));
        assert_eq!(percentiles(&[]), [None; 3]);
        assert_eq!(percentiles(&[7]), [Some(7); 3]);
        assert_eq!(percentiles(&[9, 1]), [Some(1), Some(9), Some(9)]);
        assert_eq!(percentiles(&[3, 1, 2]), [Some(2), Some(3), Some(3)]);
        let hundred: Vec<i64> = (1..=100).collect();
        assert_eq!(percentiles(&hundred), [Some(50), Some(95), Some(100)]);
    }

    #[test]
    fn a_share_has_one_decimal() {
        for (errored, count, percent) in [
            (0, 0, 0.0),
            (0, 3, 0.0),
            (1, 3, 33.3),
            (2, 3, 66.7),
            (1, 8, 12.5),
        ] {
            let tally = Tally {
                count,
                errored,
                ..Tally::default()
            };
            assert_eq!(tally.errored_percent(), percent);
        }
    }

    proptest! {
        #[test]
        fn a_percentile_is_the_one_of_the_sorted_list(
            seconds in prop::collection::vec(0_i64..50, 1..200), percent in 1_u64..=100,
        ) {
            let mut sorted = seconds.clone();
            sorted.sort_unstable();
            let rank = (percent as f64 / 100.0 * sorted.len() as f64 - 1e-9).ceil() as usize;
            prop_assert_eq!(durations(&seconds).percentile(percent), Some(sorted[rank - 1]));
        }
    }
}
