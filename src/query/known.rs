//! The values that the archive knows: those that begin as a text does, for the completions of a shell, and hints about
//! values that it has never seen.
//!
//! Completions are wanted at once, and an error helps nobody: a statement that cannot run, or is ended early, gives the
//! values that it found until then. So each steps along an index, and finds a limited number.
//!
//! `--type rebot` is a valid question with an empty answer. So the user is told about values that the archive has never
//! seen, with archived values of a similar spelling. An open set of values is never checked against a fixed list alone:
//! a new type of action is a value like any other as soon as one is archived.

use rusqlite::{Connection, Params};

use super::droplets::{one_droplet, unseen_droplets};
use super::filter::{is_pattern, known_types};
use super::rows::near;
use super::{Choice, DropletSelector, Error, Filter, TypeSelector};
use crate::core::model::{ActionId, COMPLETED, IN_PROGRESS};

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
        let plain = known_types().map(|value| Known {
            value: value.to_owned(),
            about: String::new(),
        });
        return plain.collect();
    }
    archived
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

/// A value in a filter that no archived action has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// The column of the value: `type`, `status`, `region_slug` or `resource_type`; or `droplet` for an unknown
    /// droplet, `tag` for a tag that no droplet has any more.
    pub field: &'static str,
    /// The value in the filter.
    pub value: String,
    /// Archived values with a similar spelling, nearest first.
    pub near: Vec<String>,
}

/// A column with its values.
struct Field {
    name: &'static str,
    /// The SQL that finds each value.
    seen: &'static str,
    /// True for a value that an action may have, even if none is archived.
    is_known: fn(&str) -> bool,
}

/// Steps from one type to the next along the index, instead of reading every action.
const TYPE: Field = Field {
    name: "type",
    seen: "
        WITH RECURSIVE seen (value) AS (
            SELECT min(type) FROM actions
             UNION ALL
            SELECT (SELECT min(type) FROM actions WHERE type > seen.value)
              FROM seen
             WHERE seen.value IS NOT NULL
        )
        SELECT value FROM seen WHERE value IS NOT NULL",
    is_known: |name| known_types().any(|known| known == name),
};

/// No index has all statuses: the check of an unseen status reads all actions.
const STATUS: Field = Field {
    name: "status",
    seen: "SELECT DISTINCT status AS value FROM actions WHERE status IS NOT NULL",
    is_known: |status| STATUSES.contains(&status),
};

/// The region of an action is always in the table `regions`.
const REGION: Field = Field {
    name: "region_slug",
    seen: "SELECT slug AS value FROM regions",
    is_known: |slug| REGIONS.contains(&slug),
};

/// A tag that no droplet ever had is an error before this.
const TAG: Field = Field {
    name: "tag",
    seen: "SELECT DISTINCT tag AS value FROM droplet_tags WHERE gone_at IS NULL",
    is_known: |_| true,
};

/// As with statuses, the check of an unseen value reads all actions.
const RESOURCE_TYPE: Field = Field {
    name: "resource_type",
    seen: "SELECT DISTINCT resource_type AS value FROM actions WHERE resource_type IS NOT NULL",
    is_known: |kind| RESOURCE_TYPES.contains(&kind),
};

/// The statuses of actions.
pub const STATUSES: [&str; 3] = [COMPLETED, "errored", IN_PROGRESS];

/// The regions of DigitalOcean.
pub const REGIONS: [&str; 17] = [
    "ams1", "ams2", "ams3", "atl1", "blr1", "fra1", "lon1", "nyc1", "nyc2", "nyc3", "ric1", "sfo1",
    "sfo2", "sfo3", "sgp1", "syd1", "tor1",
];

/// The types of resources that have actions.
pub const RESOURCE_TYPES: [&str; 7] = [
    "backend",
    "droplet",
    "floating_ip",
    "image",
    "reserved_ip",
    "reserved_ipv6",
    "volume",
];

/// The values in a filter that the archive has never seen, in the order of the filter. Useful after a question that
/// matched nothing, or when one value of several may match nothing. Members of a group and values after `!` are not
/// checked: they need not be archived.
///
/// # Errors
/// When the archive cannot be read.
pub fn unseen(connection: &Connection, filter: &Filter) -> Result<Vec<Unseen>, Error> {
    let mut unseen = check(connection, filter, |_, _| true)?;
    let mut ids = Vec::new();
    for selector in &filter.droplets.any_of {
        if !matches!(selector, DropletSelector::Pattern(_)) {
            ids.push(one_droplet(connection, selector)?);
        }
    }
    let ids = unseen_droplets(connection, &ids)?.into_iter();
    unseen.extend(ids.map(|id| Unseen {
        field: "droplet",
        value: id.to_string(),
        near: Vec::new(),
    }));
    Ok(unseen)
}

