//! The archived values that begin as a text does, for the completions of a shell.
//!
//! They are wanted at once, and an error helps nobody: a statement that cannot run, or is ended early, gives the values
//! that it found until then. So each steps along an index, and finds a limited number.

use rusqlite::{Connection, Params};

use super::groups::known_types;
use super::suggest::{RESOURCE_TYPES, TYPE};
use crate::core::model::ActionId;

/// A value, and a few words about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// The value, as a question takes it.
    pub value: String,
    /// The words; empty where there is nothing to say.
    pub about: String,
}

/// The largest number of values.
const MOST: i64 = 200;

/// The archived types of actions; those that an action may have while none is archived.
#[must_use]
pub fn types(connection: Option<&Connection>) -> Vec<Known> {
    let archived = found(connection, TYPE.seen, []);
    if archived.is_empty() {
        return known_types().map(plain).collect();
    }
    archived
}

/// The types of resources that have actions. No index has those that are archived.
#[must_use]
pub fn resource_types() -> Vec<Known> {
    RESOURCE_TYPES.into_iter().map(plain).collect()
}

/// The archived regions.
#[must_use]
pub fn regions(connection: Option<&Connection>) -> Vec<Known> {
    let sql = "SELECT slug, coalesce(name, '') FROM regions ORDER BY slug LIMIT ?1";
    found(connection, sql, [MOST])
}

/// The tags that droplets have.
#[must_use]
pub fn tags(connection: Option<&Connection>, beginning: &str) -> Vec<Known> {
    let sql = "
        SELECT DISTINCT tag FROM droplet_tags
         WHERE gone_at IS NULL AND tag >= ?1 AND tag < ?1 || char(0x10FFFF) ORDER BY tag LIMIT ?2";
    found(connection, sql, (beginning, MOST))
}

/// The droplets: their names, and for a text that begins with a digit their ids.
#[must_use]
pub fn droplets(connection: Option<&Connection>, beginning: &str) -> Vec<Known> {
    let names = "
        SELECT name, iif(count(*) = 1, 'droplet ' || max(droplet_id), count(*) || ' droplets') FROM droplet_names
         WHERE name >= ?1 AND name < ?1 || char(0x10FFFF) GROUP BY name ORDER BY name LIMIT ?2";
    let ids = "
        WITH RECURSIVE resources (id) AS (
            SELECT min(resource_id) FROM actions WHERE resource_type = 'droplet' AND resource_id BETWEEN ?1 AND ?2
             UNION ALL
            SELECT (SELECT min(resource_id) FROM actions
                     WHERE resource_type = 'droplet' AND resource_id > resources.id AND resource_id <= ?2)
              FROM resources
             WHERE id IS NOT NULL
        )
        SELECT CAST(id AS TEXT), coalesce((SELECT name FROM droplets WHERE droplets.id = resources.id), '')
          FROM resources WHERE id IS NOT NULL LIMIT ?3";
    let listed = "
        SELECT CAST(id AS TEXT), coalesce(name, '') FROM droplets WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3";
    let mut droplets = found(connection, names, (beginning, MOST));
    for (least, greatest) in numbers(beginning) {
        let mut numbered = found(connection, ids, (least, greatest, MOST));
        numbered.extend(found(connection, listed, (least, greatest, MOST)));
        numbered.sort();
        numbered.dedup();
        droplets.extend(numbered);
    }
    droplets
}

/// The actions with ids of these digits, the most recent ones first.
#[must_use]
pub fn actions(connection: Option<&Connection>, beginning: &str) -> Vec<Known> {
    let sql = "
        SELECT CAST(id AS TEXT),
               coalesce(type, '') || ' ' || coalesce(started_at, '') || ' ' ||
               coalesce((SELECT name FROM droplets WHERE droplets.id = resource_id AND resource_type = 'droplet'), '')
          FROM actions WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3";
    let ranges = if beginning.is_empty() {
        vec![(0, ActionId::MAX)]
    } else {
        numbers(beginning)
    };
    let ranges = ranges.into_iter().rev();
    let actions =
        ranges.flat_map(|(least, greatest)| found(connection, sql, (least, greatest, 50)));
    actions.take(50).collect()
}

