//! The first phase of a [`PagePlan`]: covers the missing positions.

use super::super::answer::{Answer, Inconsistency, Placement, Skipped, Verdict};
use super::super::full_scan::may_be_cut;
use super::{PagePlan, Phase};
use crate::api::PER_PAGE;
use crate::core::coverage::{Coverage, Interval, page_of};

const MOST_FRUITLESS: u32 = 12;
/// Limits on raising the target when an answer shows a longer listing. The plan may request `MOST_TIMES` times the
/// pages that the listing had at first, and `MORE_PAGES` more. If only one page is missing, the target is raised at
/// most `MOST_RAISES_BY_A_PAGE` times. Without limits, a listing that always grows by pages would never end.
const MOST_TIMES: u64 = 3;
const MORE_PAGES: u64 = 12;
pub(super) const MOST_RAISES_BY_A_PAGE: u32 = 8;

impl PagePlan {
    pub(super) fn first_page(&self) -> u64 {
        let known = Interval {
            start: self.from,
            end: self.latest_total,
        };
        let mut missing = self.coverage.missing_of(known);
        match missing.next().filter(|_| self.is_resuming) {
            Some(missing) => page_of(missing.end - 1, PER_PAGE, self.latest_total),
            None => 1,
        }
    }

    pub(super) fn next_missing_page(&self) -> Option<u64> {
        let Some(target) = self.target else {
            return self.under_way.is_empty().then(|| self.first_page());
        };
        if self.is_outrun && !self.under_way.is_empty() {
            return None;
        }
        let mut accounted = self.readable_and_unreadable();
        for held in &self.held {
            accounted.insert(Interval::at(*held));
        }
        for page in self.under_way.keys() {
            accounted.insert(Interval::of_page(*page, PER_PAGE, self.latest_total));
        }
        let missing = accounted.missing_of(Interval {
            start: self.from,
            end: target,
        });
        let mut missing = missing.map(|missing| missing.end - 1);
        let border = self.borders.last().copied();
        let again = self.again.last().copied();
        let page = match missing.next().or(border).or(again) {
            Some(position) => page_of(position, PER_PAGE, self.latest_total),
            None => self.page_past_the_end()?,
        };
        (!self.under_way.contains_key(&page)).then_some(page)
    }

    /// The page after the last one, if only the total proves the end and the last page may be cut: totals have been the
    /// number of rows on the page (digitalocean/api-v2 issue 107). A listing that was complete before needs no such
    /// proof.
    pub(super) fn page_past_the_end(&self) -> Option<u64> {
        let total = self.latest_total;
        let is_proven = self.before.complete_total > Some(0) || self.end == Some(total);
        let is_unproven = may_be_cut(total) && !is_proven && self.from == 0;
        is_unproven.then(|| total.div_ceil(PER_PAGE) + 1)
    }

    pub(super) fn note_covered(&mut self, answer: &Answer<'_>, placement: &Placement) {
        let (covered_before, missing_before) = (self.coverage.len(), self.missing());
        for interval in &placement.covers {
            self.coverage.insert(*interval);
        }
        let shown = placement.shown.start..placement.shown.end;
        if self.page_past_the_end() == Some(answer.page) && self.old.is_none() {
            self.end = Some(self.latest_total);
        }
        if let Some(id) = answer.ids.iter().flatten().max() {
            self.greatest_ids.insert(shown.end, *id);
        }
        if let Some(seen) = &mut self.seen {
            let rows = shown.clone().rev().zip(answer.ids).zip(&placement.expected);
            let new = rows.filter(|(_, covered)| !**covered);
            seen.extend(new.filter_map(|((position, id), _)| Some(((*id)?, position))));
        }
        self.newly_covered += self.coverage.len() - covered_before;
        // Positions beyond the target do not count, because a listing that grows all the time always has more of them.
        self.fruitless = if self.missing() < missing_before {
            0
        } else {
            self.fruitless + 1
        };
        self.again.retain(|position| !shown.contains(position));
        if self.audit.is_some_and(|position| shown.contains(&position)) {
            self.audit = None;
            self.audited = Some(placement.shown);
        } else if self.old.is_some() {
            // An old answer shows an older page. Another sync run can try again.
            self.skip(answer.page);
        }
    }

