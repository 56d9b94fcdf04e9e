//! Translates names and tags of droplets to ids, and finds the droplets that are gone, those whose history is not
//! archived, and those that the archive does not know.
//!
//! Names and tags are looked up before the actions are read. So the main statement uses only ids, and an unknown name or
//! tag is an error instead of an empty answer. An answer is also silent about a droplet whose history is not archived:
//! the archive knows the name of every droplet that the API listed, but archives only the histories of its scope. Where
//! no action of a droplet is archived, none may have happened, or nobody may have asked.

use std::collections::BTreeSet;
use std::slice;

use rusqlite::Connection;

use super::rows::{first_column, near};
use super::{DropletSelector, Error, Filter};
use crate::core::model::DropletId;

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
        let with_fate = if is_gone { GONE } else { EXISTING };
        wanted.push(first_column(connection, with_fate, [])?);
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
    let ids = named(connection, selector)?;
    match (selector, ids.as_slice()) {
        (DropletSelector::Id(id), _) | (_, [id]) => Ok(*id),
        (DropletSelector::Name(name) | DropletSelector::Pattern(name), _) => {
            let name = name.clone();
            Err(Error::AmbiguousName { name, ids })
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
    let mut known = all_droplets(connection)?;
    known.retain(|id| chosen.none_of.binary_search(id).is_err());
    Ok(Some(known))
}

fn ids(
    connection: &Connection,
    selectors: &[DropletSelector],
) -> Result<BTreeSet<DropletId>, Error> {
    let mut found = BTreeSet::new();
    for selector in selectors {
        found.extend(match selector {
            DropletSelector::Pattern(_) => named(connection, selector)?,
            one => vec![one_droplet(connection, one)?],
        });
    }
    Ok(found)
}

/// The droplets of a name or a pattern, oldest first: one at least. Digits may be an id or a name. The id of an archived
/// droplet wins, but it is an error when another droplet has this name.
fn named(connection: &Connection, selector: &DropletSelector) -> Result<Vec<DropletId>, Error> {
    let (name, digits): (_, Option<DropletId>) = match selector {
        DropletSelector::Id(id) => return Ok(vec![*id]),
        DropletSelector::Name(name) => (name, name.parse().ok()),
        DropletSelector::Pattern(pattern) => (pattern, None),
    };
    let mut ids: Vec<DropletId> = first_column(connection, CALLED, [name])?;
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(id) = digits.filter(|_| is_number) {
        if ids.is_empty() || ids == [id] {
            return Ok(vec![id]);
        }
        if is_known(connection, id)? {
            ids.retain(|other| *other != id);
            return Err(Error::AmbiguousNumber { id, ids });
        }
    }
    if ids.is_empty() {
        return Err(Error::UnknownName {
            name: name.clone(),
            near: near(connection, NAMES, name)?,
        });
    }
    Ok(ids)
}

/// Every droplet that the archive knows, in the order of their ids.
pub(super) fn all_droplets(connection: &Connection) -> rusqlite::Result<Vec<DropletId>> {
    first_column(
        connection,
        "SELECT droplet_id FROM known_droplets ORDER BY 1",
        [],
    )
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

/// The droplets that have any of these tags, as last seen. A tag may be a pattern.
fn with_tags(connection: &Connection, tags: &[String]) -> Result<BTreeSet<DropletId>, Error> {
    let mut tagged = BTreeSet::new();
    for tag in tags {
        let known: bool = connection.query_row(HAD_TAG, [tag], |row| row.get(0))?;
        if !known {
            return Err(Error::UnknownTag {
                tag: tag.to_owned(),
                near: near(connection, TAGS, tag)?,
            });
        }
        let ids: Vec<DropletId> = first_column(connection, HAS_TAG, [tag])?;
        tagged.extend(ids);
    }
    Ok(tagged)
}

const HAD_TAG: &str = "SELECT EXISTS (SELECT 1 FROM droplet_tags WHERE tag GLOB ?1)";
const HAS_TAG: &str = "SELECT droplet_id FROM droplet_tags WHERE tag GLOB ?1 AND gone_at IS NULL";
const TAGS: &str = "SELECT DISTINCT tag FROM droplet_tags";

/// A name without a sign of a pattern matches itself alone.
const CALLED: &str = "
    SELECT droplet_id FROM droplet_names WHERE name GLOB ?1
     UNION
    SELECT id FROM droplets WHERE name GLOB ?1
     ORDER BY 1";

const NAMES: &str = "
    SELECT name FROM droplet_names
     UNION
    SELECT name FROM droplets WHERE name IS NOT NULL";

/// True when the archive knows a droplet with this id.
pub(super) fn is_known(connection: &Connection, id: DropletId) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM droplets WHERE id = ?1)
             OR EXISTS (SELECT 1 FROM droplet_actions WHERE droplet_id = ?1)",
        [id],
        |row| row.get(0),
    )
}

