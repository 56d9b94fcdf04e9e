//! The archived positions of a listing, as a set of intervals.
//!
//! A listing of the API is newest first and grows only at its head. Positions are counted **from the oldest action,
//! starting at 0**, so they never change when new actions arrive. An answer for page `p` with `n` rows per page and
//! `meta.total = T` shows the positions `[max(0, T − p·n), T − (p−1)·n)`, so each answer proves by itself which
//! positions it covers. So a sync has one rule, *cover what is missing of `[0, T)`*. This rule serves the first
//! backfill, the next sync, a resumed sync, and a listing that grows while it is read.

/// The positions `[start, end)` of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// The oldest position in the interval.
    pub start: u64,
    /// The first position after the interval, towards the newest.
    pub end: u64,
}

impl Interval {
    /// The positions `[start, end)`.
    #[must_use]
    pub fn new(start: u64, end: u64) -> Self {
        Self { start, end }
    }

    /// The positions on page `page` (from 1) of a listing of `total` rows, with `per_page` rows per page.
    ///
    /// Empty for a page past the end.
    #[must_use]
    pub fn of_page(page: u64, per_page: u64, total: u64) -> Self {
        let after = page.saturating_sub(1).saturating_mul(per_page);
        let end = total.saturating_sub(after);
        Self::new(end.saturating_sub(per_page), end)
    }

    /// The interval of one position.
    #[must_use]
    pub fn at(position: u64) -> Self {
        Self::new(position, position + 1)
    }

    /// The number of positions.
    #[must_use]
    pub fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// True when it holds no position.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

/// The page (from 1) of `position` in a listing of `total` rows, with `per_page` rows per page.
#[must_use]
pub fn page_of(position: u64, per_page: u64, total: u64) -> u64 {
    let newer = total.saturating_sub(1).saturating_sub(position);
    newer / per_page.max(1) + 1
}

/// A set of positions: sorted and disjoint intervals that never touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    intervals: Vec<Interval>,
}

impl Coverage {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The intervals, oldest first.
    #[must_use]
    pub fn intervals(&self) -> &[Interval] {
        &self.intervals
    }

    /// The number of covered positions.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.intervals.iter().map(|interval| interval.len()).sum()
    }

    /// True when nothing is covered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// True when `position` is covered.
    #[must_use]
    pub fn contains(&self, position: u64) -> bool {
        let after = self
            .intervals
            .partition_point(|interval| interval.start <= position);
        after > 0 && position < self.intervals[after - 1].end
    }

    /// Adds the positions of `added`. An empty interval adds none.
    pub fn insert(&mut self, added: Interval) {
        if added.is_empty() {
            return;
        }
        let first = self
            .intervals
            .partition_point(|interval| interval.end < added.start);
        let last = self
            .intervals
            .partition_point(|interval| interval.start <= added.end);
        let merged = self.intervals[first..last]
            .iter()
            .fold(added, |merged, it| {
                Interval::new(merged.start.min(it.start), merged.end.max(it.end))
            });
        self.intervals.splice(first..last, [merged]);
    }

    /// The missing parts of `target`, newest first: the order in which a listing is read.
    pub fn missing_of(&self, target: Interval) -> impl Iterator<Item = Interval> + '_ {
        let mut upper = target.end;
        let inside = self
            .intervals
            .iter()
            .rev()
            .filter(move |interval| interval.start < target.end && target.start < interval.end);
        let below = Interval::new(target.start, target.start);
        inside.copied().chain([below]).filter_map(move |covered| {
            let gap = Interval::new(covered.end.max(target.start), upper);
            upper = covered.start;
            (!gap.is_empty()).then_some(gap)
        })
    }

    /// The number of positions of `target` that are not covered.
    #[must_use]
    pub fn count_missing(&self, target: Interval) -> u64 {
        self.missing_of(target).map(Interval::len).sum()
    }

    /// True when every position of `target` is covered.
    #[must_use]
    pub fn covers(&self, target: Interval) -> bool {
        self.missing_of(target).next().is_none()
    }
}

impl FromIterator<Interval> for Coverage {
    fn from_iter<I: IntoIterator<Item = Interval>>(intervals: I) -> Self {
        let mut coverage = Self::new();
        coverage.extend(intervals);
        coverage
    }
}

impl Extend<Interval> for Coverage {
    fn extend<I: IntoIterator<Item = Interval>>(&mut self, intervals: I) {
        intervals.into_iter().for_each(|it| self.insert(it));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn interval(start: u64, end: u64) -> Interval {
        Interval { start, end }
    }

    #[test]
    fn a_page_shows_the_positions_that_its_total_says() {
        assert_eq!(Interval::of_page(1, 200, 450), interval(250, 450));
        assert_eq!(Interval::of_page(3, 200, 450), interval(0, 50));
        assert!(Interval::of_page(4, 200, 450).is_empty());
        assert!(Interval::of_page(1, 200, 0).is_empty());
        assert!(Interval::of_page(u64::MAX, u64::MAX, u64::MAX).is_empty());
    }

    #[test]
    fn intervals_that_touch_become_one() {
        let coverage: Coverage = [interval(0, 10), interval(20, 30), interval(10, 20)]
            .into_iter()
            .collect();
        assert_eq!(coverage.intervals(), [interval(0, 30)]);
    }

    #[test]
    fn what_is_missing_comes_newest_first() {
        let coverage: Coverage = [interval(10, 20), interval(30, 40)].into_iter().collect();
        let missing: Vec<_> = coverage.missing_of(interval(5, 50)).collect();
        assert_eq!(
            missing,
            [interval(40, 50), interval(20, 30), interval(5, 10)]
        );
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_the_positions_that_were_added(
            added in prop::collection::vec((0_u64..60, 0_u64..15), 0..20),
            target in (0_u64..60, 0_u64..30),
        ) {
            let mut coverage = Coverage::new();
            let mut model = BTreeSet::new();
            for (start, length) in added {
                coverage.insert(interval(start, start + length));
                model.extend(start..start + length);
            }
            prop_assert_eq!(coverage.len(), model.len() as u64);
            for position in 0..80 {
                prop_assert_eq!(coverage.contains(position), model.contains(&position));
            }
            for pair in coverage.intervals().windows(2) {
                prop_assert!(pair[0].end < pair[1].start);
            }
            let target = interval(target.0, target.0 + target.1);
            let missing: Vec<_> = coverage.missing_of(target).collect();
            let positions: BTreeSet<_> = missing.iter().flat_map(|gap| gap.start..gap.end).collect();
            let expected: BTreeSet<_> = (target.start..target.end).filter(|p| !model.contains(p)).collect();
            prop_assert_eq!(positions, expected);
            prop_assert!(missing.windows(2).all(|pair| pair[1].end <= pair[0].start));
        }

        #[test]
        fn the_page_of_a_position_shows_it(position in 0_u64..5_000, more in 1_u64..5_000, per_page in 1_u64..300) {
            let total = position + more;
            let shown = Interval::of_page(page_of(position, per_page, total), per_page, total);
            prop_assert!(shown.start <= position && position < shown.end);
        }
    }
}