    /// The number of positions of the target that are not covered yet.
    pub(super) fn missing(&self) -> u64 {
        let target = Interval {
            start: self.from,
            end: self.target.unwrap_or(self.from),
        };
        self.coverage.missing_of(target).map(Interval::len).sum()
    }

    pub(super) fn finish_cover(&mut self) {
        let is_covered = self.target.is_some_and(|target| {
            let wanted = Interval {
                start: self.from,
                end: target,
            };
            self.borders.is_empty() && self.readable_and_unreadable().covers(wanted)
        });
        if !is_covered || self.page_past_the_end().is_some() {
            if self.fruitless >= MOST_FRUITLESS {
                let inconsistency = self.old.take().unwrap_or(Inconsistency::Stuck);
                self.start_full_scan(inconsistency);
            }
            return;
        }
        // Pages under way may still contradict the other answers.
        if !self.again.is_empty() || !self.under_way.is_empty() || self.raise_target() {
            return;
        }
        if !self.unreadable.is_empty() {
            let reason = Inconsistency::Rejected {
                rows: self.unreadable.len(),
            };
            self.phase = Phase::Done(Verdict::Incomplete { reason });
        } else if self.is_proven() {
            self.phase = Phase::Done(Verdict::Complete {
                total: self.proven_total(),
            });
        } else if let Some(seen) = &self.seen {
            let (found, total) = (seen.len() as u64, self.newly_covered);
            self.start_full_scan(Inconsistency::ScanCount { found, total });
        } else {
            self.phase = Phase::Count;
        }
    }

    /// Raises the target to the largest known total, because the first answer may have been old. Returns true if more
    /// is to be read.
    pub(super) fn raise_target(&mut self) -> bool {
        let all = Interval {
            start: self.from,
            end: self.latest_total,
        };
        let missing = self
            .readable_and_unreadable()
            .missing_of(all)
            .map(Interval::len)
            .sum::<u64>();
        if missing == 0 {
            return false;
        }
        let is_enough = if missing > PER_PAGE {
            let pages_at_first = self.first_target.unwrap_or(0).div_ceil(PER_PAGE);
            self.asked
                > pages_at_first
                    .saturating_mul(MOST_TIMES)
                    .saturating_add(MORE_PAGES)
        } else {
            self.raises >= MOST_RAISES_BY_A_PAGE
        };
        if is_enough {
            if self.has_lag {
                self.start_full_scan(Inconsistency::Stuck);
            }
            return self.has_lag;
        }
        self.raises += 1;
        self.fruitless = 0;
        self.target = Some(self.latest_total);
        true
    }

    /// True when each newly covered position has its own new action: a new row after a proven beginning, or a distinct
    /// id if only some rows are kept.
    pub(super) fn is_proven(&self) -> bool {
        if let Some(seen) = &self.seen {
            return seen.len() as u64 == self.newly_covered;
        }
        let proven_before = self.before.complete_total.unwrap_or(0);
        let beginning = Interval {
            start: 0,
            end: proven_before,
        };
        self.before.coverage.len() == proven_before
            && self.before.coverage.covers(beginning)
            && self.inserted == self.newly_covered
    }

    /// The end of the coverage without a gap, which may be beyond the target.
    pub(super) fn proven_total(&self) -> u64 {
        let mut intervals = self.coverage.intervals().iter();
        let reaching =
            intervals.find(|covered| covered.start <= self.from && self.from <= covered.end);
        reaching.map_or(self.from, |covered| covered.end)
    }

    pub(super) fn readable_and_unreadable(&self) -> Coverage {
        let mut all = self.coverage.clone();
        for interval in self.unreadable.intervals() {
            all.insert(*interval);
        }
        all
    }

    /// Gives up reading a page again, if no position is missing.
    pub(super) fn skip(&mut self, page: u64) -> Option<Skipped> {
        let is_covering = matches!(self.phase, Phase::Cover) && self.target.is_some();
        if !is_covering || self.missing() > 0 {
            return None;
        }
        let total = self.latest_total;
        let is_there = |position: &u64| page_of(*position, PER_PAGE, total) == page;
        let length = self.again.len();
        self.again.retain(|position| !is_there(position));
        let unproven = self.audit.take_if(|position| is_there(position));
        (self.again.len() < length).then(|| Skipped {
            unproven_to: unproven.map(|position| position + PER_PAGE),
        })
    }
}
