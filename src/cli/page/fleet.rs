//! The droplets of the fleet, and the actions that their lanes show.

use std::cmp::Reverse;
use std::collections::HashMap;

use archiver::core::model::{BACKUPS, DropletId};
use archiver::query::stats::{Dimension, Measure};
use archiver::query::{Choice, Column, DropletSelector, Filter};
use archiver::web::{Kept, Lane, Row};

use super::archives::Archive;
use super::{Page, narrowed_to, with_status};
use crate::cli::exit::Failure;

/// The number of droplets in the fleet.
const MOST_LANES: usize = 100;
/// What a mark is made of.
const COLUMNS: [Column; 4] = [
    Column::Type,
    Column::Status,
    Column::StartedAt,
    Column::ResourceId,
];

impl Page<'_> {
    /// The droplets with the most actions in the window, by name.
    pub(super) fn lanes(&self, lives: &Kept) -> Result<Vec<Lane>, Failure> {
        let lives = lives.rows().filter(|life| self.is_in_window(*life));
        let mut lanes: Vec<Lane> = lives.filter_map(lane).collect();
        if lanes.len() > MOST_LANES {
            let by = [Dimension::Droplet];
            let counts = self.stats(&self.filter, &by, Measure::Errors)?;
            let counts = counts
                .rows()
                .map(|row| (row.integer("droplet_id"), row.count("count")));
            let counts: HashMap<_, _> = counts.collect();
            lanes.sort_by_key(|lane| Reverse(counts.get(&Some(lane.droplet.1)).copied()));
            lanes.truncate(MOST_LANES);
        }
        // A droplet without a name is called by its id, and comes last.
        lanes.sort_by_cached_key(|lane| {
            let is_unnamed = lane.name.starts_with(&lane.droplet.1.to_string());
            (is_unnamed, lane.name.clone(), lane.droplet)
        });
        tell_apart(&mut lanes);
        Ok(lanes)
    }

    /// The failures, backups and resizes of these droplets.
    pub(super) fn marks(&self, lanes: &[Lane]) -> Result<Kept, Failure> {
        let mut marks = Kept::default();
        for archive in self.each() {
            let droplets = ids(lanes, archive);
            // A filter without droplets would ask for all of them.
            if droplets.is_empty() {
                continue;
            }
            let of_lanes = Filter {
                droplets: Choice::any_of(droplets.into_iter().map(DropletSelector::Id)),
                ..archive.known(&self.filter)
            };
            if let Some(failed) = with_status(&of_lanes, "errored") {
                self.add_actions((archive, &failed), &COLUMNS, &mut marks)?;
            }
            let mut others = narrowed_to(&of_lanes, &[&BACKUPS[..], &["resize"]].concat());
            others.statuses.none_of.push("errored".to_owned());
            self.add_actions((archive, &others), &COLUMNS, &mut marks)?;
        }
        Ok(marks)
    }
}

/// The ids of the droplets of one archive.
pub(super) fn ids(lanes: &[Lane], archive: &Archive) -> Vec<DropletId> {
    let droplets = lanes.iter().map(|lane| lane.droplet);
    let own = droplets.filter(|(place, _)| *place == archive.place);
    own.map(|(_, id)| id).collect()
}

/// Adds the id to a name that several of the droplets have. The lanes are sorted by name.
fn tell_apart(lanes: &mut [Lane]) {
    for same in lanes.chunk_by_mut(|one, other| one.name == other.name) {
        if same.len() > 1 {
            for lane in same {
                lane.name = format!("{} ({})", lane.name, lane.droplet.1);
            }
        }
    }
}

/// The lane of a row of `report lifetimes`.
fn lane(row: Row<'_>) -> Option<Lane> {
    Some(Lane {
        droplet: row.droplet()?,
        name: row.called()?,
        created_at: row.time("created_at"),
        gone_at: row.time("gone_at"),
    })
}
