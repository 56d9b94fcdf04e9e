//! The contents of the archive in numbers.

use crate::archive;
use crate::archive::ListingKind;
use crate::core::coverage::{Coverage, Interval};
use crate::core::model::{ActionId, DropletId};
use crate::query::{Error, rows};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

/// Counts, with the first and last values.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// The size of the archive, including free pages.
    pub file_bytes: u64,
    /// The number of actions.
    pub actions: u64,
    /// The number of actions that no sync has seen: only imports know them.
    pub actions_only_imported: u64,
    /// The start time of the first action.
    pub first_action_at: Option<String>,
    /// The start time of the last action.
    pub last_action_at: Option<String>,
    /// The number of actions that were in progress when last seen.
    pub open_actions: u64,
    /// The action in progress that started first.
    pub oldest_open_action: Option<OpenAction>,
    /// The number of completed actions without an end time in the API.
    pub actions_without_end: u64,
    /// The number of droplets, including those that are gone.
    pub droplets: u64,
    /// The number of droplets that are gone.
    pub droplets_gone: u64,
    /// The number of regions.
    pub regions: u64,
    /// The remaining requests of the token.
    pub quota: Option<Quota>,
}

/// An action in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenAction {
    /// The id.
    pub id: ActionId,
    /// The type: `create`, `reboot` …
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The start time.
    pub started_at: Option<String>,
    /// The id of the resource, if it is a droplet.
    pub droplet_id: Option<DropletId>,
}

/// The remaining requests of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// The number of remaining requests in the hour.
    pub remaining: i64,
    /// The time of this number.
    pub at: Option<String>,
}

const FACTS: &str = "
SELECT json_object(
       'file_bytes', (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size),
       'actions', (SELECT count(*) FROM actions),
       'actions_only_imported', (SELECT count(*) FROM actions WHERE first_seen_run IS NULL),
       'first_action_at', (SELECT min(started_at) FROM actions),
       'last_action_at', (SELECT max(started_at) FROM actions),
       'open_actions', (SELECT count(*) FROM actions WHERE status = 'in-progress'),
       'oldest_open_action', json((
         SELECT json_object('id', id, 'type', type, 'started_at', started_at,
                            'droplet_id', CASE resource_type WHEN 'droplet' THEN resource_id END)
           FROM (SELECT * FROM actions
                  WHERE status = 'in-progress'
                  ORDER BY started_at IS NULL, started_at, id
                  LIMIT 1))),
       'actions_without_end', (SELECT count(*) FROM actions WHERE status = 'completed' AND completed_at IS NULL),
       'droplets', (SELECT count(*) FROM droplets),
       'droplets_gone', (SELECT count(*) FROM droplets WHERE gone_at IS NOT NULL),
       'regions', (SELECT count(*) FROM regions),
       'quota', json((
         SELECT json_object('remaining', ratelimit_remaining, 'at', finished_at)
           FROM (SELECT * FROM sync_runs
                  WHERE ratelimit_remaining IS NOT NULL
                  ORDER BY id DESC
                  LIMIT 1))))";

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Facts> {
    Ok(rows::from_json(connection, FACTS, [])?.unwrap_or_default())
}

/// The number of actions on a page of the API.
const PAGE_ROWS: u64 = 200;

/// The proof of the archived history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// The time since when every archived position has been seen at the API; `None` while it is unknown for a position.
    pub proven_since: Option<String>,
    /// The number of pages in a full round of audits.
    pub audited_pages: u64,
    /// The number of archived actions that the account's listing no longer had in its last full scan.
    pub unlisted_actions: u64,
}

impl Proof {
    /// The proof of the listings that are complete and not gone, with this number of actions that a sync archived.
    pub(super) fn of(listings: &[ListingStatus], actions: u64) -> Self {
        let audited = listings.iter().filter(|it| {
            it.complete_total > Some(0) && it.gone_at.is_none() && !it.is_through_account()
        });
        let pages = audited.clone().filter_map(|it| it.complete_total);
        let account = listings.iter().find(|it| it.is_of_account());
        let listed = account.and_then(|it| it.complete_total);
        // `None`, an unknown time, sorts first.
        let oldest = audited.map(|it| &it.proven_since).min();
        Self {
            proven_since: oldest.cloned().flatten(),
            audited_pages: pages.map(|total| total.div_ceil(PAGE_ROWS)).sum(),
            unlisted_actions: listed.map_or(0, |listed| actions.saturating_sub(listed)),
        }
    }

