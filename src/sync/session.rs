//! The state of one sync at work, and what stops it.

use super::batch::{Batch, Fetched};
use super::droplet_list::DropletList;
use super::follow::Following;
use super::listing_sync::ListingSync;
use super::report::{Event, Observer, Report};
use super::scope::Settings;
use crate::api;
use crate::api::{Client, ErrorKind};
use crate::archive::{Audit, Listing, ListingKind, RunId, Store};
use crate::core::model::{ActionId, DropletId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Listings in a row that may find no connection before the others are not even tried.
const MOST_UNREACHABLE: u32 = 3;

/// One sync at work.
pub(super) struct Session<'a> {
    pub(super) client: Arc<Client>,
    pub(super) store: &'a mut Store,
    pub(super) settings: &'a Settings,
    pub(super) observer: &'a dyn Observer,
    pub(super) run: RunId,
    pub(super) report: Report,
    /// Actions that the API itself showed to be in progress, in this sync.
    pub(super) seen_open: BTreeSet<ActionId>,
    pub(super) following: Following,
    /// A page that is to be read again.
    pub(super) audit: Option<Audit>,
    /// Pages that show several actions which were in progress: by how many actions of the listing are newer than one there.
    pub(super) open_pages: BTreeMap<ListingKind, BTreeSet<u64>>,
    /// These actions.
    pub(super) open_on_pages: BTreeSet<ActionId>,
    /// The droplets that exist, where that list was read at the beginning.
    pub(super) droplet_list: Option<DropletList>,
    /// Whether the API answered a request for a list.
    pub(super) has_lists: bool,
    /// Readings of listings that the API does not have, each with the page and the answer.
    pub(super) not_found: Vec<(usize, u64, api::Error)>,
    /// Whether no listing was complete before: a sync that has enough to ask for.
    pub(super) is_first: bool,
    pub(super) queue: VecDeque<ListingKind>,
    pub(super) readings: Vec<ListingSync>,
    /// So many of them, from the first, have ended.
    pub(super) ended: usize,
    pub(super) fetches: JoinSet<Fetched>,
    pub(super) batch: Batch,
    pub(super) expectation: Expectation,
    /// Whether the token may not read the account's listing, or the API has none.
    pub(super) is_account_refused: bool,
    unreachable: u32,
    /// Nothing more is asked for.
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
            unreachable: 0,
            is_halted: false,
        }
    }

    /// Whether nothing more is to be asked for.
    pub(super) fn is_halted(&self) -> bool {
        self.is_halted
    }

    /// Takes note that the API answers.
    pub(super) fn answered(&mut self) {
        self.unreachable = 0;
        self.report.is_answered = true;
    }

    /// Says something that does not make the sync less complete.
    pub(super) fn notice(&self, text: &str) {
        self.observer.observe(&Event::Notice { text });
    }

    /// Asks for nothing more when every further request would fail alike.
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
                // An answer that a sync can use: it says when to go on.
                self.report.is_answered = true;
                self.halt(format!("the token's rate limit is used up until {until}"));
            }
            _ if is_unreachable => self.halt("the API cannot be reached".to_owned()),
            _ => {}
        }
    }

    /// Puts what is to be asked for in an order that begins so many further in each sync: where not all of it can be had, the
    /// others have their turn.
    pub(super) fn rotate<T>(&self, items: &mut [T], step: usize) {
        let first = (self.run.unsigned_abs() as usize).wrapping_mul(step);
        if let Some(middle) = first.checked_rem(items.len()) {
            items.rotate_left(middle);
        }
    }

    /// Takes note of an error outside a listing: the sync is not complete.
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
        self.halt("it was told to stop".to_owned());
    }

    pub(super) fn halt(&mut self, reason: String) {
        self.is_halted = true;
        self.report.cut_short.get_or_insert(reason);
    }
}

#[derive(Debug, Default)]
pub(super) struct Expectation {
    /// Droplets whose listings are still to be opened, and were never read to the end.
    unopened: BTreeSet<DropletId>,
    /// The droplets among those whose listings have answered, and the lengths of these together.
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

    /// Takes note of an answer; how many new actions are to come, those of this answer included, of a listing of which so
    /// many positions are covered.
    pub(super) fn after(&mut self, listing: &Listing, total: Option<u64>, covered: u64) -> u64 {
        let total = total.unwrap_or(0);
        let of_this = match listing.kind {
            ListingKind::Account => total.saturating_sub(covered),
            // Few of its actions are kept.
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
