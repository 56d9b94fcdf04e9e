//! Every write: the archive, one SQLite file that people point other tools at.
//!
//! A [`Store`] is the one writer. Rows and what is known about them (which positions of their listing are covered,
//! which regions they name) go into one transaction, so that a kill at any moment leaves the archive as it was before
//! a page or after it. Its methods are synchronous: a transaction cannot be held across a wait for the network.
//!
//! What each file is for: `header` looks at the file before SQLite does, `open` finds, checks and prepares it, `schema_drift`
//! holds its schema against the `migrations`, `statement` by statement, `upgrade` applies those that are missing, `backup`
//! makes a copy, which is `partial` until it has its name and ends when `lock_wait` does, which says too how long a
//! statement waits for a lock of SQLite's, `lock` keeps a second sync away, `holders` names who is in the way, `transaction` holds pages together, `actions`
//! archives pages by `upsert`, `regions`, `droplets`, `links`, `listings`, `follow`, `account` and `runs` the statements of
//! their tables, `audit` says what is to be read again, `schema` shows it to
//! people, `error` says what failed. `indexes` makes a first sync cheap: it puts the large ones off until its end.

mod account;
mod actions;
mod audit;
mod backup;
mod connection;
mod droplets;
mod error;
mod file;
mod follow;
mod indexes;
mod interrupt;
mod listings;
mod lock;
mod migrations;
mod open;
mod regions;
mod runs;
mod schema_drift;
mod upgrade;

use rusqlite::Connection;

pub use account::{ArchivedAccount, account};
pub use actions::{PageRecord, Recorded, UnsettledAction};
pub use audit::Audit;
pub use backup::{Copied, back_up};
pub use connection::expect_archive;
pub use droplets::UnlistedDroplet;
pub use error::{Error, is_corrupt, is_damage};
pub use follow::{Followed, followed};
pub use indexes::{PartialIndex, partial_indexes};
pub use interrupt::{LockWait, end_when};
pub use listings::{Listing, ListingKind, coverage_by_listing};
pub use lock::holders;
pub use lock::{ArchiveLock, LockState};
pub use migrations::{APPLICATION_ID, LATEST_VERSION};
pub use migrations::{Described, Relation, Schema, schema};
pub use open::{open_read_only, open_read_only_unless};
pub use runs::{Outcome, RunId, RunSummary, last_ended_run};
pub use schema_drift::{AlterationKind, SchemaDrift, schema_drift};
pub use upgrade::Upgrade;

use indexes::LargeIndexes;
use open::Place;
use regions::WrittenRegions;

/// The archive, open for writing.
pub struct Store {
    connection: Connection,
    lock_wait: LockWait,
    /// Where it is; nowhere in memory.
    place: Option<Place>,
    written_regions: WrittenRegions,
    /// Whether readers and this writer are out of each other's way.
    is_wal: bool,
    large_indexes: LargeIndexes,
    /// How many actions the archive has, once that matters.
    archived: Option<u64>,
    upgrade: Option<Upgrade>,
}

#[cfg(test)]
mod tests;
