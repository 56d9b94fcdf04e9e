//! Checks which scopes the token has, and if they are enough for a sync run.
//!
//! The API does not list the scopes of a token. So each scope is tried with the smallest request that needs it; the
//! required scopes come first. There are three kinds of failure, because each has a different remedy: the token is not
//! accepted at all (401), the API itself says that a scope is missing (403), or the answer is unknown because of the
//! network, a proxy or a fault.

use serde::Serialize;

use crate::api::{Client, Error, ErrorKind, TokenScope};
use crate::core::model::Account;
use crate::sync::Scope;

/// The results for a token.
#[derive(Debug)]
pub struct Access {
    /// True when the API accepts the token; `None` when the API could not be asked.
    pub is_accepted: Option<bool>,
    /// The account of the token, if the token may read it.
    pub account: Option<Account>,
    /// The result for each scope that a sync run can use.
    pub findings: Vec<Finding>,
    /// The first error of a required scope that was neither granted nor missing.
    error: Option<Error>,
}

/// The result for one scope.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// The scope and its purpose.
    #[serde(flatten)]
    pub needed: Needed,
    /// The state of the scope.
    pub state: State,
    /// The reason when the state is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The state of a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The token has the scope: a request with it succeeded.
    Granted,
    /// The API says that the token lacks the scope.
    Missing,
    /// The API could not be asked, or another program answered.
    Unknown,
}

/// The verdict for a sync run.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// The token can read everything that the sync run needs.
    Enough,
    /// These required scopes are missing.
    Lacking(Vec<TokenScope>),
    /// The verdict is unknown, or the token is not accepted.
    Failed(&'a Error),
}

/// Finds out which scopes the token of a client has, of those that a sync run of this scope can use. Each costs one
/// request.
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
    /// The verdict for the sync run.
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

    /// The smallest set of scopes for a complete sync run of this scope.
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
            // The API recognised the token, because it refuses only the scope.
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

    /// The reason to send no further request: it would get the same answer.
    fn reason_not_to_ask(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let is_hopeless = error.is_unauthorized()
            || matches!(
                error.kind,
                ErrorKind::Transport(_)
                    | ErrorKind::Redirect { .. }
                    | ErrorKind::RateLimited { .. }
            );
        is_hopeless.then(|| "an earlier request failed".to_owned())
    }
}

/// The need of a sync run for a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// A sync run cannot be complete without it.
    Required,
    /// A sync run does more, or costs less, with it.
    Useful,
}

/// A scope and its use in a sync run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// The scope of the token.
    pub scope: TokenScope,
    /// The need for the scope.
    pub need: Need,
    /// The purpose, in words.
    pub purpose: &'static str,
}

/// The scopes that a sync run of this scope can use; the required ones come first.
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
                "new actions of all droplets in one request, and the last actions of gone droplets",
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
        "the check that the token belongs to the same account as the archive",
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
