//! Reads the rows of a file one by one, with a hash of all of them.

use std::io;

use ring::digest::{Context, SHA256};
use rusqlite::{Connection, params_from_iter};

use super::File;
use super::tables::{STARTED_AT, seconds};
use crate::core::cancellation::Cancellation;
use crate::output::Value;
use crate::output::lake::{ExportedFile, hexadecimal};
use crate::query::rows::{RowsError, visit_rows};

/// The layout of the files. Another one makes all of them anew.
const LAYOUT: &str = "2";

/// Reads an archive in one transaction.
pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    pub(super) cancellation: &'a Cancellation,
}

impl Reader<'_> {
    /// Passes the rows of the file to `take`. Those of a month whose start is no time go to `odd`, by their ids.
    pub(super) fn read(
        &self,
        file: &File<'_>,
        odd: &mut Vec<i64>,
        take: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
    ) -> Result<ExportedFile, RowsError> {
        let columns = file.table.columns;
        let mut read = ExportedFile {
            path: file.path.clone(),
            ..ExportedFile::default()
        };
        let mut hash = RowsHash {
            hash: Context::new(&SHA256),
            bytes: format!("{LAYOUT} {columns:?}\n").into_bytes(),
        };
        let mut visit = |cells: &[Value<'_>]| {
            let id = match cells.first() {
                Some(Value::Integer(id)) => Some(*id),
                _ => None,
            };
            if file.is_month
                && !matches!(cells[STARTED_AT], Value::Text(start) if seconds(start).is_some())
            {
                odd.extend(id);
                return Ok(());
            }
            read.rows += 1;
            read.smallest_id = read.smallest_id.min(id).or(id);
            read.largest_id = read.largest_id.max(id);
            if read.rows.is_multiple_of(4_096) && self.cancellation.is_requested() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            hash.add(cells);
            take(cells)
        };
        let sql = file.table.select(file.condition, file.sorted_by);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&file.bounds))?;
        visit_rows(&mut rows, columns.len(), &mut visit)?;
        read.rows_sha256 = hash.finish();
        Ok(read)
    }
}

/// Hashes rows, many at a time.
struct RowsHash {
    hash: Context,
    bytes: Vec<u8>,
}

impl RowsHash {
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
        if self.bytes.len() >= 1 << 16 {
            self.hash.update(&self.bytes);
            self.bytes.clear();
        }
    }

    fn finish(mut self) -> String {
        self.hash.update(&self.bytes);
        hexadecimal(&self.hash.finish())
    }
}
