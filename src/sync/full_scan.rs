//! The full scan of a listing: every page, one after the other, from the first to the last.
//!
//! It does not depend on correct positions. As long as a listing only grows, reading forward misses only the actions
//! that arrive at the head meanwhile, and for these the pass begins again at the first page. A pass is complete when it
//! has found exactly as many actions as the largest total that it saw. If the listing grows faster than the pass can
//! read, it is enough to find as many actions as the total of the first page, provided that the listing is newest first
//! and no answer was old.
//!
//! An answer with a smaller total than an earlier one is old: it comes from a replica that lags, or from a cache. In an
//! old answer, rows move to pages that were already read, and would be lost. So the page is requested again.

use super::answer::{Answer, Inconsistency, Verdict};
use crate::api::PER_PAGE;
use crate::core::model::ActionId;
use std::collections::{HashMap, HashSet};

/// The pass ends after this many pages in a row without new actions.
const MOST_FRUITLESS: u32 = 3;
/// The pass ends after this many pages that are shorter than the first one.
const MOST_SHORT: u32 = 5;
/// The pass ends after this many pages in a row during each of which the listing grows by a page.
const MOST_OUTGROWN: u32 = 12;
/// The number of old answers in a row that prove that the listing has shrunk.
pub(super) const MOST_OLD: u32 = 12;
/// The pages that later laps may read, besides twice the pages of the listing at first.
const MORE_PAGES: u64 = 4;
/// The first lap may take this many times the pages of the listing at first, and a few answers more.
const MOST_TIMES: u64 = 8;
const MORE_ANSWERS: u64 = 24;
/// The API's default page length, and the smallest expected page of a server that ignores `per_page`.
const LEAST_PAGE: usize = 20;

/// True when the last page of a listing may be a full page, so that more may follow. A page is full with the requested
/// number of rows. A single page may also be full with a round number, because a server may give smaller pages.
pub(super) fn may_be_cut(rows: u64) -> bool {
    let is_round = rows.is_multiple_of(10) || rows.is_multiple_of(25);
    rows > 0 && (rows.is_multiple_of(PER_PAGE) || (rows < PER_PAGE && is_round))
}

/// One pass over all pages.
#[derive(Default)]
pub(super) struct FullScan {
    /// The number of answers, old ones included.
    answers: u32,
    pages_read: u64,
    /// The number of pages in this lap. A lap begins at the first page.
    pages_of_lap: u64,
    /// The number of pages in the first lap, once it has ended.
    pages_of_first_lap: Option<u64>,
    /// The number of new actions in this lap, if it is not the first.
    found_in_lap: usize,
    seen: HashSet<ActionId>,
    /// The same actions in the order of the listing, newest first.
    found: Vec<ActionId>,
    /// The smallest id of them.
    least: Option<ActionId>,
    rejected: u64,
    first_total: Option<u64>,
    largest_total: Option<u64>,
    /// The server's page length, taken from the first page.
    page_length: usize,
    old: u32,
    /// True when a page stated no total: then nothing proves that it belongs to the same listing as the others.
    lacks_total: bool,
    /// True when any answer was old.
    has_lag: bool,
    fruitless: u32,
    short: u32,
    outgrown: u32,
    /// True when a page showed a new action with a greater id than one on an earlier page.
    is_disordered: bool,
    /// True when the first lap found as many actions as the total of the first page.
    found_first: bool,
    is_worth_another: bool,
    verdict: Option<Verdict>,
}

impl FullScan {
    /// Begins a pass. `has_lag` is true when the sync run has already had an old answer.
    pub(super) fn new(has_lag: bool) -> Self {
        Self {
            has_lag,
            ..Self::default()
        }
    }

    /// True when any answer was old.
    pub(super) fn has_lag(&self) -> bool {
        self.has_lag
    }

    /// The page to read next.
    pub(super) fn next_page(&self) -> u64 {
        self.pages_of_lap + 1
    }

    /// True when the pass waits for `page`.
    pub(super) fn is_at(&self, page: u64) -> bool {
        self.verdict.is_none() && page == self.next_page()
    }

