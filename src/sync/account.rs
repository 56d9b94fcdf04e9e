//! What the token may see: refuses that of another account before it mixes two histories, and finds out whether it may
//! read the account's listing.

use uuid::Uuid;

use super::engine::Engine;
use super::reading::fetch_page;
use super::rewalk::MOST_OLD;
use crate::api::{self, Client, PER_PAGE, Page};
use crate::coverage::{Interval, page_of};
use crate::model::{Account, Action, ActionId};
use crate::store::{self, ArchivedAccount, Listing, ListingKind};

/// How long a token that may not read the account's listing is not asked to again.
const REFUSED_FOR_SECONDS: i64 = 24 * 3600;

/// Makes sure that the token shows the history that the archive holds. Costs a few requests when the token is another
/// than the last time, and none otherwise.
pub(super) async fn check(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    let archived = engine.store.account()?.unwrap_or_else(|| ArchivedAccount {
        token_salt: salt(),
        ..ArchivedAccount::default()
    });
    let fingerprint = engine.client.token_fingerprint(&archived.token_salt);
    if archived.token_fingerprint.as_deref() == Some(fingerprint.as_str()) {
        return Ok(());
    }
    let mut is_final = true;
    let own = match engine.client.account().await {
        Ok(account) => {
            engine.answered();
            account
        }
        Err(error) => {
            is_final = error.is_forbidden() || error.is_not_found();
            give_up(engine, error);
            Account::default()
        }
    };
    if let Some(conflict) = archived.conflict(&own) {
        engine.refuse(conflict);
        return Ok(());
    }
    if !engine.is_halted() {
        check_history(engine, archived.is_of(&own)).await?;
    }
    if engine.is_halted() || !is_final {
        return Ok(());
    }
    engine.store.set_account(&ArchivedAccount {
        token_fingerprint: Some(fingerprint),
        actions_refused_at: None,
        ..archived.pinned_to(&own)
    })
}

/// Listings of which a new token has to show one.
const MOST_LISTINGS: i64 = 3;

/// Reads a page that is archived, and refuses the token where it shows another history, or none although nothing else
/// tells whose it is. Droplets of another account do not exist for it: they would be taken to be gone.
async fn check_history(engine: &mut Engine<'_>, is_pinned: bool) -> Result<(), store::Error> {
    let kinds = engine.store.covered_listings(MOST_LISTINGS)?;
    for kind in &kinds {
        let listing = engine.store.listing(*kind)?;
        let ids = match covered_rows(&engine.client, &listing).await {
            Ok(ids) => ids,
            Err(error) if error.is_forbidden() || error.is_not_found() => continue,
            Err(error) => {
                engine.halt_if_hopeless(&error);
                let subject = "reading an archived page with a new token".to_owned();
                engine.report.failures.push((subject, error));
                engine.halt("the token may be another account's".to_owned());
                return Ok(());
            }
        };
        engine.answered();
        let known = engine.store.count_known(&ids)?;
        // Actions may have been removed at the API, or lost from the archive, but not most of a page.
        if known * 2 < ids.len() as i64 {
            let path = kind.path();
            engine.refuse(format!(
                "the token shows other actions at {path} than those that are archived: it is of another account"
            ));
        }
        if !ids.is_empty() {
            return Ok(());
        }
    }
    if !kinds.is_empty() && !is_pinned {
        engine.refuse("the token shows nothing of what is archived".to_owned());
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
    engine: &mut Engine<'_>,
) -> Result<Option<Page<Action>>, store::Error> {
    let now = (engine.settings.clock)();
    let archived = engine.store.account()?.unwrap_or_default();
    let refused_at = archived.actions_refused_at;
    if refused_at
        .and_then(|at| at.age_at(now))
        .is_some_and(|age| age < REFUSED_FOR_SECONDS)
    {
        engine.is_account_refused = true;
        return Ok(None);
    }
    match newest_page(engine).await? {
        Ok(page) => {
            engine.answered();
            return Ok(Some(page));
        }
        Err(error) if error.is_forbidden() => {
            engine.is_account_refused = true;
            let text = "the token lacks the scope actions:read: each droplet is asked for by itself, and what happened \
                        to droplets that are destroyed by now stays unknown";
            engine.notice(text);
            engine.store.set_account(&ArchivedAccount {
                actions_refused_at: Some(now),
                ..archived
            })?;
        }
        Err(error) => {
            // Where the API itself has no such listing, there is nothing to refuse.
            engine.is_account_refused = error.status() == Some(404);
            engine.halt_if_hopeless(&error);
            if engine.is_halted() {
                engine
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
    engine: &mut Engine<'_>,
) -> Result<Result<Page<Action>, api::Error>, store::Error> {
    let listing = engine.store.listing(ListingKind::Followed)?;
    let known = listing.total;
    let mut tries = 0;
    loop {
        let answer = engine.client.account_actions(1).await;
        tries += 1;
        let total = answer.as_ref().ok().and_then(|page| page.total);
        if answer.is_err() || total >= known {
            return Ok(answer);
        }
        if tries >= MOST_OLD {
            // The own listings of the droplets are there instead.
            engine.store.forget_coverage(listing.id)?;
            engine.store.set_total(ListingKind::Followed, total)?;
            return Ok(answer);
        }
    }
}

/// Without an answer, the sync goes on where it can: the check guards against a slip, it is not what is asked for.
fn give_up(engine: &mut Engine<'_>, error: api::Error) {
    engine.notice(&format!("the account was not checked: {error}"));
    if error.is_unauthorized() || error.status() == Some(429) {
        engine.halt_if_hopeless(&error);
        engine
            .report
            .failures
            .push(("asking whose token it is".to_owned(), error));
    }
}

/// It only has to differ from archive to archive.
fn salt() -> String {
    Uuid::new_v4().simple().to_string()
}
