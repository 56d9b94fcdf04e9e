//! Decides which page of a listing to read next, and when the listing is complete. Pure: no network, no file, no clock.
//!
//! The rule is: *cover the missing positions of `[0, T)`*, where `T` is the length of the listing when the sync run
//! began. Replicas may lag, so `T` is raised when an answer shows a longer listing. Positions are exact as long as the
//! listing is newest first and grows only at its head, which is observed but not documented. So every answer is
//! checked:
//!
//! - a page has as many rows as positions, and no id twice;
//! - a total never shrinks: if an answer is older than an earlier one, its page is requested again;
//! - if only some rows are kept, the rows are newest first, and all new actions have greater ids than all old ones;
//! - actions at covered positions are already archived;
//! - in the end, the number of new actions equals the number of newly covered positions. If the two differ, because
//!   some actions were known from other listings, the archived actions up to the newest covered one are counted.
//!
//! The first check that fails ends the coverage: the plan forgets it and starts a full scan, which misses nothing as
//! long as the listing only grows ([`FullScan`]). If the full scan has an inconsistency too, it is repeated, and then
//! the listing is reported as incomplete ([`Passes`]). Rows are archived in any case.

mod cover;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::answer::Inconsistency;
use super::answer::{Answer, Before, Placement, Skipped, Verdict};
use super::full_scan::FullScan;
use super::full_scan::{Found, Judgement, Passes};
use crate::api::PER_PAGE;
use crate::archive::Recorded;
use crate::core::coverage::{Coverage, Interval};
use crate::core::model::ActionId;

enum Phase {
    /// Missing positions are read.
    Cover,
    /// Everything is covered, but the archived actions must be counted.
    Count,
    /// A full scan, after an inconsistency or on request. It starts when no page is under way.
    FullScan(Box<FullScan>),
    /// A pass has no inconsistency: its result is compared with the archive.
    Compare(Found),
    Done(Verdict),
}

/// The page plan of one listing in one sync run.
pub(super) struct PagePlan {
    phase: Phase,
    /// True for a full scan on request.
    is_full: bool,
    /// True when the plan begins at the newest missing page instead of the newest page.
    is_resuming: bool,
    /// The inconsistency that caused a full scan.
    scanned_because: Option<Inconsistency>,
    before: Before,
    coverage: Coverage,
    /// Positions of rows without an id, which were read but not archived.
    unreadable: Coverage,
    /// The position from which the listing is read: 0, unless it is only followed.
    from: u64,
    /// If only some rows are kept: all ids at newly covered positions, each with its position. They are counted instead
    /// of rows.
    seen: Option<HashMap<ActionId, u64>>,
    /// The greatest id that the listing showed before, if new actions are known to have greater ids.
    head_id: Option<ActionId>,
    /// The last positions that earlier sync runs have read, until a page shows them again. A total that was wrong then,
    /// or an action that was removed since, would leave a hole after them, even if the total is the same.
    borders: BTreeSet<u64>,
    /// The positions after borders that were read before the borders themselves. They count as covered only after the
    /// border was read. So a kill in between leaves a gap, and the next sync run reads the border.
    held: BTreeSet<u64>,
    /// The length when the sync run began, and the length to which it was raised.
    first_target: Option<u64>,
    target: Option<u64>,
    /// The number of requested pages.
    asked: u64,
    /// The largest total of this sync run or an earlier one.
    latest_total: u64,
    /// The number of times that the target was raised to it.
    raises: u32,
    /// The passes of the full scan.
    passes: Passes,
    /// Covered positions whose pages are read again.
    again: BTreeSet<u64>,
    /// The position to audit, and the positions that its page then showed.
    audit: Option<u64>,
    audited: Option<Interval>,
    /// The inconsistency of the last answer, if that answer is old.
    old: Option<Inconsistency>,
    /// True when any answer of this sync run was old: then a larger total is not growth.
    has_lag: bool,
    /// The length of the listing when the page past the end was empty.
    end: Option<u64>,
    /// The greatest id of each page, by the end position of the page.
    greatest_ids: BTreeMap<u64, ActionId>,
    /// The pages under way, each with the length that was known at the request.
    under_way: BTreeMap<u64, u64>,
    inserted: u64,
    newly_covered: u64,
    /// The number of answers in a row without missing positions.
    fruitless: u32,
    /// True when the listing grows faster than concurrent pages can read: each page shows newer actions than expected.
    /// Then only one page is under way at a time.
    is_outrun: bool,
}

