//! The values that decide how a listing is read: the state before, an answer, the positions of its rows, and the
//! verdict.

use crate::core::coverage::{Coverage, Interval};
use crate::core::model::ActionId;
use std::collections::BTreeSet;
use std::fmt;

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
            shown: Interval { start: 0, end: 0 },
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inconsistency {
    /// An answer has no `meta.total`.
    NoTotal,
    /// A total is smaller than an earlier one.
    Shrunk { before: u64, now: u64 },
    /// The pages show fewer actions than a total, and none was removed: they come from an older listing.
    Older { before: u64, now: u64 },
    /// The pages show fewer actions than a total, and lack the newest archived action.
    WithoutNewest { before: u64, now: u64 },
    /// A page has a different number of rows than its total requires.
    RowCount {
        page: u64,
        expected: u64,
        found: u64,
    },
    /// A page shows an action twice.
    Repeated { page: u64 },
    /// A page is not newest first.
    Order { page: u64 },
    /// New actions are at positions that were already covered.
    Unexpected { page: u64 },
    /// Repeated requests do not show the missing actions.
    Stuck,
    /// The archive holds fewer actions of the listing than it should.
    Count { archived: u64, total: u64 },
    /// The archive holds more actions than the listing shows, and did not before.
    Surplus { archived: u64, total: u64 },
    /// A full scan found a different number of actions than the totals say.
    ScanCount { found: u64, total: u64 },
    /// The pages never end.
    Endless { pages: u64 },
    /// The listing grows by a page or more while a page is read.
    Outgrown { pages: u64 },
    /// A page that is the last one by its total links to a further page.
    LinksOn { page: u64 },
    /// An action at a new position has an old id.
    OldAmongNew { page: u64 },
    /// An action at an old position has a new id.
    NewAmongOld { page: u64 },
    /// Rows have no integer id, or are above a size limit.
    Rejected { rows: u64 },
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTotal => write!(
                formatter,
                "an answer has no `meta.total`, so nothing proves that the listing is complete"
            ),
            Self::Shrunk { before, now } => {
                write!(
                    formatter,
                    "its total shrank from {before} to {now}, although actions are never removed; some of the \
                     API's servers may lag behind"
                )
            }
            Self::Older { before, now } => {
                write!(
                    formatter,
                    "its pages show {now} of {before} actions: they come from a server that lags behind"
                )
            }
            Self::WithoutNewest { before, now } => {
                write!(
                    formatter,
                    "its pages show {now} of {before} actions, but not the newest archived one: it was removed, or the \
                     pages come from a server that lags behind"
                )
            }
            Self::RowCount {
                page,
                expected,
                found,
            } => {
                write!(
                    formatter,
                    "the number of rows on page {page} is {found}, but by its total it should be {expected}"
                )
            }
            Self::Repeated { page } => write!(formatter, "page {page} shows an action twice"),
            Self::Order { page } => write!(formatter, "page {page} is not newest first"),
            Self::Unexpected { page } => {
                write!(
                    formatter,
                    "page {page} shows unknown actions at positions that were archived"
                )
            }
            Self::Stuck => write!(formatter, "more requests do not show the missing actions"),
            Self::Count { archived, total } => {
                write!(formatter, "{archived} of its {total} actions are archived")
            }
            Self::Surplus { archived, total } => write!(
                formatter,
                "it shows {total} actions, but {archived} are archived: it does not show all, or some were removed"
            ),
            Self::ScanCount { found, total } => {
                write!(
                    formatter,
                    "the number of actions on its pages is {found}, but its total says {total}"
                )
            }
            Self::Endless { pages } => {
                write!(
                    formatter,
                    "its pages do not end and show nothing new ({pages} read)"
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
                    "page {page} is the last one by its total, but links to a further page"
                )
            }
            Self::NewAmongOld { page } => {
                write!(
                    formatter,
                    "page {page} shows new actions where old ones belong"
                )
            }
            Self::OldAmongNew { page } => {
                write!(
                    formatter,
                    "page {page} shows old actions where new ones belong"
                )
            }
            Self::Rejected { rows: 1 } => write!(formatter, "1 row cannot be archived"),
            Self::Rejected { rows } => write!(formatter, "{rows} rows cannot be archived"),
        }
    }
}
