//! Gone droplets: the API proves for each droplet that it no longer exists, and the account's listing still has its
//! actions.
//!
//! Some actions of a gone droplet may not be archived, because a sync run was interrupted or because the actions are
//! newer than the last one. These are read in the account's listing. If the token may not read that listing, a complete
//! history stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::droplets;
use super::listing_sync::ListingSync;
use super::report::ListingResult;
use super::session::Session;
use crate::api::{self, DropletSelection};
use crate::archive::{self, ListingKind, UnlistedDroplet};
use crate::core::coverage::Coverage;
use crate::core::model::DropletId;

/// The most unlisted droplets that one sync run asks for.
const MOST_CANDIDATES: usize = 100;

/// The number of errors after which a sync run asks for no more of them.
const MOST_ERRORS: u32 = 3;

/// The API's answer about one droplet.
enum Existence {
    Exists,
    Gone,
    Unknown(api::Error),
}

/// Finds out why listings of droplets were not found, and sets their results.
pub(super) async fn prove(session: &mut Session<'_>) -> Result<(), archive::Error> {
    while let Some((index, page, error)) = session.not_found.pop() {
        let Some(id) = session.readings[index].listing.kind.droplet_id() else {
            continue;
        };
        if session.is_halted() {
            return Ok(());
        }
        let list = session.droplet_list.as_ref();
        let existence = if list.is_some_and(|list| list.shows(id)) {
            Existence::Exists
        } else if page == 1 && session.store.is_gone(id)? {
            // An earlier sync run has proved it.
            Existence::Gone
        } else {
            existence(session, id).await?
        };
        let result = match existence {
            Existence::Gone => ListingResult::Gone,
            Existence::Exists => ListingResult::Incomplete {
                reason: format!("the droplet exists, but it has no listing: {error}"),
            },
            Existence::Unknown(error) if error.is_not_found() => ListingResult::Incomplete {
                reason: format!(
                    "{error}, and the API has no list of droplets: is `--api-url` right?"
                ),
            },
            Existence::Unknown(error) => ListingResult::Failed(error),
        };
        session.readings[index].result = None;
        session.close(index, result)?;
    }
    Ok(())
}

/// Finds out which of the unlisted archived droplets are gone. A droplet with an archived destruction is gone; the API
/// is asked for the others.
pub(super) async fn look_for_the_gone(
    session: &mut Session<'_>,
    listed: &[DropletId],
) -> Result<(), archive::Error> {
    let mut unlisted = session.store.unlisted_droplets(listed)?;
    if unlisted.iter().any(|it| !it.is_destroyed) {
        match droplets::list(session, DropletSelection::Gpus, u64::MAX).await? {
            Ok(gpus) => unlisted.retain(|it| !gpus.ids().contains(&it.id)),
            Err(error) => {
                stays_unknown(session, &error);
                return Ok(());
            }
        }
    }
    let (destroyed, open): (Vec<_>, Vec<_>) = unlisted.into_iter().partition(|it| it.is_destroyed);
    let destroyed: Vec<DropletId> = destroyed.into_iter().map(|it| it.id).collect();
    session
        .store
        .mark_gone(&destroyed, (session.settings.clock)())?;
    for id in destroyed {
        session.notice(&format!("droplet {id} is gone"));
    }
    ask_for(session, open).await
}

/// Asks for single droplets. Each sync run begins at a different one, and continues after an error.
async fn ask_for(
    session: &mut Session<'_>,
    mut open: Vec<UnlistedDroplet>,
) -> Result<(), archive::Error> {
    session.rotate(&mut open, MOST_CANDIDATES);
    let later = open.len().saturating_sub(MOST_CANDIDATES);
    let mut errors = 0;
    for droplet in open.into_iter().take(MOST_CANDIDATES) {
        match existence(session, droplet.id).await? {
            Existence::Gone => session.notice(&format!("droplet {} is gone", droplet.id)),
            Existence::Exists => {}
            Existence::Unknown(error) => {
                stays_unknown(session, &error);
                errors += 1;
                if errors >= MOST_ERRORS || session.is_halted() {
                    return Ok(());
                }
            }
        }
    }
    if later > 0 {
        session.notice(&format!(
            "{later} more droplets are not listed; the next syncs check whether they are gone"
        ));
    }
    Ok(())
}

fn stays_unknown(session: &Session<'_>, error: &api::Error) {
    session.notice(&format!("it is unknown which droplets are gone: {error}"));
}

/// Asks for a single droplet, and records the answer in the archive.
async fn existence(session: &mut Session<'_>, id: DropletId) -> Result<Existence, archive::Error> {
    let answer = session.client.droplet(id).await;
    let now = (session.settings.clock)();
    match answer {
        Ok(droplet) if droplet.id == id => {
            session.store.record_droplets(&[droplet], now)?;
            Ok(Existence::Exists)
        }
        Ok(droplet) => {
            let error = api::Error::of_another("droplet", id, droplet.id);
            Ok(Existence::Unknown(error))
        }
        Err(error) if error.is_not_found() && has_lists(session).await => {
            session.store.mark_gone(&[id], now)?;
            Ok(Existence::Gone)
        }
        Err(error) => {
            session.halt_if_hopeless(&error);
            Ok(Existence::Unknown(error))
        }
    }
}

