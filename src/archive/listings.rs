//! The known state of each listing of the API: its length and its archived positions, and the archived page to read
//! again.
//!
//! An audit round goes through a listing from its oldest action to its newest. Among several listings, the one with the
//! oldest round comes first, and stays first until its round is complete.

use std::collections::BTreeMap;

use rusqlite::{Connection, named_params};

use super::Store;
use super::connection::{atomically, execute, row, rows, sql_number, value};
use super::error::Error;
use crate::core::coverage::{Coverage, Interval};
use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;

/// The owner of the actions in a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ListingKind {
    /// Every action of the account: `/v2/actions`.
    Account,
    /// The actions of one droplet: `/v2/droplets/{id}/actions`.
    Droplet(DropletId),
    /// The account's listing, with only the actions of followed droplets.
    Followed,
}

impl ListingKind {
    /// The name of the listing: its path at the API.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Account => "/v2/actions".to_owned(),
            Self::Followed => "/v2/actions, of droplets".to_owned(),
            Self::Droplet(id) => format!("/v2/droplets/{id}/actions"),
        }
    }

    /// The droplet of a droplet's listing; `None` for the account.
    #[must_use]
    pub fn droplet_id(self) -> Option<DropletId> {
        match self {
            Self::Account | Self::Followed => None,
            Self::Droplet(id) => Some(id),
        }
    }
}

/// The archived state of a listing.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The id in the table `listings`.
    pub id: i64,
    /// The owner of its actions.
    pub kind: ListingKind,
    /// The last length that was accepted as true.
    pub total: Option<u64>,
    /// The number of actions, counted from the oldest, that are proven to be archived.
    pub complete_total: Option<u64>,
    /// The greatest action id that the account's listing showed, for followed droplets.
    pub head_id: Option<ActionId>,
    /// The archived positions.
    pub coverage: Coverage,
}

impl Listing {
    /// The positions that are proven to be archived.
    #[must_use]
    pub fn proven(&self) -> Coverage {
        let (start, end) = (0, self.complete_total.unwrap_or(0));
        Coverage::from_iter([Interval { start, end }])
    }
}

/// A page to read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The listing of the page.
    pub listing: ListingKind,
    /// A position on the page.
    pub position: u64,
}

impl Store {
    /// The listing as the last sync left it. A new listing covers nothing.
    ///
    /// # Errors
    /// When the archive cannot be read or written.
    pub fn listing(&mut self, kind: ListingKind) -> Result<Listing, Error> {
        let connection = &self.connection;
        let path = named_params! { ":path": kind.path() };
        let step = "cannot read what is known of a listing";
        let found = row(connection, step, FIND, path, |row| {
            let length = |name: &str| row.get::<_, Option<i64>>(name);
            Ok(Listing {
                id: row.get("id")?,
                kind,
                total: length("total")?.map(i64::unsigned_abs),
                complete_total: length("complete_total")?.map(i64::unsigned_abs),
                head_id: row.get("head_id")?,
                coverage: Coverage::new(),
            })
        })?;
        if let Some(listing) = found {
            let coverage = coverage(connection, listing.id)?;
            return Ok(Listing {
                coverage,
                ..listing
            });
        }
        execute(
            connection,
            "cannot add a listing",
            "INSERT INTO listings (path, droplet_id) VALUES (:path, :droplet_id)",
            named_params! { ":path": kind.path(), ":droplet_id": kind.droplet_id() },
        )?;
        Ok(Listing {
            id: connection.last_insert_rowid(),
            kind,
            total: None,
            complete_total: None,
            head_id: None,
            coverage: Coverage::new(),
        })
    }

