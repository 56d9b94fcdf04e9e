//! How much of each listing is archived.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Serialize;

use super::Error;
use crate::archive::{self, ListingKind};
use crate::core::coverage::{Coverage, Interval};
use crate::core::model::DropletId;

/// A listing, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListingStatus {
    /// `/v2/actions`, `/v2/droplets/{id}/actions`; `/v2/actions, of droplets` is the account's listing, of which only
    /// the actions of followed droplets are kept.
    pub path: String,
    /// The droplet, of a droplet's listing.
    pub droplet_id: Option<DropletId>,
    /// Its latest known name.
    pub droplet_name: Option<String>,
    /// When a sync found that the API does not have the droplet any more.
    pub gone_at: Option<String>,
    /// Whether what is new of the droplet is read from the account's listing.
    pub is_followed: bool,
    /// How many actions it held when it was last read.
    pub total: Option<u64>,
    /// How many of its positions are archived, as far as they are kept.
    pub covered: u64,
    /// How many of its positions are known and not archived.
    pub missing: u64,
    /// How many actions, from the oldest, a sync has proven to be archived.
    pub complete_total: Option<u64>,
    /// When it last did.
    pub complete_at: Option<String>,
    /// Since when each of them has been seen at the API.
    pub proven_since: Option<String>,
}

impl ListingStatus {
    /// Whether it is the account's, of which every action is kept.
    pub(super) fn is_of_account(&self) -> bool {
        self.path == ListingKind::Account.path()
    }

    /// Whether it is the account's, read for the sake of the droplets that are followed.
    #[must_use]
    pub fn is_through_account(&self) -> bool {
        self.path == ListingKind::Followed.path()
    }

    /// Whether something that it was seen to hold is not archived, or may not be.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        let is_unproven = self.complete_total.is_none() && self.gone_at.is_none();
        self.missing > 0 || (is_unproven && !self.is_through_account())
    }

    /// Whether the account's listing was only looked up, on behalf of droplets.
    pub(super) fn is_untouched(&self) -> bool {
        self.droplet_id.is_none() && self.total.is_none()
    }
}

const LISTINGS: &str = "
SELECT listings.path, listings.droplet_id, droplets.name, droplets.gone_at, listings.followed_from,
       listings.total, listings.complete_total, listings.complete_at, listings.proven_since
  FROM listings
  LEFT JOIN droplets ON droplets.id = listings.droplet_id
 ORDER BY listings.droplet_id, listings.path";

/// Every listing: the account's first, then by droplet.
pub(super) fn read(connection: &Connection) -> Result<Vec<ListingStatus>, Error> {
    let covered = archive::coverage_by_listing(connection)?;
    let mut first_followed: Option<u64> = None;
    let mut listings = Vec::new();
    let mut statement = connection.prepare(LISTINGS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let length = |name: &str| {
            let length: Option<i64> = row.get(name)?;
            Ok::<_, rusqlite::Error>(length.map(i64::unsigned_abs))
        };
        let followed_from = length("followed_from")?;
        first_followed = match (first_followed, followed_from) {
            (Some(first), Some(from)) => Some(first.min(from)),
            (first, from) => first.or(from),
        };
        listings.push(ListingStatus {
            path: row.get("path")?,
            droplet_id: row.get("droplet_id")?,
            droplet_name: row.get("name")?,
            gone_at: row.get("gone_at")?,
            is_followed: followed_from.is_some(),
            total: length("total")?,
            covered: 0,
            missing: 0,
            complete_total: length("complete_total")?,
            complete_at: row.get("complete_at")?,
            proven_since: row.get("proven_since")?,
        });
    }
    let of_followed = covered_for_followed(&covered);
    for listing in &mut listings {
        measure(listing, &covered, &of_followed, first_followed);
    }
    Ok(listings)
}

/// What is covered of the account's listing on behalf of droplets: also what is covered of it anyway.
fn covered_for_followed(covered: &BTreeMap<ListingKind, Coverage>) -> Coverage {
    let both = [ListingKind::Followed, ListingKind::Account].map(|kind| covered.get(&kind));
    let intervals = both.into_iter().flatten().flat_map(Coverage::intervals);
    intervals.copied().collect()
}

/// Counts what is covered and what is missing.
fn measure(
    listing: &mut ListingStatus,
    covered: &BTreeMap<ListingKind, Coverage>,
    of_followed: &Coverage,
    first_followed: Option<u64>,
) {
    let total = listing.total.unwrap_or(0);
    let nothing = Coverage::new();
    let (known, start) = match listing.droplet_id {
        Some(id) => (covered.get(&ListingKind::Droplet(id)), 0),
        None if listing.is_of_account() => (covered.get(&ListingKind::Account), 0),
        // The actions at earlier positions are known from the droplets' own listings.
        None if listing.is_through_account() => {
            (Some(of_followed), first_followed.unwrap_or(total))
        }
        // Somebody else's row.
        None => (None, 0),
    };
    let target = Interval {
        start: start.min(total),
        end: total,
    };
    let missing = known.unwrap_or(&nothing).missing_of(target);
    listing.missing = missing.map(Interval::len).sum();
    listing.covered = total - listing.missing;
}
