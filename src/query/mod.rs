//! Questions about single actions: the actions that match, their number, the last one of a droplet, the details of one,
//! and hints for a question that matched nothing.
//!
//! A [`Filter`] becomes one SQL statement with bound parameters. SQLite reads the matches from an index in the order of
//! display, and the rows are passed on one by one. So an archive of millions of actions is answered in constant memory.

pub mod export;
pub mod known;
pub mod report;
pub mod sql;
pub mod stats;
pub mod status;
pub mod timeline;
pub mod verify;

mod actions;
mod column;
mod droplets;
mod filter;
mod inventory;
mod last;
mod question;
mod rows;
mod show;

pub use crate::core::similar::nearest;
pub use actions::{actions, count};
pub use column::Column;
pub use droplets::{Stranger, droplets, droplets_kept, not_archived, strangers, unseen_droplets};
pub use filter::{Choice, DropletSelector, Filter, SeenSince, Term};
pub use filter::{GROUPS, Group, TypeSelector};
pub use inventory::{KnownDroplet, inventory};
pub use known::{REGIONS, RESOURCE_TYPES, STATUSES};
pub use known::{Unseen, unknown, unseen};
pub use last::{Last, last};
pub use question::contradictions;
pub use show::{
    Details, DropletDetails, ImportDetails, Offer, RegionDetails, SyncDetails, Usual, show,
};

pub(crate) use actions::scan;
pub(crate) use droplets::one_droplet;
pub(crate) use rows::visit_rows;

use std::io;

use crate::archive;
use crate::core::model::{ActionId, DropletId};
use crate::core::similar::did_you_mean;

/// A question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive could not be read.
    #[error("cannot read the archive")]
    Read(#[from] rusqlite::Error),
    /// An archive function failed.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The rows were found, but the receiver could not take them. A closed pipe is one cause.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
    /// No droplet has, or ever had, this name.
    #[error("no archived droplet is or was named `{name}`{}", did_you_mean(.near))]
    UnknownName {
        /// The name in the question.
        name: String,
        /// Archived names with a similar spelling.
        near: Vec<String>,
    },
    /// No droplet has, or ever had, this tag.
    #[error("no archived droplet has or had the tag `{tag}`{}", did_you_mean(.near))]
    UnknownTag {
        /// The tag in the question.
        tag: String,
        /// Archived tags with a similar spelling.
        near: Vec<String>,
    },
    /// Several droplets have or had this name.
    #[error("`{name}` is or was the name of several droplets, choose by id: {}", list(.ids))]
    AmbiguousName {
        /// The name in the question.
        name: String,
        /// The droplets, oldest first.
        ids: Vec<DropletId>,
    },
    /// The number is the id of one droplet and the name of others.
    #[error(
        "`{id}` is the id of one droplet, and is or was the name of another: {id}, {}; write `0{id}` to choose the id",
        list(.ids)
    )]
    AmbiguousNumber {
        /// The droplet with this id.
        id: DropletId,
        /// The droplets with this name, oldest first.
        ids: Vec<DropletId>,
    },
    /// No archived action has this id.
    #[error("no action with the id {id} is archived")]
    UnknownAction {
        /// The id in the question.
        id: ActionId,
    },
}

fn list(ids: &[DropletId]) -> String {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    ids.join(", ")
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod meaning_tests;
#[cfg(test)]
mod plan_tests;
