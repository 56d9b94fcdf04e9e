//! The content of an archive.

use super::*;

fn holdings(connection: &Connection) -> Holdings {
    figures(connection).holdings.unwrap()
}

/// A listing of `total` actions, of which the oldest are archived.
fn listing(connection: &Connection, droplet_id: Option<i64>, total: i64, covered: i64) {
    let path = match droplet_id {
        Some(id) => format!("/v2/droplets/{id}/actions"),
        None => "/v2/actions".to_owned(),
    };
    let sql = "INSERT INTO listings (path, droplet_id, total, complete_total)
               VALUES (?1, ?2, ?3, CASE WHEN ?3 = ?4 THEN ?3 END)";
    connection
        .execute(sql, (path, droplet_id, total, covered))
        .unwrap();
    if covered > 0 {
        let sql = "INSERT INTO coverage VALUES (last_insert_rowid(), 0, ?1)";
        connection.execute(sql, [covered]).unwrap();
    }
}

fn listed(listings: ListingFigures) -> (u64, u64, u64, u64) {
    (
        listings.listings,
        listings.incomplete,
        listings.listed_actions,
        listings.missing_actions,
    )
}

const DROPLETS: &str = r#"{"droplets":[1,2,3],"tags":[]}"#;

#[test]
fn actions_are_counted_and_the_oldest_open_one_is_found() {
    let connection = archive::empty();
    sync(&connection, 0, "complete");
    execute(
        &connection,
        "INSERT INTO actions (id, status, started_at, first_seen_run)
         VALUES (1, 'completed', '2020-01-01T00:00:00Z', 1),
                (2, 'in-progress', '2025-12-31T12:00:00Z', 1),
                (3, 'in-progress', '2025-12-31T11:00:00Z', 1),
                (4, 'in-progress', NULL, 1)",
    );
    let holdings = holdings(&connection);
    assert_eq!((holdings.actions, holdings.open_actions), (4, 3));
    assert_eq!(holdings.oldest_open_at, Some(at(-13 * 3_600)));
    assert!(holdings.archive_bytes > 0 && holdings.archive_bytes.is_multiple_of(4_096));
    assert_eq!(holdings.schema_version, archive::LATEST_VERSION);
}

#[test]
fn without_an_open_action_none_is_the_oldest() {
    let connection = archive::empty();
    sync(&connection, 0, "complete");
    let holdings = holdings(&connection);
    assert_eq!((holdings.open_actions, holdings.oldest_open_at), (0, None));
}

#[test]
fn the_accounts_listing_is_measured_as_far_as_it_was_seen() {
    let connection = archive::empty();
    sync(&connection, 0, "partial");
    listing(&connection, None, 400, 300);
    // The unfinished part of a sync of droplets does not count.
    listing(&connection, Some(1), 70, 10);
    let listings = holdings(&connection).listings;
    assert_eq!(listed(listings), (1, 1, 400, 100));
    assert_eq!(listings.coverage_ratio(), Some(0.75));
}

#[test]
fn droplets_listings_are_summed_and_those_of_gone_droplets_left_out() {
    let connection = archive::empty();
    sync_of(&connection, DROPLETS, 0, "partial");
    listing(&connection, None, 5_000, 5_000);
    listing(&connection, Some(1), 60, 60);
    listing(&connection, Some(2), 40, 15);
    listing(&connection, Some(3), 30, 0);
    listing(&connection, Some(4), 99, 0);
    assert_eq!(listed(holdings(&connection).listings), (3, 2, 130, 55));
    execute(
        &connection,
        "INSERT INTO droplets (id, first_seen_at, gone_at)
         VALUES (3, '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z')",
    );
    let listings = holdings(&connection).listings;
    assert_eq!(listed(listings), (2, 1, 100, 25));
    assert_eq!(listings.coverage_ratio(), Some(0.75));
}

#[test]
fn of_the_accounts_listing_that_serves_droplets_only_what_was_not_looked_at_counts() {
    let connection = archive::empty();
    sync_of(&connection, DROPLETS, 0, "complete");
    listing(&connection, Some(1), 10, 10);
    execute(
        &connection,
        "UPDATE listings SET followed_from = 1000;
         INSERT INTO listings (path, total) VALUES ('/v2/actions, of droplets', 1040);
         INSERT INTO coverage VALUES (last_insert_rowid(), 1000, 1010);",
    );
    let listings = holdings(&connection).listings;
    assert_eq!(listed(listings), (2, 1, 40, 30));
    assert_eq!(listings.coverage_ratio(), Some(0.25));
    execute(
        &connection,
        "UPDATE coverage SET end_position = 1040 WHERE start_position = 1000",
    );
    let listings = holdings(&connection).listings;
    assert_eq!(listed(listings), (2, 0, 10, 0));
    assert_eq!(listings.coverage_ratio(), Some(1.0));
}

#[test]
fn a_listing_that_was_looked_up_and_not_read_is_none() {
    let connection = archive::empty();
    sync(&connection, 0, "failed");
    execute(
        &connection,
        "INSERT INTO listings (path) VALUES ('/v2/actions')",
    );
    let listings = holdings(&connection).listings;
    assert_eq!(listings, ListingFigures::default());
    assert_eq!(listings.coverage_ratio(), None);
}

#[test]
fn figures_that_cannot_be_read_stay_as_they_were() {
    let connection = archive::empty();
    sync(&connection, 0, "complete");
    let mut figures = figures(&connection);
    let before = figures.clone();
    sync(&connection, 100, "complete");
    execute(&connection, "DROP TABLE listings");
    figures.update(&connection).unwrap_err();
    assert_eq!(figures, before);
    let mut other = Connection::open_in_memory().unwrap();
    figures.update(&other).unwrap_err();
    assert_eq!(figures, before);
    // A good row, and then one that cannot be read.
    other = archive::empty();
    sync(&other, 0, "complete");
    sync(&other, 100, "complete");
    execute(&other, "ALTER TABLE sync_runs RENAME TO strict_runs");
    execute(
        &other,
        "CREATE TABLE sync_runs AS SELECT * FROM strict_runs;
         INSERT INTO sync_runs SELECT * FROM strict_runs WHERE id = 2;
         UPDATE sync_runs SET id = 3, scope = x'00' WHERE rowid = 3",
    );
    figures.update(&other).unwrap_err();
    assert_eq!(figures, before);
}
