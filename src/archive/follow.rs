//! The followed droplets, and the position from which the account's listing covers each of them.
//!
//! A droplet is followed from position `f` of the account's listing when all of its actions at earlier positions are
//! archived. Its new actions then appear in the account's listing, together with those of every other droplet.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, named_params};

use super::Store;
use super::connection::{atomically, execute, rows, sql_number};
use super::error::Error;
use super::listings::ListingKind;
use crate::core::model::{ActionId, DropletId};
use crate::core::time::Timestamp;

const FOLLOW: &str = "cannot note which droplets are followed";

/// A followed droplet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The position in the account's listing from which it shows all new actions of the droplet.
    pub from: u64,
    /// The last time when its own listing was read to the end.
    pub read_at: Option<Timestamp>,
    /// True when the droplet is gone: then only the account's listing shows its actions.
    pub is_gone: bool,
}

impl Store {
    /// Returns the followed droplets among `ids`, and stops following all others. The caller is about to read pages of
    /// the account's listing and keeps only the actions of `ids`.
    ///
    /// # Errors
    /// When the archive cannot be read or written.
    pub fn follow_only(
        &mut self,
        ids: &BTreeSet<DropletId>,
    ) -> Result<BTreeMap<DropletId, Followed>, Error> {
        let ids = serde_json::json!(ids).to_string();
        execute(
            &self.connection,
            FOLLOW,
            "UPDATE listings SET followed_from = NULL
              WHERE followed_from IS NOT NULL
                AND droplet_id NOT IN (SELECT value FROM json_each(:ids))",
            named_params! { ":ids": ids },
        )?;
        followed(&self.connection)
    }

    /// Stores the position from which each droplet is followed, and the greatest id that the account's listing showed.
    /// Writes nothing when this is stored already.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn follow(
        &mut self,
        droplets: &BTreeMap<DropletId, u64>,
        head_id: Option<ActionId>,
    ) -> Result<(), Error> {
        let listing = self.listing(ListingKind::Followed)?;
        let connection = &self.connection;
        atomically(connection, FOLLOW, || {
            for (droplet_id, from) in droplets {
                execute(
                    connection,
                    FOLLOW,
                    "UPDATE listings SET followed_from = :from
                      WHERE droplet_id = :droplet_id AND followed_from IS NOT :from",
                    named_params! { ":droplet_id": droplet_id, ":from": sql_number(*from) },
                )?;
            }
            if head_id > listing.head_id {
                execute(
                    connection,
                    FOLLOW,
                    "UPDATE listings SET head_id = :head_id WHERE id = :id",
                    named_params! { ":id": listing.id, ":head_id": head_id },
                )?;
            }
            Ok(())
        })
    }
}

/// All followed droplets of the archive.
///
/// # Errors
/// When the archive cannot be read.
pub fn followed(connection: &Connection) -> Result<BTreeMap<DropletId, Followed>, Error> {
    rows(
        connection,
        "cannot read which droplets are followed",
        "SELECT droplet_id, followed_from, complete_at, gone_at IS NOT NULL AS is_gone
           FROM listings LEFT JOIN droplets ON droplets.id = droplet_id
          WHERE followed_from IS NOT NULL AND droplet_id IS NOT NULL",
        [],
        |row| {
            let read_at: Option<String> = row.get("complete_at")?;
            let followed = Followed {
                from: row.get::<_, i64>("followed_from")?.unsigned_abs(),
                read_at: read_at.and_then(|time| time.parse().ok()),
                is_gone: row.get("is_gone")?,
            };
            Ok((row.get("droplet_id")?, followed))
        },
    )
}
