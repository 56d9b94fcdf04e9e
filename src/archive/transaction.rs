//! Transactions: one for each change, or one for a batch of pages that came in together.
//!
//! A commit waits for the disk, and each one writes the pages at the top of the tables again. Pages of a listing that
//! are there at the same time share one. A batch is never open while the network is awaited: it holds what has come in,
//! not what may come.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::Store;
use super::error::{Error, Step};

const BATCH: &str = "cannot archive pages of actions";

impl Store {
    /// Begins a batch: what is written until [`Self::commit_batch`] is archived together, or not at all.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn begin_batch(&mut self) -> Result<(), Error> {
        self.leave_readers_alone()?;
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .step(BATCH)
    }

    /// Makes what the batch holds part of the archive.
    ///
    /// # Errors
    /// When the archive cannot be written; then nothing of the batch is in it.
    pub fn commit_batch(&mut self) -> Result<(), Error> {
        let committed = self
            .connection
            .prepare_cached("COMMIT")
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .step(BATCH);
        if committed.is_err() {
            self.discard_batch();
        }
        committed
    }

    /// Takes the batch back, after something in it failed.
    pub fn discard_batch(&mut self) {
        // What was written of the regions is taken back with the rest.
        self.written_regions.clear();
        if !self.connection.is_autocommit() {
            // Should that fail too, closing the connection does it.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

/// Does what `write` does wholly or not at all: in a transaction of its own, or in that of the batch.
pub(super) fn atomically<T>(
    connection: &Connection,
    step: &'static str,
    write: impl FnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    if !connection.is_autocommit() {
        return write();
    }
    let tx = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).step(step)?;
    let written = write()?;
    tx.commit().step(step)?;
    Ok(written)
}
