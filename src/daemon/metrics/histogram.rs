//! How long syncs took, in buckets: from one with nothing new to the first of a large account.

/// Seconds, counted in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Each between the bound before and its own; the last one has no bound.
    counts: [u64; Self::BOUNDS.len() + 1],
    sum_seconds: u64,
}

impl Histogram {
    /// The greatest number of seconds that each bucket but the last one counts.
    pub const BOUNDS: [u64; 12] = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];

    /// Counts one.
    pub(super) fn add(&mut self, seconds: u64) {
        let bucket = Self::BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_seconds = self.sum_seconds.saturating_add(seconds);
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together, in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> u64 {
        self.sum_seconds
    }

    /// Each bound, in seconds, and how many took no longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let bounds = Self::BOUNDS.into_iter();
        bounds.zip(&self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_counts_what_took_no_longer_than_its_bound() {
        let mut histogram = Histogram::default();
        for seconds in [0, 1, 2, 3, 60, 61, 7_200, 7_201, 1_000_000] {
            histogram.add(seconds);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(
            cumulative,
            [
                (1, 2),
                (2, 3),
                (5, 4),
                (10, 4),
                (30, 4),
                (60, 5),
                (120, 6),
                (300, 6),
                (600, 6),
                (1_800, 6),
                (3_600, 6),
                (7_200, 7),
            ]
        );
        assert_eq!((histogram.count(), histogram.sum_seconds()), (9, 1_014_528));
    }

    #[test]
    fn an_absurd_length_does_not_overflow() {
        let mut histogram = Histogram::default();
        histogram.add(u64::MAX);
        histogram.add(u64::MAX);
        assert_eq!((histogram.count(), histogram.sum_seconds()), (2, u64::MAX));
    }
}
