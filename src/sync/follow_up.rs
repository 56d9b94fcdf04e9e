//! What no listing shows: actions in progress that have left the newest pages, and the names of droplets.
//!
//! Names are a courtesy. Where the token may not read them, or the API cannot give them, the sync is no less complete.

use std::collections::HashSet;

use super::engine::Engine;
use super::observer::Event;
use super::report::ListingResult;
use super::scope::Scope;
use crate::api::{self, PER_PAGE};
use crate::model::{Action, Droplet, DropletId};
use crate::store::{self, ListingKind, OpenAction};

/// All of it, once the listings are read.
pub(super) async fn everything_else(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    look_again_at_open_actions(engine).await?;
    refresh_names(engine).await
}

/// The droplets that have `tag` now.
pub(super) async fn droplets_with_tag(
    engine: &mut Engine<'_>,
    tag: &str,
) -> Result<Vec<DropletId>, store::Error> {
    match all_droplets(engine, Some(tag)).await {
        Ok(tagged) => {
            engine.report.is_answered = true;
            if tagged.droplets.is_empty() {
                let text = format!("no droplet has the tag `{tag}`");
                engine.observer.observe(&Event::Warning { text: &text });
            }
            engine
                .store
                .record_droplets(&tagged.droplets, (engine.settings.clock)())?;
            Ok(tagged.droplets.iter().map(|droplet| droplet.id).collect())
        }
        Err(error) => {
            engine.halt_if_hopeless(&error);
            engine
                .report
                .failures
                .push((format!("finding the droplets with the tag `{tag}`"), error));
            Ok(Vec::new())
        }
    }
}

/// Asks for each action that is in progress in the archive and was not seen in this sync.
async fn look_again_at_open_actions(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    for (listing, open) in unseen_open_actions(engine)? {
        match ask_for(engine, listing, &open).await {
            Ok(action) => {
                let now = (engine.settings.clock)();
                let recorded = engine.store.record_action(&action, engine.run, now)?;
                engine.report.counts.add(recorded);
            }
            // It is archived, and the API knows nothing more of it.
            Err(error) if error.is_not_found() || error.is_forbidden() => {
                notice(
                    engine,
                    &format!("action {} is still in progress: {error}", open.id),
                );
            }
            Err(error) => {
                let subject = format!(
                    "looking again at action {}, which was in progress,",
                    open.id
                );
                engine.halt_if_hopeless(&error);
                engine.report.failures.push((subject, error));
                return Ok(());
            }
        }
    }
    Ok(())
}

/// They are asked for through a listing that this sync has read, so the token may do that.
fn unseen_open_actions(
    engine: &Engine<'_>,
) -> Result<Vec<(ListingKind, OpenAction)>, store::Error> {
    let read = engine.report.listings.iter();
    let read = read.filter(|report| matches!(report.result, ListingResult::Complete { .. }));
    let read: HashSet<_> = read.map(|report| report.listing).collect();
    let through = |open: &OpenAction| match engine.settings.scope {
        Scope::Account => Some(ListingKind::Account),
        Scope::Droplets { .. } => open.droplet_id.map(ListingKind::Droplet),
    };
    let open = engine.store.open_actions()?.into_iter();
    let unseen = open.filter(|open| !engine.seen_in_progress.contains(&open.id));
    let reachable = unseen.filter_map(|open| Some((through(&open)?, open)));
    Ok(reachable
        .filter(|(listing, _)| read.contains(listing))
        .collect())
}

async fn ask_for(
    engine: &Engine<'_>,
    listing: ListingKind,
    open: &OpenAction,
) -> Result<Action, api::Error> {
    let action = match listing {
        ListingKind::Account => engine.client.action(open.id).await?,
        ListingKind::Droplet(droplet_id) => {
            engine.client.droplet_action(droplet_id, open.id).await?
        }
    };
    if action.id == open.id {
        Ok(action)
    } else {
        Err(api::Error::of_another_action(open.id, action.id))
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
    match all_droplets(engine, None).await {
        Ok(listed) => {
            let now = (engine.settings.clock)();
            engine.store.record_droplets(&listed.droplets, now)?;
            if listed.is_whole {
                let existing: Vec<_> = listed.droplets.iter().map(|droplet| droplet.id).collect();
                engine.store.mark_others_gone(&existing, now)?;
            }
        }
        Err(error) => notice(
            engine,
            &format!("the names of droplets were not refreshed: {error}"),
        ),
    }
    Ok(())
}

/// The droplets of `/v2/droplets`.
struct ListedDroplets {
    droplets: Vec<Droplet>,
    /// Whether they are all there are, as the total proves.
    is_whole: bool,
}

async fn all_droplets(
    engine: &Engine<'_>,
    tag: Option<&str>,
) -> Result<ListedDroplets, api::Error> {
    let mut listed = ListedDroplets {
        droplets: Vec::new(),
        is_whole: true,
    };
    let mut ids = HashSet::new();
    for number in 1.. {
        let page = engine.client.droplets(tag, number).await?;
        let before = ids.len();
        let rows = page.rows.len() as u64;
        for droplet in page.rows.into_iter().flatten() {
            if ids.insert(droplet.id) {
                listed.droplets.push(droplet);
            }
        }
        let is_last = rows < PER_PAGE || page.total.is_some_and(|total| total <= number * PER_PAGE);
        if is_last && !page.has_next || ids.len() == before {
            listed.is_whole = page.total == Some(ids.len() as u64);
            break;
        }
    }
    Ok(listed)
}

fn notice(engine: &Engine<'_>, text: &str) {
    engine.observer.observe(&Event::Notice { text });
}
