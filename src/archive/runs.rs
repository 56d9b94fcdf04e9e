//! The log of syncs: one row each, written when it starts and again when it ends.

use rusqlite::{Connection, OptionalExtension, named_params};

use super::Store;
use super::error::{Error, Step};
use crate::core::time::Timestamp;

/// The number of a sync.
pub type RunId = i64;

/// How a sync ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every action that the scope listed when the sync began is archived.
    Complete,
    /// What was archived is kept; something is missing.
    Partial,
    /// Nothing could be archived.
    Failed,
    /// Stopped by a signal; what was archived is kept.
    Interrupted,
}

impl Outcome {
    /// As it stands in the archive.
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

/// What a sync did, in numbers.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP requests sent, retries included.
    pub requests: u64,
    /// Requests that had to be sent again.
    pub retries: u64,
    /// Requests that came to nothing through the network or the server.
    pub faults: u64,
    /// Actions that are new in the archive.
    pub inserted: u64,
    /// Actions about which something more became known.
    pub updated: u64,
    /// Actions read again with nothing new in them.
    pub unchanged: u64,
    /// Rows without an integer id.
    pub rejected: u64,
    /// Requests the token had left at the end, where the API said so.
    pub ratelimit_remaining: Option<u64>,
    /// What is missing, in words.
    pub message: Option<String>,
}

/// When the last sync began that came to an end, whatever end that was; nothing before the first.
///
/// # Errors
/// When the archive cannot be read.
pub fn last_ended_run(archive: &Connection) -> Result<Option<Timestamp>, Error> {
    const LAST: &str = "
SELECT started_at
  FROM sync_runs
 WHERE finished_at IS NOT NULL
 ORDER BY id DESC
 LIMIT 1";
    let started_at: Option<String> = archive
        .query_row(LAST, [], |row| row.get("started_at"))
        .optional()
        .step("cannot read the log of syncs")?;
    Ok(started_at.and_then(|text| text.parse().ok()))
}

impl Store {
    /// Notes that a sync has started.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn begin_run(&mut self, scope: &str, now: Timestamp) -> Result<RunId, Error> {
        // A store may outlive a sync, and what one sync wrote a day ago is due again in the next.
        self.written_regions.clear();
        self.archived = None;
        self.connection
            .execute(
                "INSERT INTO sync_runs (started_at, scope, version) VALUES (:now, :scope, :version)",
                named_params! {
                    ":now": now.to_string(),
                    ":scope": scope,
                    ":version": env!("CARGO_PKG_VERSION"),
                },
            )
            .step("cannot note that a sync starts")?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Notes how a sync ended.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn finish_run(
        &mut self,
        run: RunId,
        summary: &RunSummary,
        now: Timestamp,
    ) -> Result<(), Error> {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.connection
            .execute(
                "UPDATE sync_runs
                    SET finished_at = :now, outcome = :outcome, requests = :requests, retries = :retries,
                        faults = :faults, inserted = :inserted, updated = :updated, unchanged = :unchanged,
                        rejected = :rejected, ratelimit_remaining = :ratelimit_remaining,
                        message = :message
                  WHERE id = :run",
                named_params! {
                    ":run": run,
                    ":now": now.to_string(),
                    ":outcome": summary.outcome.as_str(),
                    ":requests": count(summary.requests),
                    ":retries": count(summary.retries),
                    ":faults": count(summary.faults),
                    ":inserted": count(summary.inserted),
                    ":updated": count(summary.updated),
                    ":unchanged": count(summary.unchanged),
                    ":rejected": count(summary.rejected),
                    ":ratelimit_remaining": summary.ratelimit_remaining.map(count),
                    ":message": summary.message,
                },
            )
            .step("cannot note how the sync ended")?;
        Ok(())
    }
}