/// After this many answers in a row without missing positions, pages are requested one at a time.
const MOST_FRUITLESS_AT_ONCE: u32 = 2;
impl PagePlan {
    /// Starts a plan. `full` starts a full scan regardless of coverage.
    pub(super) fn new(before: Before, full: bool) -> Self {
        Self {
            phase: if full {
                Phase::FullScan(Box::default())
            } else {
                Phase::Cover
            },
            is_full: full,
            is_resuming: false,
            scanned_because: None,
            coverage: before.coverage.clone(),
            unreadable: Coverage::new(),
            from: 0,
            seen: None,
            head_id: None,
            borders: before.borders(),
            held: BTreeSet::new(),
            first_target: None,
            target: None,
            asked: 0,
            latest_total: before.total.unwrap_or(0),
            raises: 0,
            passes: Passes::after(before.total),
            again: BTreeSet::new(),
            audit: None,
            audited: None,
            old: None,
            has_lag: false,
            end: None,
            before,
            greatest_ids: BTreeMap::new(),
            under_way: BTreeMap::new(),
            inserted: 0,
            newly_covered: 0,
            fruitless: 0,
            is_outrun: false,
        }
    }

    /// Starts a plan for a listing of which only some rows are kept, from position `from` on. All kept rows before it
    /// are archived. New actions have greater ids than `head_id`, the greatest id so far.
    pub(super) fn following(mut before: Before, from: u64, head_id: Option<ActionId>) -> Self {
        // From position 0 on, everything is read.
        let head_id = head_id.filter(|_| from > 0);
        let border = from.checked_sub(1).filter(|border| {
            // An interrupted sync run has already checked what it read across the border.
            head_id.is_some()
                && !(before.coverage.contains(*border) && before.coverage.contains(from))
        });
        let later = before
            .borders()
            .into_iter()
            .filter(|border| *border >= from);
        let borders = later.chain(border).collect();
        before.coverage.insert(Interval::new(0, from));
        Self {
            from,
            seen: Some(HashMap::new()),
            head_id,
            borders,
            ..Self::new(before, false)
        }
    }

    /// Continues where an interrupted sync run stopped. It skips the newest page if that is archived.
    pub(super) fn resuming(mut self) -> Self {
        self.is_resuming = self.before.complete_total.is_none();
        self
    }

    /// Also reads this position again, the last one that another sync run has read.
    pub(super) fn with_border(mut self, position: u64) -> Self {
        self.borders.insert(position);
        self
    }

    /// Audits the page with this position, although it is covered.
    pub(super) fn auditing(mut self, position: u64) -> Self {
        self.audit = Some(position);
        self.reading_again([position])
    }

    /// Reads the pages with these positions again, although they are covered.
    pub(super) fn reading_again(mut self, positions: impl IntoIterator<Item = u64>) -> Self {
        self.again.extend(positions);
        self
    }

    /// The page to request now; `None` while answers must arrive first, or when nothing is left to request.
    pub(super) fn next_page(&mut self) -> Option<u64> {
        let page = match &self.phase {
            Phase::Cover => self.next_missing_page()?,
            Phase::FullScan(full_scan) if self.under_way.is_empty() => full_scan.next_page(),
            Phase::FullScan(_) | Phase::Count | Phase::Compare(_) | Phase::Done(_) => {
                return None;
            }
        };
        self.under_way.insert(page, self.latest_total);
        self.asked += 1;
        self.is_outrun |= self.fruitless >= MOST_FRUITLESS_AT_ONCE;
        Some(page)
    }

