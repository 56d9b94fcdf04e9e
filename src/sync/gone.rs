//! Droplets that are gone: their own listings answer 404, but the account's listing still has their actions.
//!
//! What was not archived of a droplet when it went, because a sync was interrupted or because something happened to it
//! since the last one, is read there. Where the token may not read it, the history stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use super::account::FORBIDDEN;
use super::engine::Engine;
use super::reading::Reading;
use super::report::ListingResult;
use crate::model::DropletId;
use crate::store::{self, ListingKind};

/// Starts to read the account's listing for droplets that turned out to be gone and may have actions that are not
/// archived: from where they were followed, and from its beginning when that is unknown or does not add up. Whether there
/// is anything to read.
pub(super) fn read_on_in_the_account(engine: &mut Engine<'_>) -> Result<bool, store::Error> {
    let unfinished = unfinished(engine, &engine.readings);
    let Some(total) = engine.following.account_total() else {
        return Ok(false);
    };
    if engine.is_halted() || unfinished.is_empty() {
        return Ok(false);
    }
    let mut readings = engine.readings.iter();
    let earlier = readings.rfind(|reading| reading.is_after_the_gone);
    let from = match earlier.map(|reading| (reading.from, &reading.result)) {
        None => from_where_followed(engine, &unfinished).filter(|from| *from <= total),
        Some((1.., Some(ListingResult::Incomplete { .. }))) => None,
        Some(_) => return Ok(false),
    };
    if from.is_none() {
        follow_from_the_beginning(engine, &unfinished)?;
    }
    let account = engine.store.listing(ListingKind::Account)?.coverage;
    let listing = engine.store.listing(ListingKind::Followed)?;
    let reading = Reading::after_the_gone(listing, &account, from.unwrap_or(0));
    engine.readings.push(reading);
    Ok(true)
}

/// The position from which on all of them are followed, if all of them are.
fn from_where_followed(engine: &Engine<'_>, droplets: &BTreeSet<DropletId>) -> Option<u64> {
    let from = droplets
        .iter()
        .map(|id| engine.following.followed_from(*id));
    from.min().flatten()
}

/// Forgets what is covered so far, which is covered for others.
fn follow_from_the_beginning(
    engine: &mut Engine<'_>,
    droplets: &BTreeSet<DropletId>,
) -> Result<(), store::Error> {
    let listing = engine.store.listing(ListingKind::Followed)?;
    let beginning: BTreeMap<DropletId, u64> = droplets.iter().map(|id| (*id, 0)).collect();
    let is_known = |id| engine.following.followed_from(id) == Some(0);
    if beginning.keys().all(|id| is_known(*id)) {
        return Ok(());
    }
    engine.store.forget_coverage(listing.id)?;
    for id in beginning.keys() {
        engine.store.listing(ListingKind::Droplet(*id))?;
    }
    engine.store.follow(&beginning, None)
}

/// Makes droplets incomplete that are gone while part of their history is neither archived nor to be had now.
pub(super) fn admit_what_is_unknown(engine: &Engine<'_>, readings: &mut [Reading]) {
    let account = readings.iter().rfind(|reading| reading.is_after_the_gone);
    let is_read = account.is_some_and(Reading::is_complete);
    let is_refused = account.is_none() && engine.account_refusal == Some(FORBIDDEN);
    if is_read || is_refused {
        return;
    }
    let is_without_account = account.is_none() && engine.account_refusal.is_some();
    let unfinished = unfinished(engine, readings);
    for reading in readings {
        let id = reading.listing.kind.droplet_id();
        // Where nothing but droplets is listed, what was complete once is all there is to have.
        let is_all_there_is = is_without_account && reading.listing.complete_total.is_some();
        if id.is_some_and(|id| unfinished.contains(&id)) && !is_all_there_is {
            reading.result = Some(ListingResult::Incomplete {
                reason: "it is gone, and the account's listing, which has the rest of its history, was not read"
                    .to_owned(),
            });
        }
    }
}

/// The droplets that turned out to be gone, but for those that were followed to the end.
fn unfinished(engine: &Engine<'_>, readings: &[Reading]) -> BTreeSet<DropletId> {
    let mut following = readings.iter().filter(|reading| reading.is_following());
    let is_followed_to_the_end = following.any(Reading::is_complete);
    let gone = readings
        .iter()
        .filter(|reading| matches!(reading.result, Some(ListingResult::Gone)));
    gone.filter_map(|reading| reading.listing.kind.droplet_id())
        .filter(|id| !is_followed_to_the_end || engine.following.followed_from(*id).is_none())
        .collect()
}
