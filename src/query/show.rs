//! One action with everything that the archive knows about it.

use rusqlite::{Connection, OptionalExtension, Row};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Error;
use crate::core::model::{ActionId, DropletId};

/// An action and the records it belongs to. Times are UTC texts, as archived.
#[derive(Debug, Serialize)]
pub struct Details {
    /// The id of the action.
    pub id: ActionId,
    /// The status.
    pub status: Option<String>,
    /// The type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// The start time.
    pub started_at: Option<String>,
    /// The end time.
    pub completed_at: Option<String>,
    /// The duration in seconds.
    pub duration_seconds: Option<i64>,
    /// The usual duration of such actions; `None` when none of them has a duration.
    pub usual: Option<Usual>,
    /// The id of the resource.
    pub resource_id: Option<i64>,
    /// The type of the resource.
    pub resource_type: Option<String>,
    /// The slug of the region.
    pub region_slug: Option<String>,
    /// The fields of the API answer that have no column.
    pub extra: Option<Box<RawValue>>,
    /// The region.
    pub region: Option<RegionDetails>,
    /// The droplets that the action was done to, or whose own listings contain it.
    pub droplets: Vec<DropletDetails>,
    /// The first sync run that saw the action; `None` when only an import knows it.
    pub first_seen: Option<SyncDetails>,
    /// The import that archived the action, if no sync run did before.
    pub imported: Option<ImportDetails>,
    /// The last sync run that changed the archived action.
    pub changed: Option<SyncDetails>,
}

/// The completed actions of the same type on the same type of resource.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Usual {
    /// The number of them that have a duration.
    pub actions: u64,
    /// Half of them took no longer than this, in seconds.
    pub median_seconds: i64,
}

/// A region with everything it ever offered.
#[derive(Debug, Serialize)]
pub struct RegionDetails {
    /// The slug.
    pub slug: String,
    /// The name.
    pub name: Option<String>,
    /// True when new droplets could be created there.
    pub available: Option<bool>,
    /// The time when an action first named the region.
    pub first_seen_at: String,
    /// The time when the region was last written, to the day.
    pub last_seen_at: String,
    /// The current and former features.
    pub features: Vec<Offer>,
    /// The slugs of the current and former sizes.
    pub sizes: Vec<Offer>,
    /// The fields of the API answer that have no column.
    pub extra: Option<Box<RawValue>>,
}

/// A feature or a size of a region.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// The name.
    pub name: String,
    /// The time when the region first showed it.
    pub first_seen_at: String,
    /// The time when the region last showed it.
    pub last_seen_at: String,
    /// True when the region showed it the last time it was seen.
    pub is_current: bool,
}

/// A droplet.
#[derive(Debug, Serialize)]
pub struct DropletDetails {
    /// The id.
    pub id: DropletId,
    /// The latest known name.
    pub name: Option<String>,
    /// Former names, the latest first.
    pub former_names: Vec<String>,
    /// The slug of the region.
    pub region_slug: Option<String>,
    /// The creation time.
    pub created_at: Option<String>,
    /// The time when a sync run first found that the droplet is gone.
    pub gone_at: Option<String>,
    /// Tags and size.
    pub extra: Option<Box<RawValue>>,
}

/// A sync run.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct SyncDetails {
    /// The number.
    pub id: i64,
    /// The start time.
    pub started_at: String,
    /// The end time; `None` when the sync run was killed or still runs.
    pub finished_at: Option<String>,
    /// The outcome.
    pub outcome: Option<String>,
}

/// An import of a file.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ImportDetails {
    /// The number.
    pub id: i64,
    /// The file, as it was given.
    pub path: String,
    /// The SHA-256 of the file, when it was read to its end.
    pub sha256: Option<String>,
    /// The start time.
    pub started_at: String,
}

