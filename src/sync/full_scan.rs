//! The careful way through a listing: every page, one after the other, from the first to the last.
//!
//! It needs no position to be right. As long as a listing only grows, reading forward misses nothing but what arrives at
//! the head meanwhile, and for that the pass begins at the first page again. A pass is complete when it has found exactly
//! as many actions as the largest total that it saw; or, where the listing grows faster than it can be caught up with, is
//! newest first and no answer was old, as many as it had at the first page.
//!
//! An answer with a smaller total than one before it is old: it comes from a replica that lags, or from a cache. Rows that
//! it moves onto pages that were read already would be lost, so the page is asked for again.

use super::answer::{Answer, Inconsistency, Verdict};
use crate::api::PER_PAGE;
use crate::core::model::ActionId;
use std::collections::{HashMap, HashSet};

/// Pages in a row that may bring nothing new before the pass is given up.
const MOST_FRUITLESS: u32 = 3;
/// Pages that may fall short of the first one before the pass is given up.
const MOST_SHORT: u32 = 5;
/// Pages in a row during each of which the listing may grow by a page before the pass is given up.
const MOST_OUTGROWN: u32 = 12;
/// Old answers in a row before the listing is taken to have shrunk.
pub(super) const MOST_OLD: u32 = 12;
/// Pages that may be read again for what arrived meanwhile, beside twice as many as the listing had at first.
const MORE_PAGES: u64 = 4;
/// The API's default page, and the least that a server which ignores `per_page` is expected to give.
const LEAST_PAGE: usize = 20;

/// Whether the last page of a listing may be a full one: of as many rows as were asked for, or, where it is the only one, of
/// a round number, as a server gives that does not give so many.
pub(super) fn may_be_cut(rows: u64) -> bool {
    let is_round = rows.is_multiple_of(10) || rows.is_multiple_of(25);
    rows > 0 && (rows.is_multiple_of(PER_PAGE) || (rows < PER_PAGE && is_round))
}

/// A pass over all pages.
#[derive(Default)]
pub(super) struct FullScan {
    pages_read: u64,
    /// How many of them since the pass began, or began again, at the first page.
    pages_of_lap: u64,
    /// How many pages the first lap had, once it has ended.
    pages_of_first_lap: Option<u64>,
    /// How many actions this lap has found, if it is not the first.
    found_in_lap: usize,
    seen: HashSet<ActionId>,
    /// The same, in the order of the listing: the newest first.
    found: Vec<ActionId>,
    /// The least of them.
    least: Option<ActionId>,
    rejected: u64,
    first_total: Option<u64>,
    largest_total: Option<u64>,
    /// What the server takes a full page to be: the rows on the first one.
    page_length: usize,
    old: u32,
    /// Whether any answer was old.
    has_lag: bool,
    fruitless: u32,
    short: u32,
    outgrown: u32,
    /// Whether a page showed an action for the first time that is newer than one of the pages before.
    is_disordered: bool,
    /// Whether the first lap found as many actions as the listing had at its first page.
    found_first: bool,
    is_worth_another: bool,
    verdict: Option<Verdict>,
}

impl FullScan {
    /// Begins a pass, in a sync in which answers were old or not.
    pub(super) fn new(has_lag: bool) -> Self {
        Self {
            has_lag,
            ..Self::default()
        }
    }

    /// Whether any answer was old.
    pub(super) fn has_lag(&self) -> bool {
        self.has_lag
    }

    /// The page to read next.
    pub(super) fn next_page(&self) -> u64 {
        self.pages_of_lap + 1
    }

    /// Whether `page` is the one it waits for.
    pub(super) fn is_at(&self, page: u64) -> bool {
        self.verdict.is_none() && page == self.next_page()
    }

