//! Decides which page of a listing to read next, and when all of it is archived. Pure: no network, no file, no clock.
//!
//! The rule is *cover what is missing of `[0, T)`*, where `T` is the length the listing had when the sync began. Servers
//! may lag behind one another, so the end is put off when an answer says that the listing is longer.
//! Positions are exact as long as the listing is newest first and grows at its head only, which is observed but not
//! documented. So every answer is checked against what it claims:
//!
//! - a page has as many rows as the positions it shows, and no id twice;
//! - a total never shrinks: an answer that is older than one before it is asked for again;
//! - where only some rows are kept, the newest come first, and all that is new has greater ids than all that is old;
//! - what stands at covered positions is archived already;
//! - in the end, as many actions were new as positions were newly covered; where the two differ, because some were
//!   known from elsewhere, the archived actions that are no newer than the covered ones are counted.
//!
//! The first check that fails ends this way of reading: what was covered is forgotten, and the pages are walked one
//! after the other from the first, which misses nothing as long as the listing only grows ([`FullScan`]). If that does
//! not add up either, it is done again, and then the listing is reported as incomplete ([`Passes`]). Rows are archived in
//! any case.

mod check;
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
    /// Covering what is missing.
    Cover,
    /// Everything is covered, but whether it is there has to be counted.
    Count,
    /// Something was wrong: pages one after the other, once what is under way has come in.
    FullScan(FullScan),
    /// A pass added up: what it found is compared with what is archived.
    Compare(Found),
    Done(Verdict),
}

/// The reading of one listing in one sync.
pub(super) struct PagePlan {
    phase: Phase,
    /// Whether every page is walked through on request.
    is_full: bool,
    /// Whether it begins at the newest page that is missing, instead of at the newest.
    is_resuming: bool,
    /// Why every page is walked through otherwise.
    scanned_because: Option<Inconsistency>,
    before: Before,
    coverage: Coverage,
    /// Positions of rows without an id: read, but not archived.
    unreadable: Coverage,
    /// The position from which on the listing is read: the oldest, unless it is only followed.
    from: u64,
    /// When only some rows are kept: the ids of all at newly covered positions, to be counted instead of rows, each with
    /// its position.
    seen: Option<HashMap<ActionId, u64>>,
    /// The greatest id that the listing showed before, where what is new is known to have a greater one.
    head_id: Option<ActionId>,
    /// The last positions of what earlier syncs have read, while it is not known that what stands there is archived: a total
    /// that was wrong then, or an action that was removed since, would leave a hole after them.
    borders: BTreeSet<u64>,
    /// The positions after borders that were read before the borders were looked at. They are covered afterwards, so that a
    /// sync that is killed in between leaves a gap there, and the next one has the look.
    held: BTreeSet<u64>,
    /// The length when the sync began, and what it was raised to.
    first_target: Option<u64>,
    target: Option<u64>,
    /// How many pages were asked for.
    asked: u64,
    /// The longest length heard of, in this sync or an earlier one.
    latest_total: u64,
    /// How often the target was raised to it.
    raises: u32,
    /// What the passes over all pages came to.
    passes: Passes,
    /// Covered positions whose pages are to be read again.
    again: BTreeSet<u64>,
    /// The one of them that is to be proven, and the positions that its page then showed.
    audit: Option<u64>,
    audited: Option<Interval>,
    /// The last answer, where it is older than one before it.
    old: Option<Inconsistency>,
    /// Whether any answer of this sync was: then a larger total is no growth.
    has_lag: bool,
    /// The length at which a page past the end was empty.
    end: Option<u64>,
    /// The greatest id of the page that ends at a position.
    greatest_ids: BTreeMap<u64, ActionId>,
    /// The pages that are asked for, each with the length that was known then.
    under_way: BTreeMap<u64, u64>,
    inserted: u64,
    newly_covered: u64,
    /// Answers in a row that brought nothing missing.
    fruitless: u32,
    /// Whether pages under way at once are outrun by the growth of the listing: each shows what is newer than what it
    /// was asked for, so only one is asked for at a time.
    is_outrun: bool,
}

