//! Every write to the archive: one SQLite file that other tools may read.
//!
//! [`Store`] is the only writer. One transaction holds the rows together with the facts about them: the covered
//! positions of their listing, and the regions that they name. A kill at any moment therefore leaves the archive as it
//! was before a page or after it. The methods are synchronous, because a transaction must not stay open while the
//! program waits for the network.
//!
//! The files:
//! - Opening: `file` checks the file before SQLite opens it. `open` finds, checks, prepares and upgrades it, and
//!   `connection` sets up each connection. `schema_drift` compares the schema of the file with the `migrations`.
//!   `backup` makes a copy. `together` reads several archives at once.
//! - Locks: `lock` allows one sync at a time and names the processes that hold a lock. `interrupt` limits how long a
//!   statement waits for a lock of SQLite, and ends long work.
//! - Writing: `actions` archives pages and single actions. `regions`, `droplets`, `listings`, `account` and
//!   `runs` hold the statements of their tables. `imports` archives the rows of files, and reads another archive.
//!   `indexes` makes a first sync cheap: it creates the large indexes at the end.
//! - `error` describes what failed.

mod account;
mod actions;
mod backup;
mod connection;
mod droplets;
mod error;
mod file;
mod imports;
mod indexes;
mod interrupt;
mod listings;
mod lock;
mod migrations;
mod open;
mod regions;
mod runs;
mod schema_drift;
mod together;

use rusqlite::Connection;

pub use account::{ArchivedAccount, account};
pub use actions::{PageRecord, Recorded, UnsettledAction};
pub use backup::{Copied, back_up};
pub use connection::{expect_archive, limit_cache};
pub use droplets::{Followed, UnlistedDroplet, followed};
pub use error::{Error, is_corrupt, is_damage};
pub use imports::{BATCH_BYTES, BATCH_ROWS, Import, ImportKind, OtherArchive};
pub use indexes::partial_indexes;
pub use interrupt::{LockWait, end_when};
pub use listings::{Audit, Listing, ListingKind, coverage_by_listing};
pub use lock::{ArchiveLock, LockState, holders};
#[cfg(test)]
pub(crate) use migrations::empty;
pub use migrations::{APPLICATION_ID, LATEST_VERSION, Object, Relation, Schema, schema};
pub use open::{Upgrade, open_read_only, open_read_only_unless};
pub use runs::{Outcome, RunId, RunSummary};
pub use schema_drift::{DriftKind, SchemaDrift, schema_drift};
pub use together::open_together;

use open::Place;

/// The archive, open for writing.
pub struct Store {
    connection: Connection,
    lock_wait: LockWait,
    /// The path and the file; `None` for an archive in memory.
    place: Option<Place>,
    written_regions: regions::Written,
    /// True in WAL mode, in which readers and this writer do not block each other.
    is_wal: bool,
    /// The upgrade that opening the archive made, if any.
    pub upgrade: Option<Upgrade>,
}

#[cfg(test)]
mod tests;
