//! What no listing shows: how actions ended that have left the newest pages, and the names of droplets.
//!
//! Names are a courtesy. Where the token may not read them, or the API cannot give them, the sync is no less complete.

use super::droplets;
use super::engine::Engine;
use super::{gone, unsettled};
use crate::api::DropletSelection;
use crate::store;

/// All of it, once the listings are read.
pub(super) async fn everything_else(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    unsettled::look_again(engine).await?;
    refresh_names(engine).await
}

async fn refresh_names(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    if !engine
        .report
        .listings
        .iter()
        .any(|listing| listing.result.is_complete())
    {
        return Ok(());
    }
    let most_pages = if engine.is_first { 1 } else { u64::MAX };
    let list = match engine.droplet_list.take() {
        Some(list) => Ok(list),
        None => droplets::list(engine, DropletSelection::AllButGpus, most_pages).await?,
    };
    if let Ok(list) = &list {
        gone::take_back(engine, list.ids());
    }
    match list {
        Ok(list) if list.is_proven() => {
            gone::look_for_the_gone(engine, list.ids()).await?;
        }
        // The names are there. Which droplets are gone is for another sync.
        Ok(_) => {}
        Err(error) => engine.notice(&format!(
            "the names of droplets were not refreshed: {error}"
        )),
    }
    Ok(())
}
