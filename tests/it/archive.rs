//! The archive as another program sees it: plain SQL on a file opened for reading only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OpenFlags};

use crate::cloud::{Action, Cloud};

/// An archive that has passed SQLite's own checks.
pub(crate) struct Archive {
    connection: Connection,
}

/// Rows as text, each with the name of its table.
pub(crate) struct Contents(BTreeSet<String>);

/// A row of `sync_runs`.
#[derive(Debug)]
pub(crate) struct SyncRun {
    pub(crate) is_finished: bool,
    pub(crate) outcome: Option<String>,
    pub(crate) requests: i64,
    pub(crate) inserted: i64,
    pub(crate) updated: i64,
    pub(crate) unchanged: i64,
    pub(crate) message: Option<String>,
}

const TABLES: [&str; 10] = [
    "actions",
    "regions",
    "region_features",
    "region_sizes",
    "droplets",
    "droplet_names",
    "droplet_tags",
    "droplet_listed_actions",
    "coverage",
    "listings",
];

impl Archive {
    #[track_caller]
    pub(crate) fn open(path: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection = Connection::open_with_flags(path, flags).unwrap();
        let archive = Self { connection };
        assert_eq!(archive.texts("PRAGMA integrity_check"), ["ok"]);
        assert_eq!(
            archive.number("SELECT count(*) FROM pragma_foreign_key_check"),
            0
        );
        archive
    }

    /// The first column of the first row.
    #[track_caller]
    pub(crate) fn value<T: FromSql>(&self, sql: &str) -> T {
        self.connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap()
    }

    #[track_caller]
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.value(sql)
    }

    /// The first column.
    #[track_caller]
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// All archived actions, by id.
    pub(crate) fn actions(&self) -> BTreeMap<i64, Action> {
        let mut statement = self.connection.prepare("SELECT * FROM actions").unwrap();
        let rows = statement.query_map([], |row| {
            Ok(Action {
                id: row.get("id")?,
                status: row.get("status")?,
                kind: row.get("type")?,
                started_at: row.get("started_at")?,
                completed_at: row.get("completed_at")?,
                resource_id: row.get("resource_id")?,
                resource_type: row.get("resource_type")?,
                region_slug: row.get("region_slug")?,
            })
        });
        let actions = rows.unwrap().map(Result::unwrap);
        actions.map(|action| (action.id, action)).collect()
    }

    /// The archive has every action of the account, field by field, and no other.
    #[track_caller]
    pub(crate) fn equals(&self, cloud: &Cloud) {
        self.is_exactly(cloud.actions());
    }

    /// The archive has these actions, field by field, and no others.
    #[track_caller]
    pub(crate) fn is_exactly(&self, expected: impl IntoIterator<Item = Action>) {
        let expected: BTreeMap<_, _> = expected.into_iter().map(|it| (it.id, it)).collect();
        self.holds(expected.values().cloned());
        let archived = self.actions();
        let invented: Vec<_> = archived
            .keys()
            .filter(|id| !expected.contains_key(id))
            .collect();
        assert!(invented.is_empty(), "archived but not true: {invented:?}");
    }

    /// The archive has at least these actions, field by field.
    #[track_caller]
    pub(crate) fn holds(&self, expected: impl IntoIterator<Item = Action>) {
        let archived = self.actions();
        for action in expected {
            let found = archived.get(&action.id);
            assert!(found.is_some(), "missing: {action:?}");
            assert_eq!(found, Some(&action));
        }
    }

    /// Every row of every table, except the log of sync runs and the times at which a listing was read.
    pub(crate) fn contents(&self) -> Contents {
        let rows_of = |table: &str| {
            let sql = format!("SELECT * FROM {table} ORDER BY 1, 2");
            let mut statement = self.connection.prepare(&sql).unwrap();
            let times = [
                "complete_at",
                "proven_since",
                "audit_began_at",
                "audited_at",
            ];
            let names = statement.column_names();
            let names = names.filter(|name| !times.contains(name));
            let kept: Vec<_> = names.map(str::to_owned).collect();
            let rows = statement.query_map([], |row| {
                let cells = kept
                    .iter()
                    .map(|name| Ok((name.clone(), row.get(name.as_str())?)));
                cells.collect::<Result<Vec<(String, Value)>, rusqlite::Error>>()
            });
            let rows = rows
                .unwrap()
                .map(|row| format!("{table}: {:?}", row.unwrap()));
            rows.collect::<Vec<_>>()
        };
        Contents(TABLES.iter().flat_map(|table| rows_of(table)).collect())
    }

    /// Nothing was added, changed or removed since then.
    #[track_caller]
    pub(crate) fn is_unchanged_since(&self, before: &Contents) {
        let now = self.contents();
        let new = now.0.difference(&before.0).take(5);
        let gone = before.0.difference(&now.0).take(5);
        let (new, gone): (Vec<_>, Vec<_>) = (new.collect(), gone.collect());
        assert!(
            new.is_empty() && gone.is_empty(),
            "new: {new:#?}, gone: {gone:#?}"
        );
    }

    pub(crate) fn last_run(&self) -> SyncRun {
        let sql = "SELECT * FROM sync_runs ORDER BY id DESC LIMIT 1";
        let run = self.connection.query_row(sql, [], |row| {
            Ok(SyncRun {
                is_finished: row.get::<_, Option<String>>("finished_at")?.is_some(),
                outcome: row.get("outcome")?,
                requests: row.get("requests")?,
                inserted: row.get("inserted")?,
                updated: row.get("updated")?,
                unchanged: row.get("unchanged")?,
                message: row.get("message")?,
            })
        });
        run.unwrap()
    }
}
