//! Droplets: their present and former names and tags, and the time when each was found to be gone. Their history always
//! stays.
//!
//! A droplet is followed from position `f` of the account's listing when all of its actions at earlier positions are
//! archived. Its new actions then appear in the account's listing, together with those of every other droplet.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, named_params};

use super::Store;
use super::actions::known_extra;
use super::connection::{atomically, execute, rows, sql_number, time, value};
use super::error::Error;
use super::listings::ListingKind;
use crate::core::model::{ActionId, Droplet, DropletId, merge_extra};
use crate::core::time::Timestamp;

pub(super) const KNOWS_DROPLET: &str = "
SELECT EXISTS (SELECT 1 FROM droplets WHERE id = :id)
    OR EXISTS (SELECT 1 FROM droplet_actions WHERE droplet_id = :id)";

/// Archived droplets that are neither gone nor listed: droplets that were listed once, and droplets that only actions
/// name. The query finds the latter by hopping from one droplet to the next along the index, and `+` keeps it there.
pub(super) const UNLISTED: &str = "
WITH RECURSIVE named (id) AS (
    SELECT min(resource_id) FROM actions WHERE resource_type = 'droplet'
     UNION ALL
    SELECT (SELECT min(resource_id) FROM actions WHERE resource_type = 'droplet' AND resource_id > named.id)
      FROM named
     WHERE named.id IS NOT NULL
), unlisted (id) AS (
    SELECT id FROM droplets WHERE gone_at IS NULL
     UNION ALL
    SELECT id
      FROM named
     WHERE id IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM droplets WHERE droplets.id = named.id)
)
SELECT id,
       EXISTS (SELECT 1 FROM actions
                WHERE resource_id = unlisted.id AND resource_type = 'droplet'
                  AND +type = 'destroy' AND status = 'completed') AS is_destroyed
  FROM unlisted
 WHERE id NOT IN (SELECT value FROM json_each(:listed))";

/// An archived droplet that the API does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnlistedDroplet {
    /// Its id.
    pub id: DropletId,
    /// True when an archived action says that the droplet was destroyed.
    pub is_destroyed: bool,
}

const KNOWN_EXTRA: &str = "SELECT extra FROM droplets WHERE id = :id";

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

const WRITE: &str = "cannot archive the droplets";
const FOLLOW: &str = "cannot note which droplets are followed";
const LOOK_UP: &str = "cannot look up a droplet";

const UNLISTED_WITH_TAGS: &str = "
SELECT id
  FROM droplets
 WHERE gone_at IS NULL
   AND id NOT IN (SELECT value FROM json_each(:listed))
   AND id IN (SELECT droplet_id FROM droplet_tags
               WHERE gone_at IS NULL AND tag IN (SELECT value FROM json_each(:tags)))";

const TAGS: &str = "
SELECT DISTINCT tag FROM droplet_tags WHERE gone_at IS NULL";

/// A complete sync run read the droplets of each tag of its scope.
const HAD_DROPLETS: &str = "
SELECT EXISTS (SELECT 1 FROM droplet_tags WHERE gone_at IS NULL AND tag = :tag)
    OR EXISTS (SELECT 1
                 FROM sync_runs, json_each(iif(json_valid(scope), scope, '{}'), '$.tags') AS tag
                WHERE outcome = 'complete' AND tag.value = :tag)";

impl Store {
    /// Archives the current state of existing droplets. Returns the number of changed rows.
    ///
    /// # Errors
    /// When the archive cannot be written; then none of them is archived.
    pub fn record_droplets(&mut self, droplets: &[Droplet], now: Timestamp) -> Result<u64, Error> {
        atomically(&self.connection, WRITE, || {
            let changed = droplets
                .iter()
                .map(|droplet| upsert(&self.connection, droplet, now));
            changed.sum()
        })
    }

    /// Marks droplets as gone.
    ///
    /// # Errors
    /// When the archive cannot be written; then none of them is marked.
    pub fn mark_gone(&mut self, ids: &[DropletId], now: Timestamp) -> Result<(), Error> {
        const MARK: &str = "cannot mark droplets as gone";
        let now = now.to_string();
        atomically(&self.connection, MARK, || {
            for id in ids {
                execute(
                    &self.connection,
                    MARK,
                    "INSERT INTO droplets (id, first_seen_at, gone_at) VALUES (:id, :now, :now)
                     ON CONFLICT (id) DO UPDATE SET gone_at = :now WHERE gone_at IS NULL",
                    named_params! { ":id": id, ":now": now },
                )?;
            }
            Ok(())
        })
    }