/// The action with this id, with everything that is known about it.
///
/// # Errors
/// When the action is not archived, or the archive cannot be read.
pub fn show(connection: &Connection, id: ActionId) -> Result<Details, Error> {
    let found = connection
        .query_row(ACTION, [id], |row| {
            let region_slug: Option<String> = row.get("region_slug")?;
            Ok(Details {
                id: row.get("id")?,
                status: row.get("status")?,
                kind: row.get("type")?,
                started_at: row.get("started_at")?,
                completed_at: row.get("completed_at")?,
                duration_seconds: row.get("duration_seconds")?,
                usual: usual(connection, row)?,
                resource_id: row.get("resource_id")?,
                resource_type: row.get("resource_type")?,
                extra: extra(row)?,
                region: the_region(connection, region_slug.as_deref())?,
                region_slug,
                droplets: droplets(connection, id)?,
                first_seen: the_sync(connection, row.get("first_seen_run")?)?,
                imported: the_import(connection, row.get("first_seen_import")?)?,
                changed: the_sync(connection, row.get("changed_run")?)?,
            })
        })
        .optional()?;
    found.ok_or(Error::UnknownAction { id })
}

const ACTION: &str = "
    SELECT id, status, type, started_at, completed_at,
           CASE WHEN completed_at >= started_at
                THEN unixepoch(completed_at) - unixepoch(started_at) END AS duration_seconds,
           resource_id, resource_type, region_slug, extra, first_seen_run, first_seen_import, changed_run
      FROM actions
     WHERE id = ?1";

/// The median is the last of the faster half, as in the reports.
const USUAL: &str = "
      WITH durations AS MATERIALIZED (
           SELECT unixepoch(completed_at) - unixepoch(started_at) AS seconds
             FROM actions
            WHERE type = ?1 AND resource_type IS ?2 AND status = 'completed' AND completed_at >= started_at
           )
    SELECT (SELECT count(*) FROM durations) AS actions, seconds AS median_seconds
      FROM durations
     ORDER BY seconds
     LIMIT 1 OFFSET ((SELECT count(*) FROM durations) - 1) / 2";

const REGION: &str = "
    SELECT slug, name, available, extra, first_seen_at, last_seen_at FROM regions WHERE slug = ?1";

const FEATURES: &str = "
    SELECT feature AS name, first_seen_at, last_seen_at FROM region_features WHERE region_slug = ?1 ORDER BY feature";

const SIZES: &str = "
    SELECT size_slug AS name, first_seen_at, last_seen_at FROM region_sizes WHERE region_slug = ?1 ORDER BY size_slug";

/// A droplet with only a known id is included too.
const DROPLETS: &str = "
    SELECT named.id, name, region_slug, created_at, gone_at, extra
      FROM (SELECT resource_id AS id FROM actions WHERE id = ?1 AND resource_type = 'droplet'
             UNION
            SELECT droplet_id FROM droplet_listed_actions WHERE action_id = ?1) AS named
      LEFT JOIN droplets ON droplets.id = named.id
     WHERE named.id IS NOT NULL
     ORDER BY named.id";

const NAMES: &str = "
    SELECT name FROM droplet_names WHERE droplet_id = ?1 AND name IS NOT ?2 ORDER BY first_seen_at DESC, name";

const SYNC: &str = "SELECT id, started_at, finished_at, outcome FROM sync_runs WHERE id = ?1";

const IMPORT: &str = "SELECT id, path, sha256, started_at FROM imports WHERE id = ?1";

fn the_import(
    connection: &Connection,
    import: Option<i64>,
) -> rusqlite::Result<Option<ImportDetails>> {
    let read = |row: &Row<'_>| {
        Ok(ImportDetails {
            id: row.get("id")?,
            path: row.get("path")?,
            sha256: row.get("sha256")?,
            started_at: row.get("started_at")?,
        })
    };
    connection.query_row(IMPORT, [import], read).optional()
}

