//! Questions about single actions: which ones match, how many, and what a question that matched nothing may have
//! meant.
//!
//! A [`Filter`] becomes one SQL statement with bound parameters. The statement is shaped so that SQLite reads
//! the matches from an index in the order they are shown in, and rows are handed on one by one: an archive of
//! millions of actions is answered in constant memory.

mod actions;
mod column;
mod droplets;
mod error;
mod filter;
mod near;
mod statement;
mod suggest;

pub use actions::{actions, count};
pub use column::{Column, UnknownColumn};
pub use error::Error;
pub use filter::{DropletSelector, Filter};
pub use suggest::{Unseen, unseen};

pub(crate) use near::nearest;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod plans;
