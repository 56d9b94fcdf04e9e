//! What the token may do, beside what a sync needs it to do.
//!
//! The API tells neither; so each scope is tried by the smallest request that takes it, what a sync needs first. Three
//! things are told apart, since each has another remedy: the token is not accepted at all (401), the API itself says that
//! a scope is missing (403), or nothing is known, because the network, a proxy or a fault stood in between.

use serde::Serialize;

use crate::api::{Client, Error, ErrorKind, TokenScope};
use crate::core::model::Account;
use crate::sync::Scope;

/// What was found out about a token.
#[derive(Debug)]
pub struct Access {
    /// Whether the API knows the token; unknown when it could not be asked.
    pub is_accepted: Option<bool>,
    /// Whose it is, where the token may read that.
    pub account: Option<Account>,
    /// Each scope that a sync can make use of.
    pub findings: Vec<Finding>,
    /// The first request, of those that a sync cannot do without, that was neither granted nor refused for its scope.
    error: Option<Error>,
}

/// What was found out about one scope.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// The scope, and what it is good for.
    #[serde(flatten)]
    pub needed: Needed,
    /// Whether the token has it.
    pub state: State,
    /// Why that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a token has a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It was used.
    Granted,
    /// The API says that it does not.
    Missing,
    /// The API could not be asked, or something else answered.
    Unknown,
}

/// What follows for a sync.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// It can archive all that it is asked for.
    Enough,
    /// It cannot: these are missing.
    Lacking(Vec<TokenScope>),
    /// Whether it can is unknown, or the token is not accepted.
    Failed(&'a Error),
}

/// Finds out what the token of a client may do that a sync of this scope can make use of. Costs a request for each.
pub async fn check(client: &Client, scope: &Scope) -> Access {
    let mut access = Access {
        is_accepted: None,
        account: None,
        findings: Vec::new(),
        error: None,
    };
    for needed in needed(scope) {
        if let Some(reason) = access.reason_not_to_ask() {
            access.note(needed, State::Unknown, Some(reason));
            continue;
        }
        let answer = match needed.scope {
            TokenScope::AccountRead => client.account().await.map(|it| access.account = Some(it)),
            scope => client.try_scope(scope).await,
        };
        access.hear(needed, answer);
    }
    access
}

impl Access {
    /// What follows for the sync.
    #[must_use]
    pub fn verdict(&self) -> Verdict<'_> {
        let missing = self
            .required()
            .filter(|finding| finding.state == State::Missing);
        let missing: Vec<_> = missing.map(|finding| finding.needed.scope).collect();
        match &self.error {
            Some(error) if error.is_unauthorized() => Verdict::Failed(error),
            _ if !missing.is_empty() => Verdict::Lacking(missing),
            Some(error) => Verdict::Failed(error),
            None => Verdict::Enough,
        }
    }

    /// The smallest set of scopes to ask for: no sync of this scope is complete without them, and they are enough.
    #[must_use]
    pub fn smallest_set(&self) -> Vec<TokenScope> {
        self.required()
            .map(|finding| finding.needed.scope)
            .collect()
    }

    fn required(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.needed.need == Need::Required)
    }

    fn hear(&mut self, needed: Needed, answer: Result<(), Error>) {
        let error = match answer {
            Ok(()) => {
                self.is_accepted = Some(true);
                return self.note(needed, State::Granted, None);
            }
            Err(error) => error,
        };
        if error.is_missing_scope() {
            // Whoever is refused was recognised.
            self.is_accepted = Some(true);
            return self.note(needed, State::Missing, None);
        }
        let reason = error.kind.to_string();
        if error.is_unauthorized() {
            self.is_accepted = Some(false);
        }
        if error.is_unauthorized() || needed.need == Need::Required {
            self.error.get_or_insert(error);
        }
        self.note(needed, State::Unknown, Some(reason));
    }

    fn note(&mut self, needed: Needed, state: State, reason: Option<String>) {
        self.findings.push(Finding {
            needed,
            state,
            reason,
        });
    }

    /// What every further request would hear too.
    fn reason_not_to_ask(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let is_hopeless = error.is_unauthorized()
            || matches!(
                error.kind,
                ErrorKind::Transport(_)
                    | ErrorKind::Redirect { .. }
                    | ErrorKind::RateLimited { .. }
            );
        is_hopeless.then(|| "it was not asked for any more".to_owned())
    }
}

/// Why a sync asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// It cannot be complete without.
    Required,
    /// It does more, or costs less, with it.
    Useful,
}

/// A scope, and what a sync does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// The scope of the token.
    pub scope: TokenScope,
    /// Whether it is a matter of being complete.
    pub need: Need,
    /// What it is good for, in words.
    pub purpose: &'static str,
}

/// What a sync of this scope asks of its token, the required first.
#[must_use]
pub fn needed(scope: &Scope) -> Vec<Needed> {
    let mut needed = match scope {
        Scope::Account => vec![
            required(TokenScope::ActionsRead, "every action of the account"),
            useful(
                TokenScope::DropletRead,
                "the names of droplets, and which of them exist",
            ),
        ],
        Scope::Droplets { tags, .. } => {
            let own = "the actions of single droplets, and their names";
            let by_tag = required(TokenScope::TagRead, "which droplets have a tag");
            let by_tag = (!tags.is_empty()).then_some(by_tag);
            let shared = useful(
                TokenScope::ActionsRead,
                "what is new of all droplets in one request, and the last of those that are gone",
            );
            let own = [required(TokenScope::DropletRead, own)];
            own.into_iter().chain(by_tag).chain([shared]).collect()
        }
    };
    needed.push(useful(
        TokenScope::SizesRead,
        "the sizes that regions offer",
    ));
    needed.push(useful(
        TokenScope::AccountRead,
        "refuses a token of another account before it mixes two histories",
    ));
    needed
}

fn required(scope: TokenScope, purpose: &'static str) -> Needed {
    Needed {
        scope,
        need: Need::Required,
        purpose,
    }
}

fn useful(scope: TokenScope, purpose: &'static str) -> Needed {
    Needed {
        need: Need::Useful,
        ..required(scope, purpose)
    }
}

#[cfg(test)]
mod tests;
