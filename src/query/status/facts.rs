//! What is archived, in numbers.

use super::listings::ListingStatus;
use crate::core::model::{ActionId, DropletId};
use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;

/// Counts, and the ends of what is counted.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// The size of the archive, free pages included.
    pub file_bytes: u64,
    /// All actions.
    pub actions: u64,
    /// When the first of them started.
    pub first_action_at: Option<String>,
    /// When the last of them started.
    pub last_action_at: Option<String>,
    /// Actions that were in progress when last seen.
    pub open_actions: u64,
    /// The one of them that started first.
    pub oldest_open_action: Option<OpenAction>,
    /// Completed actions of which the API did not tell when they ended.
    pub actions_without_end: u64,
    /// Droplets, those that are gone too.
    pub droplets: u64,
    /// Droplets that the API does not have any more.
    pub droplets_gone: u64,
    /// Regions.
    pub regions: u64,
    /// What the token had left.
    pub quota: Option<Quota>,
}

/// An action in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenAction {
    /// Its id.
    pub id: ActionId,
    /// `create`, `reboot` …
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// When it started.
    pub started_at: Option<String>,
    /// The resource, where that is a droplet.
    pub droplet_id: Option<DropletId>,
}

/// What a token may still ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// Requests that were left of the hour's.
    pub remaining: i64,
    /// When that was.
    pub at: Option<String>,
}

const FACTS: &str = "
SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS file_bytes,
       (SELECT count(*) FROM actions) AS actions,
       (SELECT min(started_at) FROM actions) AS first_action_at,
       (SELECT max(started_at) FROM actions) AS last_action_at,
       (SELECT count(*) FROM actions WHERE status = 'in-progress') AS open_actions,
       (SELECT count(*) FROM actions WHERE status = 'completed' AND completed_at IS NULL) AS actions_without_end,
       (SELECT count(*) FROM droplets) AS droplets,
       (SELECT count(*) FROM droplets WHERE gone_at IS NOT NULL) AS droplets_gone,
       (SELECT count(*) FROM regions) AS regions";

const OLDEST_OPEN: &str = "
SELECT id, type, started_at, CASE resource_type WHEN 'droplet' THEN resource_id END AS droplet_id
  FROM actions
 WHERE status = 'in-progress'
 ORDER BY started_at IS NULL, started_at, id
 LIMIT 1";

const QUOTA: &str = "
SELECT ratelimit_remaining, finished_at
  FROM sync_runs
 WHERE ratelimit_remaining IS NOT NULL
 ORDER BY id DESC
 LIMIT 1";

pub(super) fn read(connection: &Connection) -> rusqlite::Result<Facts> {
    let oldest_open_action = connection
        .query_row(OLDEST_OPEN, [], |row| {
            Ok(OpenAction {
                id: row.get("id")?,
                kind: row.get("type")?,
                started_at: row.get("started_at")?,
                droplet_id: row.get("droplet_id")?,
            })
        })
        .optional()?;
    let quota = connection
        .query_row(QUOTA, [], |row| {
            Ok(Quota {
                remaining: row.get("ratelimit_remaining")?,
                at: row.get("finished_at")?,
            })
        })
        .optional()?;
    connection.query_row(FACTS, [], |row| {
        Ok(Facts {
            file_bytes: count(row, "file_bytes")?,
            actions: count(row, "actions")?,
            first_action_at: row.get("first_action_at")?,
            last_action_at: row.get("last_action_at")?,
            open_actions: count(row, "open_actions")?,
            oldest_open_action,
            actions_without_end: count(row, "actions_without_end")?,
            droplets: count(row, "droplets")?,
            droplets_gone: count(row, "droplets_gone")?,
            regions: count(row, "regions")?,
            quota,
        })
    })
}

fn count(row: &Row<'_>, name: &str) -> rusqlite::Result<u64> {
    row.get(name).map(i64::unsigned_abs)
}

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
