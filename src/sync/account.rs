//! What the token may see: refuses that of another account before it mixes two histories, and finds out whether it may
//! read the account's listing.

use super::engine::Engine;
use super::rewalk::MOST_OLD;
use crate::api::{self, Page};
use crate::chance;
use crate::model::Action;
use crate::store::{self, ArchivedAccount, ListingKind};

/// How long a token that may not read the account's listing is not asked to again.
const REFUSED_FOR_SECONDS: i64 = 24 * 3600;

/// Makes sure that the token's account is the archive's, as far as the token may read it. Costs a request when the
/// token is another than the last time, and none otherwise.
pub(super) async fn check(engine: &mut Engine<'_>) -> Result<(), store::Error> {
    let archived = engine.store.account()?.unwrap_or_else(|| ArchivedAccount {
        token_salt: salt(),
        ..ArchivedAccount::default()
    });
    let fingerprint = engine.client.token_fingerprint(&archived.token_salt);
    if archived.token_fingerprint.as_deref() == Some(fingerprint.as_str()) {
        return Ok(());
    }
    let uuid = match engine.client.account().await {
        Ok(account) => {
            engine.answered();
            account.uuid
        }
        Err(error) => {
            let is_final = error.is_forbidden() || error.is_not_found();
            give_up(engine, error);
            if !is_final {
                return Ok(());
            }
            None
        }
    };
    match (&archived.uuid, &uuid) {
        (Some(pinned), Some(other)) if pinned != other => {
            engine.refuse(format!(
                "the token belongs to the account {other}, the archive to the account {pinned}"
            ));
            Ok(())
        }
        _ => engine.store.set_account(&ArchivedAccount {
            uuid: uuid.or(archived.uuid),
            token_salt: archived.token_salt,
            token_fingerprint: Some(fingerprint),
            actions_refused_at: None,
        }),
    }
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
    format!("{:016x}", chance::bits())
}
