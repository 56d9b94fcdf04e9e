//! Archives in memory, and the answers of reports as lines of text.

use std::collections::BTreeMap;
use std::io;

use rusqlite::{Connection, named_params};

use crate::core::time::{Timestamp, Zone};
use crate::output::{Heading, RowWriter, Value};
use crate::query::report::{Context, Error, Library, run};

/// Midnight after the first month of the year of all events.
pub(super) const NOW: &str = "2026-02-01T00:00:00Z";

/// Adds the year and `Z` to `01-05 12:00`. A complete time is unchanged.
pub(super) fn time(text: &str) -> String {
    match text.split_once(' ') {
        Some((day, clock)) => format!("2026-{day}T{clock}:00Z"),
        None => text.to_owned(),
    }
}

/// An action of a droplet for a test. By default it completes one minute after its start.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) id: i64,
    pub(super) kind: Option<&'a str>,
    pub(super) status: &'a str,
    pub(super) started_at: Option<&'a str>,
    pub(super) completed_at: Option<&'a str>,
    pub(super) resource_id: Option<i64>,
    pub(super) resource_type: Option<&'a str>,
}

impl Default for Row<'_> {
    fn default() -> Self {
        Self {
            id: 1,
            kind: Some("reboot"),
            status: "completed",
            started_at: None,
            completed_at: None,
            resource_id: Some(1),
            resource_type: Some("droplet"),
        }
    }
}

/// An archive whose first sync run began at midnight of the first day of the year. The account's listing is complete.
pub(super) struct Archive {
    pub(super) connection: Connection,
}

impl Archive {
    pub(super) fn new() -> Self {
        let connection = crate::archive::empty();
        connection
            .execute_batch(
                "INSERT INTO sync_runs (id, started_at, scope, version)
                 VALUES (1, '2026-01-01T00:00:00Z', 'account', '0.1.0');
                 INSERT INTO listings (path, total, complete_total, complete_at)
                 VALUES ('/v2/actions', 0, 0, '2026-02-01T00:00:00Z')",
            )
            .unwrap();
        Self { connection }
    }

    /// A droplet that the API listed.
    pub(super) fn droplet(
        &self,
        id: i64,
        name: &str,
        created_at: Option<&str>,
        gone_at: Option<&str>,
    ) {
        let mut insert = self
            .connection
            .prepare_cached(
                "INSERT INTO droplets (id, name, created_at, gone_at, first_seen_at)
                 VALUES (:id, :name, :created_at, :gone_at, '2026-01-01T00:00:00Z')",
            )
            .unwrap();
        insert
            .execute(named_params! {
                ":id": id,
                ":name": name,
                ":created_at": created_at.map(time),
                ":gone_at": gone_at.map(time),
            })
            .unwrap();
        self.named(id, name);
    }

    /// A name that a droplet has or had.
    pub(super) fn named(&self, id: i64, name: &str) {
        let sql = "INSERT INTO droplet_names (droplet_id, name, first_seen_at)
                   VALUES (?1, ?2, '2026-01-01T00:00:00Z')";
        let mut insert = self.connection.prepare_cached(sql).unwrap();
        insert.execute((id, name)).unwrap();
    }

    pub(super) fn action(&self, row: &Row<'_>) {
        let mut insert = self
            .connection
            .prepare_cached(
                "INSERT INTO actions (id, status, type, started_at, completed_at, resource_id, resource_type,
                                      first_seen_run)
                 VALUES (:id, :status, :type, :started_at, :completed_at, :resource_id, :resource_type, 1)",
            )
            .unwrap();
        insert
            .execute(named_params! {
                ":id": row.id,
                ":status": row.status,
                ":type": row.kind,
                ":started_at": row.started_at.map(time),
                ":completed_at": row.completed_at.map(time),
                ":resource_id": row.resource_id,
                ":resource_type": row.resource_type,
            })
            .unwrap();
    }

    /// Completed actions of one droplet: id, type, start and end.
    pub(super) fn completed(&self, droplet: i64, actions: &[(i64, &str, &str, &str)]) {
        for (id, kind, started_at, completed_at) in actions {
            self.action(&Row {
                id: *id,
                kind: Some(kind),
                started_at: Some(started_at),
                completed_at: Some(completed_at),
                resource_id: Some(droplet),
                ..Row::default()
            });
        }
    }

    /// Adds an action to the droplet's own listing.
    pub(super) fn listed(&self, droplet: i64, action: i64) {
        let sql = "INSERT INTO droplet_listed_actions (droplet_id, action_id) VALUES (?1, ?2)";
        let mut insert = self.connection.prepare_cached(sql).unwrap();
        insert.execute([droplet, action]).unwrap();
    }

    /// The rows of a report, with a space between columns; `-` is NULL.
    pub(super) fn answer(&self, report: &str, chosen: &[(&str, &str)]) -> Vec<String> {
        self.try_answer(report, chosen).unwrap()
    }

    pub(super) fn try_answer(
        &self,
        report: &str,
        chosen: &[(&str, &str)],
    ) -> Result<Vec<String>, Error> {
        self.try_answer_in(&Zone::utc(), report, chosen)
    }

    /// As [`Self::try_answer`], on the clocks of a zone.
    pub(super) fn try_answer_in(
        &self,
        zone: &Zone,
        report: &str,
        chosen: &[(&str, &str)],
    ) -> Result<Vec<String>, Error> {
        let library = Library::load(None);
        let report = library.get(report).unwrap();
        let context = Context {
            connection: &self.connection,
            now: now(),
            zone,
            narrow: &|filter| filter,
        };
        let chosen: BTreeMap<String, String> = chosen
            .iter()
            .map(|(name, text)| (name.to_string(), text.to_string()))
            .collect();
        let bound = report.bind(&chosen, &context)?;
        let mut lines = Lines::default();
        let count = run(&self.connection, report, &bound, &mut lines)?;
        assert_eq!(count, lines.rows.len() as u64);
        assert!(lines.width > 0);
        Ok(lines.rows)
    }
}

/// Collects rows as lines.
#[derive(Default)]
pub(super) struct Lines {
    width: usize,
    pub(super) rows: Vec<String>,
}

impl RowWriter for Lines {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        self.width = headings.len();
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.rows.push(line(values));
        Ok(())
    }
}

pub(super) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// The values of a row, with a space between them; `-` is NULL.
pub(super) fn line(values: &[Value<'_>]) -> String {
    let cell = |value: &Value<'_>| match value {
        Value::Null => "-".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) | Value::Json(text) => (*text).to_owned(),
    };
    values.iter().map(cell).collect::<Vec<_>>().join(" ")
}
