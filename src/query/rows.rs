//! Passes on the rows of any statement one by one, without a copy of their texts.

use crate::core::model::DropletId;
use crate::core::similar::nearest;
use crate::output::Value;
use rusqlite::types::{FromSql, Type, ValueRef};
use rusqlite::{Connection, Params, Row, Rows};
use serde::Serialize;
use std::collections::HashMap;
use std::io;

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

/// Passes the first `columns` cells of every row to `visit`, and returns the number of rows.
///
/// # Errors
/// When the archive cannot be read, a cell is not valid UTF-8 text, or `visit` fails.
pub(crate) fn visit_rows(
    rows: &mut Rows<'_>,
    columns: usize,
    visit: &mut dyn FnMut(&[Value<'_>]) -> io::Result<()>,
) -> Result<u64, RowsError> {
    let mut visited = 0;
    while let Some(row) = rows.next()? {
        let cells = (0..columns).map(|position| value(row, position));
        visit(&cells.collect::<Result<Vec<_>, _>>()?).map_err(RowsError::Write)?;
        visited += 1;
    }
    Ok(visited)
}

/// A cell of a row.
///
/// # Errors
/// When it is not valid UTF-8 text.
pub(super) fn value<'a>(row: &'a Row<'_>, position: usize) -> rusqlite::Result<Value<'a>> {
    let cell = row.get_ref(position)?;
    match cell {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
        ValueRef::Real(real) => Ok(Value::Real(real)),
        ValueRef::Text(_) | ValueRef::Blob(_) => cell.as_str().map(Value::Text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(position, Type::Text, Box::new(error))
        }),
    }
}

/// The values of the first column of all rows.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn first_column<T: FromSql>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare(sql)?;
    statement.query_map(parameters, |row| row.get(0))?.collect()
}

/// The texts in the first column that the user may have meant by `word`, nearest first.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn near(
    connection: &Connection,
    sql: &str,
    word: &str,
) -> rusqlite::Result<Vec<String>> {
    let texts: Vec<String> = first_column(connection, sql, [])?;
    Ok(nearest(word, texts.iter().map(String::as_str)))
}

/// The droplet and the text of each row.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn of_droplets(
    connection: &Connection,
    sql: &str,
) -> rusqlite::Result<Vec<(DropletId, String)>> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// The latest names of all droplets that have one.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn names(connection: &Connection) -> rusqlite::Result<HashMap<DropletId, String>> {
    const NAMES: &str = "SELECT id, name FROM droplets WHERE name IS NOT NULL";
    Ok(of_droplets(connection, NAMES)?.into_iter().collect())
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
pub(super) fn regions_as_json(
    connection: &Connection,
) -> rusqlite::Result<HashMap<String, String>> {
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
    use super::super::fixture::{archive, droplet};
    use super::*;

    #[test]
    fn a_name_is_what_the_archive_says() {
        let connection = archive();
        droplet(&connection, 1, &["web-2", "web-1"]);
        connection
            .execute_batch(
                "INSERT INTO droplets (id, first_seen_at) VALUES (2, '2020-07-01T00:00:00Z')",
            )
            .unwrap();
        let names = names(&connection).unwrap();
        assert_eq!(names, HashMap::from([(1, "web-2".to_owned())]));
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
        let regions = regions_as_json(&connection).unwrap();
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
