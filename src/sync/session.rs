//! The state of a running sync, and the conditions that stop it.

use super::batch::{Batch, Fetched};
use super::droplet_list::DropletList;
use super::follow::Following;
use super::listing_sync::ListingSync;
use super::report::{Event, Observer, Report};
use super::scope::Settings;
use crate::api;
use crate::api::{Client, ErrorKind, Page};
use crate::archive::{Audit, Listing, ListingKind, RunId, Store};
use crate::core::model::{Action, ActionId, DropletId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::task::JoinSet;

/// The sync run gives up after this many connection failures in a row.
const MOST_UNREACHABLE: u32 = 3;

/// A running sync.
pub(super) struct Session<'a> {
    pub(super) client: Arc<Client>,
    pub(super) store: &'a mut Store,
    pub(super) settings: &'a Settings,
    pub(super) observer: &'a dyn Observer,
    pub(super) run: RunId,
    pub(super) report: Report,
    /// Actions that the API showed as in progress in this sync run.
    pub(super) seen_open: BTreeSet<ActionId>,
    pub(super) following: Following,
    /// The page to audit.
    pub(super) audit: Option<Audit>,
    /// Pages with several actions that were in progress. The numbers count the listing's actions that are newer than
    /// one of them.
    pub(super) open_pages: BTreeMap<ListingKind, BTreeSet<u64>>,
    /// The actions on these pages.
    pub(super) open_on_pages: BTreeSet<ActionId>,
    /// The existing droplets, if their list was read at the beginning.
    pub(super) droplet_list: Option<DropletList>,
    /// True when the API answered a request for a list.
    pub(super) has_lists: bool,
    /// The listings that the API does not have (by index in `readings`), each with the page and the error.
    pub(super) not_found: Vec<(usize, u64, api::Error)>,
    /// True in a sync run that completes a listing for the first time, and so sends enough requests already.
    pub(super) is_first: bool,
    pub(super) queue: VecDeque<ListingKind>,
    pub(super) readings: Vec<ListingSync>,
    /// The number of readings, from the first, that have ended.
    pub(super) ended: usize,
    pub(super) fetches: JoinSet<Fetched>,
    pub(super) batch: Batch,
    pub(super) expectation: Expectation,
    /// True when the token may not read the account's listing, or the API has none.
    pub(super) is_account_refused: bool,
    /// The account's newest page, when the droplets' own listings are read.
    pub(super) newest_page: Option<Page<Action>>,
    unreachable: u32,
    /// True when no more requests are sent.
    is_halted: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        client: Arc<Client>,
        store: &'a mut Store,
        settings: &'a Settings,
        observer: &'a dyn Observer,
        run: RunId,
    ) -> Self {
        Self {
            client,
            store,
            settings,
            observer,
            run,
            report: Report::default(),
            seen_open: BTreeSet::new(),
            following: Following::default(),
            audit: None,
            open_pages: BTreeMap::new(),
            open_on_pages: BTreeSet::new(),
            droplet_list: None,
            has_lists: false,
            not_found: Vec::new(),
            is_first: true,
            queue: VecDeque::new(),
            readings: Vec::new(),
            ended: 0,
            fetches: JoinSet::new(),
            batch: Batch::default(),
            expectation: Expectation::default(),
            is_account_refused: false,
            newest_page: None,
            unreachable: 0,
            is_halted: false,
        }
    }

    /// True when no more requests are sent.
    pub(super) fn is_halted(&self) -> bool {
        self.is_halted
    }

    /// Records that the API answers.
    pub(super) fn answered(&mut self) {
        self.unreachable = 0;
        self.report.is_answered = true;
    }

    /// Reports a note that does not make the sync run less complete.
    pub(super) fn notice(&self, text: &str) {
        self.observer.observe(&Event::Notice { text });
    }

    /// Stops the sync run when every further request would fail in the same way.
    pub(super) fn halt_if_hopeless(&mut self, error: &api::Error) {
        self.unreachable = if error.is_unreachable() {
            self.unreachable + 1
        } else {
            0
        };
        let is_unreachable = self.unreachable >= MOST_UNREACHABLE
            || (self.unreachable > 0 && !self.report.is_answered);
        match &error.kind {
            _ if error.is_unauthorized() => {
                self.halt("the API does not accept the token".to_owned());
            }
            ErrorKind::RateLimited { until } => {
                // The answer is useful: it says when to go on.
                self.report.is_answered = true;
                self.halt(format!("the token's rate limit is used up until {until}"));
            }
            _ if is_unreachable => self.halt("the API cannot be reached".to_owned()),
            _ => {}
        }
    }

    /// Rotates `items` so that each sync run begins `step` items further. So every item gets its turn, even if no sync
    /// run gets through all of them.
    pub(super) fn rotate<T>(&self, items: &mut [T], step: usize) {
        let first = (self.run.unsigned_abs() as usize).wrapping_mul(step);
        if let Some(middle) = first.checked_rem(items.len()) {
            items.rotate_left(middle);
        }
    }

    /// Records an error outside a listing: the sync run is not complete.
    pub(super) fn note_failure(&mut self, subject: String, error: api::Error) {
        self.halt_if_hopeless(&error);
        self.report.failures.push((subject, error));
    }

    /// Refuses to mix the histories of two accounts.
    pub(super) fn refuse(&mut self, reason: String) {
        self.report.is_wrong_account = true;
        self.halt(reason);
    }

    pub(super) fn stop(&mut self) {
        self.report.is_stopped = true;
        self.halt("the sync was told to stop".to_owned());
    }

    pub(super) fn halt(&mut self, reason: String) {
        self.is_halted = true;
        self.report.cut_short.get_or_insert(reason);
    }
}