    /// Decides how to archive the rows of this answer. [`Self::archived`] must follow.
    pub(super) fn place(&mut self, answer: &Answer<'_>) -> Placement {
        let known_total = self.under_way.remove(&answer.page).unwrap_or(0);
        self.old = None;
        self.note_claim(answer);
        match &mut self.phase {
            Phase::Cover => match self.check(answer, known_total) {
                Ok(placement) => placement,
                Err(inconsistency @ Inconsistency::Shrunk { .. }) => {
                    self.old = Some(inconsistency);
                    self.has_lag = true;
                    Placement::nowhere(answer, None)
                }
                Err(inconsistency) => {
                    self.start_full_scan(inconsistency);
                    Placement::nowhere(answer, None)
                }
            },
            Phase::FullScan(full_scan) if full_scan.is_at(answer.page) => {
                full_scan.read(answer);
                Placement::nowhere(answer, answer.total)
            }
            // The page was under way when an inconsistency appeared. Its rows count, its position does not, and its
            // total is from before the full scan.
            Phase::FullScan(_) | Phase::Count | Phase::Compare(_) | Phase::Done(_) => {
                self.passes.begin(self.latest_total);
                Placement::nowhere(answer, None)
            }
        }
    }

    /// Records the total of an answer, and the position of its oldest action by that total.
    fn note_claim(&mut self, answer: &Answer<'_>) {
        let Some(total) = answer.total else { return };
        let shown = Interval::of_page(answer.page, PER_PAGE, total);
        if shown.len() != answer.ids.len() as u64 {
            return;
        }
        self.latest_total = self.latest_total.max(total);
        if let Some(Some(oldest)) = answer.ids.last() {
            self.passes.note_claim(total, *oldest, shown.start);
        }
    }

    /// Records the result of archiving the placed rows.
    pub(super) fn archived(
        &mut self,
        answer: &Answer<'_>,
        placement: &Placement,
        recorded: Recorded,
    ) {
        self.inserted += recorded.new_to_syncs();
        match &self.phase {
            Phase::Cover if recorded.unexpected > 0 => {
                self.start_full_scan(Inconsistency::Unexpected { page: answer.page });
            }
            Phase::Cover => {
                self.note_covered(answer, placement);
                self.finish_cover();
            }
            Phase::FullScan(_) => self.finish_pass(),
            Phase::Count | Phase::Compare(_) | Phase::Done(_) => {}
        }
    }

    /// True when any answer was older than another one.
    pub(super) fn has_lag(&self) -> bool {
        self.has_lag
    }

    /// The number of covered positions, while positions are trusted.
    pub(super) fn covered(&self) -> Option<u64> {
        matches!(self.phase, Phase::Cover).then(|| self.coverage.len())
    }

    /// Handles the verdict of a pass: accepts it or starts another pass.
    fn finish_pass(&mut self) {
        let Phase::FullScan(full_scan) = &mut self.phase else {
            return;
        };
        let Some(verdict) = full_scan.verdict().cloned() else {
            return;
        };
        self.has_lag |= full_scan.has_lag();
        match self.passes.judge(verdict, *std::mem::take(full_scan)) {
            Judgement::Compare(found) => self.phase = Phase::Compare(found),
            Judgement::Again(inconsistency) => self.start_full_scan(inconsistency),
            Judgement::Done(verdict) => self.phase = Phase::Done(verdict),
        }
    }

    /// The greatest id among the positions below [`Self::proven_total`], if only some rows are kept. Positions beyond a
    /// gap do not count, because the gap may later show smaller ids.
    pub(super) fn head_id(&self) -> Option<ActionId> {
        let proven = self.proven_total();
        let seen = self
            .seen
            .iter()
            .flatten()
            .filter(|(_, position)| **position < proven);
        self.head_id.max(seen.map(|(id, _)| *id).max())
    }

    /// True when the caller must call [`Self::counted`] for a verdict.
    pub(super) fn wants_count(&self) -> bool {
        matches!(self.phase, Phase::Count)
    }

    /// The greatest id to count. Newer archived actions, from an earlier sync run or another page, would hide missing
    /// older ones.
    pub(super) fn count_up_to(&self) -> Option<ActionId> {
        self.greatest_ids.get(&self.proven_total()).copied()
    }

