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
#[derive(Debug, Default)]
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

/// A scope, its use in a sync run, and the result for it.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// The scope of the token.
    pub scope: TokenScope,
    /// The need of a sync run for it.
    pub need: Need,
    /// Its purpose, in words.
    pub purpose: &'static str,
    /// Its state.
    pub state: State,
    /// The reason when the state is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
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
    let mut access = Access::default();
    for mut finding in untried(scope) {
        if access.is_hopeless() {
            finding.reason = Some("an earlier request failed".to_owned());
            access.findings.push(finding);
            continue;
        }
        let answer = match finding.scope {
            TokenScope::AccountRead => client.account().await.map(|it| access.account = Some(it)),
            scope => client.try_scope(scope).await,
        };
        access.hear(finding, answer);
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
        let missing: Vec<_> = missing.map(|finding| finding.scope).collect();
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
        self.required().map(|finding| finding.scope).collect()
    }

    fn required(&self) -> impl Iterator<Item = &Finding> {
        let findings = self.findings.iter();
        findings.filter(|finding| finding.need == Need::Required)
    }

    fn hear(&mut self, mut finding: Finding, answer: Result<(), Error>) {
        match answer {
            Ok(()) => {
                self.is_accepted = Some(true);
                finding.state = State::Granted;
            }
            // The API recognised the token, because it refuses only the scope.
            Err(error) if error.is_missing_scope() => {
                self.is_accepted = Some(true);
                finding.state = State::Missing;
            }
            Err(error) => {
                finding.reason = Some(error.kind.to_string());
                if error.is_unauthorized() {
                    self.is_accepted = Some(false);
                }
                if error.is_unauthorized() || finding.need == Need::Required {
                    self.error.get_or_insert(error);
                }
            }
        }
        self.findings.push(finding);
    }

    /// True when a further request would get the same answer as an earlier one.
    fn is_hopeless(&self) -> bool {
        self.error.as_ref().is_some_and(|error| {
            error.is_unauthorized()
                || matches!(
                    error.kind,
                    ErrorKind::Transport(_)
                        | ErrorKind::Redirect { .. }
                        | ErrorKind::RateLimited { .. }
                )
        })
    }
}

/// The scopes that a sync run of this scope can use, before they are tried; the required ones come first.
fn untried(scope: &Scope) -> Vec<Finding> {
    let finding = |scope, need, purpose| Finding {
        scope,
        need,
        purpose,
        state: State::Unknown,
        reason: None,
    };
    let required = |scope, purpose| finding(scope, Need::Required, purpose);
    let useful = |scope, purpose| finding(scope, Need::Useful, purpose);
    let mut findings = Vec::new();
    match scope {
        Scope::Account => {
            findings.push(required(
                TokenScope::ActionsRead,
                "every action of the account",
            ));
            let purpose = "the names of droplets, and which of them exist";
            findings.push(useful(TokenScope::DropletRead, purpose));
        }
        Scope::Droplets { tags, .. } => {
            let purpose = "the actions of single droplets, and their names";
            findings.push(required(TokenScope::DropletRead, purpose));
            if !tags.is_empty() {
                findings.push(required(TokenScope::TagRead, "which droplets have a tag"));
            }
            let purpose =
                "new actions of all droplets in one request, and the last actions of gone droplets";
            findings.push(useful(TokenScope::ActionsRead, purpose));
        }
    }
    findings.push(useful(
        TokenScope::SizesRead,
        "the sizes that regions offer",
    ));
    let purpose = "the check that the token belongs to the same account as the archive";
    findings.push(useful(TokenScope::AccountRead, purpose));
    findings
}

#[cfg(test)]
mod tests;
