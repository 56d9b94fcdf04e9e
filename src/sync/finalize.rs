//! Records the results of a sync run: the listings that are proven complete, and the position from which each droplet
//! is followed.

use super::listing_sync::ListingSync;
use super::report::{ListingReport, ListingResult};
use super::session::Session;
use super::{droplets, gone, unsettled};
use crate::api::DropletSelection;
use crate::archive;
use crate::archive::ListingKind;
use std::collections::{BTreeMap, BTreeSet};

/// Queues the listings of followed droplets if the account's listing could not be read. Returns true if it queued any.
pub(super) fn queue_followed_where_account_fails(session: &mut Session<'_>) -> bool {
    let followed = session
        .readings
        .iter()
        .find(|reading| reading.listing.kind == ListingKind::Followed);
    let Some(reading) = followed.filter(|_| !session.is_halted()) else {
        return false;
    };
    if reading.is_complete() {
        return false;
    }
    let read: BTreeSet<ListingKind> = session.readings.iter().map(|it| it.listing.kind).collect();
    let followed = session.following.followed().map(ListingKind::Droplet);
    session
        .queue
        .extend(followed.filter(|kind| !read.contains(kind)));
    !session.queue.is_empty()
}

/// Records a listing that is complete for the first time, or longer than before, so that a kill does not repeat its
/// pages. Its droplet is followed from here on.
pub(super) fn note_complete(session: &mut Session<'_>, index: usize) -> Result<(), archive::Error> {
    let reading = &session.readings[index];
    let Some(ListingResult::Complete { total }) = reading.result else {
        return Ok(());
    };
    // Every droplet has at least the action that created it. So the next sync run reads an empty listing again.
    let is_empty = total == 0;
    let listing = &reading.listing;
    let now = (session.settings.clock)();
    if listing.kind == ListingKind::Followed {
        return Ok(());
    }
    if let Some(audited) = reading.plan.audited() {
        session
            .store
            .note_audit(listing.id, audited.end, true, now)?;
    }
    if reading.plan.is_through_everything() {
        session.store.mark_scanned(listing.id, total, now)?;
    } else if listing.complete_total == Some(total) {
        return Ok(());
    } else {
        session.store.mark_complete(&[(listing.id, total)], now)?;
    }
    let droplet = listing.kind.droplet_id().filter(|_| !is_empty);
    match droplet.and_then(|id| Some((id, session.following.follow_from(id)?))) {
        Some(followed) => {
            let head_id = session.following.head_id();
            session.store.follow(&BTreeMap::from([followed]), head_id)
        }
        None => Ok(()),
    }
}

/// Records the proven results in the archive, and the result of each listing in the report.
pub(super) fn finalize(session: &mut Session<'_>) -> Result<(), archive::Error> {
    let now = (session.settings.clock)();
    let mut readings = std::mem::take(&mut session.readings);
    session.is_first = readings.iter().any(|reading| {
        let is_new = reading.listing.complete_total.is_none();
        reading.is_complete() && is_new && reading.listing.kind != ListingKind::Followed
    });
    let followed = readings.iter().find(|reading| reading.is_following());
    session.following.note_ids(
        followed
            .and_then(|reading| reading.plan.head_id())
            .into_iter(),
    );
    let proven = readings.iter().filter_map(|reading| match reading.result {
        Some(ListingResult::Complete { total })
            if reading.listing.kind != ListingKind::Followed =>
        {
            Some((reading.listing.id, total))
        }
        _ => None,
    });
    let proven: Vec<_> = proven.collect();
    session.store.mark_complete(&proven, now)?;
    gone::admit_what_is_unknown(session, &mut readings);
    let is_lagging = readings
        .iter()
        .any(|reading| reading.is_following() && reading.plan.has_lag());
    let mut listings = reports(readings);
    let unread = session.queue.drain(..);
    listings.extend(unread.map(|listing| ListingReport {
        listing,
        result: ListingResult::NotRead,
    }));
    let followed = listings
        .iter()
        .position(|report| report.listing == ListingKind::Followed);
    let followed = followed.map(|index| listings.swap_remove(index));
    note_following(session, followed.as_ref(), &mut listings)?;
    // The droplets' own listings were read instead. Their answers may be as old as those that the account's listing
    // gave at last.
    let lagging = followed.filter(|report| is_lagging && !report.result.is_complete());
    listings.extend(lagging);
    session.store.forget_strangers()?;
    listings.sort_by_key(|report| report.listing);
    session.report.listings.extend(listings);
    Ok(())
}

/// The result of each listing.
fn reports(readings: Vec<ListingSync>) -> Vec<ListingReport> {
    readings
        .into_iter()
        .filter(|reading| !reading.is_after_the_gone)
        .map(|reading| ListingReport {
            listing: reading.listing.kind,
            result: reading.result.unwrap_or(ListingResult::NotRead),
        })
        .collect()
}

/// Records the position from which each droplet is followed, and reports droplets without a reading of their own.
fn note_following(
    session: &mut Session<'_>,
    account: Option<&ListingReport>,
    listings: &mut Vec<ListingReport>,
) -> Result<(), archive::Error> {
    let account_total = match account.map(|report| &report.result) {
        Some(ListingResult::Complete { total }) => Some(*total),
        _ => None,
    };
    let mut from = BTreeMap::new();
    let mut read = BTreeSet::new();
    for report in listings.iter() {
        let Some(id) = report.listing.droplet_id() else {
            continue;
        };
        read.insert(id);
        let was_followed = session.following.followed_from(id).is_some();
        let by_account = account_total.filter(|_| was_followed);
        let position = by_account.or_else(|| session.following.follow_from(id));
        let is_empty = matches!(report.result, ListingResult::Complete { total: 0 });
        if let Some(position) = position.filter(|_| report.result.is_complete() && !is_empty) {
            from.insert(id, position);
        }
    }
    let only_followed = session
        .following
        .followed()
        .filter(|id| account.is_some() && !read.contains(id));
    for id in only_followed {
        let result = match account_total {
            Some(total) => {
                from.insert(id, total);
                ListingResult::Followed
            }
            None => ListingResult::NotRead,
        };
        listings.push(ListingReport {
            listing: ListingKind::Droplet(id),
            result,
        });
    }
    if from.is_empty() {
        return Ok(());
    }
    session.store.follow(&from, session.following.head_id())
}

/// The remaining requests after the listings.
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
        // The names are refreshed. Another sync run finds out which droplets are gone.
        Ok(_) => {}
        Err(error) if error.is_missing_scope() => session.notice(
            "the token lacks the scope droplet:read: names of droplets are not archived, and those that are gone are not found",
        ),
        Err(error) => session.notice(&format!(
            "the names of droplets were not refreshed: {error}"
        )),
    }
    Ok(())
}