    /// Records the number of archived actions of the listing, up to [`Self::count_up_to`].
    pub(super) fn counted(&mut self, archived: u64) {
        let total = self.proven_total();
        if archived == total {
            self.phase = Phase::Done(Verdict::Complete { total });
        } else {
            self.start_full_scan(Inconsistency::Count { archived, total });
        }
    }

    /// True when the caller must call [`Self::compared`] for a verdict.
    pub(super) fn wants_comparison(&self) -> bool {
        matches!(self.phase, Phase::Compare(_))
    }

    /// Records the number of archived actions of the listing, and the newest one.
    pub(super) fn compared(&mut self, archived: u64, newest: Option<ActionId>) {
        if let Phase::Compare(found) = &self.phase {
            let archived_before = archived.saturating_sub(self.inserted);
            let known_before = self.before.total.unwrap_or(0);
            let surplus_before = archived_before.saturating_sub(known_before);
            let expected = archived.saturating_sub(surplus_before);
            self.phase = Phase::Done(self.passes.compare(found, expected, newest));
        }
    }

    /// The length that the next sync run expects, if it is less than the known length.
    pub(super) fn settles_for(&self) -> Option<u64> {
        match &self.phase {
            Phase::Done(Verdict::Incomplete {
                reason: Inconsistency::WithoutNewest { now, .. },
            }) => Some(*now),
            _ => None,
        }
    }

    /// The verdict, once no page is under way.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        match &self.phase {
            Phase::Done(verdict) if self.under_way.is_empty() => Some(verdict),
            _ => None,
        }
    }

    /// The positions of the audited page.
    pub(super) fn audited(&self) -> Option<Interval> {
        self.audited
    }

    /// True when everything that the listing ever showed had been archived before.
    pub(super) fn was_complete(&self) -> bool {
        let complete = self.before.complete_total;
        complete.is_some_and(|complete| complete >= self.latest_total)
    }

    /// Records that a requested page has no answer. Returns a value if the page was only read again, so that nothing is
    /// missing.
    pub(super) fn abandon(&mut self, page: u64) -> Option<Skipped> {
        self.under_way.remove(&page);
        let skipped = self.skip(page)?;
        self.finish_cover();
        Some(skipped)
    }

    /// The number of covered positions and the number of all positions, for the progress display.
    pub(super) fn progress(&self) -> (u64, u64) {
        if let Phase::FullScan(full_scan) = &self.phase {
            return full_scan.progress();
        }
        let wanted = self.up_to(self.latest_total);
        let missing = self.coverage.count_missing(wanted);
        (wanted.len() - missing, wanted.len())
    }

    /// True for a full scan, which trusts no position of an earlier sync run.
    pub(super) fn is_through_everything(&self) -> bool {
        self.is_full || self.scanned_because.is_some()
    }

    /// The inconsistency because of which the coverage must be forgotten, if any.
    pub(super) fn inconsistency(&self) -> Option<&Inconsistency> {
        match (&self.phase, &self.scanned_because) {
            (Phase::FullScan(_), inconsistency) => inconsistency.as_ref(),
            // A full scan on request that ended with an inconsistency.
            (Phase::Done(Verdict::Incomplete { reason }), None) if self.is_full => Some(reason),
            (Phase::Done(Verdict::Incomplete { .. }), inconsistency) if self.seen.is_some() => {
                inconsistency.as_ref()
            }
            _ => None,
        }
    }

    /// Stops trusting positions and starts a full scan. If only some rows are kept, it ends the plan instead, because
    /// the droplets' own listings can be read.
    fn start_full_scan(&mut self, inconsistency: Inconsistency) {
        self.coverage = Coverage::new();
        self.passes.begin(self.latest_total);
        self.phase = match self.seen {
            Some(_) => Phase::Done(Verdict::Incomplete {
                reason: inconsistency.clone(),
            }),
            None => Phase::FullScan(Box::new(FullScan::new(self.has_lag))),
        };
        self.scanned_because = Some(inconsistency);
    }
}

#[cfg(test)]
mod tests;
