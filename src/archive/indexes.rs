//! The large indexes of `actions`, put off while a sync brings most of the archive.
//!
//! Each is over all actions, in an order that is not the one they arrive in. Kept up to date row by row, they make a
//! first sync of 500,000 actions write 4.6 GB for an archive of 106 MB; made once at the end, they are written in order,
//! once, and are a third smaller. Until then questions are answered without them, correctly and slower.
//!
//! Nothing has to be remembered for that: an index that the migrations make and the file does not have was put off, by
//! this sync or by one that was killed.

use rusqlite::{Connection, ErrorCode};

use super::Store;
use super::connection::atomically;
use super::connection::{CACHE, set_cache};
use super::error::{Error, Step};
use super::interrupt::INSTRUCTIONS_BETWEEN_LOOKS;
use super::migrations;

/// Those that are put off. The others hold few actions, and some questions name them.
pub(super) const LARGE: [&str; 3] = [
    "actions_by_type_and_time",
    "actions_by_resource_and_time",
    "actions_by_time",
];

/// With fewer new actions than this, indexes are kept up to date in no time.
const MANY: u64 = 10_000;
const CACHE_WHILE_SORTING: &str = "-256";

const DEFER: &str = "cannot put off the archive's indexes";
const MAKE: &str = "cannot make the archive's indexes";

/// Whether the large indexes are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum LargeIndexes {
    /// All of them.
    #[default]
    UpToDate,
    /// To be made when the sync has read its listings.
    Deferred,
}

impl LargeIndexes {
    pub(super) fn of(connection: &Connection) -> Result<Self, Error> {
        Ok(if existing(connection)?.len() < LARGE.len() {
            Self::Deferred
        } else {
            Self::UpToDate
        })
    }
}

impl Store {
    /// Takes note that so many new actions are about to come. When they are most of what the archive will hold, its large
    /// indexes are put off until [`Self::make_deferred_indexes`].
    ///
    /// # Errors
    /// When the archive cannot be read or written.
    pub fn expect_new_actions(&mut self, expected: u64) -> Result<(), Error> {
        if expected < MANY {
            return Ok(());
        }
        let archived = match self.archived {
            Some(archived) => archived,
            None => *self.archived.insert(count(&self.connection)?),
        };
        if self.large_indexes == LargeIndexes::Deferred || expected / 2 < archived {
            return Ok(());
        }
        let connection = &self.connection;
        atomically(connection, DEFER, || {
            for name in LARGE {
                let sql = format!("DROP INDEX IF EXISTS {name}");
                connection.execute(&sql, []).step(DEFER)?;
            }
            Ok(())
        })?;
        self.large_indexes = LargeIndexes::Deferred;
        Ok(())
    }

    /// Makes the indexes that were put off, one after the other, until `is_enough` says so; it is asked about every
    /// millisecond. What is not made then is made at the end of the next sync.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub fn make_deferred_indexes(
        &mut self,
        is_enough: impl FnMut() -> bool + Send + 'static,
    ) -> Result<(), Error> {
        if self.large_indexes == LargeIndexes::UpToDate {
            return Ok(());
        }
        let missing = missing(&self.connection)?;
        self.connection
            .progress_handler(INSTRUCTIONS_BETWEEN_LOOKS, Some(is_enough))
            .step(MAKE)?;
        // What is sorted takes memory of its own, and reading a table from its beginning to its end takes little.
        set_cache(&self.connection, CACHE_WHILE_SORTING)?;
        let made = make(&self.connection, &missing);
        set_cache(&self.connection, CACHE)?;
        self.connection
            .progress_handler(0, None::<fn() -> bool>)
            .step(MAKE)?;
        self.large_indexes = LargeIndexes::of(&self.connection)?;
        made
    }
}

/// An index over a part of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartialIndex {
    /// Its name.
    pub name: String,
    /// The table.
    pub table: String,
    /// The condition that rows of that part fulfil, in SQL.
    pub condition: String,
}

/// The indexes over parts of tables that the migrations make. Their conditions are to be had here alone: what stands in a
/// file may have comments in it, which mean nothing there and anything elsewhere.
///
/// # Errors
/// When the schema cannot be made in memory.
pub fn partial_indexes() -> Result<Vec<PartialIndex>, Error> {
    const SQL: &str =
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    const STEP: &str = "cannot read which indexes an archive has";
    let model = migrations::model(migrations::LATEST_VERSION)?;
    let mut statement = model.prepare(SQL).step(STEP)?;
    let indexes = statement.query_map([], |row| {
        let sql: String = row.get("sql")?;
        let condition = sql.split_once(" WHERE ").map(|(_, condition)| condition);
        Ok(match condition {
            Some(condition) => Some(PartialIndex {
                name: row.get("name")?,
                table: row.get("tbl_name")?,
                condition: condition.to_owned(),
            }),
            None => None,
        })
    });
    let indexes = indexes.and_then(|rows| rows.filter_map(Result::transpose).collect());
    indexes.step(STEP)
}

fn make(connection: &Connection, statements: &[String]) -> Result<(), Error> {
    for sql in statements {
        let made = atomically(connection, MAKE, || {
            connection.execute_batch(sql).step(MAKE)
        });
        match made {
            Err(Error::Sqlite { source, .. })
                if source.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                return Ok(());
            }
            made => made?,
        }
    }
    Ok(())
}

/// The statements that make what the file does not have, as the migrations have them.
fn missing(connection: &Connection) -> Result<Vec<String>, Error> {
    let existing = existing(connection)?;
    let model = migrations::model(migrations::LATEST_VERSION)?;
    let missing = LARGE
        .iter()
        .filter(|name| !existing.iter().any(|it| it == *name));
    missing
        .map(|name| {
            let sql = "SELECT sql FROM sqlite_schema WHERE type = 'index' AND name = :name";
            model.query_row(sql, [name], |row| row.get(0)).step(MAKE)
        })
        .collect()
}

fn existing(connection: &Connection) -> Result<Vec<String>, Error> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'actions'";
    let mut names: Vec<String> = connection
        .prepare(sql)
        .and_then(|mut statement| {
            let names = statement.query_map([], |row| row.get(0))?;
            names.collect()
        })
        .step("cannot read which indexes the archive has")?;
    names.retain(|name| LARGE.contains(&name.as_str()));
    Ok(names)
}

fn count(connection: &Connection) -> Result<u64, Error> {
    connection
        .query_row("SELECT count(*) FROM actions", [], |row| {
            row.get::<_, i64>(0)
        })
        .map(i64::unsigned_abs)
        .step("cannot count the archived actions")
}
