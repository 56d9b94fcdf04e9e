//! What the token may see: refuses that of another account before it mixes two histories, and finds out whether it may
//! read the account's listing.

use uuid::Uuid;

use super::full_scan::MOST_OLD;
use super::listing_sync::fetch_page;
use super::session::Session;
use crate::api::{self, Client, PER_PAGE, Page};
use crate::archive::{self, ArchivedAccount, Listing, ListingKind};
use crate::core::coverage::{Interval, page_of};
use crate::core::model::{Account, Action, ActionId};

/// How long a token that may not read the account's listing is not asked to again.
const REFUSED_FOR_SECONDS: i64 = 24 * 3600;

/// Makes sure that the token shows the history that the archive holds. Costs a few requests when the token is another
/// than the last time, and none otherwise.
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

/// Listings of which a new token has to show one.
const MOST_LISTINGS: i64 = 3;

/// Reads a page that is archived, and refuses the token where it shows another history, or none although nothing else
/// tells whose it is. Droplets of another account do not exist for it: they would be taken to be gone.
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
                session.halt("the token may be another account's".to_owned());
                return Ok(());
            }
        };
        session.answered();
        let known = session.store.count_known(&ids)?;
        // Actions may have been removed at the API, or lost from the archive, but not most of a page.
        if known * 2 < ids.len() as i64 {
            let path = kind.path();
            session.refuse(format!(
                "the token shows other actions at {path} than those that are archived: it is of another account"
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
            "the token shows nothing of what is archived, not even action {id}"
        ));
    }
    Ok(())
}

/// The ids at the newest positions of a listing that are covered, as the API lists them now.
async fn covered_rows(client: &Client, listing: &Listing) -> Result<Vec<ActionId>, api::Error> {
    let newest = listing.coverage.intervals().last().map(|it| it.end - 1);
    let (mut total, newest) = (listing.total.unwrap_or(0), newest.unwrap_or(0));
    // The second page is where the first one says that the position is by now.
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

/// The first page of the account's listing, where the token may read it and the API answers.
pub(super) async fn first_page(
    session: &mut Session<'_>,
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
    match newest_page(session).await? {
        Ok(page) => {
            session.answered();
            return Ok(Some(page));
        }
        Err(error) if error.is_forbidden() => {
            session.is_account_refused = true;
            let text = "the token lacks the scope actions:read: each droplet is asked for by itself, and what happened \
                        to droplets that are destroyed by now stays unknown";
            session.notice(text);
            session.store.set_account(&ArchivedAccount {
                actions_refused_at: Some(now),
                ..archived
            })?;
        }
        Err(error) => {
            // Where the API itself has no such listing, there is nothing to refuse.
            session.is_account_refused = error.status() == Some(404);
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

/// Asks for the first page until the listing is at least as long as it was: some of the API's servers may lag behind.
async fn newest_page(
    session: &mut Session<'_>,
) -> Result<Result<Page<Action>, api::Error>, archive::Error> {
    let listing = session.store.listing(ListingKind::Followed)?;
    let known = listing.total;
    let mut tries = 0;
    loop {
        let answer = session.client.account_actions(1).await;
        tries += 1;
        let total = answer.as_ref().ok().and_then(|page| page.total);
        if answer.is_err() || total >= known {
            return Ok(answer);
        }
        if tries >= MOST_OLD {
            // The own listings of the droplets are there instead.
            session.store.forget_coverage(listing.id)?;
            session.store.set_total(ListingKind::Followed, total)?;
            return Ok(answer);
        }
    }
}

/// Without an answer, the sync goes on where it can: the check guards against a slip, it is not what is asked for.
fn give_up(session: &mut Session<'_>, error: api::Error) {
    session.notice(&format!("the account was not checked: {error}"));
    if error.is_unauthorized() || error.status() == Some(429) {
        session.note_failure("asking whose token it is".to_owned(), error);
    }
}

/// It only has to differ from archive to archive.
fn salt() -> String {
    Uuid::new_v4().simple().to_string()
}
