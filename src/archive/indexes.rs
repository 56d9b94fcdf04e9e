//! The large indexes of `actions`. A sync that fetches most of the archive creates them at its end.
//!
//! Each large index covers all actions, in another order than the order of arrival. Updated row by row, the indexes
//! make a first sync of 500,000 actions write 4.6 GB for an archive of 106 MB. Created at the end, they are written
//! once and in order, and are a third smaller. Until then queries are answered without them, correctly but slower.
//!
//! No extra state is needed: an index of the migrations that is missing in the file was deferred, by this sync or by a
//! killed one.

use rusqlite::{Connection, ErrorCode, named_params};

use super::Store;
use super::connection::{atomically, sql_number, value};
use super::error::{Error, Step};
use super::interrupt::end_when;
use super::migrations::{self, Object};

/// The indexes that can be deferred. The other indexes hold few actions, and some queries name them.
pub(super) const LARGE: [&str; 3] = [
    "actions_by_type_and_time",
    "actions_by_resource_and_time",
    "actions_by_time",
];

/// For fewer new actions than this, updating the indexes takes almost no time.
const MANY: u64 = 10_000;

const HAS_MORE: &str = "SELECT EXISTS (SELECT 1 FROM actions LIMIT 1 OFFSET :half)";
const COUNT: &str = "cannot count the archived actions";
const DEFER: &str = "cannot put off the archive's indexes";
const MAKE: &str = "cannot make the archive's indexes";

impl Store {
    /// Announces `expected` new actions. If they will be most of the archive, this drops the large indexes until
    /// [`Self::make_deferred_indexes`] creates them again.
    ///
    /// # Errors
    /// When the archive cannot be read or written.
    pub fn expect_new_actions(&mut self, expected: u64) -> Result<(), Error> {
        if expected < MANY {
            return Ok(());
        }
        let connection = &self.connection;
        let half = named_params! { ":half": sql_number(expected / 2) };
        if large(connection)?.len() < LARGE.len() || value(connection, COUNT, HAS_MORE, half)? {
            return Ok(());
        }
        let drop = LARGE.map(|name| format!("DROP INDEX IF EXISTS {name};"));
        atomically(connection, DEFER, || {
            connection.execute_batch(&drop.concat()).step(DEFER)
        })
    }

    /// Creates the deferred indexes, one after the other, until `is_enough` returns true. Calls `is_enough` about every
    /// millisecond. The next sync creates the remaining indexes at its end.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn make_deferred_indexes(
        &mut self,
        is_enough: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), Error> {
        let existing = large(&self.connection)?;
        if existing.len() == LARGE.len() {
            return Ok(());
        }
        end_when(&mut self.connection, is_enough)?;
        let made = make_missing(&self.connection, &existing);
        self.connection
            .progress_handler(0, None::<fn() -> bool>)
            .step(MAKE)?;
        made
    }
}

/// The partial indexes that the migrations create, each with the SQL condition for its rows. The conditions come from the
/// migrations and not from the file: SQL in a file may contain comments, which are harmless there and can break another
/// statement.
///
/// # Errors
/// When the schema cannot be created in memory.
pub fn partial_indexes() -> Result<Vec<(Object, String)>, Error> {
    let model = migrations::model(migrations::LATEST_VERSION)?;
    let objects = migrations::objects(&model)?.into_iter();
    let partial = objects.filter(|it| it.kind == "index").filter_map(|it| {
        let condition = it.sql.split_once(" WHERE ")?.1.to_owned();
        Some((it, condition))
    });
    Ok(partial.collect())
}

/// Creates the large indexes that are missing, as the migrations do, until it is interrupted.
fn make_missing(connection: &Connection, existing: &[Object]) -> Result<(), Error> {
    let mut missing = large(&migrations::model(migrations::LATEST_VERSION)?)?;
    missing.retain(|index| !existing.iter().any(|it| it.name == index.name));
    for index in missing {
        let made = atomically(connection, MAKE, || {
            connection.execute_batch(&index.sql).step(MAKE)
        });
        match made {
            Err(error) if error.code() == Some(ErrorCode::OperationInterrupted) => return Ok(()),
            made => made?,
        }
    }
    Ok(())
}

/// The large indexes that exist.
fn large(connection: &Connection) -> Result<Vec<Object>, Error> {
    let mut objects = migrations::objects(connection)?;
    objects.retain(|it| it.kind == "index" && LARGE.contains(&it.name.as_str()));
    Ok(objects)
}
