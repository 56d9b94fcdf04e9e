//! Decides which page of a listing to read next, and when all of it is archived. Pure: no network, no file, no clock.
//!
//! The rule is *cover what is missing of `[0, T)`*, where `T` is the length the listing had when the sync began.
//! Positions are exact as long as the listing is newest first and grows at its head only, which is observed but not
//! documented. So every answer is checked against what it claims:
//!
//! - a page has as many rows as the positions it shows, and no id twice;
//! - a total never shrinks;
//! - what stands at covered positions is archived already;
//! - in the end, as many actions were new as positions were newly covered; where the two differ, because some were
//!   known from elsewhere, the archived actions are counted.
//!
//! The first check that fails ends this way of reading: what was covered is forgotten, and the pages are walked one
//! after the other from the first, which misses nothing as long as the listing only grows ([`Rewalk`]). If that does
//! not add up either, the listing is reported as incomplete. Rows are archived in any case.

use std::collections::BTreeMap;
use std::fmt;

use super::rewalk::Rewalk;
use crate::api::PER_PAGE;
use crate::coverage::{Coverage, Interval, page_of};
use crate::model::ActionId;

/// What is known of a listing before it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    pub(super) coverage: Coverage,
    pub(super) total: Option<u64>,
    /// How many actions, from the oldest, have been proven to be archived.
    pub(super) complete_total: Option<u64>,
}

/// An answered page, as far as decisions need it: the id of each row, `None` for one that has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) page: u64,
    pub(super) ids: &'a [Option<ActionId>],
    pub(super) total: Option<u64>,
    pub(super) has_next: bool,
}

/// How the rows of an answer are to be archived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placement {
    /// The positions that the rows cover.
    pub(super) covers: Vec<Interval>,
    /// For each row, whether it stands where everything is archived already.
    pub(super) expected: Vec<bool>,
    /// The length to believe.
    pub(super) total: Option<u64>,
}

/// How reading a listing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything it held when the sync began is archived: this many actions.
    Complete { total: u64 },
    /// Something is missing, for this reason.
    Incomplete { reason: Doubt },
}

/// Why a listing is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// An answer has no `meta.total`.
    NoTotal,
    /// A total is smaller than one before it.
    Shrunk { before: u64, now: u64 },
    /// A page has another number of rows than its total says.
    RowCount {
        page: u64,
        expected: u64,
        found: u64,
    },
    /// A page shows an action twice.
    Repeated { page: u64 },
    /// New actions stand where everything was archived.
    Strangers { page: u64 },
    /// Asking again and again brings nothing that is missing.
    Stuck,
    /// The archive holds fewer actions of the listing than it should.
    Count { archived: u64, total: u64 },
    /// Walking all pages showed another number of actions than the totals say.
    WalkedCount { found: u64, total: u64 },
    /// The pages never end.
    Endless { pages: u64 },
    /// The listing grows by a page and more while a page is read.
    Outgrown { pages: u64 },
    /// A page that is the last by its total links to another one.
    LinksOn { page: u64 },
    /// Rows that have no integer id.
    Rejected { rows: u64 },
}

enum Phase {
    /// Covering what is missing.
    Cover,
    /// Everything is covered, but whether it is there has to be counted.
    Count,
    /// Something was wrong: pages one after the other, once what is under way has come in.
    Rewalk(Rewalk),
    Done(Verdict),
}

/// The reading of one listing in one sync.
pub(super) struct Walk {
    phase: Phase,
    /// Whether every page is walked through on request.
    is_full: bool,
    /// Why every page is walked through otherwise.
    walked_because: Option<Doubt>,
    before: Before,
    coverage: Coverage,
    /// Positions of rows without an id: read, but not archived.
    unreadable: Coverage,
    /// The length when the sync began.
    target: Option<u64>,
    /// The longest length heard of.
    latest_total: u64,
    /// The pages that are asked for, each with the length that was known then.
    under_way: BTreeMap<u64, u64>,
    inserted: u64,
    newly_covered: u64,
    /// Answers in a row that brought nothing missing.
    fruitless: u32,
}

const MOST_FRUITLESS: u32 = 12;

impl Walk {
    /// Starts reading; `full` walks through every page whatever is covered.
    pub(super) fn new(before: Before, full: bool) -> Self {
        Self {
            phase: if full {
                Phase::Rewalk(Rewalk::default())
            } else {
                Phase::Cover
            },
            is_full: full,
            walked_because: None,
            coverage: before.coverage.clone(),
            unreadable: Coverage::new(),
            target: None,
            latest_total: before.total.unwrap_or(0),
            before,
            under_way: BTreeMap::new(),
            inserted: 0,
            newly_covered: 0,
            fruitless: 0,
        }
    }

