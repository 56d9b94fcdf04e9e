//! The first phase of a [`PagePlan`]: covers the missing positions. Each answer is compared with its own claims and with
//! the known state; the list of checks is in the parent module.

use super::{PagePlan, Phase};
use crate::api::PER_PAGE;
use crate::core::coverage::{Coverage, Interval, page_of};
use crate::core::model::ActionId;
use crate::sync::answer::{Answer, Inconsistency, Placement, Skipped, Verdict};
use crate::sync::full_scan::may_be_cut;

const MOST_FRUITLESS: u32 = 12;
/// Limits on raising the target when an answer shows a longer listing. The plan may request `MOST_TIMES` times the
/// pages that the listing had at first, and `MORE_PAGES` more. If only one page is missing, the target is raised at
/// most `MOST_RAISES_BY_A_PAGE` times. Without limits, a listing that always grows by pages would never end.
const MOST_TIMES: u64 = 3;
const MORE_PAGES: u64 = 12;
pub(super) const MOST_RAISES_BY_A_PAGE: u32 = 8;

impl PagePlan {
    pub(super) fn first_page(&self) -> u64 {
        let mut missing = self.coverage.missing_of(self.up_to(self.latest_total));
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
        accounted.extend(self.held.iter().map(|held| Interval::at(*held)));
        let under_way = self.under_way.keys();
        accounted
            .extend(under_way.map(|page| Interval::of_page(*page, PER_PAGE, self.latest_total)));
        let missing = accounted.missing_of(self.up_to(target));
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
        self.coverage.extend(placement.covers.iter().copied());
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

    /// The positions to read in a listing of this length.
    pub(super) fn up_to(&self, total: u64) -> Interval {
        Interval::new(self.from, total)
    }

    /// The number of positions of the target that are not covered yet.
    pub(super) fn missing(&self) -> u64 {
        let target = self.target.unwrap_or(self.from);
        self.coverage.count_missing(self.up_to(target))
    }

    pub(super) fn finish_cover(&mut self) {
        let is_covered = self.target.is_some_and(|target| {
            let read = self.readable_and_unreadable();
            self.borders.is_empty() && read.covers(self.up_to(target))
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
        let read = self.readable_and_unreadable();
        let missing = read.count_missing(self.up_to(self.latest_total));
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
        let before = &self.before.coverage;
        before.len() == proven_before
            && before.covers(Interval::new(0, proven_before))
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
        all.extend(self.unreadable.intervals().iter().copied());
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

impl PagePlan {
    /// Checks an answer, and places its rows.
    pub(super) fn check(
        &mut self,
        answer: &Answer<'_>,
        known_total: u64,
    ) -> Result<Placement, Inconsistency> {
        let is_end = answer.ids.is_empty() && self.page_past_the_end() == Some(answer.page);
        let total = match answer.total {
            // This total is the length of this page.
            Some(0) if is_end => self.latest_total,
            total => total.ok_or(Inconsistency::NoTotal)?,
        };
        if total < known_total {
            return Err(Inconsistency::Shrunk {
                before: known_total,
                now: total,
            });
        }
        let shown = Interval::of_page(answer.page, PER_PAGE, total);
        let found = answer.ids.len() as u64;
        if found != shown.len() {
            return Err(Inconsistency::RowCount {
                page: answer.page,
                expected: shown.len(),
                found,
            });
        }
        if shows_an_id_twice(answer) {
            return Err(Inconsistency::Repeated { page: answer.page });
        }
        if self.seen.is_some() && !is_newest_first(answer) {
            return Err(Inconsistency::Order { page: answer.page });
        }
        if shown.start == 0 && answer.has_next {
            return Err(Inconsistency::LinksOn { page: answer.page });
        }
        if self.first_target.is_none() && self.before.total == Some(total) {
            self.drop_borders(total, shown);
        }
        self.first_target.get_or_insert(total);
        self.target.get_or_insert(total);
        let mut placement = self.placement(answer, shown, total);
        self.check_border(answer, &placement)?;
        self.hold_back_after_borders(&mut placement);
        Ok(placement)
    }

    /// Drops borders that cannot have shifted, because the total is that of an earlier sync run. If the newest action is
    /// the same too, none was removed since then.
    fn drop_borders(&mut self, total: u64, shown: Interval) {
        let (proven, covered) = (self.before.complete_total, &self.coverage);
        let has_same_newest = shown.end == total && total > 0 && covered.contains(total - 1);
        // A sync run may have been killed before it looked at a border.
        let is_marked = |after: u64| !covered.contains(after) && covered.contains(after + 1);
        self.borders.retain(|border| {
            let after = border + 1;
            let is_inside = after < total && !has_same_newest;
            Some(after) == proven || is_marked(after) || is_inside
        });
    }

    /// Holds back the position after a border that no page has shown yet. The page with the border releases it.
    fn hold_back_after_borders(&mut self, placement: &mut Placement) {
        let first = placement.shown.start;
        let borders = &self.borders;
        let is_held = |position: u64| position > 0 && borders.contains(&(position - 1));
        if is_held(first) && !self.coverage.contains(first) {
            self.held.insert(first);
            let at_first = placement.covers.iter_mut().find(|read| read.start == first);
            at_first.into_iter().for_each(|read| read.start += 1);
        }
        let freed = self.held.iter().filter(|position| !is_held(**position));
        placement
            .covers
            .extend(freed.map(|position| Interval::at(*position)));
        self.held.retain(|position| is_held(*position));
    }

    /// Checks that new actions have greater ids than old ones if only some rows are kept, because nothing else
    /// separates the two.
    fn check_border(
        &mut self,
        answer: &Answer<'_>,
        placement: &Placement,
    ) -> Result<(), Inconsistency> {
        let page = answer.page;
        let shown = placement.shown;
        self.borders
            .retain(|border| !(shown.start..shown.end).contains(border));
        let Some(head_id) = self.head_id else {
            return Ok(());
        };
        let rows = (shown.start..shown.end).rev().zip(answer.ids);
        for ((position, id), is_covered) in rows.zip(&placement.expected) {
            match id {
                Some(id) if *id <= head_id && !is_covered => {
                    return Err(Inconsistency::OldAmongNew { page });
                }
                Some(id) if *id > head_id && position < self.from => {
                    return Err(Inconsistency::NewAmongOld { page });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Places the rows of an answer at its positions, newest first.
    fn placement(&mut self, answer: &Answer<'_>, shown: Interval, total: u64) -> Placement {
        let mut covers = Coverage::new();
        let is_readable = answer.ids.iter().all(Option::is_some);
        if is_readable {
            covers.insert(shown);
        }
        let mut expected = Vec::with_capacity(answer.ids.len());
        for (position, id) in (shown.start..shown.end).rev().zip(answer.ids) {
            if !is_readable {
                let alone = Interval::at(position);
                match id {
                    Some(_) => covers.insert(alone),
                    None => self.unreadable.insert(alone),
                }
            }
            expected.push(self.coverage.contains(position));
        }
        Placement {
            covers: covers.intervals().to_vec(),
            expected,
            shown,
            total: Some(total),
        }
    }
}

fn shows_an_id_twice(answer: &Answer<'_>) -> bool {
    let mut ids: Vec<ActionId> = answer.ids.iter().flatten().copied().collect();
    let readable = ids.len();
    ids.sort_unstable();
    ids.dedup();
    ids.len() < readable
}

/// True when ids descend, as they do if new actions appear at the head. If only some rows are kept, this is the only
/// proof that new positions have new actions.
fn is_newest_first(answer: &Answer<'_>) -> bool {
    answer
        .ids
        .iter()
        .flatten()
        .is_sorted_by(|newer, older| newer > older)
}
