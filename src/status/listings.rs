//! How much of each listing is archived.

use std::collections::BTreeMap;

use rusqlite::Connection;
use serde::Serialize;

use super::Error;
use crate::coverage::{Coverage, Interval};
use crate::model::DropletId;
use crate::store::{self, ListingKind};

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
       listings.total, listings.complete_total, listings.complete_at
  FROM listings
  LEFT JOIN droplets ON droplets.id = listings.droplet_id
 ORDER BY listings.droplet_id, listings.path";

/// Every listing: the account's first, then by droplet.
pub(super) fn read(connection: &Connection) -> Result<Vec<ListingStatus>, Error> {
    let covered = store::coverage_by_listing(connection)?;
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
        });
    }
    for listing in &mut listings {
        measure(listing, &covered, first_followed);
    }
    Ok(listings)
}

/// Counts what is covered and what is missing.
fn measure(
    listing: &mut ListingStatus,
    covered: &BTreeMap<ListingKind, Coverage>,
    first_followed: Option<u64>,
) {
    let total = listing.total.unwrap_or(0);
    let (kind, start) = match listing.droplet_id {
        Some(id) => (ListingKind::Droplet(id), 0),
        None if listing.is_of_account() => (ListingKind::Account, 0),
        // The actions at earlier positions are known from the droplets' own listings.
        None => (ListingKind::Followed, first_followed.unwrap_or(total)),
    };
    let mut known = covered.get(&kind).cloned().unwrap_or_default();
    if kind == ListingKind::Followed {
        let account = covered.get(&ListingKind::Account);
        let account = account.map(Coverage::intervals).unwrap_or_default();
        account.iter().for_each(|interval| known.insert(*interval));
    }
    let target = Interval {
        start: start.min(total),
        end: total,
    };
    listing.missing = known.missing_of(target).map(Interval::len).sum();
    listing.covered = total - listing.missing;
}
