//! The regions of an archive as JSON, rendered once for all actions of an answer.
//!
//! An action of the API repeats its whole region. A program that reads `region.slug` there finds it here too; the list
//! of a hundred sizes is left out.

use rusqlite::Connection;
use serde::Serialize;

use super::QuickMap;

/// What an action's `region` shows.
#[derive(Serialize)]
struct Region {
    slug: String,
    name: Option<String>,
    available: Option<bool>,
    features: Vec<String>,
}

/// The features are those that the region showed when it was last seen.
const REGIONS: &str = "
    SELECT slug, name, available,
           (SELECT json_group_array(feature)
              FROM (SELECT feature FROM region_features
                     WHERE region_slug = slug AND region_features.last_seen_at = regions.last_seen_at
                     ORDER BY feature)) AS features
      FROM regions";

/// Each region as a JSON object, by its slug.
///
/// # Errors
/// When the archive cannot be read.
pub(super) fn as_json(connection: &Connection) -> rusqlite::Result<QuickMap<String, String>> {
    let mut statement = connection.prepare(REGIONS)?;
    let mut rows = statement.query([])?;
    let mut regions = QuickMap::default();
    while let Some(row) = rows.next()? {
        let features: String = row.get("features")?;
        let region = Region {
            slug: row.get("slug")?,
            name: row.get("name")?,
            available: row.get("available")?,
            features: serde_json::from_str(&features).unwrap_or_default(),
        };
        // A struct of texts always has a JSON text.
        let json = serde_json::to_string(&region).unwrap_or_default();
        regions.insert(region.slug, json);
    }
    Ok(regions)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::archive;
    use super::*;

    #[test]
    fn a_region_is_an_object_with_what_it_shows_now() {
        let connection = archive();
        connection
            .execute_batch(
                "UPDATE regions SET name = 'New \"York\" 3', available = 1 WHERE slug = 'nyc3';
                 INSERT INTO region_features (region_slug, feature, first_seen_at, last_seen_at)
                 VALUES ('nyc3', 'ipv6', '2020-07-01T00:00:00Z', '2020-08-01T00:00:00Z'),
                        ('nyc3', 'backups', '2020-07-01T00:00:00Z', '2020-08-01T00:00:00Z'),
                        ('nyc3', 'private_networking', '2020-07-01T00:00:00Z', '2020-07-02T00:00:00Z')",
            )
            .unwrap();
        let regions = as_json(&connection).unwrap();
        assert_eq!(
            regions["nyc3"],
            r#"{"slug":"nyc3","name":"New \"York\" 3","available":true,"features":["backups","ipv6"]}"#
        );
        assert_eq!(
            regions["ams3"],
            r#"{"slug":"ams3","name":null,"available":null,"features":[]}"#
        );
    }
}
