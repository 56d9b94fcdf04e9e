//! The log of sync runs: one row each, written at the start and again at the end.

use rusqlite::{Connection, named_params};

use super::Store;
use super::connection::{execute, sql_number};
use super::error::Error;
use crate::core::time::Timestamp;

/// The number of a sync run.
pub type RunId = i64;

/// The end of a sync run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every action that the scope listed at the start of the sync is archived.
    Complete,
    /// Some actions are missing; the archived ones are kept.
    Partial,
    /// No action could be archived.
    Failed,
    /// A signal stopped the sync; the archived actions are kept.
    Interrupted,
}

impl Outcome {
    /// The text in the archive.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The numbers of a sync run.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// The end of the sync run.
    pub outcome: Outcome,
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// The number of requests that were sent again.
    pub retries: u64,
    /// Requests that failed because of the network or the server.
    pub faults: u64,
    /// Actions that are new in the archive.
    pub inserted: u64,
    /// Actions with new information.
    pub updated: u64,
    /// Actions that were read again without new information.
    pub unchanged: u64,
    /// Rows without an integer id.
    pub rejected: u64,
    /// Requests that the token had left at the end, if the API said so.
    pub ratelimit_remaining: Option<u64>,
    /// A text about the missing actions.
    pub message: Option<String>,
}

/// Adds what a page brought to the counts of a running sync run, so that they survive a kill. Writes nothing when there
/// is nothing to add.
pub(super) fn count(
    connection: &Connection,
    run: RunId,
    inserted: u64,
    updated: u64,
) -> Result<(), Error> {
    if inserted + updated == 0 {
        return Ok(());
    }
    execute(
        connection,
        "cannot note what a sync archived",
        "UPDATE sync_runs
            SET inserted = inserted + :inserted, updated = updated + :updated
          WHERE id = :run",
        named_params! {
            ":run": run,
            ":inserted": sql_number(inserted),
            ":updated": sql_number(updated),
        },
    )
}

impl Store {
    /// Records the start of a sync run.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn begin_run(&mut self, scope: &str, now: Timestamp) -> Result<RunId, Error> {
        execute(
            &self.connection,
            "cannot note that a sync starts",
            "INSERT INTO sync_runs (started_at, scope, version) VALUES (:now, :scope, :version)",
            named_params! {
                ":now": now.to_string(),
                ":scope": scope,
                ":version": env!("CARGO_PKG_VERSION"),
            },
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Records the end of a sync run. Rows that were counted when they were archived stay counted.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn finish_run(
        &mut self,
        run: RunId,
        summary: &RunSummary,
        now: Timestamp,
    ) -> Result<(), Error> {
        execute(
                &self.connection,
                "cannot note how the sync ended",
                "UPDATE sync_runs
                    SET finished_at = :now, outcome = :outcome, requests = :requests, retries = :retries,
                        faults = :faults, inserted = max(inserted, :inserted), updated = max(updated, :updated),
                        unchanged = :unchanged,
                        rejected = :rejected, ratelimit_remaining = :ratelimit_remaining,
                        message = :message
                  WHERE id = :run",
                named_params! {
                    ":run": run,
                    ":now": now.to_string(),
                    ":outcome": summary.outcome.as_str(),
                    ":requests": sql_number(summary.requests),
                    ":retries": sql_number(summary.retries),
                    ":faults": sql_number(summary.faults),
                    ":inserted": sql_number(summary.inserted),
                    ":updated": sql_number(summary.updated),
                    ":unchanged": sql_number(summary.unchanged),
                    ":rejected": sql_number(summary.rejected),
                    ":ratelimit_remaining": summary.ratelimit_remaining.map(sql_number),
                    ":message": summary.message,
                },
            )
    }
}
