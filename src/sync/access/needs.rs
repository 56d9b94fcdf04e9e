//! Which scopes of a token a sync can make use of, and which it cannot do without.
//!
//! One that is useful is missed only in what it is said to be for: a sync without it is complete all the same.

use serde::Serialize;

use crate::api::TokenScope;
use crate::sync::Scope;

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