    /// The page to ask for now; `None` while answers have to come in first, or when there is nothing more to ask.
    pub(super) fn next_page(&mut self) -> Option<u64> {
        let page = match &self.phase {
            Phase::Cover => self.next_missing_page()?,
            Phase::Rewalk(rewalk) if self.under_way.is_empty() => rewalk.next_page(),
            Phase::Rewalk(_) | Phase::Count | Phase::Done(_) => return None,
        };
        self.under_way.insert(page, self.latest_total);
        Some(page)
    }

    fn next_missing_page(&self) -> Option<u64> {
        let Some(target) = self.target else {
            return self.under_way.is_empty().then_some(1);
        };
        let mut accounted = self.readable_and_unreadable();
        for page in self.under_way.keys() {
            accounted.insert(Interval::of_page(*page, PER_PAGE, self.latest_total));
        }
        let missing = accounted
            .missing_of(Interval {
                start: 0,
                end: target,
            })
            .next()?;
        let page = page_of(missing.end - 1, PER_PAGE, self.latest_total);
        (!self.under_way.contains_key(&page)).then_some(page)
    }

    /// How the rows of this answer are to be archived. [`Self::archived`] must follow.
    pub(super) fn place(&mut self, answer: &Answer<'_>) -> Placement {
        let known_total = self.under_way.remove(&answer.page).unwrap_or(0);
        match &mut self.phase {
            Phase::Cover => match self.check(answer, known_total) {
                Ok(placement) => placement,
                Err(doubt) => {
                    self.start_rewalk(doubt);
                    unplaced(answer)
                }
            },
            Phase::Rewalk(rewalk) if rewalk.is_at(answer.page) => {
                rewalk.read(answer);
                unplaced(answer)
            }
            // Under way when something went wrong: its rows count, its position does not.
            Phase::Rewalk(_) | Phase::Count | Phase::Done(_) => unplaced(answer),
        }
    }

    /// Takes note of what archiving the placed rows came to.
    pub(super) fn archived(
        &mut self,
        answer: &Answer<'_>,
        placement: &Placement,
        inserted: u64,
        strangers: u64,
    ) {
        match &mut self.phase {
            Phase::Cover if strangers > 0 => {
                self.start_rewalk(Doubt::Strangers { page: answer.page });
            }
            Phase::Cover => {
                let (covered_before, missing_before) = (self.coverage.len(), self.missing());
                for interval in &placement.covers {
                    self.coverage.insert(*interval);
                }
                let newly_covered = self.coverage.len() - covered_before;
                self.inserted += inserted;
                self.newly_covered += newly_covered;
                // Not what it covers beyond the target: a listing that grows all the time always has more of that.
                self.fruitless = if self.missing() < missing_before {
                    0
                } else {
                    self.fruitless + 1
                };
                self.finish_cover();
            }
            Phase::Rewalk(rewalk) => {
                if let Some(verdict) = rewalk.verdict() {
                    self.phase = Phase::Done(verdict);
                }
            }
            Phase::Count | Phase::Done(_) => {}
        }
    }

    /// How many positions of the target are not covered yet.
    fn missing(&self) -> u64 {
        let target = Interval {
            start: 0,
            end: self.target.unwrap_or(0),
        };
        self.coverage.missing_of(target).map(Interval::len).sum()
    }

    fn finish_cover(&mut self) {
        let Some(target) = self.target else { return };
        let accounted = self.readable_and_unreadable();
        if !accounted.covers(Interval {
            start: 0,
            end: target,
        }) {
            if self.fruitless >= MOST_FRUITLESS {
                self.start_rewalk(Doubt::Stuck);
            }
            return;
        }
        if !self.unreadable.is_empty() {
            let reason = Doubt::Rejected {
                rows: self.unreadable.len(),
            };
            self.phase = Phase::Done(Verdict::Incomplete { reason });
        } else if self.is_proven() {
            self.phase = Phase::Done(Verdict::Complete {
                total: self.proven_total(),
            });
        } else {
            self.phase = Phase::Count;
        }
    }

    /// Whether each newly covered position brought a new action, on top of a proven beginning.
    fn is_proven(&self) -> bool {
        let proven_before = self.before.complete_total.unwrap_or(0);
        self.before.coverage.len() == proven_before
            && self.before.coverage.covers(Interval {
                start: 0,
                end: proven_before,
            })
            && self.inserted == self.newly_covered
    }

    /// How much is covered from the oldest on: the target, and what arrived since.
    fn proven_total(&self) -> u64 {
        self.coverage
            .intervals()
            .first()
            .map_or(0, |interval| interval.end)
    }

    /// Whether [`Self::counted`] has to be called for a verdict.
    pub(super) fn wants_count(&self) -> bool {
        matches!(self.phase, Phase::Count) && self.under_way.is_empty()
    }

    /// Takes note of how many actions of the listing are archived.
    pub(super) fn counted(&mut self, archived: u64) {
        let total = self.coverage.len();
        if archived >= total {
            self.phase = Phase::Done(Verdict::Complete {
                total: self.proven_total(),
            });
        } else {
            self.start_rewalk(Doubt::Count { archived, total });
        }
    }

