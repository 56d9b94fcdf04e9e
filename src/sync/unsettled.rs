//! Asks the API about the end of actions that were not settled when they were archived.
//!
//! Actions that are close together in a listing are read by page, the others by id. The older an open action is, the
//! less often it is read. Completed actions without an end time are read once.

use std::collections::{BTreeMap, BTreeSet};

use super::session::{Scope, Session};
use crate::api::{self, PER_PAGE};
use crate::archive::{self, ListingKind, UnsettledAction};
use crate::core::model::{Action, ActionId};

/// The most completed actions without an end time that one sync run asks for. The API may never state the end.
const MOST_WITHOUT_END: i64 = 100;
/// The number of errors in a row after which a sync run asks for no more actions.
const MOST_ERRORS: usize = 3;

/// Finds the pages that show more than one due action, by the archive's data.
pub(super) fn find_pages(session: &mut Session<'_>) -> Result<(), archive::Error> {
    let mut by_listing: BTreeMap<ListingKind, BTreeSet<ActionId>> = BTreeMap::new();
    for action in session.store.open_actions((session.settings.clock)())? {
        if let Some(kind) = listing_of(session, &action) {
            by_listing.entry(kind).or_default().insert(action.id);
        }
    }
    by_listing.retain(|_, ids| ids.len() > 1);
    for (kind, ids) in by_listing {
        let (mut newer, mut up_to) = (0, ActionId::MAX);
        let mut by_page: BTreeMap<u64, Vec<(u64, ActionId)>> = BTreeMap::new();
        for id in ids.into_iter().rev() {
            newer += session.store.archived_actions(kind, id, up_to)?;
            up_to = id;
            by_page
                .entry(newer / PER_PAGE)
                .or_default()
                .push((newer, id));
        }
        by_page.retain(|_, actions| actions.len() > 1);
        for (newer, id) in by_page.into_values().flatten() {
            session.open_pages.entry(kind).or_default().insert(newer);
            session.open_on_pages.insert(id);
        }
    }
    Ok(())
}

/// Asks for the due actions in progress that this sync run did not see, and for completed actions without an end time.
pub(super) async fn look_again(session: &mut Session<'_>) -> Result<(), archive::Error> {
    let now = (session.settings.clock)();
    let seen = session.open_on_pages.intersection(&session.seen_open);
    for id in seen {
        session.store.note_asked_for(*id, now)?;
    }
    let mut unsettled = session.store.open_actions(now)?;
    unsettled.extend(session.store.actions_without_end(MOST_WITHOUT_END)?);
    unsettled.retain(|action| is_worth_asking(session, action));
    session.rotate(&mut unsettled, MOST_ERRORS);
    ask_by_id(session, &unsettled).await
}

/// True when this sync run read the action's listing completely but did not see the action in progress.
fn is_worth_asking(session: &Session<'_>, action: &UnsettledAction) -> bool {
    let listing = listing_of(session, action);
    let mut read = session.report.listings.iter();
    !session.seen_open.contains(&action.id)
        && read.any(|report| Some(report.listing) == listing && report.result.is_complete())
}

fn listing_of(session: &Session<'_>, action: &UnsettledAction) -> Option<ListingKind> {
    match session.settings.scope {
        Scope::Account => Some(ListingKind::Account),
        Scope::Droplets { .. } => action.droplet_id.map(ListingKind::Droplet),
    }
}

/// Asks for each action. An action that fails does not stop the others.
async fn ask_by_id(
    session: &mut Session<'_>,
    actions: &[UnsettledAction],
) -> Result<(), archive::Error> {
    let mut errors = 0;
    for action in actions {
        let answer = ask_for(session, action).await;
        let now = (session.settings.clock)();
        match answer {
            Ok(answered) => {
                errors = 0;
                let recorded = session.store.record_action(&answered, session.run, now)?;
                session.report.counts.add(recorded);
                session.store.note_asked_for(action.id, now)?;
            }
            // The action is archived, and the API shows no more of it to this token.
            Err(error) if error.is_not_found() => session.store.note_asked_for(action.id, now)?,
            Err(error) if error.is_forbidden() => {
                let id = action.id;
                session.notice(&format!("action {id} was not checked again: {error}"));
                return Ok(());
            }
            Err(error) => {
                errors += 1;
                session.note_failure(format!("asking about action {}", action.id), error);
                if errors >= MOST_ERRORS || session.is_halted() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Reads an action by its own address, or through its droplet if the token may not read the account.
async fn ask_for(session: &Session<'_>, asked: &UnsettledAction) -> Result<Action, api::Error> {
    let is_account_readable =
        session.settings.scope == Scope::Account || session.following.account_total().is_some();
    let action = match asked.droplet_id.filter(|_| !is_account_readable) {
        None => session.client.action(asked.id).await?,
        Some(droplet_id) => session.client.droplet_action(droplet_id, asked.id).await?,
    };
    if action.id == asked.id {
        Ok(action)
    } else {
        Err(api::Error::of_another("action", asked.id, action.id))
    }
}
