//! The upsert: by id, and information only grows.
//!
//! A known `completed_at` is never replaced by null, a settled status never by an unsettled one, a known region never
//! by none. The API does answer with such nulls (digitalocean/api-v2 issue 199), and pages overtake each other. A row
//! in which nothing is new is not written at all, so reading a listing again costs no disk.

use super::error::{Error, Step};
use super::listings::Listing;
use super::runs::RunId;
use crate::core::model::{Action, Extra};
use rusqlite::{CachedStatement, Connection, OptionalExtension, named_params, params};

/// What writing an action came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    New,
    Grown,
    Unchanged,
}

/// Writes a new action, and leaves one that is known alone. Most rows of a sync are either, and this takes half the time
/// of [`GROW`], which compares and merges.
const ADD: &str = "
INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                     first_seen_run, extra)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (id) DO NOTHING";

/// Writes what is new about a known action; changes no row when nothing is.
const GROW: &str = "
INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                     first_seen_run, extra)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (id) DO UPDATE
   SET status = CASE
           WHEN excluded.status IS NULL THEN status
           WHEN status IN ('completed', 'errored')
                AND excluded.status NOT IN ('completed', 'errored') THEN status
           ELSE excluded.status
       END,
       type = coalesce(excluded.type, type),
       started_at = coalesce(excluded.started_at, started_at),
       completed_at = coalesce(excluded.completed_at, completed_at),
       resource_id = coalesce(excluded.resource_id, resource_id),
       resource_type = coalesce(excluded.resource_type, resource_type),
       region_slug = coalesce(excluded.region_slug, region_slug),
       extra = coalesce(excluded.extra, extra),
       changed_run = excluded.first_seen_run
 WHERE (excluded.status IS NOT status AND excluded.status IS NOT NULL
        AND (status IS NULL OR status NOT IN ('completed', 'errored')
             OR excluded.status IN ('completed', 'errored')))
    OR (excluded.type IS NOT type AND excluded.type IS NOT NULL)
    OR (excluded.started_at IS NOT started_at AND excluded.started_at IS NOT NULL)
    OR (excluded.completed_at IS NOT completed_at AND excluded.completed_at IS NOT NULL)
    OR (excluded.resource_id IS NOT resource_id AND excluded.resource_id IS NOT NULL)
    OR (excluded.resource_type IS NOT resource_type AND excluded.resource_type IS NOT NULL)
    OR (excluded.region_slug IS NOT region_slug AND excluded.region_slug IS NOT NULL)
    OR (excluded.extra IS NOT extra AND excluded.extra IS NOT NULL)";

/// The statements that write actions, prepared once for many of them.
pub(super) struct Upsert<'c> {
    connection: &'c Connection,
    add: CachedStatement<'c>,
    grow: CachedStatement<'c>,
}

impl<'c> Upsert<'c> {
    pub(super) fn new(connection: &'c Connection) -> Result<Self, Error> {
        Ok(Self {
            connection,
            add: connection.prepare_cached(ADD).step(WRITE)?,
            grow: connection.prepare_cached(GROW).step(WRITE)?,
        })
    }

    /// Writes what is new of an action.
    pub(super) fn write(&mut self, action: &Action, run: RunId) -> Result<Written, Error> {
        let extra = merged_extra(self.connection, action)?;
        let started_at = action.started_at.map(|time| time.to_string());
        let completed_at = action.completed_at.map(|time| time.to_string());
        let write = |statement: &mut CachedStatement<'_>| {
            let columns = params![
                action.id,
                action.status,
                action.kind,
                started_at,
                completed_at,
                action.resource_id,
                action.resource_type,
                action.region_slug,
                run,
                extra,
            ];
            statement.execute(columns).step(WRITE)
        };
        Ok(if write(&mut self.add)? > 0 {
            Written::New
        } else if write(&mut self.grow)? > 0 {
            Written::Grown
        } else {
            Written::Unchanged
        })
    }
}

const WRITE: &str = "cannot archive an action";

pub(super) const KNOWN_EXTRA: &str = "SELECT extra FROM actions WHERE id = :id";

/// The JSON for `extra`: what is known already, overlaid with what is said now; null says nothing.
fn merged_extra(connection: &Connection, action: &Action) -> Result<Option<String>, Error> {
    if action.extra.is_empty() {
        return Ok(None);
    }
    let known: Option<Option<String>> = connection
        .prepare_cached(KNOWN_EXTRA)
        .and_then(|mut statement| {
            statement
                .query_row(named_params! { ":id": action.id }, |row| row.get("extra"))
                .optional()
        })
        .step("cannot read an action")?;
    Ok(Some(overlay(known.flatten().as_deref(), &action.extra)))
}

pub(super) fn overlay(known: Option<&str>, said: &Extra) -> String {
    let mut merged: Extra = known
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    for (name, value) in said {
        if value.get() != "null" || !merged.contains_key(name) {
            merged.insert(name.clone(), value.clone());
        }
    }
    // A map of names to texts that were JSON before is JSON again.
    serde_json::to_string(&merged).unwrap_or_default()
}

/// Remembers that a droplet listed an action whose resource does not say so.
pub(super) fn link(
    connection: &Connection,
    listing: &Listing,
    action: &Action,
) -> Result<(), Error> {
    let is_of =
        |id| action.resource_type.as_deref() == Some("droplet") && action.resource_id == Some(id);
    let Some(droplet_id) = listing.kind.droplet_id().filter(|id| !is_of(*id)) else {
        return Ok(());
    };
    connection
        .prepare_cached(
            "INSERT INTO droplet_listed_actions (droplet_id, action_id) VALUES (:droplet_id, :action_id)
             ON CONFLICT (droplet_id, action_id) DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":droplet_id": droplet_id,
                ":action_id": action.id,
            })
        })
        .step("cannot link an action to its droplet")?;
    Ok(())
}