    /// The verdict, once the pass has ended.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// True when another pass may succeed: this one found too few actions, or read an older listing.
    pub(super) fn is_worth_another(&self) -> bool {
        self.is_worth_another
    }

    /// The actions that the pass found, newest first.
    pub(super) fn into_found(self) -> Vec<ActionId> {
        self.found
    }

    /// The number of found actions, and the number of expected ones.
    pub(super) fn progress(&self) -> (u64, u64) {
        let seen = self.seen.len() as u64;
        (seen, self.largest_total.unwrap_or(seen).max(seen))
    }

    /// Records the page that the pass waited for.
    pub(super) fn read(&mut self, answer: &Answer<'_>) {
        // Some servers state the page length as total. Then the total of the page past the end is 0.
        let is_past_the_end = answer.ids.is_empty() && self.pages_read > 0;
        let total = answer.total.filter(|total| *total > 0 || !is_past_the_end);
        self.answers += 1;
        if self.is_old(total) {
            return;
        }
        self.lacks_total |= total.is_none() && !is_past_the_end;
        self.pages_read += 1;
        self.pages_of_lap += 1;
        if self.pages_read == 1 {
            self.first_total = total;
            self.page_length = answer.ids.len().max(LEAST_PAGE);
        }
        let new = self.note_ids(answer);
        self.rejected += answer.ids.iter().filter(|id| id.is_none()).count() as u64;
        self.note_growth(total);
        match self.pages_of_first_lap {
            _ if self.outgrown >= MOST_OUTGROWN => self.give_up(),
            Some(pages) if self.pages_read - pages > self.most_pages_again() => self.give_up(),
            Some(_) => self.catch_up(answer, new),
            None if self.is_outrun() => self.give_up(),
            None => self.go_on(answer, new),
        }
    }

    /// Records the actions of a page, and returns the number of new ones.
    fn note_ids(&mut self, answer: &Answer<'_>) -> usize {
        let ids = || answer.ids.iter().flatten().copied();
        let is_first_lap = self.pages_of_first_lap.is_none();
        if let Some(least) = self.least.filter(|_| is_first_lap) {
            let mut new = ids().filter(|id| !self.seen.contains(id));
            self.is_disordered |= new.any(|id| id > least);
        }
        self.least = ids().chain(self.least).min();
        let new: Vec<ActionId> = ids().filter(|id| self.seen.insert(*id)).collect();
        // New actions of a later lap arrived since the first page was read.
        let place = if is_first_lap {
            self.found.len()
        } else {
            self.found_in_lap
        };
        self.found.splice(place..place, new.iter().copied());
        self.found_in_lap += if is_first_lap { 0 } else { new.len() };
        new.len()
    }

    /// True when an answer with this total is older than an earlier one. Too many of these end the pass.
    fn is_old(&mut self, total: Option<u64>) -> bool {
        let (Some(before), Some(now)) = (self.largest_total, total) else {
            return false;
        };
        if before <= now {
            self.old = 0;
            return false;
        }
        self.old += 1;
        self.has_lag = true;
        if self.old >= MOST_OLD {
            self.is_worth_another = true;
            self.end(Inconsistency::Shrunk { before, now });
        }
        true
    }

