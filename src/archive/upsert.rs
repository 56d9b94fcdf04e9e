//! Writes an action: as a new row, or as new information about a known one.
//!
//! Information only grows. An answer of the API replaces known values, except by null, and reopens no settled status. A
//! file only adds what is unknown.

use super::connection::row;
use super::error::{Error, Step};
use super::runs::RunId;
use crate::core::model::{Action, Extra};
use rusqlite::{CachedStatement, Connection, named_params, params};

/// The result of writing an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    New,
    /// Only an import knew it, and now a sync has seen it.
    Recognised,
    Grown,
    Unchanged,
}

/// Writes a new action, and leaves a known action unchanged. Most rows of a sync are one or the other, and this takes
/// half the time of [`GROW`], which compares and merges.
const ADD: &str = "
INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                     first_seen_run, first_seen_import, extra)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT (id) DO NOTHING";

/// Writes the new information about a known action. Changes no row when there is none.
const GROW: &str = "
INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type, region_slug,
                     first_seen_run, first_seen_import, extra)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
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
       changed_run = coalesce(excluded.first_seen_run, changed_run)
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

/// Writes what a file adds to a known action: the values that are unknown, and the end of an action that had not ended.
/// No known value is replaced, because a file is older than what the API says. So a file that was imported before, in
/// whatever order, has nothing to add.
const FILL: &str = "
UPDATE actions
   SET status = CASE
           WHEN status IN ('completed', 'errored') THEN status
           WHEN ?2 IN ('completed', 'errored') THEN ?2
           ELSE coalesce(status, ?2)
       END,
       type = coalesce(type, ?3),
       started_at = coalesce(started_at, ?4),
       completed_at = coalesce(completed_at, ?5),
       resource_id = coalesce(resource_id, ?6),
       resource_type = coalesce(resource_type, ?7),
       region_slug = coalesce(region_slug, ?8),
       extra = coalesce(?11, extra)
 WHERE id = ?1
   AND ((status IS NULL AND ?2 IS NOT NULL)
        OR (?2 IN ('completed', 'errored') AND status NOT IN ('completed', 'errored'))
        OR (type IS NULL AND ?3 IS NOT NULL)
        OR (started_at IS NULL AND ?4 IS NOT NULL)
        OR (completed_at IS NULL AND ?5 IS NOT NULL)
        OR (resource_id IS NULL AND ?6 IS NOT NULL)
        OR (resource_type IS NULL AND ?7 IS NOT NULL)
        OR (region_slug IS NULL AND ?8 IS NOT NULL)
        OR (?11 IS NOT extra AND ?11 IS NOT NULL))";

/// Notes that a sync has seen an action that only an import knew.
const RECOGNISE: &str =
    "UPDATE actions SET first_seen_run = ?2 WHERE id = ?1 AND first_seen_run IS NULL";

/// The number of an import.
pub(super) type ImportId = i64;

/// The reader of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeenBy {
    Run(RunId),
    Import(ImportId),
}

impl SeenBy {
    /// `first_seen_run` and `first_seen_import` of an action that is new.
    fn columns(self) -> (Option<RunId>, Option<ImportId>) {
        match self {
            Self::Run(run) => (Some(run), None),
            Self::Import(import) => (None, Some(import)),
        }
    }
}

/// The prepared statements that write actions.
pub(super) struct Upsert<'c> {
    connection: &'c Connection,
    seen_by: SeenBy,
    add: CachedStatement<'c>,
    grow: CachedStatement<'c>,
    recognise: CachedStatement<'c>,
}

impl<'c> Upsert<'c> {
    pub(super) fn new(connection: &'c Connection, seen_by: SeenBy) -> Result<Self, Error> {
        let grow = match seen_by {
            SeenBy::Run(_) => GROW,
            SeenBy::Import(_) => FILL,
        };
        Ok(Self {
            connection,
            seen_by,
            add: connection.prepare_cached(ADD).step(WRITE)?,
            grow: connection.prepare_cached(grow).step(WRITE)?,
            recognise: connection.prepare_cached(RECOGNISE).step(WRITE)?,
        })
    }

    /// Writes the new information of an action.
    pub(super) fn write(&mut self, action: &Action) -> Result<Written, Error> {
        let (run, import) = self.seen_by.columns();
        let extra = merged_extra(self.connection, action, self.seen_by)?;
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
                import,
                extra,
            ];
            statement.execute(columns).step(WRITE)
        };
        if write(&mut self.add)? > 0 {
            return Ok(Written::New);
        }
        let is_recognised = match run {
            Some(run) => self.recognise.execute([action.id, run]).step(WRITE)? > 0,
            None => false,
        };
        let is_grown = write(&mut self.grow)? > 0;
        Ok(if is_recognised {
            Written::Recognised
        } else if is_grown {
            Written::Grown
        } else {
            Written::Unchanged
        })
    }
}

const WRITE: &str = "cannot archive an action";

pub(super) const KNOWN_EXTRA: &str = "SELECT extra FROM actions WHERE id = :id";

/// The JSON for `extra`: the known fields, overwritten by those of an answer, or the fields of a file, overwritten by the
/// known ones.
fn merged_extra(
    connection: &Connection,
    action: &Action,
    seen_by: SeenBy,
) -> Result<Option<String>, Error> {
    if action.extra.is_empty() {
        return Ok(None);
    }
    let id = named_params! { ":id": action.id };
    let known: Option<Option<String>> = row(
        connection,
        "cannot read an action",
        KNOWN_EXTRA,
        id,
        |row| row.get("extra"),
    )?;
    let known = known.flatten();
    Ok(Some(match seen_by {
        SeenBy::Run(_) => overlay(known.as_deref(), &action.extra),
        SeenBy::Import(_) => merged(action.extra.clone(), &parsed(known.as_deref())),
    }))
}

/// The JSON of the known fields, overwritten by what was said.
pub(super) fn overlay(known: Option<&str>, said: &Extra) -> String {
    merged(parsed(known), said)
}

/// The fields in the JSON of `extra`; none when it is not an object.
pub(super) fn parsed(extra: Option<&str>) -> Extra {
    extra
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The JSON of some fields, overwritten by others. A null does not overwrite a field.
fn merged(mut merged: Extra, others: &Extra) -> String {
    for (name, value) in others {
        if value.get() != "null" || !merged.contains_key(name) {
            merged.insert(name.clone(), value.clone());
        }
    }
    // Serialization cannot fail: the values are valid JSON already.
    serde_json::to_string(&merged).unwrap_or_default()
}
