//! Questions about single actions: which ones match, how many, and what a question that matched nothing may have
//! meant.
//!
//! A [`Filter`] becomes one SQL statement with bound parameters. The statement is shaped so that SQLite reads
//! the matches from an index in the order they are shown in, and rows are handed on one by one: an archive of
//! millions of actions is answered in constant memory.

mod actions;
mod arms;
mod choice;
mod column;
mod conditions;
mod droplets;
mod error;
mod filter;
mod groups;
mod near;
mod order;
mod question;
mod scan;
mod statement;
mod suggest;

pub use actions::{actions, count};
pub use choice::{Choice, Term, TermError};
pub use column::{Column, UnknownColumn};
pub(crate) use droplets::one_droplet;
pub use error::Error;
pub use filter::{DropletSelector, Filter, SeenSince};
pub use groups::{Group, TypeSelector, UnknownGroup, groups};
pub use order::{SortKey, UnknownSortKey};
pub(crate) use scan::scan;
pub use suggest::{Unseen, unseen};

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod plans;