/// True when the API has lists at all. If the API answers every request with 404, the 404 of a droplet proves nothing.
async fn has_lists(session: &mut Session<'_>) -> bool {
    if !session.has_lists {
        session.has_lists = session
            .client
            .droplets(DropletSelection::AllButGpus, 1)
            .await
            .is_ok();
    }
    session.has_lists
}

/// Starts to read the account's listing for gone droplets that may have actions that are not archived. It begins where
/// they were followed, or at the oldest action if that position is unknown or the listing has an inconsistency. Returns
/// true if anything is left to read.
pub(super) fn read_on_in_the_account(session: &mut Session<'_>) -> Result<bool, archive::Error> {
    let unfinished = unfinished(session, &session.readings);
    let Some(total) = session.following.account_total() else {
        return Ok(false);
    };
    if session.is_halted() || unfinished.is_empty() {
        return Ok(false);
    }
    let mut readings = session.readings.iter();
    let earlier = readings.rfind(|reading| reading.is_after_the_gone);
    let is_second = earlier.is_some();
    let from = match earlier.map(|reading| (reading.from, &reading.result)) {
        None if session.settings.full => None,
        None => from_where_followed(session, &unfinished).filter(|from| *from <= total),
        Some((1.., Some(ListingResult::Incomplete { .. }))) => None,
        Some(_) => return Ok(false),
    };
    if from.is_none() {
        follow_from_the_beginning(session, &unfinished)?;
    }
    let mut account = session.store.listing(ListingKind::Account)?.proven();
    let listing = session.store.listing(ListingKind::Followed)?;
    let mut listing = session.following.at_known_length(listing);
    if session.settings.full && !is_second {
        session.store.forget_coverage(listing.id)?;
        (account, listing.coverage) = (Coverage::new(), Coverage::new());
    }
    let reading = ListingSync::after_the_gone(listing, &account, from.unwrap_or(0));
    session.readings.push(reading);
    Ok(true)
}

/// The position from which all of these droplets are followed, if all of them are followed.
fn from_where_followed(session: &Session<'_>, droplets: &BTreeSet<DropletId>) -> Option<u64> {
    let from = droplets
        .iter()
        .map(|id| session.following.followed_from(*id));
    from.min().flatten()
}

/// Follows the droplets from the oldest action, and forgets the coverage so far, which holds only for other droplets.
fn follow_from_the_beginning(
    session: &mut Session<'_>,
    droplets: &BTreeSet<DropletId>,
) -> Result<(), archive::Error> {
    let listing = session.store.listing(ListingKind::Followed)?;
    let beginning: BTreeMap<DropletId, u64> = droplets.iter().map(|id| (*id, 0)).collect();
    let is_known = |id| session.following.followed_from(id) == Some(0);
    if beginning.keys().all(|id| is_known(*id)) {
        return Ok(());
    }
    session.store.forget_coverage(listing.id)?;
    for id in beginning.keys() {
        session.store.listing(ListingKind::Droplet(*id))?;
    }
    session.store.follow(&beginning, None)
}

/// Corrects the result of gone droplets that the list of this sync run still shows.
pub(super) fn take_back(session: &mut Session<'_>, listed: &[DropletId]) {
    let listed: BTreeSet<DropletId> = listed.iter().copied().collect();
    for report in &mut session.report.listings {
        let is_listed = report
            .listing
            .droplet_id()
            .is_some_and(|id| listed.contains(&id));
        if is_listed && matches!(report.result, ListingResult::Gone) {
            report.result = ListingResult::Incomplete {
                reason: "it is listed, but a request for it answers that it does not exist"
                    .to_owned(),
            };
        }
    }
}

/// Marks gone droplets as incomplete if part of their history is not archived and cannot be read now.
pub(super) fn admit_what_is_unknown(session: &Session<'_>, readings: &mut [ListingSync]) {
    let account = readings.iter().rfind(|reading| reading.is_after_the_gone);
    if account.is_some_and(ListingSync::is_complete) {
        return;
    }
    // If the account's listing cannot be read, a history that was complete is all that can be archived.
    let is_without_account = account.is_none() && session.is_account_refused;
    let unfinished = unfinished(session, readings);
    for reading in readings {
        let id = reading.listing.kind.droplet_id();
        let is_all_there_is = is_without_account && reading.plan.was_complete();
        if id.is_some_and(|id| unfinished.contains(&id)) && !is_all_there_is {
            reading.result = Some(ListingResult::Incomplete {
                reason: "it is gone, and the account's listing with the rest of its history was not read"
                    .to_owned(),
            });
        }
    }
}

/// The gone droplets, without those that were followed to the end.
fn unfinished(session: &Session<'_>, readings: &[ListingSync]) -> BTreeSet<DropletId> {
    let mut following = readings.iter().filter(|reading| reading.is_following());
    let is_followed_to_the_end = following.any(ListingSync::is_complete);
    let gone = readings
        .iter()
        .filter(|reading| matches!(reading.result, Some(ListingResult::Gone)));
    gone.filter_map(|reading| reading.listing.kind.droplet_id())
        .filter(|id| !is_followed_to_the_end || session.following.followed_from(*id).is_none())
        .collect()
}
