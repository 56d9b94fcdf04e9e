//! Chooses the archived page to read again.
//!
//! An audit round goes through a listing from its oldest action to its newest. Among several listings, the one with the
//! oldest round comes first, and stays first until its round is complete.

use rusqlite::named_params;

use super::Store;
use super::connection::{execute, row, sql_number};
use super::error::Error;
use super::listings::ListingKind;
use crate::core::model::DropletId;
use crate::core::time::Timestamp;

/// A page to read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The listing of the page.
    pub listing: ListingKind,
    /// A position on the page.
    pub position: u64,
}

/// Ignores a time in the future: a wrong clock wrote it, and it would delay every audit until then.
const LAST: &str = "SELECT max(audited_at) > :not_since FROM listings WHERE audited_at <= :now";

pub(super) const NEXT: &str = "
SELECT droplet_id, audit_position
  FROM listings
 WHERE complete_total > 0
   AND coalesce(proven_since <= :not_since OR proven_since > :now, 1)
   AND CASE WHEN :droplets IS NULL THEN path = :path
            ELSE droplet_id IN (SELECT value FROM json_each(:droplets))
        END
   AND NOT EXISTS (SELECT 1 FROM droplets WHERE droplets.id = droplet_id AND gone_at IS NOT NULL)
 ORDER BY audit_position = 0, coalesce(audited_at, proven_since), id
 LIMIT 1";

/// A page that could not be read leaves the round without a proof.
const NOTE: &str = "
UPDATE listings
   SET audited_at = :now,
       audit_began_at = CASE WHEN :end >= complete_total OR NOT :is_proven THEN NULL
                             WHEN audit_position = 0 THEN :now
                             ELSE audit_began_at
                         END,
       proven_since = CASE WHEN :end < complete_total OR NOT :is_proven THEN proven_since
                           WHEN audit_position = 0 THEN :now
                           ELSE coalesce(audit_began_at, proven_since)
                       END,
       audit_position = CASE WHEN :end < complete_total THEN :end ELSE 0 END
 WHERE id = :listing_id";

const STEP: &str = "cannot note what was read again";

impl Store {
    /// The page whose proof is the oldest, of the account's listing or of the listings of `droplets`. `None` while the
    /// last audit or the proof is younger than `pace_seconds`.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn next_audit(
        &self,
        droplets: Option<&[DropletId]>,
        now: Timestamp,
        pace_seconds: i64,
    ) -> Result<Option<Audit>, Error> {
        let not_since = now.saturating_add_seconds(-pace_seconds).to_string();
        let now = now.to_string();
        let parameters = named_params! { ":not_since": not_since, ":now": now };
        let is_recent: Option<Option<bool>> =
            row(&self.connection, STEP, LAST, parameters, |row| row.get(0))?;
        if is_recent.flatten() == Some(true) {
            return Ok(None);
        }
        let parameters = named_params! {
            ":not_since": not_since,
            ":now": now,
            ":path": ListingKind::Account.path(),
            ":droplets": droplets.map(|ids| serde_json::json!(ids).to_string()),
        };
        row(&self.connection, STEP, NEXT, parameters, |row| {
            let droplet_id: Option<DropletId> = row.get("droplet_id")?;
            Ok(Audit {
                listing: droplet_id.map_or(ListingKind::Account, ListingKind::Droplet),
                position: row.get::<_, i64>("audit_position")?.unsigned_abs(),
            })
        })
    }

    /// Notes that a listing was read again up to the position `end`. `is_proven` is true when every action of the page
    /// is archived. It is false when the API did not return the page; the round still goes on, so that the other pages
    /// get their turn.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn note_audit(
        &mut self,
        listing_id: i64,
        end: u64,
        is_proven: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let parameters = named_params! {
            ":listing_id": listing_id,
            ":end": sql_number(end),
            ":is_proven": is_proven,
            ":now": now.to_string(),
        };
        execute(&self.connection, STEP, NOTE, parameters)
    }
}
