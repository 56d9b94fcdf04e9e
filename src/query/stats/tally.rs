//! What is counted of a group of actions.

use std::collections::BTreeMap;

/// The data of one group. Its size does not depend on the number of actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) count: u64,
    pub(super) errored: u64,
    pub(super) durations: Durations,
}

impl Tally {
    pub(super) fn add(&mut self, has_failed: bool, seconds: Option<i64>) {
        self.count += 1;
        self.errored += u64::from(has_failed);
        if let Some(seconds) = seconds {
            self.durations.add(seconds);
        }
    }

    /// Adds the actions of another group.
    pub(super) fn join(&mut self, other: Self) {
        self.count += other.count;
        self.errored += other.errored;
        self.durations.count += other.durations.count;
        for (seconds, count) in other.durations.seen {
            *self.durations.seen.entry(seconds).or_default() += count;
        }
    }
}

/// The number of actions with each duration. This is exact and small: most actions take one of a few hundred durations.
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

    /// The smallest duration in seconds that this percentage of actions does not exceed (nearest rank); `None` without
    /// actions.
    pub(super) fn percentile(&self, percent: u64) -> Option<i64> {
        let rank = (u128::from(percent) * u128::from(self.count)).div_ceil(100);
        let mut passed = 0;
        self.seen.iter().find_map(|(seconds, count)| {
            passed += u128::from(*count);
            (passed >= rank).then_some(*seconds)
        })
    }

    /// The sum in seconds.
    pub(super) fn sum(&self) -> i128 {
        let seconds = |(seconds, count): (&i64, &u64)| i128::from(*seconds) * i128::from(*count);
        self.seen.iter().map(seconds).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
