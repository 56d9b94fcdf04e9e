//! Checks the token: refuses a token of another account, so that two histories are never mixed, and finds out if it may
//! read the account's listing.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::full_scan::MOST_OLD;
use super::listing_sync::fetch_page;
use super::session::Session;
use crate::api::{self, Client, PER_PAGE, Page};
use crate::archive::{self, ArchivedAccount, Followed, Listing, ListingKind};
use crate::core::coverage::{Interval, page_of};
use crate::core::model::{Account, Action, ActionId, DropletId};

/// The time during which a token that may not read the account's listing does not try again.
const REFUSED_FOR_SECONDS: i64 = 24 * 3600;

/// Makes sure that the token shows the archived history. Costs a few requests when the token is new, and none
/// otherwise.
pub(super) async fn check(session: &mut Session<'_>) -> Result<(), archive::Error> {
    let archived = session.store.account()?.unwrap_or_else(|| ArchivedAccount {
        token_salt: salt(),
        ..ArchivedAccount::default()
    });
    let fingerprint = session.client.token_fingerprint(&archived.token_salt);
    if archived.token_fingerprint.as_deref() == Some(fingerprint.as_str()) {
        return Ok(());
    }
    let mut is_final = true;
    let own = match session.client.account().await {
        Ok(account) => {
            session.answered();
            account
        }
        Err(error) => {
            is_final = error.is_forbidden() || error.is_not_found();
            give_up(session, error);
            Account::default()
        }
    };
    if let Some(conflict) = archived.conflict(&own) {
        session.refuse(conflict);
        return Ok(());
    }
    if !session.is_halted() {
        check_history(session, archived.is_of(&own)).await?;
    }
    if session.is_halted() || !is_final {
        return Ok(());
    }
    session.store.set_account(&ArchivedAccount {
        token_fingerprint: Some(fingerprint),
        actions_refused_at: None,
        ..archived.pinned_to(&own)
    })
}

/// The most listings to try with a new token. The token must show one of them.
const MOST_LISTINGS: i64 = 3;

/// Reads an archived page, and refuses the token if it shows another history, or no history while its account is
/// unknown too. A token of another account does not see the archived droplets, so they would be marked as gone.
async fn check_history(session: &mut Session<'_>, is_pinned: bool) -> Result<(), archive::Error> {
    let kinds = session.store.covered_listings(MOST_LISTINGS)?;
    for kind in kinds {
        let listing = session.store.listing(kind)?;
        let ids = match covered_rows(&session.client, &listing).await {
            Ok(ids) => ids,
            Err(error) if error.is_forbidden() || error.is_not_found() => continue,
            Err(error) => {
                let subject = "reading an archived page with a new token".to_owned();
                session.note_failure(subject, error);
                session.halt("the token may belong to another account".to_owned());
                return Ok(());
            }
        };
        session.answered();
        let known = session.store.count_known(&ids)?;
        // Some actions may have been removed at the API or lost from the archive, but not most of a page.
        if known * 2 < ids.len() as i64 {
            let path = kind.path();
            session.refuse(format!(
                "the token shows other actions at {path} than the archive has: it belongs to another account"
            ));
        }
        if !ids.is_empty() {
            return Ok(());
        }
    }
    if let Some(id) = session.store.newest_action(ListingKind::Account)?
        && !is_pinned
        && session.client.action(id).await.is_err()
    {
        session.refuse(format!(
            "the token shows no archived action, not even action {id}"
        ));
    }
    Ok(())
}

/// The ids that the API lists now at the newest covered positions of a listing.
async fn covered_rows(client: &Client, listing: &Listing) -> Result<Vec<ActionId>, api::Error> {
    let newest = listing.coverage.intervals().last().map(|it| it.end - 1);
    let (mut total, newest) = (listing.total.unwrap_or(0), newest.unwrap_or(0));
    // The first answer shows where the position is now; the second request reads that page.
    for _ in 0..2 {
        let page = page_of(newest, PER_PAGE, total);
        let answered = fetch_page(client, listing.kind, page).await?;
        total = answered.total.unwrap_or(total);
        let shown = Interval::of_page(page, PER_PAGE, total);
        let rows = (shown.start..shown.end).rev().zip(&answered.rows);
        let covered = rows.filter(|(position, _)| listing.coverage.contains(*position));
        let ids: Vec<_> = covered
            .filter_map(|(_, row)| Some(row.as_ref().ok()?.id))
            .collect();
        if !ids.is_empty() {
            return Ok(ids);
        }
    }
    Ok(Vec::new())
}