    fn note_growth(&mut self, total: Option<u64>) {
        let grown = match (self.largest_total, total) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => 0,
        };
        self.outgrown = if grown >= self.page_length as u64 {
            self.outgrown + 1
        } else {
            0
        };
        self.largest_total = total.or(self.largest_total);
    }

    fn go_on(&mut self, answer: &Answer<'_>, new: usize) {
        self.fruitless = if new > 0 { 0 } else { self.fruitless + 1 };
        let is_short = answer.ids.len() < self.page_length;
        self.short += u32::from(is_short);
        if self.fruitless >= MOST_FRUITLESS {
            // The links lead to no new actions. The count decides if the listing is complete.
            self.judge(true, true);
        } else if self.short >= MOST_SHORT {
            self.judge(answer.ids.is_empty(), true);
        } else if answer.ids.is_empty() || self.is_last(answer, is_short) {
            self.judge(true, true);
        }
    }

    /// Reads the actions that arrived since the first page. It ends at the first action that is already known.
    fn catch_up(&mut self, answer: &Answer<'_>, new: usize) {
        let found = self.seen.len() as u64;
        if new < answer.ids.len() || self.largest_total == Some(found) {
            self.judge(true, new > 0);
        }
    }

    /// True when a page has no link to a further page and is the last one by its length or by the total. A page that
    /// may be cut does not count: totals have been the number of rows on the page, without links (digitalocean/api-v2
    /// issue 107).
    fn is_last(&self, answer: &Answer<'_>, is_short: bool) -> bool {
        let reached = self.pages_read.saturating_mul(self.page_length as u64);
        let is_past_total = self.largest_total.is_none_or(|total| total <= reached);
        // The first page defines the length of a full page, however short it is.
        let is_full = (!is_short || self.pages_read == 1) && may_be_cut(answer.ids.len() as u64);
        !answer.has_next && !is_full && (is_short || is_past_total)
    }

    /// Ends the pass, or begins a new lap if the listing has grown meanwhile.
    fn judge(&mut self, has_ended: bool, brings_more: bool) {
        let found = self.seen.len() as u64;
        let has_grown = self.first_total < self.largest_total;
        let pages = self.pages_read;
        let rows = self.rejected;
        match self.largest_total {
            _ if rows > 0 => self.end(Inconsistency::Rejected { rows }),
            None => self.end(Inconsistency::NoTotal),
            Some(_) if self.lacks_total => {
                self.is_worth_another = true;
                self.end(Inconsistency::NoTotal);
            }
            Some(total) if found == total && has_ended => {
                self.verdict = Some(Verdict::Complete { total });
            }
            Some(total) if found == total => self.end(Inconsistency::Endless { pages }),
            Some(total) if found < total && has_ended && has_grown && brings_more => {
                if self.pages_of_first_lap.is_none() {
                    self.pages_of_first_lap = Some(pages);
                    self.found_first = self.first_total == Some(found) && !self.is_disordered;
                }
                self.pages_of_lap = 0;
                self.found_in_lap = 0;
            }
            Some(total) => {
                self.is_worth_another = has_ended && found < total;
                self.end(Inconsistency::ScanCount { found, total });
            }
        }
    }

    fn most_pages_again(&self) -> u64 {
        // A server may state any total, so the product must not overflow.
        let pages = self.first_total.unwrap_or(0).div_ceil(PER_PAGE);
        pages.saturating_mul(2).saturating_add(MORE_PAGES)
    }

    /// True when the end of a growing listing moves away too fast for the first lap. Old answers count, because the
    /// listing grows during them too.
    fn is_outrun(&self) -> bool {
        let pages = self.first_total.unwrap_or(0).div_ceil(PER_PAGE);
        let most = pages
            .saturating_mul(MOST_TIMES)
            .saturating_add(MORE_ANSWERS);
        self.first_total < self.largest_total && u64::from(self.answers) > most
    }

    /// Ends a pass that cannot catch up with new actions.
    fn give_up(&mut self) {
        let pages = self.pages_read;
        match self
            .first_total
            .filter(|_| self.found_first && !self.has_lag)
        {
            Some(total) => self.verdict = Some(Verdict::Complete { total }),
            None => self.end(Inconsistency::Outgrown { pages }),
        }
    }

    fn end(&mut self, reason: Inconsistency) {
        self.verdict = Some(Verdict::Incomplete { reason });
    }
}

/// The most passes over a listing in one sync run.
const MOST_PASSES: u32 = 3;

/// The passes of one sync run.
pub(super) struct Passes {
    done: u32,
    /// The largest total before the current pass began.
    known_total: u64,
    /// The actions of an earlier pass that found fewer actions than that.
    shorter: Option<HashSet<ActionId>>,
    /// The claims of this sync run's answers: total, oldest action, and the position of that action.
    claims: Vec<(u64, ActionId, u64)>,
}

