//! Hints for a question that matched nothing.
//!
//! `--type rebot` is a valid question with an empty answer. So the user is told about values that the archive has never
//! seen, with archived values of a similar spelling. An open set of values is never checked against a fixed list alone:
//! a new type of action is a value like any other as soon as one is archived.

use super::droplets::{is_known, not_archived, one_droplet};
use super::filter::{Values, is_pattern};
use super::groups::is_known_type;
use super::question::Question;
use super::{Choice, DropletSelector, Error, Filter, TypeSelector};
use crate::core::model::{COMPLETED, DropletId, IN_PROGRESS};
use crate::core::similar::nearest;
use crate::core::time::{Timestamp, duration_text};
use rusqlite::Connection;

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

/// A column with its values: the SQL that tells if a value was seen, and lists the seen values.
pub(super) struct Field {
    name: &'static str,
    exists: &'static str,
    pub(super) seen: &'static str,
    /// True for a value that an action may have, even if none is archived.
    is_known: fn(&str) -> bool,
}

/// Steps from one type to the next along the index, instead of reading every action.
pub(super) const TYPE: Field = Field {
    name: "type",
    exists: "
        SELECT EXISTS (SELECT 1 FROM actions WHERE type = ?1)",
    seen: "
        WITH RECURSIVE seen (value) AS (
            SELECT min(type) FROM actions
             UNION ALL
            SELECT (SELECT min(type) FROM actions WHERE type > seen.value)
              FROM seen
             WHERE seen.value IS NOT NULL
        )
        SELECT value FROM seen WHERE value IS NOT NULL",
    is_known: is_known_type,
};

/// No index has all statuses: the check of an unseen status reads all actions.
const STATUS: Field = Field {
    name: "status",
    exists: "
        SELECT EXISTS (SELECT 1 FROM actions WHERE status = ?1)",
    seen: "
        SELECT DISTINCT status FROM actions WHERE status IS NOT NULL",
    is_known: |status| STATUSES.contains(&status),
};

/// The region of an action is always in the table `regions`.
const REGION: Field = Field {
    name: "region_slug",
    exists: "
        SELECT EXISTS (SELECT 1 FROM regions WHERE slug = ?1)",
    seen: "
        SELECT slug FROM regions",
    is_known: |slug| REGIONS.contains(&slug),
};

/// A tag that no droplet ever had is an error before this.
const TAG: Field = Field {
    name: "tag",
    exists: "
        SELECT EXISTS (SELECT 1 FROM droplet_tags WHERE tag = ?1 AND gone_at IS NULL)",
    seen: "
        SELECT DISTINCT tag FROM droplet_tags WHERE gone_at IS NULL",
    is_known: |_| true,
};

/// As with statuses, the check of an unseen value reads all actions.
const RESOURCE_TYPE: Field = Field {
    name: "resource_type",
    exists: "
        SELECT EXISTS (SELECT 1 FROM actions WHERE resource_type = ?1)",
    seen: "
        SELECT DISTINCT resource_type FROM actions WHERE resource_type IS NOT NULL",
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
    unseen.extend(unseen_droplets(connection, &ids)?);
    Ok(unseen)
}

/// The droplets of which the archive knows nothing, and that no sync asked for.
///
/// # Errors
/// When the archive cannot be read.
pub fn unseen_droplets(connection: &Connection, ids: &[DropletId]) -> Result<Vec<Unseen>, Error> {
    let mut unseen = Vec::new();
    for id in ids {
        if !is_known(connection, *id)? && not_archived(connection, Some(&[*id]))?.is_empty() {
            unseen.push(Unseen {
                field: "droplet",
                value: id.to_string(),
                near: Vec::new(),
            });
        }
    }
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
    let types: Vec<&str> = filter.types.any_of.iter().filter_map(named).collect();
    let mut tags = strings(&filter.tags);
    tags.retain(|tag| !is_pattern(tag));
    let mut unseen = Vec::new();
    for (field, mut values) in [
        (TYPE, types),
        (STATUS, strings(&filter.statuses)),
        (TAG, tags),
        (REGION, strings(&filter.regions)),
        (RESOURCE_TYPE, strings(&filter.resource_types)),
    ] {
        values.retain(|value| is_checked(&field, value));
        field.check(connection, &values, &mut unseen)?;
    }
    Ok(unseen)
}

fn strings(choice: &Choice<String>) -> Vec<&str> {
    choice.any_of.iter().map(String::as_str).collect()
}

fn named(selector: &TypeSelector) -> Option<&str> {
    match selector {
        TypeSelector::Type(name) => Some(name),
        TypeSelector::Group(_) => None,
    }
}

