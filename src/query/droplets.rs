//! Translates names and tags of droplets to ids, and finds the droplets that are gone.
//!
//! Names and tags are looked up before the actions are read. So the main statement uses only ids, and an unknown name or
//! tag is an error instead of an empty answer.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{DropletSelector, Error, Filter};
use crate::core::model::DropletId;
use crate::core::similar::nearest;

/// The requested droplets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Droplets {
    /// The action belongs to one of these, without duplicates. `None`: any droplet, or none.
    pub(super) any_of: Option<Vec<DropletId>>,
    /// The action belongs to none of these.
    pub(super) none_of: Vec<DropletId>,
    /// True when `any_of` has so many of the archived droplets that they may have most of the actions.
    pub(super) is_most: bool,
}

/// The droplets that a filter requests by name, tag and fate.
///
/// # Errors
/// When a name or tag is unknown, a name is ambiguous, or the archive cannot be read.
pub(super) fn choose(connection: &Connection, filter: &Filter) -> Result<Droplets, Error> {
    let (names, tags) = (&filter.droplets, &filter.tags);
    let mut none_of = ids(connection, &names.none_of)?;
    none_of.extend(with_tags(connection, &tags.none_of)?);
    let mut wanted = Vec::new();
    if !names.any_of.is_empty() {
        wanted.push(ids(connection, &names.any_of)?);
    }
    if !tags.any_of.is_empty() {
        wanted.push(with_tags(connection, &tags.any_of)?);
    }
    if let Some(is_gone) = filter.gone {
        wanted.push(with_fate(connection, is_gone)?);
    }
    let in_all = wanted.into_iter().reduce(|some, others| &some & &others);
    let Some(any_of) = in_all else {
        return Ok(Droplets {
            none_of: none_of.into_iter().collect(),
            ..Droplets::default()
        });
    };
    let archived: i64 =
        connection.query_row("SELECT count(*) FROM droplets", [], |row| row.get(0))?;
    Ok(Droplets {
        is_most: any_of.len() > usize::try_from(archived / 4).unwrap_or(usize::MAX),
        any_of: Some(any_of.difference(&none_of).copied().collect()),
        none_of: none_of.into_iter().collect(),
    })
}

/// The one requested droplet.
///
/// # Errors
/// When the name is unknown, several droplets match, or the archive cannot be read.
pub(crate) fn one_droplet(
    connection: &Connection,
    selector: &DropletSelector,
) -> Result<DropletId, Error> {
    match selector {
        DropletSelector::Id(id) => Ok(*id),
        DropletSelector::Name(name) => one_by_name(connection, name),
        DropletSelector::Pattern(pattern) => {
            only(pattern, named(connection, LIKE, pattern)?, connection)
        }
    }
}

/// The droplets whose actions a filter requests, without duplicates. `None` when it names none. Droplets that the
/// filter leaves out are not included.
///
/// # Errors
/// When a droplet's name or a tag is unknown, a name is ambiguous, or the archive cannot be read.
pub fn droplets(connection: &Connection, filter: &Filter) -> Result<Option<Vec<DropletId>>, Error> {
    Ok(choose(connection, filter)?.any_of)
}

/// As [`droplets`]. A filter that only leaves droplets out keeps all others that are known.
///
/// # Errors
/// When a droplet's name or a tag is unknown, a name is ambiguous, or the archive cannot be read.
pub fn droplets_kept(
    connection: &Connection,
    filter: &Filter,
) -> Result<Option<Vec<DropletId>>, Error> {
    let chosen = choose(connection, filter)?;
    if chosen.any_of.is_some() || chosen.none_of.is_empty() {
        return Ok(chosen.any_of);
    }
    let mut known = connection.prepare("SELECT droplet_id FROM known_droplets")?;
    let known: BTreeSet<DropletId> = known
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let left_out = chosen.none_of.into_iter().collect();
    Ok(Some(known.difference(&left_out).copied().collect()))
}

