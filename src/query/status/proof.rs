//! Since when the whole history has been seen at the API.

use serde::Serialize;

use super::listings::ListingStatus;

/// Actions on a page of the API.
const PAGE_ROWS: u64 = 200;

/// How well the archived history is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// Since when each archived position has been seen at the API; nothing while that is not known of some.
    pub proven_since: Option<String>,
    /// How many pages a full round of audits reads.
    pub audited_pages: u64,
    /// Archived actions that the account's listing did not have any more when it was last read to the end.
    pub unlisted_actions: u64,
}

impl Proof {
    /// Of the listings that are read to the end and still exist, where so many actions are archived.
    pub(super) fn of(listings: &[ListingStatus], actions: u64) -> Self {
        let audited = || {
            let complete = listings
                .iter()
                .filter(|it| it.complete_total > Some(0) && it.gone_at.is_none());
            complete.filter(|it| !it.is_through_account())
        };
        let pages = audited().filter_map(|it| it.complete_total);
        let account = listings.iter().find(|it| it.is_of_account());
        let listed = account.and_then(|it| it.complete_total);
        // Without a time comes first.
        let oldest = audited().map(|it| &it.proven_since).min();
        Self {
            proven_since: oldest.cloned().flatten(),
            audited_pages: pages.map(|total| total.div_ceil(PAGE_ROWS)).sum(),
            unlisted_actions: listed.map_or(0, |listed| actions.saturating_sub(listed)),
        }
    }

    /// How long a full round of audits takes, with so many seconds between two of them.
    #[must_use]
    pub fn round_seconds(&self, pace_seconds: i64) -> i64 {
        let pages = i64::try_from(self.audited_pages).unwrap_or(i64::MAX);
        pages.saturating_mul(pace_seconds)
    }
}