    /// How the pass ended, once it has.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        self.verdict.as_ref()
    }

    /// Whether another pass may end better: this one came to its end and found too few, or was shown an older listing.
    pub(super) fn is_worth_another(&self) -> bool {
        self.is_worth_another
    }

    /// The actions that it found, the newest first.
    pub(super) fn into_found(self) -> Vec<ActionId> {
        self.found
    }

    /// How many of how many actions it has found.
    pub(super) fn progress(&self) -> (u64, u64) {
        let seen = self.seen.len() as u64;
        (seen, self.largest_total.unwrap_or(seen).max(seen))
    }

    /// Takes note of the page it waited for.
    pub(super) fn read(&mut self, answer: &Answer<'_>) {
        // Where totals are lengths of pages, that of the page past the end is 0.
        let is_past_the_end = answer.ids.is_empty() && self.pages_read > 0;
        let total = answer.total.filter(|total| *total > 0 || !is_past_the_end);
        if self.is_old(total) {
            return;
        }
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
            None => self.go_on(answer, new),
        }
    }

    /// Takes note of the actions of a page; how many of them are new.
    fn note_ids(&mut self, answer: &Answer<'_>) -> usize {
        let ids = || answer.ids.iter().flatten().copied();
        let is_first_lap = self.pages_of_first_lap.is_none();
        if let Some(least) = self.least.filter(|_| is_first_lap) {
            let mut new = ids().filter(|id| !self.seen.contains(id));
            self.is_disordered |= new.any(|id| id > least);
        }
        self.least = ids().chain(self.least).min();
        let new: Vec<ActionId> = ids().filter(|id| self.seen.insert(*id)).collect();
        // What a later lap finds arrived since.
        let place = if is_first_lap {
            self.found.len()
        } else {
            self.found_in_lap
        };
        self.found.splice(place..place, new.iter().copied());
        self.found_in_lap += if is_first_lap { 0 } else { new.len() };
        new.len()
    }

    /// Whether an answer with this total is older than one before it; too many of these end the pass.
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
            // Links that lead on to nothing new: whether that was all, the count tells.
            self.judge(true, true);
        } else if self.short >= MOST_SHORT {
            self.judge(answer.ids.is_empty(), true);
        } else if answer.ids.is_empty() || self.is_last(answer, is_short) {
            self.judge(true, true);
        }
    }

    /// Reads what arrived since the first page was read, which ends where older actions follow.
    fn catch_up(&mut self, answer: &Answer<'_>, new: usize) {
        let found = self.seen.len() as u64;
        if new < answer.ids.len() || self.largest_total == Some(found) {
            self.judge(true, new > 0);
        }
    }

    /// Whether a page has no link to another one and is the last by its length or by the total. One that may have been cut
    /// is not: totals have been the number of rows on the page, without links (digitalocean/api-v2 issue 107).
    fn is_last(&self, answer: &Answer<'_>, is_short: bool) -> bool {
        let reached = self.pages_read.saturating_mul(self.page_length as u64);
        let is_past_total = self.largest_total.is_none_or(|total| total <= reached);
        // The first page tells how long a full one is, however short.
        let is_full = (!is_short || self.pages_read == 1) && may_be_cut(answer.ids.len() as u64);
        !answer.has_next && !is_full && (is_short || is_past_total)
    }

    /// Ends the pass, or begins again at the first page when the listing has grown meanwhile.
    fn judge(&mut self, has_ended: bool, brings_more: bool) {
        let found = self.seen.len() as u64;
        let has_grown = self.first_total < self.largest_total;
        let pages = self.pages_read;
        let rows = self.rejected;
        match self.largest_total {
            _ if rows > 0 => self.end(Inconsistency::Rejected { rows }),
            None => self.end(Inconsistency::NoTotal),
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
        // A server may say anything.
        let pages = self.first_total.unwrap_or(0).div_ceil(PER_PAGE);
        pages.saturating_mul(2).saturating_add(MORE_PAGES)
    }

    /// Ends a pass that does not catch up with what arrives.
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

/// Passes over all pages that a listing is worth in one sync.
const MOST_PASSES: u32 = 3;

/// The passes of one sync.
pub(super) struct Passes {
    done: u32,
    /// The longest length heard of before the pass at hand began.
    known_total: u64,
    /// The actions that a pass found, if they were fewer.
    shorter: Option<HashSet<ActionId>>,
    /// What each answer of this sync said: its total, its oldest action, and the position of that.
    claims: Vec<(u64, ActionId, u64)>,
}

/// What a pass found: the actions, the newest first, and the length to believe.
pub(super) struct Found {
    ids: Vec<ActionId>,
    total: u64,
}

/// What follows from a pass.
pub(super) enum Judgement {
    /// It added up: the archive has to be compared with it.
    Compare(Found),
    Again(Inconsistency),
    Done(Verdict),
}

impl Passes {
    /// None so far; an earlier sync may have heard of a length.
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

    /// A pass begins, or what was said before it is heard later.
    pub(super) fn begin(&mut self, known_total: u64) {
        self.known_total = known_total;
    }

    /// Judges a pass that has come to this verdict.
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

    /// Why a pass that found fewer actions than were known is not believed, unless an earlier one found no others.
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

    /// Compares what a pass found with the archive: how many actions of the listing it holds, but for those that it held
    /// too many before, and the newest of them.
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
            // The listing does not show everything, or actions were removed: the next sync takes its word for it.
            (archived > total).then_some(Inconsistency::Surplus { archived, total })
        };
        match inconsistency {
            Some(reason) => Verdict::Incomplete { reason },
            None => Verdict::Complete { total: found.total },
        }
    }

    /// Two passes agreed on fewer actions than were listed once. If what they showed stands where an answer with a larger
    /// total had it, they were shown an older listing. If they lack the newest action, that was removed or they were: the
    /// next sync takes their word for it.
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
