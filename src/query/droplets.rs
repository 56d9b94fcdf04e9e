//! From the names of droplets to their ids.
//!
//! A name is looked up before the actions are: then the statement that reads them knows ids only, and a name
//! that nothing has is an error instead of an empty answer.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::near::nearest;
use super::{DropletSelector, Error};
use crate::model::DropletId;

/// The droplets that are meant, each once.
///
/// # Errors
/// When no droplet has or had a name, when several have or had it, or the archive cannot be read.
pub(crate) fn resolve(
    connection: &Connection,
    selectors: &[DropletSelector],
) -> Result<Vec<DropletId>, Error> {
    let mut found = BTreeSet::new();
    for selector in selectors {
        match selector {
            DropletSelector::Id(id) => {
                found.insert(*id);
            }
            DropletSelector::Name(name) => {
                found.insert(only(name, named(connection, EXACTLY, name)?, connection)?);
            }
            DropletSelector::Pattern(pattern) => {
                let ids = named(connection, LIKE, pattern)?;
                if ids.is_empty() {
                    return Err(unknown(connection, pattern)?);
                }
                found.extend(ids);
            }
        }
    }
    Ok(found.into_iter().collect())
}

const EXACTLY: &str = "
    SELECT droplet_id FROM droplet_names WHERE name = ?1
     UNION
    SELECT id FROM droplets WHERE name = ?1
     ORDER BY 1";

const LIKE: &str = "
    SELECT droplet_id FROM droplet_names WHERE name GLOB ?1
     UNION
    SELECT id FROM droplets WHERE name GLOB ?1
     ORDER BY 1";

const NAMES: &str = "
    SELECT name FROM droplet_names
     UNION
    SELECT name FROM droplets WHERE name IS NOT NULL";

fn named(connection: &Connection, sql: &str, name: &str) -> rusqlite::Result<Vec<DropletId>> {
    connection
        .prepare(sql)?
        .query_map([name], |row| row.get(0))?
        .collect()
}

fn only(name: &str, ids: Vec<DropletId>, connection: &Connection) -> Result<DropletId, Error> {
    match ids.as_slice() {
        [] => Err(unknown(connection, name)?),
        [id] => Ok(*id),
        _ => Err(Error::AmbiguousName {
            name: name.to_owned(),
            ids,
        }),
    }
}

fn unknown(connection: &Connection, name: &str) -> rusqlite::Result<Error> {
    let names: Vec<String> = connection
        .prepare(NAMES)?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let near = nearest(name, names.iter().map(String::as_str));
    Ok(Error::UnknownName {
        name: name.to_owned(),
        near,
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{archive, droplet};
    use super::*;

    fn resolved(selectors: &[&str]) -> Result<Vec<DropletId>, Error> {
        let connection = archive();
        droplet(&connection, 1, &["web-1"]);
        droplet(&connection, 2, &["web-2", "old-name"]);
        droplet(&connection, 3, &["db", "web-3"]);
        droplet(&connection, 4, &["db"]);
        let selectors: Vec<_> = selectors.iter().map(|text| text.parse().unwrap()).collect();
        resolve(&connection, &selectors)
    }

    #[test]
    fn a_droplet_is_found_by_any_name_it_ever_had() {
        assert_eq!(resolved(&["web-2"]).unwrap(), [2]);
        assert_eq!(resolved(&["old-name"]).unwrap(), [2]);
    }

    #[test]
    fn a_droplet_that_is_named_twice_is_one() {
        assert_eq!(
            resolved(&["web-2", "old-name", "2", "web-1"]).unwrap(),
            [1, 2]
        );
    }

    #[test]
    fn a_pattern_finds_every_droplet_with_such_a_name() {
        assert_eq!(resolved(&["web-*"]).unwrap(), [1, 2, 3]);
        assert_eq!(resolved(&["web-[13]"]).unwrap(), [1, 3]);
        assert!(matches!(
            resolved(&["mail-*"]),
            Err(Error::UnknownName { .. })
        ));
    }

    #[test]
    fn an_id_needs_no_archived_droplet() {
        assert_eq!(resolved(&["999"]).unwrap(), [999]);
    }

    #[test]
    fn an_unknown_name_is_refused_with_names_that_are_near() {
        let error = resolved(&["wbe-1"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no archived droplet is or was named `wbe-1`, did you mean web-1?"
        );
    }

    #[test]
    fn a_name_of_several_droplets_is_refused_with_their_ids() {
        let error = resolved(&["db"]).unwrap_err();
        assert!(matches!(&error, Error::AmbiguousName { ids, .. } if ids == &[3, 4]));
        assert_eq!(
            error.to_string(),
            "`db` is or was the name of several droplets, choose by id: 3, 4"
        );
    }
}
