//! Regions: every action repeats its whole region, and the archive keeps one row for it.
//!
//! The first and last sight of a feature or size is history too. `last_seen_at` has the precision of a day: an
//! unchanged region is written at most once a day, so a sync without news writes nothing. An empty list never replaces
//! a known one: without the scope `sizes:read` the sizes come back empty.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use rusqlite::{Connection, named_params};

use super::connection::{execute, row, rows};
use super::error::Error;
use crate::core::model::{Action, Region, merge_extra, parse_extra};
use crate::core::time::Timestamp;

const REFRESH_AFTER_SECONDS: i64 = 24 * 3600;
const WRITE: &str = "cannot archive a region";
const READ: &str = "cannot read a region";

/// The regions that a transaction has written. A weak reference keeps no text, and keeps its address from other regions.
pub(super) type Written = Vec<Weak<Region>>;

/// The most regions to remember. About a dozen regions exist.
const MOST_REMEMBERED: usize = 64;

/// Writes the regions of actions, as far as they have new information. An import writes only a region of which nothing
/// but the slug is known.
pub(super) fn write<'a>(
    connection: &Connection,
    actions: impl Iterator<Item = &'a Action> + Clone,
    is_import: bool,
    now: Timestamp,
    written: &mut Written,
) -> Result<(), Error> {
    for region in actions.clone().filter_map(|action| action.region.as_ref()) {
        // Most actions share one value.
        if written.iter().any(|it| it.as_ptr() == Arc::as_ptr(region)) {
            continue;
        }
        write_region(connection, region, is_import, now)?;
        if written.len() >= MOST_REMEMBERED {
            written.clear();
        }
        written.push(Arc::downgrade(region));
    }
    // Regions that only their slugs name.
    let slugs = actions.filter_map(|action| action.region_slug.as_ref());
    for slug in slugs.collect::<BTreeSet<_>>() {
        execute(
            connection,
            WRITE,
            "INSERT INTO regions (slug, first_seen_at, last_seen_at) VALUES (:slug, :now, :now)
             ON CONFLICT (slug) DO NOTHING",
            named_params! { ":slug": slug, ":now": now.to_string() },
        )?;
    }
    Ok(())
}

/// The archived state of a region.
struct Known {
    name: Option<String>,
    available: Option<bool>,
    extra: Option<String>,
    last_seen_at: String,
}

fn write_region(
    connection: &Connection,
    region: &Region,
    is_import: bool,
    now: Timestamp,
) -> Result<(), Error> {
    let known = known(connection, &region.slug)?;
    let is_named = known.as_ref().is_some_and(|known| known.name.is_some());
    if is_import && is_named {
        return Ok(());
    }
    let known_extra = known.as_ref().and_then(|known| known.extra.as_deref());
    let extra =
        (!region.extra.is_empty()).then(|| merge_extra(parse_extra(known_extra), &region.extra));
    if let Some(known) = &known
        && !is_due(connection, region, known, extra.as_deref(), now)?
    {
        return Ok(());
    }
    let seen_at = now.to_string();
    let seen_at = known.map_or(seen_at.clone(), |known| known.last_seen_at.max(seen_at));
    execute(
        connection,
        WRITE,
        "INSERT INTO regions (slug, name, available, extra, first_seen_at, last_seen_at)
         VALUES (:slug, :name, :available, :extra, :seen_at, :seen_at)
         ON CONFLICT (slug) DO UPDATE
            SET name = coalesce(excluded.name, name),
                available = coalesce(excluded.available, available),
                extra = coalesce(excluded.extra, extra),
                last_seen_at = excluded.last_seen_at",
        named_params! {
            ":slug": region.slug,
            ":name": region.name,
            ":available": region.available,
            ":extra": extra,
            ":seen_at": seen_at,
        },
    )?;
    for (members, names) in [(FEATURES, &region.features), (SIZES, &region.sizes)] {
        for name in names {
            let parameters =
                named_params! { ":slug": region.slug, ":member": name, ":seen_at": seen_at };
            execute(connection, WRITE, members.write, parameters)?;
        }
    }
    Ok(())
}

/// True when the region has new information, or was last written more than a day ago.
fn is_due(
    connection: &Connection,
    region: &Region,
    known: &Known,
    extra: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let day_ago = now
        .saturating_add_seconds(-REFRESH_AFTER_SECONDS)
        .to_string();
    let is_said_otherwise =
        |said: Option<&str>, known: Option<&str>| said.is_some() && said != known;
    Ok(known.last_seen_at < day_ago
        || is_said_otherwise(region.name.as_deref(), known.name.as_deref())
        || (region.available.is_some() && region.available != known.available)
        || is_said_otherwise(extra, known.extra.as_deref())
        || members_differ(connection, FEATURES.current, &region.slug, &region.features)?
        || members_differ(connection, SIZES.current, &region.slug, &region.sizes)?)
}

/// The two statements for a table of features or sizes.
pub(super) struct Members {
    write: &'static str,
    pub(super) current: &'static str,
}

pub(super) const FEATURES: Members = Members {
    write: "INSERT INTO region_features (region_slug, feature, first_seen_at, last_seen_at)
            VALUES (:slug, :member, :seen_at, :seen_at)
            ON CONFLICT (region_slug, feature) DO UPDATE SET last_seen_at = excluded.last_seen_at",
    current: "SELECT feature
                FROM region_features JOIN regions ON slug = region_slug
               WHERE region_slug = :slug AND region_features.last_seen_at = regions.last_seen_at",
};

pub(super) const SIZES: Members = Members {
    write:
        "INSERT INTO region_sizes (region_slug, size_slug, first_seen_at, last_seen_at)
            VALUES (:slug, :member, :seen_at, :seen_at)
            ON CONFLICT (region_slug, size_slug) DO UPDATE SET last_seen_at = excluded.last_seen_at",
    current: "SELECT size_slug
                FROM region_sizes JOIN regions ON slug = region_slug
               WHERE region_slug = :slug AND region_sizes.last_seen_at = regions.last_seen_at",
};

/// True when `said` differs from the set seen last. An empty `said` means no information.
fn members_differ(
    connection: &Connection,
    sql: &str,
    slug: &str,
    said: &[String],
) -> Result<bool, Error> {
    if said.is_empty() {
        return Ok(false);
    }
    let slug = named_params! { ":slug": slug };
    let current: BTreeSet<String> = rows(connection, READ, sql, slug, |row| row.get(0))?;
    let said: BTreeSet<&String> = said.iter().collect();
    Ok(!said.into_iter().eq(&current))
}

pub(super) const KNOWN: &str =
    "SELECT name, available, extra, last_seen_at FROM regions WHERE slug = :slug";

fn known(connection: &Connection, slug: &str) -> Result<Option<Known>, Error> {
    let slug = named_params! { ":slug": slug };
    row(connection, READ, KNOWN, slug, |row| {
        Ok(Known {
            name: row.get("name")?,
            available: row.get("available")?,
            extra: row.get("extra")?,
            last_seen_at: row.get("last_seen_at")?,
        })
    })
}
