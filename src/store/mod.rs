//! Every write: the archive, one SQLite file that people point other tools at.
//!
//! A [`Store`] is the one writer. Rows and what is known about them (which positions of their listing are covered,
//! which regions they name) go into one transaction, so that a kill at any moment leaves the archive as it was before
//! a page or after it. Its methods are synchronous: a transaction cannot be held across a wait for the network.
//!
//! What each file is for: `open` finds, checks and prepares the file, `migrations` brings its schema up to date,
//! `lock` keeps a second sync away, `transaction` holds pages together, `actions` archives pages by `upsert`, `regions`,
//! `droplets`, `links`, `listings`, `follow`, `account` and `runs` the statements of their tables, `schema` shows it to
//! people, `error` says what failed. Two make a first sync cheap: `indexes` puts the large ones off until its end,
//! `staging` writes in order what comes in none.

mod account;
mod actions;
mod droplets;
mod error;
mod follow;
mod indexes;
mod links;
mod listings;
mod lock;
mod migrations;
mod open;
mod regions;
mod runs;
mod schema;
mod staging;
mod transaction;
mod upsert;

use rusqlite::Connection;

pub use account::{ArchivedAccount, account};
pub use actions::{PageRecord, Recorded, UnsettledAction};
pub use error::Error;
pub use follow::{Followed, followed};
pub use listings::{Listing, ListingKind, coverage_by_listing};
pub use lock::{ArchiveLock, LockState};
pub use migrations::{APPLICATION_ID, LATEST_VERSION};
pub use open::open_read_only;
pub use runs::{Outcome, RunId, RunSummary, last_ended_run};
pub use schema::{Described, Relation, Schema, schema};

use indexes::LargeIndexes;
use regions::WrittenRegions;
use staging::Staging;

/// The archive, open for writing.
pub struct Store {
    connection: Connection,
    written_regions: WrittenRegions,
    /// Whether readers and this writer are out of each other's way.
    is_wal: bool,
    large_indexes: LargeIndexes,
    /// How many actions the archive has, once that matters.
    archived: Option<u64>,
    staging: Staging,
}

#[cfg(test)]
mod tests;
