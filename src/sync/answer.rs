//! The values that decide how a listing is read: what is known before, an answer, where its rows stand, how it ended.

use std::collections::BTreeSet;

use super::doubt::Doubt;
use crate::core::coverage::{Coverage, Interval};
use crate::core::model::ActionId;

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
    Incomplete { reason: Doubt },
}

/// A page was not read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    /// The position after it, if it was to be proven.
    pub(super) unproven_to: Option<u64>,
}