/// The ranges of numbers that begin with these digits: of 31 these are 31, 310 to 319, 3100 to 3199 and so on.
fn numbers(digits: &str) -> Vec<(i64, i64)> {
    let Some(first) = digits.parse::<i64>().ok().filter(|first| *first > 0) else {
        return Vec::new();
    };
    let scales = std::iter::successors(Some(1_i64), |scale| scale.checked_mul(10));
    let ranges = scales.map_while(|scale| {
        let least = first.checked_mul(scale)?;
        Some((least, least.checked_add(scale - 1)?))
    });
    ranges.collect()
}

fn plain(value: &str) -> Known {
    Known {
        value: value.to_owned(),
        about: String::new(),
    }
}

/// The values and the words of a statement.
fn found(connection: Option<&Connection>, sql: &str, parameters: impl Params) -> Vec<Known> {
    let Some(Ok(mut statement)) = connection.map(|connection| connection.prepare(sql)) else {
        return Vec::new();
    };
    let known = |row: &rusqlite::Row<'_>| {
        Ok(Known {
            value: row.get(0)?,
            about: row.get(1).unwrap_or_default(),
        })
    };
    let rows = statement.query_map(parameters, known);
    rows.map_or_else(|_| Vec::new(), |rows| rows.map_while(Result::ok).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI32, Ordering};

    use super::super::fixture::{Row, archive, droplet, generated, insert};
    use super::*;

    fn values(known: Vec<Known>) -> Vec<String> {
        known.into_iter().map(|known| known.value).collect()
    }

    #[test]
    fn numbers_begin_with_digits() {
        assert_eq!(numbers("31")[..3], [(31, 31), (310, 319), (3_100, 3_199)]);
        assert_eq!(numbers("9223372036854775807").len(), 1);
        for text in ["", "0", "-1", "x", "99999999999999999999"] {
            assert_eq!(numbers(text), [], "{text}");
        }
    }

    #[test]
    fn a_droplet_is_found_by_its_names_and_its_digits_even_if_only_actions_have_it() {
        let connection = archive();
        droplet(&connection, 310, &["web-1", "old-1"]);
        droplet(&connection, 7, &["web-1"]);
        for (id, resource_id) in [(1, 310), (2, 31), (13, 3_155), (14, 32)] {
            let resource_id = Some(resource_id);
            insert(
                &connection,
                &Row {
                    id,
                    resource_id,
                    ..Row::default()
                },
            );
        }
        let archive = Some(&connection);
        assert_eq!(values(droplets(archive, "o")), ["old-1"]);
        assert_eq!(values(droplets(archive, "")), ["old-1", "web-1"]);
        assert_eq!(droplets(archive, "web")[0].about, "2 droplets");
        assert_eq!(values(droplets(archive, "31")), ["31", "310", "3155"]);
        assert_eq!(values(actions(archive, "1")), ["14", "13", "1"]);
        assert_eq!(values(actions(archive, "")), ["14", "13", "2", "1"]);
    }

    #[test]
    fn the_values_of_a_large_archive_need_few_steps() {
        let mut connection = generated(100_000);
        let thousands = Arc::<AtomicI32>::default();
        let count = Arc::clone(&thousands);
        let counted = move || {
            count.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(1_000, Some(counted)).unwrap();
        let archive = Some(&connection);
        for found in [
            types(archive),
            droplets(archive, "1"),
            actions(archive, ""),
            actions(archive, "36"),
        ] {
            assert!(!found.is_empty());
            let steps = thousands.swap(0, Ordering::Relaxed);
            assert!(steps < 20, "{steps} thousand steps for {:?}", found[0]);
        }
    }

    #[test]
    fn a_statement_that_is_ended_early_gives_what_is_known_without_it() {
        let mut connection = generated(1_000);
        connection.progress_handler(1, Some(|| true)).unwrap();
        let archive = Some(&connection);
        assert_eq!(droplets(archive, "1"), []);
        assert!(values(types(archive)).contains(&"reboot".to_owned()));
    }
}
