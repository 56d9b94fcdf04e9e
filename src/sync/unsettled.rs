//! Actions that were not settled when they were archived: the API is asked how they ended.
//!
//! Those that stand close together in a listing are asked for by its page, and the others by their ids. An action that
//! takes long is asked for the less often the older it is. Completed actions that were listed without an end are asked for
//! once.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::Engine;
use super::reading::fetch_page;
use super::scope::Scope;
use crate::api::{self, PER_PAGE};
use crate::model::{Action, ActionId};
use crate::store::{self, ListingKind, PageRecord, UnsettledAction};

/// Completed actions without an end that one sync asks for at most. Where the API never tells it, that is its way.
const MOST_WITHOUT_END: i64 = 100;
/// Errors in a row after which one sync asks for no more actions.
const MOST_ERRORS: u32 = 3;

/// Asks for the actions in progress that are due and were not seen in this sync, and for those that completed without
/// saying when.
pub(super) async fn look_again(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    let mut open = engine.store.open_actions((engine.settings.clock)())?;
    open.retain(|action| is_worth_asking(engine, action));
    ask_by_page(engine, &open).await?;
    open.retain(|action| is_worth_asking(engine, action));
    let mut without_end = engine.store.actions_without_end(MOST_WITHOUT_END)?;
    without_end.retain(|action| is_worth_asking(engine, action));
    open.extend(without_end);
    if !open.is_empty() {
        // Where some cannot be had, each sync begins with others.
        let middle = engine.run.unsigned_abs() as usize % open.len();
        open.rotate_left(middle);
    }
    ask_by_id(engine, &open).await
}

/// Whether it was not seen in this sync, and the listing that it belongs to was.
fn is_worth_asking(engine: &Engine<'_>, action: &UnsettledAction) -> bool {
    let listing = listing_of(engine, action);
    let mut read = engine.report.listings.iter();
    !engine.seen_open.contains(&action.id)
        && read.any(|report| Some(report.listing) == listing && report.result.is_complete())
}

fn listing_of(engine: &Engine<'_>, action: &UnsettledAction) -> Option<ListingKind> {
    match engine.settings.scope {
        Scope::Account => Some(ListingKind::Account),
        Scope::Droplets { .. } => action.droplet_id.map(ListingKind::Droplet),
    }
}

/// Asks for the pages on which several of these actions stand. One that cannot be had leaves them to their ids.
async fn ask_by_page(
    engine: &mut Engine<'_>,
    open: &[UnsettledAction],
) -> Result<(), store::Error> {
    for (kind, page) in shared_pages(engine, open)? {
        if engine.is_halted() {
            return Ok(());
        }
        let Ok(answered) = fetch_page(&engine.client, kind, page).await else {
            continue;
        };
        engine.answered();
        let (listing, now) = (engine.store.listing(kind)?, (engine.settings.clock)());
        let rows: Vec<_> = answered
            .rows
            .iter()
            .flatten()
            .map(|it| (it, false))
            .collect();
        let recorded = engine.store.record_page(&PageRecord {
            listing: &listing,
            rows: &rows,
            covers: &[],
            total: None,
            run: engine.run,
            now,
        })?;
        engine.report.counts.add(recorded);
        let shown: BTreeSet<ActionId> = rows.iter().map(|(action, _)| action.id).collect();
        for action in open.iter().filter(|action| shown.contains(&action.id)) {
            engine.seen_open.insert(action.id);
            engine.store.note_asked_for(action.id, now)?;
        }
    }
    Ok(())
}

/// The pages that show more than one of these actions, as far as the archive can tell.
fn shared_pages(
    engine: &Engine<'_>,
    open: &[UnsettledAction],
) -> Result<BTreeSet<(ListingKind, u64)>, store::Error> {
    let mut by_listing: BTreeMap<ListingKind, BTreeSet<ActionId>> = BTreeMap::new();
    for action in open {
        if let Some(kind) = listing_of(engine, action) {
            by_listing.entry(kind).or_default().insert(action.id);
        }
    }
    by_listing.retain(|_, ids| ids.len() > 1);
    let mut shared = BTreeSet::new();
    for (kind, ids) in by_listing {
        let (mut newer, mut last_page, mut up_to) = (0, 0, ActionId::MAX);
        for id in ids.into_iter().rev() {
            newer += engine.store.archived_actions(kind, id, up_to)?;
            up_to = id;
            let page = newer / PER_PAGE + 1;
            if page == last_page {
                shared.insert((kind, page));
            }
            last_page = page;
        }
    }
    Ok(shared)
}

/// Asks for each action. One that cannot be had keeps none of the others from being asked for.
async fn ask_by_id(
    engine: &mut Engine<'_>,
    actions: &[UnsettledAction],
) -> Result<(), store::Error> {
    let mut errors = 0;
    for action in actions {
        let answer = ask_for(engine, action).await;
        let now = (engine.settings.clock)();
        match answer {
            Ok(answered) => {
                errors = 0;
                let recorded = engine.store.record_action(&answered, engine.run, now)?;
                engine.report.counts.add(recorded);
                engine.store.note_asked_for(action.id, now)?;
            }
            // It is archived, and the API tells nothing more of it, to this token at least.
            Err(error) if error.is_not_found() => engine.store.note_asked_for(action.id, now)?,
            Err(error) if error.is_forbidden() => {
                let id = action.id;
                engine.notice(&format!("action {id} was not looked at again: {error}"));
                return Ok(());
            }
            Err(error) => {
                errors += 1;
                engine.halt_if_hopeless(&error);
                let subject = format!("looking again at action {}", action.id);
                engine.report.failures.push((subject, error));
                if errors >= MOST_ERRORS || engine.is_halted() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
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