/// Answers in a row that may bring nothing missing before pages are asked for one at a time.
const MOST_FRUITLESS_AT_ONCE: u32 = 2;
impl PagePlan {
    /// Starts reading; `full` walks through every page whatever is covered.
    pub(super) fn new(before: Before, full: bool) -> Self {
        Self {
            phase: if full {
                Phase::FullScan(FullScan::default())
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

    /// Starts reading a listing of which only some rows are kept, from position `from` on: at earlier ones they are all
    /// archived. What is new has greater ids than `head_id`, the greatest one so far.
    pub(super) fn following(mut before: Before, from: u64, head_id: Option<ActionId>) -> Self {
        // From the beginning on, everything is read.
        let head_id = head_id.filter(|_| from > 0);
        let border = from.checked_sub(1).filter(|border| {
            // What an interrupted sync has read across the border was checked by it.
            head_id.is_some()
                && !(before.coverage.contains(*border) && before.coverage.contains(from))
        });
        let later = before
            .borders()
            .into_iter()
            .filter(|border| *border >= from);
        let borders = later.chain(border).collect();
        before.coverage.insert(Interval {
            start: 0,
            end: from,
        });
        Self {
            from,
            seen: Some(HashMap::new()),
            head_id,
            borders,
            ..Self::new(before, false)
        }
    }

    /// Goes on where an interrupted sync stopped, without a look at the newest page when that is archived.
    pub(super) fn resuming(mut self) -> Self {
        self.is_resuming = self.before.complete_total.is_none();
        self
    }

    /// Has a look at this position, the last one that was read by another sync.
    pub(super) fn with_border(mut self, position: u64) -> Self {
        self.borders.insert(position);
        self
    }

    /// Reads the page with this position again, although it is covered, to prove it.
    pub(super) fn auditing(mut self, position: u64) -> Self {
        self.audit = Some(position);
        self.reading_again([position])
    }

    /// Reads the pages with these positions again, although they are covered.
    pub(super) fn reading_again(mut self, positions: impl IntoIterator<Item = u64>) -> Self {
        self.again.extend(positions);
        self
    }

    /// The page to ask for now; `None` while answers have to come in first, or when there is nothing more to ask.
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

    /// How the rows of this answer are to be archived. [`Self::archived`] must follow.
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
            // Under way when something went wrong: its rows count, its position does not. Its total was said before the walk.
            Phase::FullScan(_) | Phase::Count | Phase::Compare(_) | Phase::Done(_) => {
                self.passes.begin(self.latest_total);
                Placement::nowhere(answer, None)
            }
        }
    }

    /// Takes note of how long an answer says that the listing is, and where its oldest action stands then.
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

    /// Takes note of what archiving the placed rows came to.
    pub(super) fn archived(
        &mut self,
        answer: &Answer<'_>,
        placement: &Placement,
        recorded: Recorded,
    ) {
        self.inserted += recorded.inserted;
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

    /// How many positions are covered, while positions are believed.
    pub(super) fn covered(&self) -> Option<u64> {
        matches!(self.phase, Phase::Cover).then(|| self.coverage.len())
    }

    /// Ends a pass over all pages that has come to its verdict: with that, or with another pass.
    fn finish_pass(&mut self) {
        let Phase::FullScan(full_scan) = &mut self.phase else {
            return;
        };
        let Some(verdict) = full_scan.verdict().cloned() else {
            return;
        };
        self.has_lag |= full_scan.has_lag();
        match self.passes.judge(verdict, std::mem::take(full_scan)) {
            Judgement::Compare(found) => self.phase = Phase::Compare(found),
            Judgement::Again(inconsistency) => self.start_full_scan(inconsistency),
            Judgement::Done(verdict) => self.phase = Phase::Done(verdict),
        }
    }

    /// The greatest id among the positions that [`Self::proven_total`] counts, of a listing of which only some rows are
    /// kept. What was read beyond a gap may have greater ones than what will be found in the gap.
    pub(super) fn head_id(&self) -> Option<ActionId> {
        let proven = self.proven_total();
        let seen = self
            .seen
            .iter()
            .flatten()
            .filter(|(_, position)| **position < proven);
        self.head_id.max(seen.map(|(id, _)| *id).max())
    }

    /// Whether [`Self::counted`] has to be called for a verdict.
    pub(super) fn wants_count(&self) -> bool {
        matches!(self.phase, Phase::Count)
    }

    /// The greatest id to be counted. What is archived beyond it, because an earlier sync or another page showed it, would
    /// make up for what is missing before it.
    pub(super) fn count_up_to(&self) -> Option<ActionId> {
        self.greatest_ids.get(&self.proven_total()).copied()
    }

    /// Takes note of how many actions of the listing are archived, up to [`Self::count_up_to`].
    pub(super) fn counted(&mut self, archived: u64) {
        let total = self.proven_total();
        if archived == total {
            self.phase = Phase::Done(Verdict::Complete { total });
        } else {
            self.start_full_scan(Inconsistency::Count { archived, total });
        }
    }

    /// Whether [`Self::compared`] has to be called for a verdict.
    pub(super) fn wants_comparison(&self) -> bool {
        matches!(self.phase, Phase::Compare(_))
    }

    /// Takes note of how many actions of the listing are archived, and of the newest one.
    pub(super) fn compared(&mut self, archived: u64, newest: Option<ActionId>) {
        if let Phase::Compare(found) = &self.phase {
            let archived_before = archived.saturating_sub(self.inserted);
            let known_before = self.before.total.unwrap_or(0);
            let surplus_before = archived_before.saturating_sub(known_before);
            let expected = archived.saturating_sub(surplus_before);
            self.phase = Phase::Done(self.passes.compare(found, expected, newest));
        }
    }

    /// The length that the next sync is to expect, where it is less than was known.
    pub(super) fn settles_for(&self) -> Option<u64> {
        match &self.phase {
            Phase::Done(Verdict::Incomplete {
                reason: Inconsistency::WithoutNewest { now, .. },
            }) => Some(*now),
            _ => None,
        }
    }

    /// The verdict, once nothing is under way any more.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        match &self.phase {
            Phase::Done(verdict) if self.under_way.is_empty() => Some(verdict),
            _ => None,
        }
    }