    /// The verdict, once nothing is under way any more.
    pub(super) fn verdict(&self) -> Option<&Verdict> {
        match &self.phase {
            Phase::Done(verdict) if self.under_way.is_empty() => Some(verdict),
            _ => None,
        }
    }

    /// A page that was asked for will not be answered.
    pub(super) fn abandon(&mut self, page: u64) {
        self.under_way.remove(&page);
    }

    /// How many of how many positions are covered, for people who watch.
    pub(super) fn progress(&self) -> (u64, u64) {
        match &self.phase {
            Phase::Rewalk(rewalk) => rewalk.progress(),
            _ => (
                self.coverage.len().min(self.latest_total),
                self.latest_total,
            ),
        }
    }

    /// Why what was covered must be forgotten, when it must.
    pub(super) fn doubt(&self) -> Option<&Doubt> {
        match (&self.phase, &self.walked_because) {
            (Phase::Rewalk(_), doubt) => doubt.as_ref(),
            // A walk through everything, on request, that did not add up.
            (Phase::Done(Verdict::Incomplete { reason }), None) if self.is_full => Some(reason),
            _ => None,
        }
    }

    fn start_rewalk(&mut self, doubt: Doubt) {
        self.coverage = Coverage::new();
        self.phase = Phase::Rewalk(Rewalk::default());
        self.walked_because = Some(doubt);
    }

    fn readable_and_unreadable(&self) -> Coverage {
        let mut all = self.coverage.clone();
        for interval in self.unreadable.intervals() {
            all.insert(*interval);
        }
        all
    }

    fn check(&mut self, answer: &Answer<'_>, known_total: u64) -> Result<Placement, Doubt> {
        let total = answer.total.ok_or(Doubt::NoTotal)?;
        if total < known_total {
            return Err(Doubt::Shrunk {
                before: known_total,
                now: total,
            });
        }
        let shown = Interval::of_page(answer.page, PER_PAGE, total);
        let found = answer.ids.len() as u64;
        if found != shown.len() {
            return Err(Doubt::RowCount {
                page: answer.page,
                expected: shown.len(),
                found,
            });
        }
        let mut ids: Vec<ActionId> = answer.ids.iter().flatten().copied().collect();
        let readable = ids.len();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() < readable {
            return Err(Doubt::Repeated { page: answer.page });
        }
        if shown.start == 0 && answer.has_next {
            return Err(Doubt::LinksOn { page: answer.page });
        }
        self.latest_total = self.latest_total.max(total);
        self.target.get_or_insert(total);
        let mut covers = Coverage::new();
        let mut expected = Vec::with_capacity(answer.ids.len());
        for (position, id) in (shown.start..shown.end).rev().zip(answer.ids) {
            let alone = Interval {
                start: position,
                end: position + 1,
            };
            if id.is_some() {
                covers.insert(alone);
            } else {
                self.unreadable.insert(alone);
            }
            expected.push(self.coverage.contains(position));
        }
        let covers = covers.intervals().to_vec();
        Ok(Placement {
            covers,
            expected,
            total: Some(total),
        })
    }
}

fn unplaced(answer: &Answer<'_>) -> Placement {
    Placement {
        covers: Vec::new(),
        expected: vec![false; answer.ids.len()],
        total: None,
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTotal => write!(
                formatter,
                "an answer has no `meta.total`, so nothing proves that it is whole"
            ),
            Self::Shrunk { before, now } => {
                write!(
                    formatter,
                    "its total shrank from {before} to {now}, but actions are never removed"
                )
            }
            Self::RowCount {
                page,
                expected,
                found,
            } => {
                write!(
                    formatter,
                    "page {page} has {found} rows where its total leaves {expected}"
                )
            }
            Self::Repeated { page } => write!(formatter, "page {page} shows an action twice"),
            Self::Strangers { page } => {
                write!(
                    formatter,
                    "page {page} shows unknown actions where all were archived"
                )
            }
            Self::Stuck => write!(formatter, "asking again does not bring what is missing"),
            Self::Count { archived, total } => {
                write!(formatter, "{archived} of its {total} actions are archived")
            }
            Self::WalkedCount { found, total } => {
                write!(
                    formatter,
                    "its pages show {found} actions, its total says {total}"
                )
            }
            Self::Endless { pages } => {
                write!(
                    formatter,
                    "its pages do not end, and bring nothing new ({pages} read)"
                )
            }
            Self::Outgrown { pages } => {
                write!(
                    formatter,
                    "it grows faster than it can be read ({pages} pages read)"
                )
            }
            Self::LinksOn { page } => {
                write!(
                    formatter,
                    "page {page} is the last by its total, but links to another one"
                )
            }
            Self::Rejected { rows } => write!(formatter, "{rows} rows have no integer `id`"),
        }
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
