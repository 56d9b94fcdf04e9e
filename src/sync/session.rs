//! The scope and the settings of a sync, the state of a running one, and the conditions that stop it.

use super::droplet_list::DropletList;
use super::follow::Following;
use super::listing_sync::ListingSync;
use super::report::{Event, Observer, Report};
use crate::api;
use crate::api::{Client, ErrorKind, Page};
use crate::archive::{Audit, ListingKind, RunId, Store};
use crate::core::model::{Action, ActionId, DropletId};
use crate::core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

/// The actions to archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every action of `/v2/actions`: all resource types, including destroyed droplets.
    Account,
    /// The actions of these droplets, and of all droplets that have these tags now.
    Droplets {
        /// Their ids.
        ids: BTreeSet<DropletId>,
        /// The tags, which each sync run resolves again.
        tags: BTreeSet<String>,
    },
}

/// The text in the archive's log of sync runs.
impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => formatter.write_str("account"),
            Self::Droplets { ids, tags } => {
                serde_json::json!({ "droplets": ids, "tags": tags }).fmt(formatter)
            }
        }
    }
}

/// The settings of a sync run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The scope to read.
    pub scope: Scope,
    /// True for a full scan of each listing, regardless of coverage.
    pub full: bool,
    /// The number of pages that are under way at once.
    pub concurrency: usize,
    /// The period of the recheck in seconds: each followed droplet's listing is read again within it.
    pub recheck_seconds: i64,
    /// The seconds between two audits; `None` turns them off. An audit reads one page again that was archived long ago.
    pub audit_seconds: Option<i64>,
    /// The current time.
    pub clock: fn() -> Timestamp,
}

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
