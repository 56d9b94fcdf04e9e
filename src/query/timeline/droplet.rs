//! What the archive knows of a droplet beside its actions.

use rusqlite::{Connection, OptionalExtension};

use crate::core::model::DropletId;
use crate::core::time::Timestamp;
use crate::query::{DropletSelector, Error, one_droplet};

/// What the archive knows of a droplet. Of one that no sync saw, it is nothing but the id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Droplet {
    /// Its id.
    pub id: DropletId,
    /// Its latest known name.
    pub name: Option<String>,
    /// The region it runs in, or ran.
    pub region_slug: Option<String>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When a sync first found that it does not exist any more.
    pub gone_at: Option<Timestamp>,
    /// The names it was seen with, and when each was first seen, in that order.
    pub names: Vec<(String, Option<Timestamp>)>,
}

impl Droplet {
    /// The names that it had before the latest one.
    pub fn former_names(&self) -> impl Iterator<Item = &str> {
        let names = self.names.iter().map(|(name, _)| name.as_str());
        names.filter(|name| Some(*name) != self.name.as_deref())
    }
}

/// The droplet that is meant. An id is one, even if no sync saw such a droplet.
///
/// # Errors
/// When no droplet has or had the name, when several have or had it, or the archive cannot be read.
pub fn find(connection: &Connection, selector: &DropletSelector) -> Result<Droplet, Error> {
    let id = one_droplet(connection, selector)?;
    let mut known = connection
        .prepare("SELECT name, region_slug, created_at, gone_at FROM droplets WHERE id = ?1")?;
    let droplet = known.query_row([id], |row| {
        Ok(Droplet {
            name: row.get("name")?,
            region_slug: row.get("region_slug")?,
            created_at: instant(row.get("created_at")?),
            gone_at: instant(row.get("gone_at")?),
            ..Droplet::default()
        })
    });
    let mut names = connection.prepare(
        "SELECT name, first_seen_at FROM droplet_names
          WHERE droplet_id = ?1
          ORDER BY first_seen_at, name",
    )?;
    let names = names.query_map([id], |row| {
        Ok((row.get("name")?, instant(row.get("first_seen_at")?)))
    })?;
    Ok(Droplet {
        id,
        names: names.collect::<Result<_, _>>()?,
        ..droplet.optional()?.unwrap_or_default()
    })
}

fn instant(text: Option<String>) -> Option<Timestamp> {
    text?.parse().ok()
}