    /// The duration of a full round of audits, with this number of seconds between two of them.
    #[must_use]
    pub fn round_seconds(&self, pace_seconds: i64) -> i64 {
        let pages = i64::try_from(self.audited_pages).unwrap_or(i64::MAX);
        pages.saturating_mul(pace_seconds)
    }
}

/// A listing and its known state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingStatus {
    /// `/v2/actions`, `/v2/droplets/{id}/actions`; `/v2/actions, of droplets` is the account's listing when only the
    /// actions of followed droplets are kept.
    pub path: String,
    /// The droplet of a droplet's listing.
    pub droplet_id: Option<DropletId>,
    /// The latest known name of the droplet.
    pub droplet_name: Option<String>,
    /// The time when a sync run found that the droplet is gone.
    pub gone_at: Option<String>,
    /// True when new actions of the droplet are read from the account's listing.
    pub is_followed: bool,
    /// The number of actions in the listing when it was last read.
    pub total: Option<u64>,
    /// The number of archived positions, of those that are kept.
    pub covered: u64,
    /// The number of known positions that are not archived.
    pub missing: u64,
    /// The number of actions, from the oldest, that a sync run has proven to be archived.
    pub complete_total: Option<u64>,
    /// The time of the last proof.
    pub complete_at: Option<String>,
    /// The time since when each of these actions has been seen at the API.
    pub proven_since: Option<String>,
}

impl ListingStatus {
    /// True for the account's listing when every action of it is kept.
    pub(super) fn is_of_account(&self) -> bool {
        self.path == ListingKind::Account.path()
    }

    /// True for the account's listing that is read for followed droplets.
    #[must_use]
    pub fn is_through_account(&self) -> bool {
        self.path == ListingKind::Followed.path()
    }

    /// True when a known action of the listing is not archived, or may not be.
    #[must_use]
    pub fn has_gap(&self) -> bool {
        let is_unproven = self.complete_total.is_none() && self.gone_at.is_none();
        self.missing > 0 || (is_unproven && !self.is_through_account())
    }

    /// True when the account's listing was only looked up, for droplets.
    pub(super) fn is_untouched(&self) -> bool {
        self.droplet_id.is_none() && self.total.is_none()
    }
}

/// The covered and the missing positions are counted later.
const LISTINGS: &str = "
SELECT json_group_array(json_object(
       'path', path, 'droplet_id', droplet_id, 'droplet_name', name, 'gone_at', gone_at,
       'is_followed', json(iif(followed_from IS NULL, 'false', 'true')),
       'total', abs(total), 'covered', 0, 'missing', 0,
       'complete_total', abs(complete_total), 'complete_at', complete_at, 'proven_since', proven_since))
  FROM (SELECT * FROM listings
          LEFT JOIN droplets ON droplets.id = droplet_id
         ORDER BY droplet_id, path)";

/// Every listing: first the account's, then by droplet.
pub(super) fn read_listings(connection: &Connection) -> Result<Vec<ListingStatus>, Error> {
    let covered = archive::coverage_by_listing(connection)?;
    // The coverage of the account's listing for droplets includes its coverage for the account.
    let both = [ListingKind::Followed, ListingKind::Account].map(|kind| covered.get(&kind));
    let of_followed = both.into_iter().flatten().flat_map(Coverage::intervals);
    let of_followed: Coverage = of_followed.copied().collect();
    let first_followed = "SELECT min(followed_from) FROM listings";
    let first_followed: Option<i64> = connection.query_row(first_followed, [], |row| row.get(0))?;
    let listings = rows::from_json(connection, LISTINGS, [])?;
    let mut listings: Vec<ListingStatus> = listings.unwrap_or_default();
    let nothing = Coverage::new();
    for listing in &mut listings {
        let total = listing.total.unwrap_or(0);
        let (known, start) = match listing.droplet_id {
            Some(id) => (covered.get(&ListingKind::Droplet(id)), 0),
            None if listing.is_of_account() => (covered.get(&ListingKind::Account), 0),
            // The actions at earlier positions are known from the droplets' own listings.
            None if listing.is_through_account() => {
                let start = first_followed.map_or(total, i64::unsigned_abs);
                (Some(&of_followed), start.min(total))
            }
            // The row of another program.
            None => (None, 0),
        };
        let target = Interval { start, end: total };
        let missing = known.unwrap_or(&nothing).missing_of(target);
        listing.missing = missing.map(Interval::len).sum();
        listing.covered = total - listing.missing;
    }
    Ok(listings)
}
