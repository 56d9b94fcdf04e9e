//! The result of a sync run, for each listing and in total.

use crate::api;
use crate::api::RejectedRow;
use crate::archive::{ListingKind, Outcome, Recorded, RunId};
use crate::core::similar::{did_you_mean, nearest};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// The report of a finished sync run.
#[derive(Debug, Default)]
pub struct Report {
    /// Each listing of the sync run.
    pub listings: Vec<ListingReport>,
    /// The errors outside a listing, each with its subject.
    pub failures: Vec<(String, api::Error)>,
    /// The tags of the scope that no droplet has or had.
    pub unknown_tags: Vec<UnknownTag>,
    /// The reason why the sync run ended early, in words. Listings that were not read have no result of their own.
    pub cut_short: Option<String>,
    /// True when the token belongs to a different account than the archive.
    pub is_wrong_account: bool,
    /// True when the sync run was told to stop.
    pub is_stopped: bool,
    /// True when the API gave at least one useful answer.
    pub is_answered: bool,
    /// The numbers of archived rows.
    pub counts: Counts,
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// Requests that had to be sent again.
    pub retries: u64,
    /// Requests that failed because of the network or the server.
    pub faults: u64,
}

/// A tag that no droplet has or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTag {
    /// The tag.
    pub tag: String,
    /// Tags of droplets with a similar spelling, nearest first.
    pub near: Vec<String>,
}

impl UnknownTag {
    /// `known` are the tags that droplets have or had.
    pub(super) fn new(tag: &str, known: &BTreeSet<String>) -> Self {
        Self {
            tag: tag.to_owned(),
            near: nearest(tag, known.iter().map(String::as_str)),
        }
    }
}

impl fmt::Display for UnknownTag {
    /// ``the tag `prdo`, did you mean prod?``
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the tag `{}`{}",
            self.tag,
            did_you_mean(&self.near)
        )
    }
}

/// The numbers of archived rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Actions that are new in the archive.
    pub inserted: u64,
    /// Actions with new information.
    pub updated: u64,
    /// Actions that were read again without new information.
    pub unchanged: u64,
    /// New and updated actions with a time that cannot be read.
    #[serde(skip)]
    pub unreadable_times: u64,
    /// Rows without an integer id, or above a size limit.
    pub rejected: u64,
}

/// The result of one listing.
#[derive(Debug)]
pub struct ListingReport {
    /// The listing.
    pub listing: ListingKind,
    /// The result.
    pub result: ListingResult,
}

/// The result of reading a listing.
#[derive(Debug)]
pub enum ListingResult {
    /// Everything that the listing had when the sync run began is archived.
    Complete {
        /// The number of these actions.
        total: u64,
    },
    /// The sync run read the account's listing instead, which has every new action of the droplet.
    Followed,
    /// The droplet no longer exists; its archived actions stay.
    Gone,
    /// The listing has an inconsistency.
    Incomplete {
        /// The text.
        reason: String,
    },
    /// A request failed.
    Failed(api::Error),
    /// The sync run ended before the end of the listing.
    NotRead,
}

impl ListingResult {
    /// True when nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete { .. } | Self::Followed | Self::Gone)
    }

    /// One word for it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Complete { .. } => "complete",
            Self::Followed => "followed",
            Self::Gone => "gone",
            Self::Incomplete { .. } => "incomplete",
            Self::Failed(_) => "failed",
            Self::NotRead => "not read",
        }
    }
}

