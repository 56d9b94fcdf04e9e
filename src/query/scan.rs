//! All actions that match, for questions that put them together: counts, sums, shares.

use rusqlite::{Connection, Row, params_from_iter};

use super::question::Question;
use super::{Error, Filter, statement};
use crate::core::time::Timestamp;

/// Hands every action that matches to `visit`, each once and in no order; the filter's order and limit do not matter.
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

#[cfg(test)]
mod tests {
    use super::super::TypeSelector;
    use super::super::fixture::{choice, found, generated, now};
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
}
