//! Passes on the rows of any statement one by one, without a copy of their texts, and reads short answers whole.

use crate::core::model::DropletId;
use crate::core::similar::nearest;
use crate::output::Value;
use rusqlite::types::{FromSql, Type, ValueRef};
use rusqlite::{Connection, OptionalExtension, Params, Row, Rows};
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::error::Error;

/// Passes the first `columns` cells of every row to `visit`, and returns the number of rows. `failed` turns an error of
/// SQLite into that of the caller.
///
/// # Errors
/// When the archive cannot be read, a cell is not valid UTF-8 text, or `visit` fails.
pub(crate) fn visit_rows<E>(
    rows: &mut Rows<'_>,
    columns: usize,
    failed: impl Fn(rusqlite::Error) -> E,
    mut visit: impl FnMut(&[Value<'_>]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut visited = 0;
    while let Some(row) = rows.next().map_err(&failed)? {
        let cells = (0..columns).map(|position| value(row, position));
        visit(&cells.collect::<Result<Vec<_>, _>>().map_err(&failed)?)?;
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
        ValueRef::Text(_) | ValueRef::Blob(_) => {
            let text = cell.as_str().map(Value::Text);
            text.map_err(|error| invalid_text(position, error))
        }
    }
}

/// The values of the first column of all rows.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn first_column<T: FromSql, Values: FromIterator<T>>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> rusqlite::Result<Values> {
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

/// The first two columns of all rows.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn pairs<K: FromSql, V: FromSql, Pairs: FromIterator<(K, V)>>(
    connection: &Connection,
    sql: &str,
) -> rusqlite::Result<Pairs> {
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

/// The value of the only row and column, which is JSON; `None` when it is null or there is no row. In such SQL, `json()`
/// is around each subquery, because SQLite takes the JSON of a subquery for a text.
///
/// # Errors
/// When the archive cannot be read, or the JSON is another value.
pub(super) fn from_json<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
) -> rusqlite::Result<Option<T>> {
    let json = connection.query_row(sql, parameters, |row| row.get(0));
    let json: Option<String> = json.optional()?.flatten();
    let value = json.map(|json| serde_json::from_str(&json)).transpose();
    value.map_err(|error| invalid_text(0, error))
}

fn invalid_text(position: usize, error: impl Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(position, Type::Text, Box::new(error))
}

/// The latest names of all droplets that have one.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn names(connection: &Connection) -> rusqlite::Result<HashMap<DropletId, String>> {
    pairs(
        connection,
        "SELECT id, name FROM droplets WHERE name IS NOT NULL",
    )
}

/// Each region as a JSON object, by its slug. The features are those that the region had when it was last seen.
pub(super) const REGIONS: &str = "
    SELECT slug, json_object('slug', slug, 'name', name,
           'available', json(CASE WHEN available IS NOT NULL THEN iif(available, 'true', 'false') END),
           'features', json((SELECT json_group_array(feature)
              FROM (SELECT feature FROM region_features
                     WHERE region_slug = slug AND region_features.last_seen_at = regions.last_seen_at
                     ORDER BY feature))))
      FROM regions";

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
        let regions: HashMap<String, String> = pairs(&connection, REGIONS).unwrap();
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