fn ids(
    connection: &Connection,
    selectors: &[DropletSelector],
) -> Result<BTreeSet<DropletId>, Error> {
    let mut found = BTreeSet::new();
    for selector in selectors {
        match selector {
            DropletSelector::Id(id) => {
                found.insert(*id);
            }
            DropletSelector::Name(name) => {
                found.insert(one_by_name(connection, name)?);
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
    Ok(found)
}

/// The API never reuses the id of a droplet. So a destroyed droplet is gone, even when no later sync run noticed.
const GONE: &str = "
    SELECT id FROM droplets WHERE gone_at IS NOT NULL
     UNION
    SELECT droplet_id FROM droplet_actions
     WHERE type = 'destroy' AND status = 'completed' AND coalesce(resource_type, 'droplet') = 'droplet'";

const EXISTING: &str = "
    SELECT id FROM droplets WHERE gone_at IS NULL
    EXCEPT
    SELECT droplet_id FROM droplet_actions
     WHERE type = 'destroy' AND status = 'completed' AND coalesce(resource_type, 'droplet') = 'droplet'";

fn with_fate(connection: &Connection, is_gone: bool) -> rusqlite::Result<BTreeSet<DropletId>> {
    connection
        .prepare(if is_gone { GONE } else { EXISTING })?
        .query_map([], |row| row.get(0))?
        .collect()
}

/// The droplets that have any of these tags, as last seen. A tag may be a pattern.
fn with_tags(connection: &Connection, tags: &[String]) -> Result<BTreeSet<DropletId>, Error> {
    let mut tagged = BTreeSet::new();
    let mut with_tag = connection
        .prepare("SELECT droplet_id, gone_at IS NULL FROM droplet_tags WHERE tag GLOB ?1")?;
    for tag in tags {
        let mut rows = with_tag.query([tag])?;
        let mut is_known = false;
        while let Some(row) = rows.next()? {
            is_known = true;
            if row.get(1)? {
                tagged.insert(row.get(0)?);
            }
        }
        if !is_known {
            return Err(unknown_tag(connection, tag)?);
        }
    }
    Ok(tagged)
}

fn unknown_tag(connection: &Connection, tag: &str) -> rusqlite::Result<Error> {
    let mut tags = connection.prepare("SELECT DISTINCT tag FROM droplet_tags")?;
    let tags: Vec<String> = tags
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Error::UnknownTag {
        tag: tag.to_owned(),
        near: nearest(tag, tags.iter().map(String::as_str)),
    })
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

/// Digits may be an id or a name. The id of an archived droplet wins, but it is an error when another droplet has this
/// name.
fn one_by_name(connection: &Connection, name: &str) -> Result<DropletId, Error> {
    let mut ids = named(connection, EXACTLY, name)?;
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    let Some(id) = name.parse().ok().filter(|_| is_number) else {
        return only(name, ids, connection);
    };
    if ids.is_empty() || ids == [id] {
        return Ok(id);
    }
    if !is_known(connection, id)? {
        return only(name, ids, connection);
    }
    ids.retain(|other| *other != id);
    Err(Error::AmbiguousNumber { id, ids })
}

/// True when the archive knows a droplet with this id.
pub(super) fn is_known(connection: &Connection, id: DropletId) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM droplets WHERE id = ?1)
             OR EXISTS (SELECT 1 FROM droplet_actions WHERE droplet_id = ?1)",
        [id],
        |row| row.get(0),
    )
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
    use super::super::fixture::{Row, archive, choice, droplet, insert, tag};
    use super::*;

    /// The droplets that the terms name, and that have the fate.
    fn chosen(
        connection: &Connection,
        terms: &[&str],
        gone: Option<bool>,
    ) -> Result<Droplets, Error> {
        let filter = Filter {
            droplets: choice(terms),
            gone,
            ..Filter::default()
        };
        choose(connection, &filter)
    }

    fn four_droplets() -> Connection {
        let connection = archive();
        droplet(&connection, 1, &["web-1"]);
        droplet(&connection, 2, &["web-2", "old-name"]);
        droplet(&connection, 3, &["db", "web-3"]);
        droplet(&connection, 4, &["db"]);
        connection
    }

    fn resolved(terms: &[&str]) -> Result<Vec<DropletId>, Error> {
        let droplets = chosen(&four_droplets(), terms, None)?;
        assert_eq!(droplets.none_of, [0; 0]);
        Ok(droplets.any_of.unwrap())
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
    fn one_droplet_is_one_however_it_is_named() {
        let connection = archive();
        droplet(&connection, 1, &["web-1"]);
        droplet(&connection, 2, &["web-2", "old-name"]);
        let one = |text: &str| one_droplet(&connection, &text.parse().unwrap());
        for (text, id) in [("2", 2), ("9", 9), ("old-name", 2), ("web-[1]", 1)] {
            assert_eq!(one(text).unwrap(), id, "{text}");
        }
        assert_eq!(
            one("web-*").unwrap_err().to_string(),
            "`web-*` is or was the name of several droplets, choose by id: 1, 2"
        );
    }

    #[test]
    fn an_id_needs_no_archived_droplet() {
        assert_eq!(resolved(&["999"]).unwrap(), [999]);
    }

    #[test]
    fn digits_are_an_id_or_a_name_and_refused_where_they_are_both_of_different_droplets() {
        let connection = four_droplets();
        droplet(&connection, 5, &["777", "4", "8", "9"]);
        droplet(&connection, 6, &["web-6", "6", "99999999999999999999", "9"]);
        insert(
            &connection,
            &Row {
                resource_id: Some(8),
                ..Row::default()
            },
        );
        let found = |text: &str| {
            let id = one_droplet(&connection, &text.parse().unwrap())?;
            let named = ids(&connection, &[text.parse().unwrap()])?;
            assert_eq!(named, BTreeSet::from([id]));
            Ok::<_, Error>(id)
        };
        for (text, id) in [
            ("777", 5),
            ("0777", 777),
            ("6", 6),
            ("007", 7),
            ("04", 4),
            ("99999999999999999999", 6),
            ("[4]", 5),
        ] {
            assert_eq!(found(text).unwrap(), id, "{text}");
        }
        for (text, message) in [
            (
                "4",
                "`4` is the id of one droplet, and is or was the name of another: 4, 5",
            ),
            (
                "8",
                "`8` is the id of one droplet, and is or was the name of another: 8, 5",
            ),
            (
                "9",
                "`9` is or was the name of several droplets, choose by id: 5, 6",
            ),
            ("+7", "no archived droplet is or was named `+7`"),
            ("-7", "no archived droplet is or was named `-7`"),
        ] {
            let error = found(text).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
            let left_out = chosen(&connection, &[&format!("!{text}")], None);
            assert_eq!(left_out.unwrap_err().to_string(), error.to_string());
        }
        let by_id = DropletSelector::Id(4);
        assert_eq!(one_droplet(&connection, &by_id).unwrap(), 4);
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

    #[test]
    fn names_that_are_left_out_are_taken_from_the_others_or_from_all() {
        let connection = four_droplets();
        let droplets = |terms: &[&str]| chosen(&connection, terms, None).unwrap();
        let left = droplets(&["web-*", "!old-name"]);
        assert_eq!((left.any_of, left.none_of), (Some(vec![1, 3]), vec![2]));
        let all_but = droplets(&["!web-*"]);
        assert_eq!((all_but.any_of, all_but.none_of), (None, vec![1, 2, 3]));
        assert_eq!(droplets(&["2", "!web-2"]).any_of, Some(vec![]));
        assert_eq!(droplets(&[]), Droplets::default());
    }

    #[test]
    fn a_name_to_leave_out_has_to_be_one() {
        let connection = four_droplets();
        for (term, is_ambiguous) in [("!wbe-1", false), ("!db", true)] {
            let error = chosen(&connection, &[term], None).unwrap_err();
            assert_eq!(
                matches!(error, Error::AmbiguousName { .. }),
                is_ambiguous,
                "{error}"
            );
        }
    }

    #[test]
    fn a_droplet_is_gone_when_a_sync_said_so_or_when_it_was_destroyed() {
        let connection = four_droplets();
        connection
            .execute_batch("UPDATE droplets SET gone_at = '2020-08-02T00:00:00Z' WHERE id = 2")
            .unwrap();
        // Droplet 3 is still listed, as far as the archive knows; 5 was never listed; 6 was only rebooted; 7 is a
        // volume.
        for (id, kind, status, resource_type, resource_id) in [
            (1, "destroy", "errored", "droplet", 1),
            (2, "destroy", "completed", "droplet", 3),
            (3, "destroy", "completed", "droplet", 5),
            (4, "reboot", "completed", "droplet", 6),
            (5, "destroy", "completed", "volume", 7),
        ] {
            let row = Row {
                id,
                kind: Some(kind),
                status: Some(status),
                resource_type: Some(resource_type),
                resource_id: Some(resource_id),
                ..Row::default()
            };
            insert(&connection, &row);
        }
        let found = |terms: &[&str], is_gone| {
            let droplets = chosen(&connection, terms, Some(is_gone)).unwrap();
            droplets.any_of.unwrap()
        };
        assert_eq!(found(&[], true), [2, 3, 5]);
        assert_eq!(found(&[], false), [1, 4]);
        assert_eq!(found(&["web-*"], true), [2, 3]);
        assert_eq!(found(&["web-*"], false), [1]);
        assert_eq!(found(&["!web-2"], true), [3, 5]);
        assert_eq!(found(&["6"], true), [0; 0]);
        assert_eq!(found(&["6"], false), [0; 0]);
    }

    /// 1 and 2 have `web`, 2 also has `prod`; 3 had `prod` until it was missed, and 4 had `db` when it was gone.
    fn tagged() -> Connection {
        let connection = four_droplets();
        tag(&connection, 1, "web", None);
        tag(&connection, 2, "web", None);
        tag(&connection, 2, "prod", None);
        tag(&connection, 3, "prod", Some("2020-08-02T00:00:00Z"));
        tag(&connection, 4, "db", None);
        tag(&connection, 3, "old", Some("2020-08-02T00:00:00Z"));
        let gone = "UPDATE droplets SET gone_at = '2020-08-02T00:00:00Z' WHERE id = 4";
        connection.execute_batch(gone).unwrap();
        connection
    }

    #[test]
    fn a_tag_is_that_of_the_droplets_that_were_last_seen_with_it() {
        let connection = tagged();
        let found = |tags: &[&str], terms: &[&str], gone| {
            let filter = Filter {
                droplets: choice(terms),
                tags: choice(tags),
                gone,
                ..Filter::default()
            };
            choose(&connection, &filter).unwrap()
        };
        let any_of = |tags: &[&str]| found(tags, &[], None).any_of.unwrap();
        assert_eq!(any_of(&["web"]), [1, 2]);
        assert_eq!(any_of(&["prod", "db"]), [2, 4]);
        assert_eq!(any_of(&["web", "!prod"]), [1]);
        assert_eq!(any_of(&["old"]), [0; 0]);
        assert_eq!(any_of(&["[pw]*", "!d?"]), [1, 2]);
        assert_eq!(any_of(&["?e*", "!pr*"]), [1]);
        assert_eq!(
            found(&["web"], &["web-2", "db*"], None).any_of.unwrap(),
            [2]
        );
        assert_eq!(found(&["db"], &[], Some(false)).any_of.unwrap(), [0; 0]);
        assert_eq!(found(&["db"], &[], Some(true)).any_of.unwrap(), [4]);
        let all_but = found(&["!web"], &["!4"], None);
        assert_eq!((all_but.any_of, all_but.none_of), (None, vec![1, 2, 4]));
    }

    #[test]
    fn a_tag_that_no_droplet_ever_had_is_refused_with_tags_that_are_near() {
        let connection = tagged();
        for (term, message) in [
            (
                "prdo",
                "no archived droplet has or had the tag `prdo`, did you mean prod?",
            ),
            ("!xyz", "no archived droplet has or had the tag `xyz`"),
            ("x*", "no archived droplet has or had the tag `x*`"),
        ] {
            let filter = Filter {
                tags: choice(&[term]),
                ..Filter::default()
            };
            let error = choose(&connection, &filter).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
