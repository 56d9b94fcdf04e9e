//! Judges the passes over all pages of a listing: believe one, compare it with the archive, or read all pages again.
//!
//! No pass that found fewer actions than a total ever said is believed by itself. A second one that found the same, and
//! with them the newest action that is archived, shows that actions were removed; otherwise the answers come from a server
//! that lags behind another one.

use std::collections::{HashMap, HashSet};

use super::answer::Verdict;
use super::doubt::Doubt;
use super::rewalk::Rewalk;
use crate::core::model::ActionId;

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
    Again(Doubt),
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
    pub(super) fn judge(&mut self, verdict: Verdict, pass: Rewalk) -> Judgement {
        self.done += 1;
        let is_worth_another = pass.is_worth_another();
        let doubt = match verdict {
            Verdict::Complete { total } => {
                let ids = pass.into_found();
                match self.doubt_of_first_shorter(&ids, total) {
                    Some(doubt) => doubt,
                    None => return Judgement::Compare(Found { ids, total }),
                }
            }
            Verdict::Incomplete { reason } if is_worth_another => reason,
            Verdict::Incomplete { .. } => return Judgement::Done(verdict),
        };
        if self.done < MOST_PASSES {
            Judgement::Again(doubt)
        } else {
            Judgement::Done(Verdict::Incomplete { reason: doubt })
        }
    }

    /// Why a pass that found fewer actions than were known is not believed, unless an earlier one found no others.
    fn doubt_of_first_shorter(&mut self, ids: &[ActionId], now: u64) -> Option<Doubt> {
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
        Some(Doubt::Shrunk { before, now })
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
        let doubt = if found.total < self.known_total {
            self.doubt_of_shorter(&found.ids, newest)
        } else {
            // The listing does not show everything, or actions were removed: the next sync takes its word for it.
            (archived > total).then_some(Doubt::Surplus { archived, total })
        };
        match doubt {
            Some(reason) => Verdict::Incomplete { reason },
            None => Verdict::Complete { total: found.total },
        }
    }

    /// Two passes agreed on fewer actions than were listed once. If what they showed stands where an answer with a larger
    /// total had it, they were shown an older listing. If they lack the newest action, that was removed or they were: the
    /// next sync takes their word for it.
    fn doubt_of_shorter(&self, found: &[ActionId], newest: Option<ActionId>) -> Option<Doubt> {
        let (before, now) = (self.known_total, found.len() as u64);
        let places: HashMap<ActionId, u64> = found.iter().rev().copied().zip(0..).collect();
        let stands_at = |(_, id, position): &(u64, ActionId, u64)| places.get(id) == Some(position);
        let mut longer = self.claims.iter().filter(|(said, ..)| *said > now);
        if longer.any(stands_at) {
            Some(Doubt::Older { before, now })
        } else if found.iter().max().copied() < newest {
            Some(Doubt::WithoutNewest { before, now })
        } else {
            None
        }
    }
}
