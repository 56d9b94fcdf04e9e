//! Helpers for tests of the archive: short ways to make actions, regions and an archive.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use crate::archive::connection::prepare;
use crate::archive::interrupt::LockWait;
use crate::archive::{Error, Listing, ListingKind, PageRecord, Recorded, RunId, Store, migrations};
use crate::core::cancellation::Cancellation;
use crate::core::coverage::Interval;
use crate::core::model::{Action, Extra, Region};
use crate::core::time::Timestamp;

pub(super) const NOON: &str = "2026-01-01T12:00:00Z";

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

pub(super) fn extra(json: &str) -> Extra {
    serde_json::from_str(json).unwrap()
}

pub(super) fn interval(start: u64, end: u64) -> Interval {
    Interval { start, end }
}

/// An action with only an id.
pub(super) fn bare(id: i64) -> Action {
    Action {
        id,
        status: None,
        kind: None,
        started_at: None,
        completed_at: None,
        resource_id: None,
        resource_type: None,
        region_slug: None,
        region: None,
        extra: Extra::new(),
    }
}

/// A droplet's action with a value in every field.
pub(super) fn completed(id: i64) -> Action {
    Action {
        status: text("completed"),
        completed_at: Some(time("2020-07-20T19:37:45Z")),
        extra: extra(r#"{"progress":100}"#),
        ..in_progress(id)
    }
}

/// A droplet's action in progress.
pub(super) fn in_progress(id: i64) -> Action {
    Action {
        status: text("in-progress"),
        kind: text("reboot"),
        started_at: Some(time("2020-07-20T19:37:30Z")),
        resource_id: Some(42),
        resource_type: text("droplet"),
        region_slug: text("nyc3"),
        ..bare(id)
    }
}

pub(super) fn region(slug: &str, features: &[&str], sizes: &[&str]) -> Region {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
    Region {
        slug: slug.to_owned(),
        name: text("New York 3"),
        available: Some(true),
        features: owned(features),
        sizes: owned(sizes),
        extra: Extra::new(),
    }
}

/// An action with its region.
pub(super) fn in_region(id: i64, region: &Arc<Region>) -> Action {
    Action {
        region_slug: Some(region.slug.clone()),
        region: Some(Arc::clone(region)),
        ..bare(id)
    }
}

/// An archive during a sync that reads the account's listing.
pub(super) struct Archive {
    pub(super) store: Store,
    pub(super) run: RunId,
    pub(super) listing: Listing,
    pub(super) now: Timestamp,
}

impl Archive {
    pub(super) fn in_memory() -> Self {
        let connection = migrations::empty();
        prepare(&connection).unwrap();
        let lock_wait = LockWait::new(&Cancellation::never()).for_writing();
        Self::with(Store::of(connection, lock_wait))
    }

    pub(super) fn at(path: &Path) -> Self {
        Self::with(Store::open(path).unwrap())
    }

    pub(super) fn with(mut store: Store) -> Self {
        let now = time(NOON);
        let run = store.begin_run("account", now).unwrap();
        let listing = store.listing(ListingKind::Account).unwrap();
        Self {
            store,
            run,
            listing,
            now,
        }
    }

    /// Begins another sync at `now`.
    pub(super) fn next_run(&mut self, now: &str) {
        self.now = time(now);
        self.run = self.store.begin_run("account", self.now).unwrap();
    }

    /// Reads another listing from now on.
    pub(super) fn read(&mut self, kind: ListingKind) {
        self.listing = self.store.listing(kind).unwrap();
    }

    /// Archives a page that covers no position.
    pub(super) fn record(&mut self, actions: &[Action]) -> Recorded {
        self.try_page(actions, &[], None).unwrap()
    }

    /// Archives a page that covers positions for the first time.
    pub(super) fn try_page(
        &mut self,
        actions: &[Action],
        covers: &[Interval],
        total: Option<u64>,
    ) -> Result<Recorded, Error> {
        let rows: Vec<_> = actions.iter().map(|action| (action, false)).collect();
        self.try_rows(&rows, covers, total)
    }

    pub(super) fn try_rows(
        &mut self,
        rows: &[(&Action, bool)],
        covers: &[Interval],
        total: Option<u64>,
    ) -> Result<Recorded, Error> {
        self.store.record_page(&PageRecord {
            listing: &self.listing,
            rows,
            covers,
            total,
            run: self.run,
            now: self.now,
        })
    }

    /// The archived state of the listing.
    pub(super) fn stored_listing(&mut self) -> Listing {
        self.store.listing(self.listing.kind).unwrap()
    }

    pub(super) fn rows(&self, sql: &str) -> Vec<String> {
        rows(&self.store.connection, sql)
    }

    pub(super) fn execute(&self, sql: &str) {
        self.store.connection.execute_batch(sql).unwrap();
    }

    /// The number of rows that this connection wrote in total.
    pub(super) fn changes(&self) -> String {
        self.rows("SELECT total_changes()").remove(0)
    }
}

/// Inserted, updated and unchanged rows.
pub(super) fn counts(recorded: Recorded) -> (u64, u64, u64) {
    (recorded.inserted, recorded.updated, recorded.unchanged)
}

/// The result rows of a query, with columns separated by a space; `-` is NULL.
pub(super) fn rows(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values: Vec<_> = (0..columns)
            .map(|column| match row.get_ref_unwrap(column) {
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
                ValueRef::Null => "-".to_owned(),
                other => panic!("{other:?}"),
            })
            .collect();
        Ok(values.join(" "))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// An empty folder, and the path of an archive in it.
pub(super) fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("archive.db");
    (folder, path)
}

/// The names of the files in a folder, sorted.
pub(super) fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
