//! The values that decide how a listing is read: the state before, an answer, the positions of its rows, and the
//! verdict.

use crate::core::coverage::{Coverage, Interval};
use crate::core::model::ActionId;
use std::collections::BTreeSet;

/// The known state of a listing before it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    pub(super) coverage: Coverage,
    pub(super) total: Option<u64>,
    /// The number of actions, from the oldest, that are proven to be archived.
    pub(super) complete_total: Option<u64>,
}

impl Before {
    /// The last positions of the intervals that earlier sync runs have read.
    pub(super) fn borders(&self) -> BTreeSet<u64> {
        let ends = self.coverage.intervals().iter().map(|read| read.end);
        let ends = ends.chain(self.complete_total);
        ends.filter_map(|end| end.checked_sub(1)).collect()
    }
}

/// The parts of an answered page that decisions need. `ids` has the id of each row; `None` for a row without one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer<'a> {
    pub(super) page: u64,
    pub(super) ids: &'a [Option<ActionId>],
    pub(super) total: Option<u64>,
    pub(super) has_next: bool,
}

/// The instructions to archive the rows of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The positions that the rows cover.
    pub(super) covers: Vec<Interval>,
    /// For each row, true when its position is already covered.
    pub(super) expected: Vec<bool>,
    /// The positions of the rows, which are newest first.
    pub(super) shown: Interval,
    /// The length of the listing.
    pub(super) total: Option<u64>,
}

impl Placement {
    /// A placement for rows without positions.
    pub(super) fn nowhere(answer: &Answer<'_>, total: Option<u64>) -> Self {
        Self {
            covers: Vec::new(),
            expected: vec![false; answer.ids.len()],
            shown: Interval::new(0, 0),
            total,
        }
    }
}

/// The verdict on a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything that the listing had when the sync run began is archived: this many actions.
    Complete { total: u64 },
    /// Something is missing, for this reason.
    Incomplete { reason: Inconsistency },
}

/// An archived page that was not read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    /// The position after the page, if it was an audit.
    pub(super) unproven_to: Option<u64>,
}

/// The ways in which an answer contradicts another or itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Inconsistency {
    #[error("an answer has no `meta.total`, so nothing proves that the listing is complete")]
    NoTotal,
    #[error(
        "its total shrank from {before} to {now}, although actions are never removed; some of the API's servers may lag \
         behind"
    )]
    Shrunk { before: u64, now: u64 },
    /// The pages show fewer actions than a total, and none was removed.
    #[error("its pages show {now} of {before} actions: they come from a server that lags behind")]
    Older { before: u64, now: u64 },
    #[error(
        "its pages show {now} of {before} actions, but not the newest archived one: it was removed, or the pages come \
         from a server that lags behind"
    )]
    WithoutNewest { before: u64, now: u64 },
    #[error(
        "the number of rows on page {page} is {found}, but by its total it should be {expected}"
    )]
    RowCount {
        page: u64,
        expected: u64,
        found: u64,
    },
    #[error("page {page} shows an action twice")]
    Repeated { page: u64 },
    #[error("page {page} is not newest first")]
    Order { page: u64 },
    #[error("page {page} shows unknown actions at positions that were archived")]
    Unexpected { page: u64 },
    #[error("more requests do not show the missing actions")]
    Stuck,
    #[error("{archived} of its {total} actions are archived")]
    Count { archived: u64, total: u64 },
    /// The archive holds more actions than the listing shows, and did not before.
    #[error(
        "it shows {total} actions, but {archived} are archived: it does not show all, or some were removed"
    )]
    Surplus { archived: u64, total: u64 },
    #[error("the number of actions on its pages is {found}, but its total says {total}")]
    ScanCount { found: u64, total: u64 },
    #[error("its pages do not end and show nothing new ({pages} read)")]
    Endless { pages: u64 },
    #[error("it grows faster than it can be read ({pages} pages read)")]
    Outgrown { pages: u64 },
    #[error("page {page} is the last one by its total, but links to a further page")]
    LinksOn { page: u64 },
    #[error("page {page} shows old actions where new ones belong")]
    OldAmongNew { page: u64 },
    #[error("page {page} shows new actions where old ones belong")]
    NewAmongOld { page: u64 },
    /// Rows have no integer id, or are above a size limit.
    #[error("{rows} {} cannot be archived", if *rows == 1 { "row" } else { "rows" })]
    Rejected { rows: u64 },
}