/// The result of a pass: the actions, newest first, and the length of the listing.
pub(super) struct Found {
    ids: Vec<ActionId>,
    total: u64,
}

/// The next step after a pass.
pub(super) enum Judgement {
    /// The pass has no inconsistency: compare the archive with it.
    Compare(Found),
    Again(Inconsistency),
    Done(Verdict),
}

impl Passes {
    /// No passes yet. `total` is the length that an earlier sync run knew.
    pub(super) fn after(total: Option<u64>) -> Self {
        Self {
            done: 0,
            known_total: total.unwrap_or(0),
            shorter: None,
            claims: Vec::new(),
        }
    }

    pub(super) fn note_claim(&mut self, total: u64, oldest: ActionId, position: u64) {
        self.claims.push((total, oldest, position));
    }

    /// A pass begins, or an answer from before the pass arrives later.
    pub(super) fn begin(&mut self, known_total: u64) {
        self.known_total = known_total;
    }

    /// Judges a pass that ended with this verdict.
    pub(super) fn judge(&mut self, verdict: Verdict, pass: FullScan) -> Judgement {
        self.done += 1;
        let is_worth_another = pass.is_worth_another();
        let inconsistency = match verdict {
            Verdict::Complete { total } => {
                let ids = pass.into_found();
                match self.doubt_of_first_shorter(&ids, total) {
                    Some(inconsistency) => inconsistency,
                    None => return Judgement::Compare(Found { ids, total }),
                }
            }
            Verdict::Incomplete { reason } if is_worth_another => reason,
            Verdict::Incomplete { .. } => return Judgement::Done(verdict),
        };
        if self.done < MOST_PASSES {
            Judgement::Again(inconsistency)
        } else {
            Judgement::Done(Verdict::Incomplete {
                reason: inconsistency,
            })
        }
    }

    /// The inconsistency of a pass that found fewer actions than were known. It is accepted if all actions of an
    /// earlier such pass are among its own.
    fn doubt_of_first_shorter(&mut self, ids: &[ActionId], now: u64) -> Option<Inconsistency> {
        let before = self.known_total;
        if now >= before {
            return None;
        }
        let found: HashSet<_> = ids.iter().copied().collect();
        let earlier = self.shorter.take();
        if earlier.is_some_and(|earlier| earlier.is_subset(&found)) {
            return None;
        }
        self.shorter = Some(found);
        Some(Inconsistency::Shrunk { before, now })
    }

    /// Compares the result of a pass with the archive. `archived` is the number of archived actions, without an earlier
    /// surplus, and `newest` is the newest of them.
    pub(super) fn compare(
        &self,
        found: &Found,
        archived: u64,
        newest: Option<ActionId>,
    ) -> Verdict {
        let total = found.ids.len() as u64;
        let inconsistency = if found.total < self.known_total {
            self.doubt_of_shorter(&found.ids, newest)
        } else {
            // The listing does not show everything, or actions were removed. The next sync run accepts it.
            (archived > total).then_some(Inconsistency::Surplus { archived, total })
        };
        match inconsistency {
            Some(reason) => Verdict::Incomplete { reason },
            None => Verdict::Complete { total: found.total },
        }
    }

    /// Two passes agreed on fewer actions than were listed before. If an action has the same position as in an answer
    /// with a larger total, the passes read an older listing. If the newest action is missing, either it was removed or
    /// the passes read an older listing: the next sync run accepts the result.
    fn doubt_of_shorter(
        &self,
        found: &[ActionId],
        newest: Option<ActionId>,
    ) -> Option<Inconsistency> {
        let (before, now) = (self.known_total, found.len() as u64);
        let places: HashMap<ActionId, u64> = found.iter().rev().copied().zip(0..).collect();
        let stands_at = |(_, id, position): &(u64, ActionId, u64)| places.get(id) == Some(position);
        let mut longer = self.claims.iter().filter(|(said, ..)| *said > now);
        if longer.any(stands_at) {
            Some(Inconsistency::Older { before, now })
        } else if found.iter().max().copied() < newest {
            Some(Inconsistency::WithoutNewest { before, now })
        } else {
            None
        }
    }
}