/// The first page of the account's listing, if the token may read it and the API answers. Clears `followed` if the
/// listing stays shorter than it was.
pub(super) async fn first_page(
    session: &mut Session<'_>,
    followed: &mut BTreeMap<DropletId, Followed>,
) -> Result<Option<Page<Action>>, archive::Error> {
    let now = (session.settings.clock)();
    let archived = session.store.account()?.unwrap_or_default();
    let refused_at = archived
        .actions_refused_at
        .filter(|_| !session.settings.full);
    if refused_at
        .and_then(|at| at.age_at(now))
        .is_some_and(|age| age < REFUSED_FOR_SECONDS)
    {
        session.is_account_refused = true;
        return Ok(None);
    }
    match newest_page(session, followed).await? {
        Ok(page) => {
            session.answered();
            return Ok(Some(page));
        }
        Err(error) if error.is_forbidden() && !was_answered(session, followed)? => {
            session.is_account_refused = true;
            let text = "the token lacks the scope actions:read: the sync reads each droplet's listing separately, and \
                        cannot read the actions of destroyed droplets";
            session.notice(text);
            session.store.set_account(&ArchivedAccount {
                actions_refused_at: Some(now),
                ..archived
            })?;
        }
        Err(error) => {
            // The API has no such listing, which counts as refused, unless it had one before.
            session.is_account_refused =
                error.status() == Some(404) && !was_answered(session, followed)?;
            session.notice(&format!("the account's listing was not read: {error}"));
            session.halt_if_hopeless(&error);
            if session.is_halted() {
                session
                    .report
                    .failures
                    .push(("reading the account's listing".to_owned(), error));
            }
        }
    }
    Ok(None)
}

/// Requests the first page until the listing is at least as long as before, because some replicas may lag.
async fn newest_page(
    session: &mut Session<'_>,
    followed: &mut BTreeMap<DropletId, Followed>,
) -> Result<Result<Page<Action>, api::Error>, archive::Error> {
    let listing = session.store.listing(ListingKind::Followed)?;
    // A droplet is followed from a length that the listing had.
    let followed_from = followed.values().map(|followed| followed.from).max();
    let known = listing.total.max(followed_from);
    let mut tries = 0;
    loop {
        let answer = session.client.account_actions(1).await;
        tries += 1;
        let total = answer.as_ref().ok().and_then(|page| page.total);
        if answer.is_err() || total >= known {
            return Ok(answer);
        }
        if tries >= MOST_OLD {
            // The droplets' own listings are read instead.
            *followed = session.store.follow_only(&BTreeSet::new())?;
            session.store.forget_coverage(listing.id)?;
            session.store.set_total(ListingKind::Followed, total)?;
            return Ok(answer);
        }
    }
}

/// True when the account's listing was read before: a droplet is followed from a length that it had.
fn was_answered(
    session: &mut Session<'_>,
    followed: &BTreeMap<DropletId, Followed>,
) -> Result<bool, archive::Error> {
    let account = session.store.listing(ListingKind::Account)?;
    Ok(!followed.is_empty() || account.total.is_some())
}

/// Without an answer, the sync run continues if it can: the check only guards against a mistake of the user.
fn give_up(session: &mut Session<'_>, error: api::Error) {
    session.notice(&format!("the account was not checked: {error}"));
    if error.is_unauthorized() || error.status() == Some(429) {
        session.note_failure("finding the account of the token".to_owned(), error);
    }
}

/// The salt only has to differ between archives.
fn salt() -> String {
    Uuid::new_v4().simple().to_string()
}