impl Report {
    /// The outcome of the sync run, in one word.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let is_complete = self
            .listings
            .iter()
            .all(|listing| listing.result.is_complete());
        if self.is_stopped {
            Outcome::Interrupted
        } else if is_complete
            && self.failures.is_empty()
            && self.unknown_tags.is_empty()
            && self.cut_short.is_none()
        {
            Outcome::Complete
        } else if self.is_answered {
            Outcome::Partial
        } else {
            Outcome::Failed
        }
    }

    /// The errors of listings and of other requests.
    pub fn errors(&self) -> impl Iterator<Item = &api::Error> {
        let of_listings = self
            .listings
            .iter()
            .filter_map(|listing| match &listing.result {
                ListingResult::Failed(error) => Some(error),
                _ => None,
            });
        of_listings.chain(self.failures.iter().map(|(_, error)| error))
    }

    /// One line for each missing part; `None` when nothing is missing.
    #[must_use]
    pub fn what_is_missing(&self) -> Option<String> {
        let of_listings = self.listings.iter();
        let of_listings = of_listings.filter(|it| it.missing_scope().is_none());
        let of_listings = of_listings.filter_map(ListingReport::problem);
        let failures = self
            .failures
            .iter()
            .map(|(subject, error)| format!("{subject} failed: {error}"));
        let unknown_tags = self.unknown_tags.iter();
        let unknown_tags = unknown_tags.map(|tag| format!("no droplet has or had {tag}"));
        let not_read = self
            .listings
            .iter()
            .filter(|listing| matches!(listing.result, ListingResult::NotRead));
        let not_read = not_read.count();
        let unread = match not_read {
            0 => None,
            1 => Some("1 listing was not read to its end".to_owned()),
            _ => Some(format!("{not_read} listings were not read to their end")),
        };
        let lines: Vec<String> = self
            .cut_short
            .clone()
            .into_iter()
            .chain(self.what_no_scope_covers())
            .chain(of_listings)
            .chain(failures)
            .chain(unknown_tags)
            .chain(unread)
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

impl Report {
    /// One line for all listings that the token may not read, with the first error.
    fn what_no_scope_covers(&self) -> Option<String> {
        let refused = |it: &&ListingReport| it.missing_scope().is_some();
        let mut refused = self.listings.iter().filter(refused);
        let first = refused.next()?;
        let error = first.missing_scope()?;
        let subject = subject(first.listing);
        Some(match refused.count() {
            0 => format!("{subject} failed: {error}"),
            1 => format!("{subject} and 1 other listing failed: {error}"),
            others => format!("{subject} and {others} other listings failed: {error}"),
        })
    }
}

impl ListingReport {
    /// The error, if the token lacks a scope for this listing.
    fn missing_scope(&self) -> Option<&api::Error> {
        match &self.result {
            ListingResult::Failed(error) => Some(error).filter(|error| error.is_missing_scope()),
            _ => None,
        }
    }

    /// The missing part in one line; `None` when nothing is missing, or the listing was not read.
    fn problem(&self) -> Option<String> {
        let subject = subject(self.listing);
        let problem = match &self.result {
            ListingResult::Incomplete { reason } => format!("is incomplete: {reason}"),
            ListingResult::Failed(error) if !error.is_not_found() => format!("failed: {error}"),
            ListingResult::Failed(error) if self.listing.droplet_id().is_some() => {
                format!(
                    "is not known to the API or to the archive: {error}; if it was destroyed, only --all archives its \
                     actions"
                )
            }
            ListingResult::Failed(error) => {
                format!("was not found: is `--api-url` right? {error}")
            }
            ListingResult::Complete { .. }
            | ListingResult::Followed
            | ListingResult::Gone
            | ListingResult::NotRead => return None,
        };
        Some(format!("{subject} {problem}"))
    }
}

/// The listing in words.
pub(super) fn subject(listing: ListingKind) -> String {
    match listing {
        ListingKind::Account | ListingKind::Followed => "the account's listing".to_owned(),
        ListingKind::Droplet(id) => format!("droplet {id}"),
    }
}

impl Counts {
    pub(super) fn add(&mut self, recorded: Recorded) {
        self.inserted += recorded.inserted;
        self.updated += recorded.updated;
        self.unchanged += recorded.unchanged;
        self.unreadable_times += recorded.unreadable_times;
    }
}

/// Receives the events of a sync run. The library itself never prints.
pub trait Observer {
    /// Receives one event.
    fn observe(&self, event: &Event<'_>);
}

/// An event of a sync run.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The sync run has begun and has a number.
    Began {
        /// Its `id` in `sync_runs`.
        run: RunId,
    },
    /// A listing is about to be read.
    Opened {
        /// The listing.
        listing: ListingKind,
    },
    /// A page was archived.
    Archived {
        /// The listing of the page.
        listing: ListingKind,
        /// The number of the page, from 1.
        page: u64,
        /// The result of archiving it.
        recorded: Recorded,
        /// The number of actions of the listing that are archived now.
        covered: u64,
        /// The known number of actions in the listing.
        total: u64,
    },
    /// A row has no integer id, or is above a size limit.
    Rejected {
        /// The listing of the row.
        listing: ListingKind,
        /// The row, with the reason.
        row: &'a RejectedRow,
    },
    /// A listing has an inconsistency and is read again from its first page.
    Inconsistent {
        /// The listing.
        listing: ListingKind,
        /// The inconsistency, in words.
        inconsistency: &'a str,
    },
    /// Reading a listing has ended.
    Closed {
        /// The listing.
        listing: ListingKind,
        /// The result.
        result: &'a ListingResult,
    },
    /// Something that the user probably did not intend.
    Warning {
        /// The text.
        text: &'a str,
    },
    /// A note that does not make the archive less complete.
    Notice {
        /// The text.
        text: &'a str,
    },
}

/// Ignores every event.
impl Observer for () {
    fn observe(&self, _: &Event<'_>) {}
}