    /// True when the droplet is gone.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn is_gone(&self, id: DropletId) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM droplets WHERE id = :id AND gone_at IS NOT NULL)";
        value(&self.connection, LOOK_UP, sql, named_params! { ":id": id })
    }

    /// The archived droplets that may be gone: all except the listed ones and those that are gone already.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn unlisted_droplets(&self, listed: &[DropletId]) -> Result<Vec<UnlistedDroplet>, Error> {
        let listed = serde_json::json!(listed).to_string();
        let step = "cannot read which droplets may be gone";
        let listed = named_params! { ":listed": listed };
        rows(&self.connection, step, UNLISTED, listed, |row| {
            Ok(UnlistedDroplet {
                id: row.get("id")?,
                is_destroyed: row.get("is_destroyed")?,
            })
        })
    }

    /// The archived droplets that had one of these tags, except the listed ones and those that are gone.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn unlisted_with_tags(
        &self,
        listed: &[DropletId],
        tags: &BTreeSet<String>,
    ) -> Result<Vec<DropletId>, Error> {
        let [listed, tags] = [serde_json::json!(listed), serde_json::json!(tags)];
        rows(
            &self.connection,
            "cannot read which droplets had a tag",
            UNLISTED_WITH_TAGS,
            named_params! { ":listed": listed.to_string(), ":tags": tags.to_string() },
            |row| row.get("id"),
        )
    }

    /// The tags that the archived droplets had when they were last listed.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn tags(&self) -> Result<BTreeSet<String>, Error> {
        let step = "cannot read the tags of droplets";
        rows(&self.connection, step, TAGS, [], |row| row.get("tag"))
    }

    /// True when a droplet had this tag: it has it in the archive, or the tag was in the scope of a complete sync run.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn had_droplets(&self, tag: &str) -> Result<bool, Error> {
        let step = "cannot read which tags were synced";
        let tag = named_params! { ":tag": tag };
        value(&self.connection, step, HAD_DROPLETS, tag)
    }

    /// True when the archive knows a droplet from the droplet list, from its name or from any action.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub fn knows_droplet(&self, id: DropletId) -> Result<bool, Error> {
        let id = named_params! { ":id": id };
        value(&self.connection, LOOK_UP, KNOWS_DROPLET, id)
    }

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
            let followed = Followed {
                from: row.get::<_, i64>("followed_from")?.unsigned_abs(),
                read_at: time(row, "complete_at")?,
                is_gone: row.get("is_gone")?,
            };
            Ok((row.get("droplet_id")?, followed))
        },
    )
}

fn upsert(connection: &Connection, droplet: &Droplet, now: Timestamp) -> Result<u64, Error> {
    let extra = if droplet.extra.is_empty() {
        None
    } else {
        let known = known_extra(connection, "cannot read a droplet", KNOWN_EXTRA, droplet.id)?;
        Some(merge_extra(known, &droplet.extra))
    };
    let now = now.to_string();
    execute(
        connection,
        WRITE,
        "INSERT INTO droplets (id, name, region_slug, created_at, extra, first_seen_at)
         VALUES (:id, :name, :region_slug, :created_at, :extra, :now)
         ON CONFLICT (id) DO UPDATE
            SET name = coalesce(excluded.name, name),
                region_slug = coalesce(excluded.region_slug, region_slug),
                created_at = coalesce(excluded.created_at, created_at),
                extra = coalesce(excluded.extra, extra),
                gone_at = NULL
          WHERE gone_at IS NOT NULL
             OR (excluded.name IS NOT name AND excluded.name IS NOT NULL)
             OR (excluded.region_slug IS NOT region_slug AND excluded.region_slug IS NOT NULL)
             OR (excluded.created_at IS NOT created_at AND excluded.created_at IS NOT NULL)
             OR (excluded.extra IS NOT extra AND excluded.extra IS NOT NULL)",
        named_params! {
            ":id": droplet.id,
            ":name": droplet.name,
            ":region_slug": droplet.region_slug,
            ":created_at": droplet.created_at.map(|time| time.to_string()),
            ":extra": extra,
            ":now": now,
        },
    )?;
    let changed = connection.changes();
    if let Some(name) = droplet.name.as_deref().filter(|_| changed > 0) {
        execute(
            connection,
            WRITE,
            "INSERT INTO droplet_names (droplet_id, name, first_seen_at) VALUES (:id, :name, :now)
             ON CONFLICT (droplet_id, name) DO NOTHING",
            named_params! { ":id": droplet.id, ":name": name, ":now": now },
        )?;
    }
    if let Some(tags) = droplet.tags().filter(|_| changed > 0) {
        write_tags(connection, droplet.id, &tags, &now)?;
    }
    Ok(changed)
}

/// All known tags are gone, except these.
fn write_tags(
    connection: &Connection,
    id: DropletId,
    tags: &[String],
    now: &str,
) -> Result<(), Error> {
    execute(
        connection,
        WRITE,
        "UPDATE droplet_tags SET gone_at = :now WHERE droplet_id = :id AND gone_at IS NULL",
        named_params! { ":id": id, ":now": now },
    )?;
    for tag in tags {
        execute(
            connection,
            WRITE,
            "INSERT INTO droplet_tags (droplet_id, tag, first_seen_at) VALUES (:id, :tag, :now)
             ON CONFLICT (droplet_id, tag) DO UPDATE SET gone_at = NULL",
            named_params! { ":id": id, ":tag": tag, ":now": now },
        )?;
    }
    Ok(())
}
