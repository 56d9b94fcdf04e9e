//! The careful way through a listing: every page, one after the other, from the first to the last.
//!
//! It needs no position to be right. As long as a listing only grows, reading forward misses nothing: what arrives at
//! the head pushes rows onto later pages, where they are seen again. In the end it must have shown as many different
//! actions as the listing has; or, if it grew and is newest first, as many as it had at the first page.

use std::collections::HashSet;

use super::doubt::Doubt;
use super::walk::{Answer, Verdict};
use crate::model::ActionId;

/// Pages in a row that may bring nothing new before the walk is given up.
const MOST_FRUITLESS: u32 = 3;
/// Pages that may fall short of the first one before the walk is given up.
const MOST_SHORT: u32 = 5;
/// Pages in a row during each of which the listing may grow by a page before the walk is given up.
const MOST_OUTGROWN: u32 = 12;
/// The API's default page, and the least that a server which ignores `per_page` is expected to give.
const LEAST_PAGE: usize = 20;

/// A walk over all pages.
#[derive(Default)]
pub(super) struct Rewalk {
    pages_read: u64,
    seen: HashSet<ActionId>,
    /// The least of them.
    least: Option<ActionId>,
    rejected: u64,
    first_total: Option<u64>,
    latest_total: Option<u64>,
    /// What the server takes a full page to be: the rows on the first one.
    page_length: usize,
    /// Whether a page showed an action for the first time that is newer than one of the pages before.
    is_disordered: bool,
    fruitless: u32,
    short: u32,
    outgrown: u32,
    verdict: Option<Verdict>,
}

impl Rewalk {
    /// The page to read next.
    pub(super) fn next_page(&self) -> u64 {
        self.pages_read + 1
    }

    /// Whether `page` is the one it waits for.
    pub(super) fn is_at(&self, page: u64) -> bool {
        self.verdict.is_none() && page == self.next_page()
    }

    /// How the walk ended, once it has.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.verdict.clone()
    }

    /// How many of how many actions it has seen.
    pub(super) fn progress(&self) -> (u64, u64) {
        let seen = self.seen.len() as u64;
        (seen, self.latest_total.unwrap_or(seen).max(seen))
    }

    /// Takes note of the page it waited for.
    pub(super) fn read(&mut self, answer: &Answer<'_>) {
        self.pages_read += 1;
        if self.pages_read == 1 {
            self.first_total = answer.total;
            self.page_length = answer.ids.len().max(LEAST_PAGE);
        }
        let grown = match (self.latest_total, answer.total) {
            (Some(before), Some(now)) => now.saturating_sub(before),
            _ => 0,
        };
        self.outgrown = if grown >= self.page_length as u64 {
            self.outgrown + 1
        } else {
            0
        };
        self.latest_total = answer.total.or(self.latest_total);
        let seen_before = self.seen.len();
        self.note_order(answer);
        self.seen.extend(answer.ids.iter().flatten());
        self.rejected += answer.ids.iter().filter(|id| id.is_none()).count() as u64;
        self.fruitless = if self.seen.len() > seen_before {
            0
        } else {
            self.fruitless + 1
        };
        let is_short = answer.ids.len() < self.page_length;
        self.short += u32::from(is_short);
        if self.outgrown >= MOST_OUTGROWN {
            let reason = Doubt::Outgrown {
                pages: self.pages_read,
            };
            self.verdict = Some(Verdict::Incomplete { reason });
        } else if self.fruitless >= MOST_FRUITLESS {
            // Links that lead on to nothing new: whether that was all, the count tells.
            self.verdict = Some(self.judge(true));
        } else if self.short >= MOST_SHORT {
            self.verdict = Some(self.judge(answer.ids.is_empty()));
        } else if answer.ids.is_empty() || (!answer.has_next && self.is_past_total(is_short)) {
            self.verdict = Some(self.judge(true));
        }
    }

    fn note_order(&mut self, answer: &Answer<'_>) {
        let ids = answer.ids.iter().flatten().copied();
        let mut new = ids.filter(|id| !self.seen.contains(id));
        let least = self.least;
        self.is_disordered |= least.is_some_and(|least| new.any(|id| id > least));
        let ids = answer.ids.iter().flatten().copied();
        self.least = ids.chain(least).min();
    }

    /// Whether a page without a link to another one is the last by its length or by the total.
    fn is_past_total(&self, is_short: bool) -> bool {
        let reached = self.pages_read.saturating_mul(self.page_length as u64);
        is_short || self.latest_total.is_none_or(|total| total <= reached)
    }

    fn judge(&self, ended: bool) -> Verdict {
        let found = self.seen.len() as u64;
        let reason = match (self.first_total, self.latest_total) {
            _ if self.rejected > 0 => Doubt::Rejected {
                rows: self.rejected,
            },
            (Some(first), Some(latest)) if ended && self.is_all(first, latest) => {
                return Verdict::Complete {
                    total: first.min(found),
                };
            }
            (Some(_), Some(total)) if found != total => Doubt::WalkedCount { found, total },
            (Some(_), Some(_)) => Doubt::Endless {
                pages: self.pages_read,
            },
            _ => Doubt::NoTotal,
        };
        Verdict::Incomplete { reason }
    }

    /// Whether it showed every action that the listing has now; or, where those that arrived since the first page stand
    /// before it, every one that it had then.
    fn is_all(&self, first: u64, latest: u64) -> bool {
        let found = self.seen.len() as u64;
        found == latest || (found == first && first < latest && !self.is_disordered)
    }
}
