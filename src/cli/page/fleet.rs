//! The droplets of the fleet, and the actions that their lanes show.

use std::cmp::Reverse;
use std::collections::HashMap;

use archiver::core::model::DropletId;
use archiver::output::Value;
use archiver::query::stats::{self, Dimension, Measure, Question};
use archiver::query::{self, Choice, Column, DropletSelector, Filter};
use archiver::web::{DropletKey, Kept, Lane, Mark, MarkKind, Row};

use super::archives::Archive;
use super::{Page, narrowed_to};
use crate::cli::exit::Failure;

/// The number of droplets in the fleet.
const MOST_LANES: usize = 100;

impl Page<'_> {
    /// The droplets with the most actions in the window, by name.
    pub(super) fn lanes(&self, lives: &Kept) -> Result<Vec<Lane>, Failure> {
        let lives = lives.rows().filter(|life| self.is_in_window(*life));
        let mut lanes: Vec<Lane> = lives.filter_map(lane).collect();
        if lanes.len() > MOST_LANES {
            let counts = self.counts()?;
            let count = |lane: &Lane| counts.get(&lane.droplet).copied().unwrap_or(0);
            lanes.sort_by_key(|lane| Reverse(count(lane)));
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

    /// The number of actions of each droplet.
    fn counts(&self) -> Result<HashMap<DropletKey, u64>, Failure> {
        let question = Question::new(vec![Dimension::Droplet], self.zone.clone(), Measure::Errors);
        let mut counts = HashMap::new();
        for (place, archive) in self.each() {
            let mut kept = Kept::default();
            let filter = archive.known(&self.filter);
            let connection = &archive.connection;
            stats::stats(connection, &filter, self.now, &question, &mut kept)?;
            counts.extend(kept.rows().filter_map(|row| {
                let count = row.integer("count")?.unsigned_abs();
                Some(((place, row.integer("droplet_id")?), count))
            }));
        }
        Ok(counts)
    }

    pub(super) fn marks(&self, lanes: &[Lane]) -> Result<Vec<Mark>, Failure> {
        let mut marks = Vec::new();
        for (place, archive) in self.each() {
            self.add_marks((place, archive), &ids(lanes, place), &mut marks)?;
        }
        marks.sort_by_key(|mark| mark.at);
        Ok(marks)
    }

    fn add_marks(
        &self,
        (place, archive): (i64, &Archive),
        droplets: &[DropletId],
        marks: &mut Vec<Mark>,
    ) -> Result<(), Failure> {
        // A filter without droplets would ask for all of them.
        if droplets.is_empty() {
            return Ok(());
        }
        let of_lanes = Filter {
            droplets: Choice::any_of(droplets.iter().map(|id| DropletSelector::Id(*id))),
            ..archive.known(&self.filter)
        };
        let mut failed = of_lanes.clone();
        if failed.statuses.is_anything() {
            failed.statuses = Choice::any_of(["errored".to_owned()]);
        }
        let kept = narrowed_to(&of_lanes, &["backup", "snapshot", "resize"]);
        for (filter, is_of_failures) in [(failed, true), (kept, false)] {
            let columns = [
                Column::Type,
                Column::Status,
                Column::StartedAt,
                Column::ResourceId,
            ];
            query::actions(
                &archive.connection,
                &filter,
                self.now,
                &columns,
                &mut |values| {
                    marks.extend(
                        mark(place, values)
                            .filter(|it| is_of_failures == (it.kind == MarkKind::Failure)),
                    );
                    Ok(())
                },
            )?;
        }
        Ok(())
    }
}

/// The ids of the droplets of one archive.
pub(super) fn ids(lanes: &[Lane], archive: i64) -> Vec<DropletId> {
    let droplets = lanes.iter().map(|lane| lane.droplet);
    let own = droplets.filter(|(place, _)| *place == archive);
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
    let droplet = row.droplet()?;
    Some(Lane {
        droplet,
        name: row
            .text("droplet_name")
            .filter(|name| !name.trim().is_empty())
            .map_or_else(|| droplet.1.to_string(), str::to_owned),
        created_at: row.time("created_at"),
        gone_at: row.time("gone_at"),
    })
}

/// The mark of a row with type, status, start and resource.
fn mark(archive: i64, values: &[Value<'_>]) -> Option<Mark> {
    let [kind, status, Value::Text(at), Value::Integer(droplet_id)] = *values else {
        return None;
    };
    let kind = match (kind, status) {
        (_, Value::Text("errored")) => MarkKind::Failure,
        (Value::Text("backup" | "snapshot"), _) => MarkKind::Backup,
        (Value::Text("resize"), _) => MarkKind::Resize,
        _ => return None,
    };
    let at = at.parse().ok()?;
    Some(Mark {
        droplet: (archive, droplet_id),
        at,
        kind,
    })
}
