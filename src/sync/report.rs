//! How a sync ended: for each listing, and altogether.

use crate::api;
use crate::api::RejectedRow;
use crate::archive::{ListingKind, Outcome, Recorded, RunId};

/// Everything there is to say about a finished sync.
#[derive(Debug, Default)]
pub struct Report {
    /// Each listing that was to be read.
    pub listings: Vec<ListingReport>,
    /// What went wrong outside a listing, each with what it was about.
    pub failures: Vec<(String, api::Error)>,
    /// Why the sync ended before its time, in words; listings that were not read have no result of their own.
    pub cut_short: Option<String>,
    /// Whether the token belongs to another account than the archive.
    pub is_wrong_account: bool,
    /// Whether it was told to stop.
    pub is_stopped: bool,
    /// Whether the API answered anything that a sync can use.
    pub is_answered: bool,
    /// What was archived.
    pub counts: Counts,
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// Requests that had to be sent again.
    pub retries: u64,
    /// Requests that came to nothing through the network or the server.
    pub faults: u64,
}

/// What was archived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Actions that are new in the archive.
    pub inserted: u64,
    /// Actions about which something more became known.
    pub updated: u64,
    /// Actions read again with nothing new in them.
    pub unchanged: u64,
    /// Actions among the new and the updated with a time that cannot be read.
    pub unreadable_times: u64,
    /// Rows without an integer id, or larger than anybody sends.
    pub rejected: u64,
}

/// How reading one listing ended.
#[derive(Debug)]
pub struct ListingReport {
    /// Which.
    pub listing: ListingKind,
    /// How.
    pub result: ListingResult,
}

/// How reading a listing ended.
#[derive(Debug)]
pub enum ListingResult {
    /// Everything it held when the sync began is archived.
    Complete {
        /// How many actions that is.
        total: u64,
    },
    /// The account's listing was read instead, and held everything new of the droplet.
    Followed,
    /// The droplet does not exist any more; what is archived of it stays.
    Gone,
    /// It does not add up, for this reason.
    Incomplete {
        /// In words.
        reason: String,
    },
    /// A request failed.
    Failed(api::Error),
    /// It was not read to its end, because the sync ended before.
    NotRead,
}

impl ListingResult {
    /// Whether nothing is missing.
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
    /// How the sync ended, in one word.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let is_complete = self
            .listings
            .iter()
            .all(|listing| listing.result.is_complete());
        if self.is_stopped {
            Outcome::Interrupted
        } else if is_complete && self.failures.is_empty() && self.cut_short.is_none() {
            Outcome::Complete
        } else if self.is_answered {
            Outcome::Partial
        } else {
            Outcome::Failed
        }
    }

    /// The errors that ended something.
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

    /// One line for each thing that is missing; `None` when nothing is.
    #[must_use]
    pub fn what_is_missing(&self) -> Option<String> {
        let of_listings = self.listings.iter().filter_map(|listing| {
            let subject = subject(listing.listing);
            match &listing.result {
                ListingResult::Incomplete { reason } => {
                    Some(format!("{subject} is incomplete: {reason}"))
                }
                ListingResult::Failed(error)
                    if error.is_not_found() && listing.listing.droplet_id().is_some() =>
                {
                    Some(format!(
                        "{subject} is not known to the API, nor to the archive: {error}"
                    ))
                }
                ListingResult::Failed(error) if error.is_not_found() => Some(format!(
                    "{subject} was not found, is --api-url right? {error}"
                )),
                ListingResult::Failed(error) => Some(format!("{subject} failed: {error}")),
                ListingResult::Complete { .. }
                | ListingResult::Followed
                | ListingResult::Gone
                | ListingResult::NotRead => None,
            }
        });
        let failures = self
            .failures
            .iter()
            .map(|(subject, error)| format!("{subject} failed: {error}"));
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
            .chain(of_listings)
            .chain(failures)
            .chain(unread)
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
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

/// Is told what happens. The library itself never prints.
pub trait Observer {
    /// Something happened.
    fn observe(&self, event: &Event<'_>);
}

/// Something that happens during a sync.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The sync has begun, and has a number.
    Began {
        /// Its `id` in `sync_runs`.
        run: RunId,
    },
    /// A listing is about to be read.
    Opened {
        /// Which.
        listing: ListingKind,
    },
    /// A page was archived.
    Archived {
        /// Of which listing.
        listing: ListingKind,
        /// Which page, from 1.
        page: u64,
        /// What it came to.
        recorded: Recorded,
        /// Actions of the listing that are archived now.
        covered: u64,
        /// Actions it has, as far as is known.
        total: u64,
    },
    /// A row has no integer id, or is larger than anybody sends.
    Rejected {
        /// In which listing.
        listing: ListingKind,
        /// What was wrong with it.
        row: &'a RejectedRow,
    },
    /// A listing does not add up and is read again from its first page.
    Doubted {
        /// Which.
        listing: ListingKind,
        /// Why, in words.
        inconsistency: &'a str,
    },
    /// Reading a listing has ended.
    Closed {
        /// Which.
        listing: ListingKind,
        /// How.
        result: &'a ListingResult,
    },
    /// Something that is probably not what was meant.
    Warning {
        /// In words.
        text: &'a str,
    },
    /// Something worth knowing that takes nothing away from the archive's promise.
    Notice {
        /// In words.
        text: &'a str,
    },
}

/// Watches nothing.
impl Observer for () {
    fn observe(&self, _: &Event<'_>) {}
}