/// As [`unseen`], but only the values that are probably misspelt: no action of any archive is known to have them.
/// Droplets are not checked.
///
/// # Errors
/// When the archive cannot be read.
pub fn unknown(connection: &Connection, filter: &Filter) -> Result<Vec<Unseen>, Error> {
    check(connection, filter, |field, value| !(field.is_known)(value))
}

/// The unseen ones of the values that are worth the check.
fn check(
    connection: &Connection,
    filter: &Filter,
    is_checked: fn(&Field, &str) -> bool,
) -> Result<Vec<Unseen>, Error> {
    let types = filter.types.any_of.iter().filter_map(|it| match it {
        TypeSelector::Type(name) => Some(name.as_str()),
        TypeSelector::Group(_) => None,
    });
    let mut tags = strings(&filter.tags);
    tags.retain(|tag| !is_pattern(tag));
    let mut unseen = Vec::new();
    for (field, mut values) in [
        (TYPE, types.collect()),
        (STATUS, strings(&filter.statuses)),
        (TAG, tags),
        (REGION, strings(&filter.regions)),
        (RESOURCE_TYPE, strings(&filter.resource_types)),
    ] {
        values.retain(|value| is_checked(&field, value));
        let exists = format!(
            "SELECT EXISTS (SELECT 1 FROM ({}) WHERE value = ?1)",
            field.seen
        );
        for value in values {
            if connection.query_row(&exists, [value], |row| row.get(0))? {
                continue;
            }
            unseen.push(Unseen {
                field: field.name,
                value: value.to_owned(),
                near: near(connection, field.seen, value)?,
            });
        }
    }
    Ok(unseen)
}

fn strings(choice: &Choice<String>) -> Vec<&str> {
    choice.any_of.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI32, Ordering};

    use super::super::fixture::{Row, archive, choice, droplet, generated, insert};
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

    fn archived() -> Connection {
        let connection = archive();
        for (id, kind) in ["reboot", "power_off", "power_off", "snapshot"]
            .into_iter()
            .enumerate()
        {
            let id = i64::try_from(id).unwrap();
            insert(
                &connection,
                &Row {
                    id,
                    kind: Some(kind),
                    ..Row::default()
                },
            );
        }
        insert(
            &connection,
            &Row {
                id: 10,
                kind: None,
                status: None,
                ..Row::default()
            },
        );
        connection
    }

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_was_never_seen_is_told_with_what_was_meant() {
        let filter = Filter {
            types: choice(&[
                "reboot",
                "power-off",
                "snapshto",
                "!creat",
                "@down",
                "!@power",
            ]),
            statuses: choice(&["complete", "completed"]),
            regions: choice(&["nyc3", "nyc9", "!nyc8"]),
            resource_types: choice(&["droplets", "xyz"]),
            ..Filter::default()
        };
        let found: Vec<_> = unseen(&archived(), &filter)
            .unwrap()
            .into_iter()
            .map(|unseen| (unseen.field, unseen.value, unseen.near))
            .collect();
        let expected = [
            ("type", "power-off", &["power_off"][..]),
            ("type", "snapshto", &["snapshot"]),
            ("status", "complete", &["completed"]),
            ("region_slug", "nyc9", &["nyc3"]),
            ("resource_type", "droplets", &["droplet"]),
            ("resource_type", "xyz", &[]),
        ]
        .map(|(field, value, near)| (field, value.to_owned(), strings(near)));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_value_is_unknown_when_no_action_has_it_and_none_could() {
        let filter = Filter {
            types: choice(&["rebot", "rename", "@risky", "!creat"]),
            statuses: choice(&["errored", "error"]),
            regions: choice(&["nyc9", "lon1"]),
            resource_types: choice(&["volume", "drolpet"]),
            ..Filter::default()
        };
        let unknown = unknown(&archived(), &filter).unwrap();
        let values: Vec<_> = unknown.iter().map(|it| it.value.as_str()).collect();
        assert_eq!(values, ["rebot", "error", "nyc9", "drolpet"]);
    }

    #[test]
    fn a_filter_of_known_values_has_nothing_unseen() {
        let filter = Filter {
            types: choice(&["reboot"]),
            ..Filter::default()
        };
        assert_eq!(unseen(&archived(), &filter).unwrap(), []);
        assert_eq!(unseen(&archive(), &Filter::default()).unwrap(), []);
    }

    #[test]
    fn the_types_are_found_without_reading_every_action() {
        let connection = super::super::fixture::generated(20_000);
        let mut statement = connection.prepare(TYPE.seen).unwrap();
        let types: Vec<String> = statement
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(types.len(), 12);
        let steps = statement.get_status(rusqlite::StatementStatus::VmStep);
        assert!(steps < 2_000, "{steps} steps");
    }
}
