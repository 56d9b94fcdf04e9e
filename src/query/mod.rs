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
mod conditions;
mod droplets;
mod error;
mod filter;
mod groups;
mod inventory;
mod last;
mod question;
mod rows;
mod show;
mod statement;
mod strangers;
mod suggest;

pub use crate::core::similar::nearest;
pub use actions::{actions, actions_in_order, count};
pub use column::Column;
pub use droplets::{droplets, droplets_kept, not_archived};
pub use error::{Error, InvalidValue};
pub use filter::{Choice, DropletSelector, Filter, SeenSince, SortKey, Term, TermError};
pub use groups::{Group, TypeSelector, groups};
pub use inventory::{KnownDroplet, inventory};
pub use last::{Last, LastAction, last};
pub use show::{
    Details, DropletDetails, ImportDetails, Offer, RegionDetails, SyncDetails, Usual, show,
};
pub use strangers::{Stranger, strangers};
pub use suggest::contradictions;
pub use suggest::{REGIONS, RESOURCE_TYPES, STATUSES};
pub use suggest::{Unseen, unknown, unseen, unseen_droplets};

pub(crate) use actions::scan;
pub(crate) use droplets::one_droplet;
pub(crate) use rows::{RowsError, visit_rows};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod meaning_tests;
#[cfg(test)]
mod plan_tests;