    /// Forgets the coverage of a listing after an inconsistency. The rows stay.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn forget_coverage(&mut self, listing_id: i64) -> Result<(), Error> {
        atomically(&self.connection, FORGET, || {
            forget(&self.connection, listing_id)
        })
    }

    /// Forgets the listings of droplets that the API never knew: no request for them was answered with a page.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn forget_strangers(&mut self) -> Result<(), Error> {
        let step = "cannot forget the listing of an unknown droplet";
        execute(&self.connection, step, STRANGERS, [])
    }

    /// Stores the length of a listing, and replaces any earlier length.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn set_total(&mut self, kind: ListingKind, total: Option<u64>) -> Result<(), Error> {
        execute(
            &self.connection,
            LENGTH,
            "UPDATE listings SET total = :total WHERE path = :path",
            named_params! { ":path": kind.path(), ":total": total.map(sql_number) },
        )
    }

    /// Marks each listing as complete: its oldest `total` actions are archived, and this is proven.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn mark_complete(&mut self, listings: &[(i64, u64)], now: Timestamp) -> Result<(), Error> {
        atomically(&self.connection, COMPLETE, || {
            for (listing_id, total) in listings {
                mark_complete(&self.connection, *listing_id, *total, now)?;
            }
            Ok(())
        })
    }

    /// Stores the result of a full scan: the listing has exactly these `total` actions. This replaces everything known
    /// before.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn mark_scanned(
        &mut self,
        listing_id: i64,
        total: u64,
        now: Timestamp,
    ) -> Result<(), Error> {
        atomically(&self.connection, COMPLETE, || {
            forget(&self.connection, listing_id)?;
            mark_complete(&self.connection, listing_id, total, now)?;
            execute(
                &self.connection,
                COMPLETE,
                "UPDATE listings
                    SET total = :total, proven_since = :now,
                        audit_position = 0, audit_began_at = NULL, audited_at = :now
                  WHERE id = :listing_id",
                named_params! {
                    ":listing_id": listing_id,
                    ":total": sql_number(total),
                    ":now": now.to_string(),
                },
            )
        })
    }

    /// The number of archived actions that belong to a listing, as far as rows can tell. Counts ids greater than
    /// `after` and not greater than `up_to`. Leaves out actions that only an import knows: they prove nothing about a
    /// listing.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn archived_actions(
        &self,
        kind: ListingKind,
        after: ActionId,
        up_to: ActionId,
    ) -> Result<u64, Error> {
        let droplet_id = kind.droplet_id();
        let sql = droplet_id.map_or(ACTIONS_OF_ACCOUNT, |_| ACTIONS_OF_DROPLET);
        let parameters =
            named_params! { ":droplet_id": droplet_id, ":after": after, ":up_to": up_to };
        let step = "cannot count the archived actions";
        value(&self.connection, step, sql, parameters).map(i64::unsigned_abs)
    }

    /// The greatest id among the actions of a listing that a sync archived.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn newest_action(&self, kind: ListingKind) -> Result<Option<ActionId>, Error> {
        let parameters = named_params! { ":droplet_id": kind.droplet_id() };
        let step = "cannot read the newest archived action";
        value(&self.connection, step, NEWEST_ACTION, parameters)
    }

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
        let parameters = named_params! {
            ":not_since": now.saturating_add_seconds(-pace_seconds).to_string(),
            ":now": now.to_string(),
            ":path": ListingKind::Account.path(),
            ":droplets": droplets.map(|ids| serde_json::json!(ids).to_string()),
        };
        row(&self.connection, AUDIT, NEXT_AUDIT, parameters, |row| {
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
        execute(&self.connection, AUDIT, NOTE_AUDIT, parameters)
    }
}

const STRANGERS: &str = "
DELETE FROM listings
 WHERE droplet_id IS NOT NULL
   AND total IS NULL AND complete_total IS NULL AND followed_from IS NULL
   AND NOT EXISTS (SELECT 1 FROM coverage WHERE listing_id = listings.id)
   AND NOT EXISTS (SELECT 1 FROM droplets WHERE droplets.id = listings.droplet_id)";

const NEWEST_ACTION: &str = "
SELECT CASE WHEN :droplet_id IS NULL THEN (SELECT max(id) FROM actions WHERE first_seen_run IS NOT NULL)
            ELSE (SELECT max(id) FROM droplet_actions AS it
                   WHERE droplet_id = :droplet_id
                     AND (SELECT first_seen_run FROM actions WHERE actions.id = it.id) IS NOT NULL)
        END";

const ACTIONS_OF_ACCOUNT: &str = "
SELECT count(*)
  FROM actions
 WHERE :droplet_id IS NULL AND id > :after AND id <= :up_to AND first_seen_run IS NOT NULL";

pub(super) const ACTIONS_OF_DROPLET: &str = "
SELECT count(*)
  FROM droplet_actions AS it
 WHERE droplet_id = :droplet_id AND +id > :after AND id <= :up_to
   AND (SELECT first_seen_run FROM actions WHERE actions.id = it.id) IS NOT NULL";

/// Ignores a time in the future: a wrong clock wrote it, and it would delay every audit until then. A listing that was
/// never audited goes before one that was audited in the same second, or that one would take all turns of the second.
const NEXT_AUDIT: &str = "
SELECT droplet_id, audit_position
  FROM listings
 WHERE complete_total > 0
   AND NOT EXISTS (SELECT 1 FROM listings WHERE audited_at > :not_since AND audited_at <= :now)
   AND coalesce(proven_since <= :not_since OR proven_since > :now, 1)
   AND CASE WHEN :droplets IS NULL THEN path = :path
            ELSE droplet_id IN (SELECT value FROM json_each(:droplets))
        END
   AND NOT EXISTS (SELECT 1 FROM droplets WHERE droplets.id = droplet_id AND gone_at IS NOT NULL)
 ORDER BY audit_position = 0, coalesce(audited_at, proven_since), audited_at IS NOT NULL, id
 LIMIT 1";

/// A page that could not be read leaves the round without a proof.
const NOTE_AUDIT: &str = "
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

const AUDIT: &str = "cannot note what was read again";