fn usual(connection: &Connection, action: &Row<'_>) -> rusqlite::Result<Option<Usual>> {
    let kind: Option<String> = action.get("type")?;
    let resource_type: Option<String> = action.get("resource_type")?;
    let read = |row: &Row<'_>| {
        Ok(Usual {
            actions: row.get::<_, i64>("actions")?.unsigned_abs(),
            median_seconds: row.get("median_seconds")?,
        })
    };
    let usual = connection.query_row(USUAL, (kind, resource_type), read);
    usual.optional()
}

fn the_region(
    connection: &Connection,
    slug: Option<&str>,
) -> rusqlite::Result<Option<RegionDetails>> {
    let read = |row: &Row<'_>| {
        let last_seen_at: String = row.get("last_seen_at")?;
        Ok(RegionDetails {
            slug: row.get("slug")?,
            name: row.get("name")?,
            available: row.get("available")?,
            first_seen_at: row.get("first_seen_at")?,
            features: offers(connection, FEATURES, slug, &last_seen_at)?,
            sizes: offers(connection, SIZES, slug, &last_seen_at)?,
            extra: extra(row)?,
            last_seen_at,
        })
    };
    connection.query_row(REGION, [slug], read).optional()
}

fn offers(
    connection: &Connection,
    sql: &str,
    region: Option<&str>,
    region_seen_at: &str,
) -> rusqlite::Result<Vec<Offer>> {
    let mut statement = connection.prepare(sql)?;
    let offers = statement.query_map([region], |row| {
        let last_seen_at: String = row.get("last_seen_at")?;
        Ok(Offer {
            name: row.get("name")?,
            first_seen_at: row.get("first_seen_at")?,
            is_current: last_seen_at == region_seen_at,
            last_seen_at,
        })
    })?;
    offers.collect()
}

fn droplets(connection: &Connection, action: ActionId) -> rusqlite::Result<Vec<DropletDetails>> {
    let mut statement = connection.prepare(DROPLETS)?;
    let droplets = statement.query_map([action], |row| {
        let (id, name): (DropletId, Option<String>) = (row.get("id")?, row.get("name")?);
        Ok(DropletDetails {
            former_names: connection
                .prepare_cached(NAMES)?
                .query_map((id, &name), |row| row.get(0))?
                .collect::<Result<_, _>>()?,
            id,
            name,
            region_slug: row.get("region_slug")?,
            created_at: row.get("created_at")?,
            gone_at: row.get("gone_at")?,
            extra: extra(row)?,
        })
    })?;
    droplets.collect()
}

fn the_sync(connection: &Connection, run: Option<i64>) -> rusqlite::Result<Option<SyncDetails>> {
    let read = |row: &Row<'_>| {
        Ok(SyncDetails {
            id: row.get("id")?,
            started_at: row.get("started_at")?,
            finished_at: row.get("finished_at")?,
            outcome: row.get("outcome")?,
        })
    };
    connection.query_row(SYNC, [run], read).optional()
}

