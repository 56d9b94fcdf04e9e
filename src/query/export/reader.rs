//! Reads the rows of a file one by one, with a hash of all of them.

use std::io;

use ring::digest::{Context, SHA256};
use rusqlite::Connection;

use super::tables::seconds;
use super::{Chosen, File, Month};
use crate::core::cancellation::Cancellation;
use crate::output::Value;
use crate::output::lake::hexadecimal;
use crate::query::rows::{RowsError, visit_rows};

/// The first month that ClickHouse's type `Date` does not hold. Later actions are in the file of those without a month.
const AFTER_LAST_MONTH: &str = "2149-06-01";

/// The layout of the files. Another one makes all of them anew.
const LAYOUT: &str = "1";

/// Reads an archive in one transaction.
pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    pub(super) cancellation: &'a Cancellation,
}

/// What is known of rows when they were read.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) rows: u64,
    pub(super) smallest_id: Option<i64>,
    pub(super) largest_id: Option<i64>,
    /// The hash of the rows as they are in the archive.
    pub(super) sha256: String,
}

impl Reader<'_> {
    /// The actions that started before the first month, after the last one, or at an unknown time.
    pub(super) fn ids_out_of_months(&self) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self.connection.prepare(
            "SELECT id FROM actions WHERE started_at IS NULL OR started_at < ?1 OR started_at >= ?2",
        )?;
        let bounds = [&super::FIRST_MONTH.to_string(), AFTER_LAST_MONTH];
        let ids = statement.query_map(bounds, |row| row.get(0))?;
        ids.collect()
    }

    /// The first start from this month on.
    pub(super) fn first_start(&self, month: &Month) -> rusqlite::Result<Option<String>> {
        let sql = "SELECT min(started_at) FROM actions WHERE started_at >= ?1 AND started_at < ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        statement.query_row([&month.to_string(), AFTER_LAST_MONTH], |row| row.get(0))
    }

    /// Passes the rows of the file to `take`. Those that started in no month go to `odd`, by their ids.
    pub(super) fn read(
        &self,
        file: &File<'_>,
        odd: &mut Vec<i64>,
        take: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
    ) -> Result<Tally, RowsError> {
        let mut tally = Tally::default();
        let mut hash = RowsHash::new(file);
        let is_by_month = matches!(file.rows, Chosen::Started(..));
        let mut visit = |cells: &[Value<'_>]| {
            if let (true, &[Value::Integer(id), _, _, start, ..]) = (is_by_month, cells)
                && !matches!(start, Value::Text(start) if seconds(start).is_some())
            {
                odd.push(id);
                return Ok(());
            }
            tally.add(cells, file.table.has_ids);
            if tally.rows % 4_096 == 0 && self.cancellation.is_requested() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            hash.add(cells);
            take(cells)
        };
        self.visit(file, &mut visit)?;
        tally.sha256 = hash.finish();
        Ok(tally)
    }

    fn visit(
        &self,
        file: &File<'_>,
        visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
    ) -> Result<(), RowsError> {
        let (sql, columns) = (file.table.sql, file.table.columns.len());
        match &file.rows {
            Chosen::All => {
                let mut statement = self.connection.prepare(sql)?;
                visit_rows(&mut statement.query([])?, columns, visit)?;
            }
            Chosen::Started(from, until) => {
                let sql = format!(
                    "{sql} WHERE started_at >= ?1 AND started_at < ?2 ORDER BY started_at, actions.id"
                );
                let mut statement = self.connection.prepare_cached(&sql)?;
                visit_rows(&mut statement.query([from, until])?, columns, visit)?;
            }
            Chosen::Ids(ids) => {
                let mut statement = self
                    .connection
                    .prepare(&format!("{sql} WHERE actions.id = ?1"))?;
                for id in ids {
                    visit_rows(&mut statement.query([id])?, columns, visit)?;
                }
            }
        }
        Ok(())
    }
}

impl Tally {
    fn add(&mut self, cells: &[Value<'_>], has_ids: bool) {
        self.rows += 1;
        if let (true, Some(&Value::Integer(id))) = (has_ids, cells.first()) {
            self.smallest_id = Some(self.smallest_id.map_or(id, |it| it.min(id)));
            self.largest_id = Some(self.largest_id.map_or(id, |it| it.max(id)));
        }
    }
}

/// Hashes rows, many at a time.
struct RowsHash {
    hash: Context,
    bytes: Vec<u8>,
}

impl RowsHash {
    const AT_A_TIME: usize = 1 << 16;

    fn new(file: &File<'_>) -> Self {
        let columns = file.table.columns;
        Self {
            hash: Context::new(&SHA256),
            bytes: format!("{LAYOUT} {columns:?}\n").into_bytes(),
        }
    }

    fn add(&mut self, cells: &[Value<'_>]) {
        for cell in cells {
            match cell {
                Value::Integer(integer) => {
                    self.bytes.push(1);
                    self.bytes.extend_from_slice(&integer.to_le_bytes());
                }
                Value::Text(text) => {
                    self.bytes.push(2);
                    self.bytes.extend_from_slice(&text.len().to_le_bytes());
                    self.bytes.extend_from_slice(text.as_bytes());
                }
                // No exported column holds anything else.
                _ => self.bytes.push(0),
            }
        }
        if self.bytes.len() >= Self::AT_A_TIME {
            self.hash.update(&self.bytes);
            self.bytes.clear();
        }
    }

    fn finish(mut self) -> String {
        self.hash.update(&self.bytes);
        hexadecimal(&self.hash.finish())
    }
}