const COMPLETE: &str = "cannot note that a listing is complete";
const FORGET: &str = "cannot forget what is covered of a listing";
const LENGTH: &str = "cannot note the length of a listing";

pub(super) const FIND: &str =
    "SELECT id, total, complete_total, head_id FROM listings WHERE path = :path";

pub(super) const COVERAGE: &str =
    "SELECT start_position, end_position FROM coverage WHERE listing_id = :listing_id";

pub(super) const UNCOVER: &str = "
DELETE FROM coverage
 WHERE listing_id = :listing_id AND start_position >= :start AND end_position <= :end";

fn mark_complete(
    connection: &Connection,
    listing_id: i64,
    total: u64,
    now: Timestamp,
) -> Result<(), Error> {
    let beginning = Interval {
        start: 0,
        end: total,
    };
    cover(connection, listing_id, beginning)?;
    execute(
        connection,
        COMPLETE,
        "UPDATE listings
            SET total = max(coalesce(total, 0), :total), complete_total = :total, complete_at = :now,
                proven_since = coalesce(proven_since, :now)
          WHERE id = :listing_id",
        named_params! {
            ":listing_id": listing_id,
            ":total": sql_number(total),
            ":now": now.to_string(),
        },
    )
}

fn coverage(connection: &Connection, listing_id: i64) -> Result<Coverage, Error> {
    let step = "cannot read what is covered of a listing";
    let parameters = named_params! { ":listing_id": listing_id };
    rows(connection, step, COVERAGE, parameters, |row| {
        let position = |name: &str| row.get(name).map(i64::unsigned_abs);
        Ok(Interval {
            start: position("start_position")?,
            end: position("end_position")?,
        })
    })
}

/// The coverage of every listing.
///
/// # Errors
/// When the archive cannot be read.
pub fn coverage_by_listing(
    connection: &Connection,
) -> Result<BTreeMap<ListingKind, Coverage>, Error> {
    let sql = "SELECT id, path, droplet_id FROM listings";
    let step = "cannot read what is known of the listings";
    let listings: Vec<(i64, String, Option<DropletId>)> = rows(connection, step, sql, [], |row| {
        Ok((row.get("id")?, row.get("path")?, row.get("droplet_id")?))
    })?;
    let mut covered = BTreeMap::new();
    for (id, path, droplet_id) in listings {
        let kinds = [ListingKind::Account, ListingKind::Followed].into_iter();
        let kinds = kinds.chain(droplet_id.map(ListingKind::Droplet));
        for kind in kinds.filter(|kind| kind.path() == path) {
            covered.insert(kind, coverage(connection, id)?);
        }
    }
    Ok(covered)
}

/// Adds an interval and joins it with the intervals that it overlaps or touches. Writes nothing when the interval is
/// covered already.
pub(super) fn cover(
    connection: &Connection,
    listing_id: i64,
    added: Interval,
) -> Result<(), Error> {
    let mut known = coverage(connection, listing_id)?;
    if known.covers(added) {
        return Ok(());
    }
    known.insert(added);
    let joined = known
        .intervals()
        .iter()
        .find(|interval| interval.start <= added.start && added.end <= interval.end);
    let joined = joined.copied().unwrap_or(added);
    let (start, end) = (sql_number(joined.start), sql_number(joined.end));
    if start == end {
        // A nonsensical total puts its rows beyond the largest integer of SQLite. The rows are archived, but not
        // covered.
        return Ok(());
    }
    let parameters = named_params! { ":listing_id": listing_id, ":start": start, ":end": end };
    for sql in [
        UNCOVER,
        "INSERT INTO coverage (listing_id, start_position, end_position)
         VALUES (:listing_id, :start, :end)",
    ] {
        let step = "cannot note what is covered of a listing";
        execute(connection, step, sql, parameters)?;
    }
    Ok(())
}

/// Forgets everything known about a listing except its length: an action that was listed once stays listed.
pub(super) fn forget(connection: &Connection, listing_id: i64) -> Result<(), Error> {
    for sql in [
        "DELETE FROM coverage WHERE listing_id = :listing_id",
        "UPDATE listings
            SET complete_total = NULL, complete_at = NULL, proven_since = NULL,
                audit_position = 0, audit_began_at = NULL
          WHERE id = :listing_id",
    ] {
        execute(
            connection,
            FORGET,
            sql,
            named_params! { ":listing_id": listing_id },
        )?;
    }
    Ok(())
}

/// Raises the length. A smaller length is ignored: answers can arrive out of order, and a listing never shrinks.
pub(super) fn raise_total(
    connection: &Connection,
    listing_id: i64,
    total: u64,
) -> Result<(), Error> {
    execute(
        connection,
        LENGTH,
        "UPDATE listings SET total = :total
          WHERE id = :listing_id AND (total IS NULL OR total < :total)",
        named_params! { ":listing_id": listing_id, ":total": sql_number(total) },
    )
}