/// The JSON of `extra`. A text that is not JSON is left out; another program may have written it.
fn extra(row: &Row<'_>) -> rusqlite::Result<Option<Box<RawValue>>> {
    let text: Option<String> = row.get("extra")?;
    Ok(text.and_then(|text| RawValue::from_string(text).ok()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{Row, archive, droplet, insert, listed};
    use super::*;

    const EARLY: &str = "2020-07-01T00:00:00Z";
    const LATE: &str = "2020-08-01T00:00:00Z";

    fn one_action() -> Connection {
        let connection = archive();
        droplet(&connection, 1, &["web", "web-old"]);
        insert(
            &connection,
            &Row {
                id: 7,
                ..Row::default()
            },
        );
        listed(&connection, 99, 7);
        connection
            .execute_batch(&format!(
                "INSERT INTO sync_runs (id, started_at, finished_at, outcome, scope, version)
                 VALUES (2, '2020-08-02T00:00:00Z', '2020-08-02T00:01:00Z', 'complete', 'account', '0.1.0');
                 UPDATE actions SET changed_run = 2, extra = '{{\"big\":12345678901234567890123}}';
                 UPDATE droplets SET gone_at = '{LATE}', extra = 'no json';
                 UPDATE regions SET available = 1 WHERE slug = 'nyc3';
                 INSERT INTO region_features VALUES ('nyc3', 'ipv6', '{EARLY}', '{LATE}');
                 INSERT INTO region_sizes VALUES ('nyc3', 's-1', '{EARLY}', '{LATE}'), ('nyc3', '512mb', '{EARLY}', '{EARLY}')"
            ))
            .unwrap();
        connection
    }

    #[test]
    fn everything_that_is_known_of_an_action_is_shown() {
        let shown = serde_json::to_value(show(&one_action(), 7).unwrap()).unwrap();
        let offer = |name: &str, last_seen_at: &str| {
            json!({"name": name, "first_seen_at": EARLY, "last_seen_at": last_seen_at,
                   "is_current": last_seen_at == LATE})
        };
        assert_eq!(
            shown["region"],
            json!({"slug": "nyc3", "name": null, "available": true, "first_seen_at": LATE, "last_seen_at": LATE,
                   "features": [offer("ipv6", LATE)],
                   "sizes": [offer("512mb", EARLY), offer("s-1", LATE)], "extra": null})
        );
        let unknown = json!({"id": 99, "name": null, "former_names": [], "region_slug": null, "created_at": null,
                             "gone_at": null, "extra": null});
        assert_eq!(
            shown["droplets"],
            json!([
                {"id": 1, "name": "web", "former_names": ["web-old"], "region_slug": null, "created_at": null,
                 "gone_at": LATE, "extra": null},
                unknown
            ])
        );
        assert_eq!(
            shown["first_seen"],
            json!({"id": 1, "started_at": LATE, "finished_at": null, "outcome": null})
        );
        assert_eq!(shown["changed"]["outcome"], "complete");
        assert_eq!(shown["type"], "reboot");
        assert_eq!(shown["duration_seconds"], 15);
    }

    #[test]
    fn an_action_is_compared_with_the_completed_ones_of_its_type() {
        let connection = archive();
        let took = |seconds: &str| format!("2020-07-20T19:37:{seconds}Z");
        let rows = [
            ("reboot", "10"),
            ("reboot", "20"),
            ("reboot", "59"),
            ("resize", "59"),
        ];
        for (id, (kind, second)) in rows.into_iter().enumerate() {
            let sql = format!(
                "INSERT INTO actions (id, first_seen_run, type, status, started_at, completed_at)
                 VALUES ({id}, 1, '{kind}', 'completed', '{}', '{}')",
                took("00"),
                took(second)
            );
            connection.execute_batch(&sql).unwrap();
        }
        let usual = |id| show(&connection, id).unwrap().usual;
        let (actions, median_seconds) = (3, 20);
        let reboots = Usual {
            actions,
            median_seconds,
        };
        assert_eq!(usual(2), Some(reboots));
        assert_eq!(usual(3).unwrap().actions, 1);
        connection
            .execute_batch("UPDATE actions SET completed_at = NULL WHERE id = 3")
            .unwrap();
        assert_eq!(usual(3), None);
    }

    #[test]
    fn what_the_api_said_beyond_its_fields_is_shown_digit_by_digit() {
        let shown = serde_json::to_string(&show(&one_action(), 7).unwrap()).unwrap();
        assert!(
            shown.contains(r#""extra":{"big":12345678901234567890123}"#),
            "{shown}"
        );
    }

    #[test]
    fn an_action_that_is_not_archived_is_said_to_be_none() {
        let error = show(&one_action(), 8).unwrap_err();
        assert_eq!(error.to_string(), "no action with the id 8 is archived");
    }

    #[test]
    fn an_action_with_nothing_but_an_id_is_shown() {
        let connection = archive();
        connection
            .execute_batch("INSERT INTO actions (id, first_seen_run) VALUES (5, 1)")
            .unwrap();
        let details = show(&connection, 5).unwrap();
        assert!(details.region.is_none() && details.changed.is_none());
        assert_eq!(details.droplets.len(), 0);
    }
}
