//! What happens during a sync, for whoever watches: a progress bar, a log, a test.

use super::report::ListingResult;
use crate::api::RejectedRow;
use crate::archive::{ListingKind, Recorded, RunId};

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
        doubt: &'a str,
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