impl Field {
    fn check(
        &self,
        connection: &Connection,
        values: &[&str],
        unseen: &mut Vec<Unseen>,
    ) -> rusqlite::Result<()> {
        let mut seen: Option<Vec<String>> = None;
        for value in values {
            let is_seen = match &seen {
                Some(seen) => seen.iter().any(|other| other == value),
                None => connection.query_row(self.exists, [value], |row| row.get(0))?,
            };
            if is_seen {
                continue;
            }
            let seen = match &mut seen {
                Some(seen) => seen,
                None => seen.insert(self.values(connection)?),
            };
            let near = nearest(value, seen.iter().map(String::as_str));
            unseen.push(Unseen {
                field: self.name,
                value: (*value).to_owned(),
                near,
            });
        }
        Ok(())
    }

    fn values(&self, connection: &Connection) -> rusqlite::Result<Vec<String>> {
        connection
            .prepare(self.seen)?
            .query_map([], |row| row.get(0))?
            .collect()
    }
}

/// The reasons why no action can match, in any archive, as far as the filter alone shows them. Useful after a question
/// that matched nothing.
#[must_use]
pub fn contradictions(filter: &Filter, now: Timestamp) -> Vec<String> {
    let question = Question::without_archive(filter, now);
    let mut found = of_bounds(filter);
    let fields = [
        ("type", question.types.is_nothing()),
        ("status", question.statuses.is_nothing()),
        ("region_slug", question.regions.is_nothing()),
        ("resource_type", question.resource_types.is_nothing()),
        ("droplet", filter.droplets.is_left_out()),
        ("tag", filter.tags.is_left_out()),
    ];
    let left_out = fields.into_iter().filter(|(_, is_left_out)| *is_left_out);
    found.extend(left_out.map(|(field, _)| format!("every requested {field} is left out again")));
    let is_open = matches!(&question.statuses, Values::Only(only) if only == &[IN_PROGRESS]);
    if is_open && filter.max_duration_seconds.is_some() {
        let text = "an action in progress has no known duration yet, so it cannot match a maximum duration";
        found.push(text.to_owned());
    }
    found
}

/// The bounds that exclude each other.
fn of_bounds(filter: &Filter) -> Vec<String> {
    let mut found = Vec::new();
    let empty = |from, to| format!("nothing lies at {from} or later and before {to}");
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since >= until
    {
        found.push(empty(since, until));
    }
    match (filter.overlap, filter.since) {
        (Some((from, to)), _) if from > to => found.push(empty(from, to)),
        (Some((_, to)), Some(since)) if since >= to => found.push(format!(
            "an action that started at {since} or later cannot overlap an interval that ends at {to}"
        )),
        _ => {}
    }
    if let (Some(min), Some(max)) = (filter.min_duration_seconds, filter.max_duration_seconds)
        && min > max
    {
        let text = |seconds| duration_text(i64::try_from(seconds).unwrap_or(i64::MAX));
        let (min, max) = (text(min), text(max));
        found.push(format!("nothing can take at least {min} and at most {max}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Row, archive, choice, insert, now};
    use super::*;

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

    fn told(filter: &Filter) -> Vec<String> {
        contradictions(filter, now())
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn what_can_match_is_no_contradiction() {
        let filter = Filter {
            types: choice(&["@power", "!reboot"]),
            statuses: choice(&["in-progress"]),
            since: Some(time("2020-01-01T00:00:00Z")),
            until: Some(time("2020-01-02T00:00:00Z")),
            overlap: Some((time("2020-01-01T00:00:00Z"), time("2020-01-01T00:00:01Z"))),
            min_duration_seconds: Some(60),
            ..Filter::default()
        };
        assert_eq!(told(&filter), [""; 0]);
        assert_eq!(told(&Filter::default()), [""; 0]);
    }

    #[test]
    fn parts_that_exclude_each_other_are_told() {
        let (early, late) = (time("2020-01-01T00:00:00Z"), time("2021-01-02T00:00:00Z"));
        let window = Filter {
            since: Some(late),
            until: Some(early),
            overlap: Some((early, early)),
            ..Filter::default()
        };
        assert_eq!(
            told(&window),
            [
                "nothing lies at 2021-01-02T00:00:00Z or later and before 2020-01-01T00:00:00Z",
                "an action that started at 2021-01-02T00:00:00Z or later cannot overlap an interval that ends at 2020-01-01T00:00:00Z",
            ]
        );
        let values = Filter {
            types: choice(&["reboot", "!@power"]),
            statuses: choice(&["in-progress"]),
            regions: choice(&["nyc3", "!nyc3"]),
            droplets: choice(&["web-1", "!web-*", "!web-1"]),
            tags: choice(&["a", "b", "!a"]),
            min_duration_seconds: Some(3600),
            max_duration_seconds: Some(60),
            ..Filter::default()
        };
        assert_eq!(
            told(&values),
            [
                "nothing can take at least 1h and at most 1m",
                "every requested type is left out again",
                "every requested region_slug is left out again",
                "every requested droplet is left out again",
                "an action in progress has no known duration yet, so it cannot match a maximum duration",
            ]
        );
    }
}
