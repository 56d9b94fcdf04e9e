//! One action with everything that the archive knows about it.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Error, rows};
use crate::core::model::{ActionId, DropletId};

/// An action and the records it belongs to. Times are UTC texts, as archived.
#[derive(Debug, Serialize, Deserialize)]
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
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usual {
    /// The number of them that have a duration.
    pub actions: u64,
    /// Half of them took no longer than this, in seconds.
    pub median_seconds: i64,
}

/// A region with everything it ever offered.
#[derive(Debug, Serialize, Deserialize)]
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
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Serialize, Deserialize)]
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
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    let details = rows::from_json(connection, DETAILS, [id])?;
    details.ok_or(Error::UnknownAction { id })
}

/// The JSON of [`Details`]. The median is the last of the faster half, as in the reports. A droplet with only a known id
/// is included too. An `extra` that is not JSON is left out; another program may have written it.
const DETAILS: &str = "
      WITH action AS (
           SELECT * FROM actions WHERE id = ?1
           ), durations AS MATERIALIZED (
           SELECT unixepoch(others.completed_at) - unixepoch(others.started_at) AS seconds
             FROM action
             JOIN actions AS others ON others.type = action.type AND others.resource_type IS action.resource_type
            WHERE others.status = 'completed' AND others.completed_at >= others.started_at
           )
    SELECT json_object(
           'id', id, 'status', status, 'type', type, 'started_at', started_at, 'completed_at', completed_at,
           'duration_seconds', CASE WHEN completed_at >= started_at
                                    THEN unixepoch(completed_at) - unixepoch(started_at) END,
           'usual', json((
             SELECT json_object('actions', (SELECT count(*) FROM durations), 'median_seconds', seconds)
               FROM (SELECT seconds FROM durations
                      ORDER BY seconds
                      LIMIT 1 OFFSET ((SELECT count(*) FROM durations) - 1) / 2))),
           'resource_id', resource_id, 'resource_type', resource_type, 'region_slug', region_slug,
           'extra', json(iif(json_valid(extra), extra, NULL)),
           'region', json((
             SELECT json_object(
                    'slug', slug, 'name', name,
                    'available', json(CASE WHEN available IS NOT NULL THEN iif(available, 'true', 'false') END),
                    'first_seen_at', first_seen_at, 'last_seen_at', last_seen_at,
                    'features', json((
                      SELECT json_group_array(json_object(
                             'name', feature, 'first_seen_at', first_seen_at, 'last_seen_at', last_seen_at,
                             'is_current', json(iif(last_seen_at = regions.last_seen_at, 'true', 'false'))))
                        FROM (SELECT * FROM region_features WHERE region_slug = slug ORDER BY feature))),
                    'sizes', json((
                      SELECT json_group_array(json_object(
                             'name', size_slug, 'first_seen_at', first_seen_at, 'last_seen_at', last_seen_at,
                             'is_current', json(iif(last_seen_at = regions.last_seen_at, 'true', 'false'))))
                        FROM (SELECT * FROM region_sizes WHERE region_slug = slug ORDER BY size_slug))),
                    'extra', json(iif(json_valid(extra), extra, NULL)))
               FROM regions
              WHERE slug = action.region_slug)),
           'droplets', json((
             SELECT json_group_array(json_object(
                    'id', named.id, 'name', name,
                    'former_names', json((
                      SELECT json_group_array(name)
                        FROM (SELECT name FROM droplet_names
                               WHERE droplet_id = named.id AND name IS NOT droplets.name
                               ORDER BY first_seen_at DESC, name))),
                    'region_slug', droplets.region_slug, 'created_at', created_at, 'gone_at', gone_at,
                    'extra', json(iif(json_valid(droplets.extra), droplets.extra, NULL))))
               FROM (SELECT resource_id AS id FROM actions WHERE id = action.id AND resource_type = 'droplet'
                      UNION
                     SELECT droplet_id FROM droplet_listed_actions WHERE action_id = action.id
                      ORDER BY 1) AS named
               LEFT JOIN droplets ON droplets.id = named.id
              WHERE named.id IS NOT NULL)),
           'first_seen', json((
             SELECT json_object('id', id, 'started_at', started_at, 'finished_at', finished_at, 'outcome', outcome)
               FROM sync_runs WHERE id = action.first_seen_run)),
           'imported', json((
             SELECT json_object('id', id, 'path', path, 'sha256', sha256, 'started_at', started_at)
               FROM imports WHERE id = action.first_seen_import)),
           'changed', json((
             SELECT json_object('id', id, 'started_at', started_at, 'finished_at', finished_at, 'outcome', outcome)
               FROM sync_runs WHERE id = action.changed_run)))
      FROM action";

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
