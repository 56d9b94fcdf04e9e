//! Asks for the rest once the listings are read: how open actions ended, and the names of droplets.
//!
//! Names are a courtesy. Where the token may not read them, or the API cannot give them, the sync is no less complete.

use super::droplets;
use super::session::Session;
use super::{gone, unsettled};
use crate::api::DropletSelection;
use crate::archive;

/// All of it, once the listings are read.
pub(super) async fn everything_else(session: &mut Session<'_>) -> Result<(), archive::Error> {
    unsettled::look_again(session).await?;
    refresh_names(session).await
}

async fn refresh_names(session: &mut Session<'_>) -> Result<(), archive::Error> {
    if !session
        .report
        .listings
        .iter()
        .any(|listing| listing.result.is_complete())
    {
        return Ok(());
    }
    let most_pages = if session.is_first { 1 } else { u64::MAX };
    let list = match session.droplet_list.take() {
        Some(list) => Ok(list),
        None => droplets::list(session, DropletSelection::AllButGpus, most_pages).await?,
    };
    if let Ok(list) = &list {
        gone::take_back(session, list.ids());
    }
    match list {
        Ok(list) if list.is_proven() => {
            gone::look_for_the_gone(session, list.ids()).await?;
        }
        // The names are there. Which droplets are gone is for another sync.
        Ok(_) => {}
        Err(error) => session.notice(&format!(
            "the names of droplets were not refreshed: {error}"
        )),
    }
    Ok(())
}
