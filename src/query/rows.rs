//! Passes on the rows of any statement one by one, without a copy of their cells.

use super::question::Question;
use super::{Error, Filter, statement};
use crate::core::model::DropletId;
use crate::core::time::Timestamp;
use crate::output::Value;
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, Rows, Statement, params_from_iter};
use serde::Serialize;
use std::collections::HashMap;
use std::io;

/// The maximum number of cells of a row on the stack. Longer rows use a new heap allocation each.
const MOST_ON_STACK: usize = 16;

/// The reason why the rows ended early.
pub(crate) enum RowsError {
    /// The rows could not be read.
    Read(rusqlite::Error),
    /// The receiver could not take the rows.
    Write(io::Error),
}

impl From<rusqlite::Error> for RowsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Read(error)
    }
}

impl From<RowsError> for Error {
    fn from(error: RowsError) -> Self {
        match error {
            RowsError::Read(error) => Self::Read(error),
            RowsError::Write(error) => Self::Write(error),
        }
    }
}

/// A replacement for some cells.
pub(super) trait Look {
    /// Looks up the replacements for a row of these cells.
    ///
    /// # Errors
    /// When the archive cannot be read.
    fn look_up(&mut self, read: &[Value<'_>]) -> rusqlite::Result<()>;

    /// Replaces the cells with the values that were looked up.
    fn replace<'a>(&'a self, cells: &mut [Value<'a>]);
}

/// Shows every cell as it is read.
struct AsRead;

impl Look for AsRead {
    fn look_up(&mut self, _: &[Value<'_>]) -> rusqlite::Result<()> {
        Ok(())
    }

    fn replace<'a>(&'a self, _: &mut [Value<'a>]) {}
}

/// Passes the first `columns` cells of every row to `visit`, and returns the number of rows.
///
/// # Errors
/// When the archive cannot be read, a cell is not valid UTF-8 text, or `visit` fails.
pub(crate) fn visit_rows(
    rows: &mut Rows<'_>,
    columns: usize,
    visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
) -> Result<u64, RowsError> {
    visit_shown(rows, columns, &mut AsRead, visit)
}

/// As [`visit_rows`], with some cells replaced.
pub(super) fn visit_shown(
    rows: &mut Rows<'_>,
    columns: usize,
    look: &mut impl Look,
    visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
) -> Result<u64, RowsError> {
    let mut visited = 0;
    while let Some(row) = rows.next()? {
        let mut few = [Value::Null; MOST_ON_STACK];
        let mut many = Vec::new();
        let cells = match few.get_mut(..columns) {
            Some(cells) => cells,
            None => {
                many.resize(columns, Value::Null);
                &mut many[..]
            }
        };
        for (position, cell) in cells.iter_mut().enumerate() {
            *cell = value(row.get_ref(position)?, position)?;
        }
        look.look_up(cells)?;
        look.replace(cells);
        visit(cells).map_err(RowsError::Write)?;
        visited += 1;
    }
    Ok(visited)
}

#[inline]
fn value(cell: ValueRef<'_>, position: usize) -> rusqlite::Result<Value<'_>> {
    match cell {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
        ValueRef::Real(real) => Ok(Value::Real(real)),
        ValueRef::Text(_) | ValueRef::Blob(_) => cell.as_str().map(Value::Text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(position, Type::Text, Box::new(error))
        }),
    }
}

/// Passes every matching action to `visit`, once and in no particular order. The filter's order and limit are ignored.
///
/// A row holds the values of `expressions`, which are SQL in terms of the table `actions`.
///
/// # Errors
/// When a droplet's name is unknown or ambiguous, the archive cannot be read, or `visit` fails.
pub(crate) fn scan(
    connection: &Connection,
    filter: &Filter,
    now: Timestamp,
    expressions: &[&'static str],
    visit: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Result<(), Error> {
    let question = Question::resolve(connection, filter, now)?;
    let query = statement::scan(&question, expressions);
    let mut statement = connection.prepare(&query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.parameters))?;
    while let Some(row) = rows.next()? {
        visit(row)?;
    }
    Ok(())
}

/// The maximum number of remembered names, which takes a few megabytes. Then all are forgotten and looked up again.
const MOST_REMEMBERED: usize = 50_000;

const NAME: &str = "SELECT name FROM droplets WHERE id = ?1";

/// The latest names of droplets.
pub(super) struct Names<'connection> {
    connection: &'connection Connection,
    look_up: Option<Statement<'connection>>,
    remembered: HashMap<DropletId, Option<String>>,
}

impl<'connection> Names<'connection> {
    pub(super) fn new(connection: &'connection Connection) -> Self {
        Self {
            connection,
            look_up: None,
            remembered: HashMap::default(),
        }
    }

    /// Loads the name of the droplet for [`Names::get`].
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub(super) fn learn(&mut self, id: DropletId) -> rusqlite::Result<()> {
        if self.remembered.contains_key(&id) {
            return Ok(());
        }
        if self.remembered.len() >= MOST_REMEMBERED {
            self.remembered.clear();
        }
        let look_up = match &mut self.look_up {
            Some(statement) => statement,
            None => self.look_up.insert(self.connection.prepare(NAME)?),
        };
        let name: Option<Option<String>> = look_up.query_row([id], |row| row.get(0)).optional()?;
        self.remembered.insert(id, name.flatten());
        Ok(())
    }

    /// The loaded name; `None` when the droplet has no name.
    pub(super) fn get(&self, id: DropletId) -> Option<&str> {
        self.remembered.get(&id)?.as_deref()
    }
}

/// The `region` of an action.
#[derive(Serialize)]
struct Region {
    slug: String,
    name: Option<String>,
    available: Option<bool>,
    features: Vec<String>,
}

/// The features are those that the region had when it was last seen.
const REGIONS: &str = "
    SELECT slug, name, available,
           (SELECT json_group_array(feature)
              FROM (SELECT feature FROM region_features
                     WHERE region_slug = slug AND region_features.last_seen_at = regions.last_seen_at
                     ORDER BY feature)) AS features
      FROM regions";

/// Each region as a JSON object, by its slug.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn as_json(connection: &Connection) -> rusqlite::Result<HashMap<String, String>> {
    let mut statement = connection.prepare(REGIONS)?;
    let mut rows = statement.query([])?;
    let mut regions = HashMap::default();
    while let Some(row) = rows.next()? {
        let features: String = row.get("features")?;
        let region = Region {
            slug: row.get("slug")?,
            name: row.get("name")?,
            available: row.get("available")?,
            features: serde_json::from_str(&features).unwrap_or_default(),
        };
        // Serializing a struct of texts cannot fail.
        let json = serde_json::to_string(&region).unwrap_or_default();
        regions.insert(region.slug, json);
    }
    Ok(regions)
}

#[cfg(test)]
mod tests {
    use super::super::TypeSelector;
    use super::super::fixture::{archive, choice, droplet, found, generated, now};
    use super::*;

    #[test]
    fn what_is_scanned_is_what_matches() {
        let connection = generated(3_000);
        let filter = Filter {
            types: choice::<TypeSelector>(&["type_a", "type_b"]),
            droplets: choice(&["1", "2", "3"]),
            ..Filter::default()
        };
        for filter in [Filter::default(), filter] {
            let mut ids: Vec<i64> = Vec::new();
            let limited = Filter {
                limit: Some(1),
                ..filter.clone()
            };
            scan(&connection, &limited, now(), &["actions.id"], &mut |row| {
                ids.push(row.get(0)?);
                Ok(())
            })
            .unwrap();
            let mut expected = found(&connection, &filter);
            ids.sort_unstable();
            expected.sort_unstable();
            assert!(!ids.is_empty());
            assert_eq!(ids, expected);
        }
    }

    #[test]
    fn a_name_is_what_the_archive_says() {
        let connection = archive();
        droplet(&connection, 1, &["web-2", "web-1"]);
        connection
            .execute_batch(
                "INSERT INTO droplets (id, first_seen_at) VALUES (2, '2020-07-01T00:00:00Z')",
            )
            .unwrap();
        let mut names = Names::new(&connection);
        for (id, name) in [(1, Some("web-2")), (2, None), (3, None), (1, Some("web-2"))] {
            names.learn(id).unwrap();
            assert_eq!(names.get(id), name, "{id}");
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let connection = archive();
        droplet(&connection, 7, &["web-7"]);
        let mut names = Names::new(&connection);
        for id in 0..=i64::try_from(MOST_REMEMBERED).unwrap() {
            names.learn(id).unwrap();
        }
        assert_eq!(names.remembered.len(), 1);
        names.learn(7).unwrap();
        assert_eq!(names.get(7), Some("web-7"));
    }

    #[test]
    fn a_region_is_an_object_with_what_it_shows_now() {
        let connection = archive();
        connection
            .execute_batch(
                "UPDATE regions SET name = 'New \"York\" 3', available = 1 WHERE slug = 'nyc3';
                 INSERT INTO region_features (region_slug, feature, first_seen_at, last_seen_at)
                 VALUES ('nyc3', 'ipv6', '2020-07-01T00:00:00Z', '2020-08-01T00:00:00Z'),
                        ('nyc3', 'backups', '2020-07-01T00:00:00Z', '2020-08-01T00:00:00Z'),
                        ('nyc3', 'private_networking', '2020-07-01T00:00:00Z', '2020-07-02T00:00:00Z')",
            )
            .unwrap();
        let regions = as_json(&connection).unwrap();
        assert_eq!(
            regions["nyc3"],
            r#"{"slug":"nyc3","name":"New \"York\" 3","available":true,"features":["backups","ipv6"]}"#
        );
        assert_eq!(
            regions["ams3"],
            r#"{"slug":"ams3","name":null,"available":null,"features":[]}"#
        );
    }
}
