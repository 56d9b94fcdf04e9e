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
use super::connection::{CACHE, set_cache};
use super::connection::{atomically, execute, row, rows, sql_number};
use super::error::{Error, Step};
use super::interrupt::end_when;
use super::migrations;

/// The indexes that can be deferred. The other indexes hold few actions, and some queries name them.
pub(super) const LARGE: [&str; 3] = [
    "actions_by_type_and_time",
    "actions_by_resource_and_time",
    "actions_by_time",
];

/// For fewer new actions than this, updating the indexes takes almost no time.
const MANY: u64 = 10_000;
const CACHE_WHILE_SORTING: &str = "-256";

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
        let is_deferred = existing(connection)?.len() < LARGE.len();
        if is_deferred || has_more_actions_than(connection, expected / 2)? {
            return Ok(());
        }
        atomically(connection, DEFER, || {
            for name in LARGE {
                let sql = format!("DROP INDEX IF EXISTS {name}");
                execute(connection, DEFER, &sql, [])?;
            }
            Ok(())
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
        let missing = missing(&self.connection)?;
        if missing.is_empty() {
            return Ok(());
        }
        end_when(&mut self.connection, is_enough)?;
        // Sorting uses memory of its own, and reading a table in order needs little cache.
        set_cache(&self.connection, CACHE_WHILE_SORTING)?;
        let made = make(&self.connection, &missing);
        set_cache(&self.connection, CACHE)?;
        self.connection
            .progress_handler(0, None::<fn() -> bool>)
            .step(MAKE)?;
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
    /// The SQL condition for the rows of that part.
    pub condition: String,
}

/// The partial indexes that the migrations create. Their conditions come from the migrations and not from the file: SQL
/// in a file may contain comments, which are harmless there and can break another statement.
///
/// # Errors
/// When the schema cannot be created in memory.
pub fn partial_indexes() -> Result<Vec<PartialIndex>, Error> {
    const SQL: &str =
        "SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    const STEP: &str = "cannot read which indexes an archive has";
    let model = migrations::model(migrations::LATEST_VERSION)?;
    let indexes: Vec<(String, String, String)> = rows(&model, STEP, SQL, [], |row| {
        Ok((row.get("name")?, row.get("tbl_name")?, row.get("sql")?))
    })?;
    let partial = indexes.into_iter().filter_map(|(name, table, sql)| {
        let condition = sql.split_once(" WHERE ")?.1.to_owned();
        Some(PartialIndex {
            name,
            table,
            condition,
        })
    });
    Ok(partial.collect())
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

/// The statements of the migrations for the large indexes that are missing in the file.
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
    let step = "cannot read which indexes the archive has";
    let mut names: Vec<String> = rows(connection, step, sql, [], |row| row.get(0))?;
    names.retain(|name| LARGE.contains(&name.as_str()));
    Ok(names)
}

fn has_more_actions_than(connection: &Connection, count: u64) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM actions LIMIT 1 OFFSET :count)";
    let step = "cannot count the archived actions";
    let count = named_params! { ":count": sql_number(count) };
    let answer = row(connection, step, sql, count, |row| row.get(0))?;
    Ok(answer.unwrap_or(false))
}