/// A history is archived when its own listing was read to the end, or is followed, or when the account's listing was
/// read to the end since the droplet was created. Two days are more than the time between two such reads of a droplet
/// in scope. If the last one was earlier, a later scope left the droplet out.
const NOT_ARCHIVED: &str = "
WITH account AS MATERIALIZED (
    SELECT complete_at FROM listings WHERE path = '/v2/actions' AND complete_total IS NOT NULL
), fresh AS MATERIALIZED (
    SELECT strftime('%Y-%m-%dT%H:%M:%SZ', started_at, '-2 days') AS since
      FROM sync_runs
     WHERE outcome = 'complete'
     ORDER BY id DESC
     LIMIT 1
), wanted AS (
    SELECT ids.value AS droplet_id,
           coalesce(droplets.created_at, '') AS created_at,
           coalesce(fresh.since, '') AS since,
           coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', droplets.gone_at, '-2 days'), '9999') AS since_gone
      FROM json_each(coalesce(?1, (SELECT json_group_array(id) FROM droplets))) AS ids
      LEFT JOIN droplets ON droplets.id = ids.value
      LEFT JOIN fresh
)
SELECT droplet_id
  FROM wanted
 WHERE NOT EXISTS (SELECT 1 FROM account
                    WHERE complete_at >= wanted.created_at
                      AND complete_at >= min(wanted.since, wanted.since_gone))
   AND NOT EXISTS (SELECT 1 FROM listings
                    WHERE listings.droplet_id = wanted.droplet_id
                      AND (followed_from > 0
                           OR complete_total IS NOT NULL
                          AND complete_at >= min(wanted.since, wanted.since_gone)))
 ORDER BY droplet_id";

/// The droplets among these whose history is not archived, in the order of their ids. `None`: among all that the API
/// ever listed.
///
/// # Errors
/// When the archive cannot be read.
pub fn not_archived(
    connection: &Connection,
    droplets: Option<&[DropletId]>,
) -> Result<Vec<DropletId>, Error> {
    let droplets = droplets.map(|ids| serde_json::json!(ids).to_string());
    Ok(first_column(connection, NOT_ARCHIVED, [droplets])?)
}

/// The droplets among these of which the archive knows nothing, and that no sync asked for.
///
/// # Errors
/// When the archive cannot be read.
pub fn unseen_droplets(
    connection: &Connection,
    ids: &[DropletId],
) -> Result<Vec<DropletId>, Error> {
    let mut unseen = Vec::new();
    for id in ids {
        if !is_known(connection, *id)? && not_archived(connection, Some(&[*id]))?.is_empty() {
            unseen.push(*id);
        }
    }
    Ok(unseen)
}

/// A droplet or a tag that an archive does not know. Another one may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// By id, name or pattern.
    Droplet(DropletSelector),
    /// A tag that no droplet has or had.
    Tag(String),
}

/// The droplets and tags of the filter that the archive does not know. An ambiguous name is known.
///
/// # Errors
/// When the archive cannot be read.
pub fn strangers(connection: &Connection, filter: &Filter) -> Result<Vec<Stranger>, Error> {
    let selectors = filter.droplets.all().cloned().map(Stranger::Droplet);
    let tags = filter.tags.all().cloned().map(Stranger::Tag);
    let mut strangers = Vec::new();
    for stranger in selectors.chain(tags) {
        let found = match &stranger {
            Stranger::Droplet(selector) => ids(connection, slice::from_ref(selector)),
            Stranger::Tag(tag) => with_tags(connection, slice::from_ref(tag)),
        };
        let is_known = match found {
            // Digits may be the id of a droplet that nobody knows.
            Ok(ids) => unseen_droplets(connection, &Vec::from_iter(ids))?.is_empty(),
            Err(Error::UnknownName { .. } | Error::UnknownTag { .. }) => false,
            Err(error @ Error::Read(_)) => return Err(error),
            Err(_) => true,
        };
        strangers.extend((!is_known).then_some(stranger));
    }
    Ok(strangers)
}

