//! What no listing shows: how actions ended that have left the newest pages, and the names of droplets.
//!
//! Names are a courtesy. Where the token may not read them, or the API cannot give them, the sync is no less complete.

use super::droplets;
use super::engine::Engine;
use super::gone;
use super::scope::Scope;
use crate::api::{self, DropletSelection};
use crate::model::{Action, COMPLETED};
use crate::store::{self, ListingKind, UnsettledAction};

/// All of it, once the listings are read.
pub(super) async fn everything_else(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    look_again_at_unsettled_actions(engine).await?;
    refresh_names(engine).await
}

/// Completed actions without an end that one sync asks for at most. Where the API never tells it, that is its way.
const MOST_WITHOUT_END: i64 = 100;

/// Asks for each action that is in progress in the archive and was not seen in this sync, and for those that completed
/// without saying when.
async fn look_again_at_unsettled_actions(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    let mut unsettled = engine.store.open_actions()?;
    unsettled.retain(|open| !engine.seen_in_progress.contains(&open.id));
    unsettled.extend(engine.store.actions_without_end(MOST_WITHOUT_END)?);
    for action in unsettled {
        if !is_in_scope(engine, &action) {
            continue;
        }
        match ask_for(engine, &action).await {
            Ok(answered) => {
                let now = (engine.settings.clock)();
                let recorded = engine.store.record_action(&answered, engine.run, now)?;
                engine.report.counts.add(recorded);
                if is_without_end(&answered) {
                    engine.store.asked_in_vain(action.id)?;
                }
            }
            // It is archived, and the API tells nothing more of it, to this token at least.
            Err(error) if error.is_not_found() => engine.store.asked_in_vain(action.id)?,
            Err(error) if error.is_forbidden() => {
                engine.notice(&format!(
                    "action {} was not looked at again: {error}",
                    action.id
                ));
                return Ok(());
            }
            Err(error) => {
                let subject = format!("looking again at action {}", action.id);
                engine.halt_if_hopeless(&error);
                engine.report.failures.push((subject, error));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Whether the listing it belongs to was read in this sync.
fn is_in_scope(engine: &Engine<'_>, action: &UnsettledAction) -> bool {
    let listing = match engine.settings.scope {
        Scope::Account => Some(ListingKind::Account),
        Scope::Droplets { .. } => action.droplet_id.map(ListingKind::Droplet),
    };
    let mut read = engine.report.listings.iter();
    read.any(|report| Some(report.listing) == listing && report.result.is_complete())
}

fn is_without_end(action: &Action) -> bool {
    action.completed_at.is_none() && action.status.as_deref() == Some(COMPLETED)
}

/// By its own address, or by that of its droplet where the token may read no other.
async fn ask_for(engine: &Engine<'_>, asked: &UnsettledAction) -> Result<Action, api::Error> {
    let is_account_readable =
        engine.settings.scope == Scope::Account || engine.following.account_total().is_some();
    let action = match asked.droplet_id.filter(|_| !is_account_readable) {
        None => engine.client.action(asked.id).await?,
        Some(droplet_id) => engine.client.droplet_action(droplet_id, asked.id).await?,
    };
    if action.id == asked.id {
        Ok(action)
    } else {
        Err(api::Error::of_another("action", asked.id, action.id))
    }
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
