//! Why a question got no answer.

use std::io;

use super::near::did_you_mean;
use crate::core::model::{ActionId, DropletId};

/// A question that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive could not be read.
    #[error("cannot read the archive")]
    Read(#[from] rusqlite::Error),
    /// The rows were found, and whoever asked could not take them; a closed pipe is in here too.
    #[error("cannot write the rows")]
    Write(#[source] io::Error),
    /// No droplet has, or ever had, a name like this.
    #[error("no archived droplet is or was named `{name}`{}", did_you_mean(.near))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// Archived names that are written much the same.
        near: Vec<String>,
    },
    /// Several droplets have or had this name.
    #[error("`{name}` is or was the name of several droplets, choose by id: {}", list(.ids))]
    AmbiguousName {
        /// What was asked for.
        name: String,
        /// The droplets, oldest first.
        ids: Vec<DropletId>,
    },
    /// Digits are the id of one droplet, and the name of others.
    #[error(
        "`{id}` is the id of one droplet, and is or was the name of another: {id}, {}; `0{id}` is the id alone",
        list(.ids)
    )]
    AmbiguousNumber {
        /// The droplet with this id.
        id: DropletId,
        /// The droplets with such a name, oldest first.
        ids: Vec<DropletId>,
    },
    /// No archived action has this id.
    #[error("no action with the id {id} is archived")]
    UnknownAction {
        /// What was asked for.
        id: ActionId,
    },
}

fn list(ids: &[DropletId]) -> String {
    ids.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