impl Filter {
    /// The filter without these. `None` when it named droplets or tags, and all of them are these: then nothing matches.
    #[must_use]
    pub fn without(mut self, strangers: &[Stranger]) -> Option<Self> {
        let is_known = |it| !strangers.contains(&it);
        let (droplets, tags) = (&mut self.droplets, &mut self.tags);
        let has_droplets = droplets.retain(|it| is_known(Stranger::Droplet(it.clone())));
        let has_tags = tags.retain(|it| is_known(Stranger::Tag(it.clone())));
        (has_droplets && has_tags).then_some(self)
    }
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

    fn listing(connection: &Connection, path: &str, droplet: Option<DropletId>, rest: &str) {
        let sql = format!(
            "INSERT INTO listings (path, droplet_id, total, complete_total, complete_at, followed_from)
             VALUES (?1, ?2, {rest})"
        );
        connection.execute(&sql, (path, droplet)).unwrap();
    }

    fn not_archived_of_six(connection: &Connection) -> Vec<DropletId> {
        not_archived(connection, Some(&[1, 2, 3, 4, 5, 6])).unwrap()
    }

    #[test]
    fn a_history_is_archived_once_a_listing_that_has_it_was_read_to_its_end() {
        let connection = archive();
        connection.execute_batch("DELETE FROM listings").unwrap();
        for id in 1..=5 {
            droplet(&connection, id, &[&format!("web-{id}")]);
        }
        connection
            .execute_batch("UPDATE droplets SET created_at = '2020-0' || id || '-01T00:00:00Z'")
            .unwrap();
        assert_eq!(not_archived_of_six(&connection), [1, 2, 3, 4, 5, 6]);
        // Read to the end; read in part; followed since its own listing is gone; to be followed from the beginning.
        let read = "9, 9, '2020-03-01T00:00:00Z', NULL";
        listing(&connection, "/v2/droplets/1/actions", Some(1), read);
        let begun = "9, NULL, NULL, NULL";
        listing(&connection, "/v2/droplets/2/actions", Some(2), begun);
        let followed = "NULL, NULL, NULL, 700";
        listing(&connection, "/v2/droplets/3/actions", Some(3), followed);
        let unfollowed = "NULL, NULL, NULL, 0";
        listing(&connection, "/v2/droplets/4/actions", Some(4), unfollowed);
        assert_eq!(not_archived_of_six(&connection), [2, 4, 5, 6]);
        listing(&connection, "/v2/actions", None, begun);
        assert_eq!(not_archived_of_six(&connection), [2, 4, 5, 6]);
    }

    #[test]
    fn a_history_that_a_later_scope_left_out_is_not_archived_unless_it_had_ended() {
        let connection = archive();
        let sync = |day: &str, outcome: &str| {
            let sql = "INSERT INTO sync_runs (started_at, outcome, scope, version) VALUES (?1, ?2, 'x', '0')";
            let at = format!("2020-08-{day}T00:00:00Z");
            connection.execute(sql, (at, outcome)).unwrap();
        };
        for id in 1..=3 {
            droplet(&connection, id, &[&format!("web-{id}")]);
        }
        connection
            .execute_batch("UPDATE droplets SET gone_at = '2020-08-02T00:00:00Z' WHERE id = 3")
            .unwrap();
        let read = "9, 9, '2020-08-05T00:00:00Z', NULL";
        listing(&connection, "/v2/droplets/1/actions", Some(1), read);
        let among = || not_archived(&connection, None).unwrap();
        assert_eq!(among(), [0; 0]);
        sync("03", "complete");
        sync("09", "partial");
        assert_eq!(among(), [0; 0]);
        sync("07", "complete");
        assert_eq!(among(), [2], "the account was last read on the first day");
        sync("08", "complete");
        assert_eq!(among(), [1, 2]);
    }

    #[test]
    fn the_account_has_the_history_of_every_droplet_that_was_created_before() {
        let connection = archive();
        droplet(&connection, 1, &["old"]);
        droplet(&connection, 2, &["new"]);
        connection
            .execute_batch(
                "UPDATE droplets SET created_at = iif(id = 1, '2020-07-01T00:00:00Z', '2020-09-01T00:00:00Z');
                 UPDATE listings SET complete_at = '2020-08-01T00:00:00Z'",
            )
            .unwrap();
        let among = |ids| not_archived(&connection, ids).unwrap();
        assert_eq!(among(Some(&[1, 2, 3])), [2]);
        assert_eq!(among(None), [2]);
    }
}
