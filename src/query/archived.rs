//! Finds the droplets whose history is not archived, so that an answer is silent about them.
//!
//! The archive knows the name of every droplet that the API listed, but archives only the histories of its scope. Where
//! no action of a droplet is archived, none may have happened, or nobody may have asked.

use rusqlite::Connection;

use super::Error;
use crate::core::model::DropletId;

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
    let mut statement = connection.prepare(NOT_ARCHIVED)?;
    let ids = statement.query_map([droplets], |row| row.get("droplet_id"))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{archive, droplet};
    use super::*;

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
