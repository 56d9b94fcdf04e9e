//! Actions that a droplet's own listing showed although their resource says something else, or nothing.

use rusqlite::{Connection, named_params};

use super::error::{Error, Step};
use super::listings::Listing;
use crate::core::model::Action;

/// Remembers that a droplet listed an action whose resource does not say so.
pub(super) fn link(
    connection: &Connection,
    listing: &Listing,
    action: &Action,
) -> Result<(), Error> {
    let is_of =
        |id| action.resource_type.as_deref() == Some("droplet") && action.resource_id == Some(id);
    let Some(droplet_id) = listing.kind.droplet_id().filter(|id| !is_of(*id)) else {
        return Ok(());
    };
    connection
        .prepare_cached(
            "INSERT INTO droplet_listed_actions (droplet_id, action_id) VALUES (:droplet_id, :action_id)
             ON CONFLICT (droplet_id, action_id) DO NOTHING",
        )
        .and_then(|mut statement| {
            statement.execute(named_params! {
                ":droplet_id": droplet_id,
                ":action_id": action.id,
            })
        })
        .step("cannot link an action to its droplet")?;
    Ok(())
}