    /// The positions of the page that was read again on request.
    pub(super) fn audited(&self) -> Option<Interval> {
        self.audited
    }

    /// Whether every action that the listing was ever seen to hold had been archived before.
    pub(super) fn was_complete(&self) -> bool {
        let complete = self.before.complete_total;
        complete.is_some_and(|complete| complete >= self.latest_total)
    }

    /// A page that was asked for will not be answered. If it was only to be read again, nothing is missing.
    pub(super) fn abandon(&mut self, page: u64) -> Option<Skipped> {
        self.under_way.remove(&page);
        let skipped = self.skip(page)?;
        self.finish_cover();
        Some(skipped)
    }

    /// How many of how many positions are covered, for people who watch.
    pub(super) fn progress(&self) -> (u64, u64) {
        if let Phase::FullScan(full_scan) = &self.phase {
            return full_scan.progress();
        }
        let wanted = Interval {
            start: self.from,
            end: self.latest_total,
        };
        let missing: u64 = self.coverage.missing_of(wanted).map(Interval::len).sum();
        (wanted.len() - missing, wanted.len())
    }

    /// Whether every page is read in the API's order, and no position of an earlier sync is believed.
    pub(super) fn is_through_everything(&self) -> bool {
        self.is_full || self.scanned_because.is_some()
    }

    /// Why what was covered must be forgotten, when it must.
    pub(super) fn inconsistency(&self) -> Option<&Inconsistency> {
        match (&self.phase, &self.scanned_because) {
            (Phase::FullScan(_), inconsistency) => inconsistency.as_ref(),
            // A walk through everything, on request, that did not add up.
            (Phase::Done(Verdict::Incomplete { reason }), None) if self.is_full => Some(reason),
            (Phase::Done(Verdict::Incomplete { .. }), inconsistency) if self.seen.is_some() => {
                inconsistency.as_ref()
            }
            _ => None,
        }
    }

    /// Stops trusting positions. A listing of which only some rows are kept is left at that: the droplets' own listings
    /// are there instead.
    fn start_full_scan(&mut self, inconsistency: Inconsistency) {
        self.coverage = Coverage::new();
        self.passes.begin(self.latest_total);
        self.phase = match self.seen {
            Some(_) => Phase::Done(Verdict::Incomplete {
                reason: inconsistency.clone(),
            }),
            None => Phase::FullScan(FullScan::new(self.has_lag)),
        };
        self.scanned_because = Some(inconsistency);
    }
}

#[cfg(test)]
mod tests;