#[derive(Debug, Default)]
pub(super) struct Expectation {
    /// Droplets with a listing that is not opened yet, and was never read to the end.
    unopened: BTreeSet<DropletId>,
    /// The droplets of them with an answer, and the total length of their listings.
    answered: BTreeSet<DropletId>,
    length: u64,
}

impl Expectation {
    pub(super) fn of(unopened: BTreeSet<DropletId>) -> Self {
        Self {
            unopened,
            ..Self::default()
        }
    }

    /// Records an answer of a listing with `covered` covered positions. Returns the number of new actions to expect,
    /// including this answer.
    pub(super) fn after(&mut self, listing: &Listing, total: Option<u64>, covered: u64) -> u64 {
        let total = total.unwrap_or(0);
        let of_this = match listing.kind {
            ListingKind::Account => total.saturating_sub(covered),
            // The archive keeps few of its actions.
            ListingKind::Followed => 0,
            ListingKind::Droplet(id) => {
                let was_unopened = self.unopened.remove(&id);
                if was_unopened && self.answered.insert(id) {
                    self.length = self.length.saturating_add(total);
                }
                total.saturating_sub(covered)
            }
        };
        let average = self.length / (self.answered.len() as u64).max(1);
        let of_the_others = average.saturating_mul(self.unopened.len() as u64);
        of_this.saturating_add(of_the_others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::coverage::Coverage;

    fn listing(kind: ListingKind) -> Listing {
        Listing {
            id: 1,
            kind,
            total: None,
            complete_total: None,
            head_id: None,
            coverage: Coverage::new(),
        }
    }

    #[test]
    fn droplets_that_were_never_read_are_taken_to_be_like_those_that_are() {
        let mut expectation = Expectation::of((1..=100).collect());
        let mut after = |id, total, covered| {
            expectation.after(&listing(ListingKind::Droplet(id)), Some(total), covered)
        };
        assert_eq!(after(1, 1_000, 0), 1_000 + 99 * 1_000);
        assert_eq!(after(2, 0, 0), 98 * 500);
        assert_eq!(after(1, 1_000, 600), 400 + 98 * 500, "its second page");
        assert_eq!(after(500, 9_000, 9_000), 98 * 500, "one that is known");
    }

    #[test]
    fn the_account_brings_what_is_missing_of_it_and_following_it_next_to_nothing() {
        let mut expectation = Expectation::default();
        let mut after = |kind| expectation.after(&listing(kind), Some(5_000), 200);
        assert_eq!(after(ListingKind::Account), 4_800);
        assert_eq!(after(ListingKind::Followed), 0);
    }
}
