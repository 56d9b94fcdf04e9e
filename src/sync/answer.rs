//! The values that decide how a listing is read: what is known before, an answer, where its rows stand, how it ended.

use crate::core::coverage::{Coverage, Interval};
use crate::core::model::ActionId;
use std::collections::BTreeSet;
use std::fmt;

/// What is known of a listing before it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Before {
    pub(super) coverage: Coverage,
    pub(super) total: Option<u64>,
    /// How many actions, from the oldest, have been proven to be archived.
    pub(super) complete_total: Option<u64>,
}

impl Before {
    /// The last positions of what earlier syncs have read.
    pub(super) fn borders(&self) -> BTreeSet<u64> {
        let ends = self.coverage.intervals().iter().map(|read| read.end);
        let ends = ends.chain(self.complete_total);
        ends.filter_map(|end| end.checked_sub(1)).collect()
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The positions that the rows cover.
    pub(super) covers: Vec<Interval>,
    /// For each row, whether it stands where everything is archived already.
    pub(super) expected: Vec<bool>,
    /// The positions that the rows stand at, the newest first.
    pub(super) shown: Interval,
    /// The length to believe.
    pub(super) total: Option<u64>,
}

impl Placement {
    /// Rows that are archived without a position.
    pub(super) fn nowhere(answer: &Answer<'_>, total: Option<u64>) -> Self {
        Self {
            covers: Vec::new(),
            expected: vec![false; answer.ids.len()],
            shown: Interval { start: 0, end: 0 },
            total,
        }
    }
}

/// How reading a listing ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Everything it held when the sync began is archived: this many actions.
    Complete { total: u64 },
    /// Something is missing, for this reason.
    Incomplete { reason: Inconsistency },
}

/// A page was not read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    /// The position after it, if it was to be proven.
    pub(super) unproven_to: Option<u64>,
}

/// Why a listing is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inconsistency {
    /// An answer has no `meta.total`.
    NoTotal,
    /// A total is smaller than one before it.
    Shrunk { before: u64, now: u64 },
    /// Its pages show fewer actions than a total said, and none was removed: they are of an older listing.
    Older { before: u64, now: u64 },
    /// Its pages show fewer actions than a total said, and not the newest one that is archived.
    WithoutNewest { before: u64, now: u64 },
    /// A page has another number of rows than its total says.
    RowCount {
        page: u64,
        expected: u64,
        found: u64,
    },
    /// A page shows an action twice.
    Repeated { page: u64 },
    /// A page is not newest first.
    Order { page: u64 },
    /// New actions stand where everything was archived.
    Unexpected { page: u64 },
    /// Asking again and again brings nothing that is missing.
    Stuck,
    /// The archive holds fewer actions of the listing than it should.
    Count { archived: u64, total: u64 },
    /// The archive holds more actions of the listing than it lists, and did not before.
    Surplus { archived: u64, total: u64 },
    /// Walking all pages showed another number of actions than the totals say.
    ScanCount { found: u64, total: u64 },
    /// The pages never end.
    Endless { pages: u64 },
    /// The listing grows by a page and more while a page is read.
    Outgrown { pages: u64 },
    /// A page that is the last by its total links to another one.
    LinksOn { page: u64 },
    /// What should be new has an id that is not.
    OldAmongNew { page: u64 },
    /// What should be old has an id that is new.
    NewAmongOld { page: u64 },
    /// Rows without an integer id, or larger than anybody sends.
    Rejected { rows: u64 },
}

impl fmt::Display for Inconsistency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTotal => write!(
                formatter,
                "an answer has no `meta.total`, so nothing proves that it is whole"
            ),
            Self::Shrunk { before, now } => {
                write!(
                    formatter,
                    "its total shrank from {before} to {now}, although actions are never removed; the answers may come \
                     from servers of which some lag behind"
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
                    "its pages show {now} of {before} actions, without the newest that is archived: it was removed, or they \
                     come from a server that lags behind"
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
            Self::Order { page } => write!(formatter, "page {page} is not newest first"),
            Self::Unexpected { page } => {
                write!(
                    formatter,
                    "page {page} shows unknown actions where all were archived"
                )
            }
            Self::Stuck => write!(formatter, "asking again does not bring what is missing"),
            Self::Count { archived, total } => {
                write!(formatter, "{archived} of its {total} actions are archived")
            }
            Self::Surplus { archived, total } => write!(
                formatter,
                "it shows {total} actions, and {archived} of it are archived: it does not show all, or some were removed"
            ),
            Self::ScanCount { found, total } => {
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
            Self::Rejected { rows } => write!(formatter, "{rows} rows cannot be archived"),
        }
    }
}
