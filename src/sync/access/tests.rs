//! Tests of the result for each answer, without a network.

use std::collections::BTreeSet;

use super::*;
use crate::api::ApiMessage;

fn droplets(tags: &[&str]) -> Scope {
    Scope::Droplets {
        ids: BTreeSet::from([1]),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

fn status(status: u16, id: Option<&str>) -> Result<(), Error> {
    let message = ApiMessage {
        status,
        id: id.map(str::to_owned),
        ..ApiMessage::default()
    };
    Err(error(ErrorKind::Status(message)))
}

fn error(kind: ErrorKind) -> Error {
    Error {
        request: "GET /v2/x".to_owned(),
        attempts: 1,
        kind,
    }
}

fn broken() -> Result<(), Error> {
    Err(error(ErrorKind::Transport("cannot connect".to_owned())))
}

/// The results when each scope gets its answer from `answer`.
fn found(scope: &Scope, mut answer: impl FnMut(TokenScope) -> Result<(), Error>) -> Access {
    let mut access = Access::default();
    for finding in untried(scope) {
        let answer = answer(finding.scope);
        access.hear(finding, answer);
    }
    access
}

fn forbidden() -> Result<(), Error> {
    status(403, Some("forbidden"))
}

#[test]
fn the_smallest_set_is_what_the_scope_of_the_sync_cannot_do_without() {
    for (scope, expected) in [
        (Scope::Account, &[TokenScope::ActionsRead][..]),
        (droplets(&[]), &[TokenScope::DropletRead]),
        (
            droplets(&["web"]),
            &[TokenScope::DropletRead, TokenScope::TagRead],
        ),
    ] {
        let access = found(&scope, |_| Ok(()));
        assert_eq!(access.smallest_set(), expected);
        assert!(matches!(access.verdict(), Verdict::Enough));
        assert_eq!(access.is_accepted, Some(true));
    }
}

#[test]
fn nothing_else_is_needed_and_nothing_of_it_can_be_missed() {
    for scope in [Scope::Account, droplets(&[]), droplets(&["web"])] {
        let smallest = found(&scope, |_| Ok(())).smallest_set();
        let exact = found(&scope, |asked| {
            if smallest.contains(&asked) {
                Ok(())
            } else {
                forbidden()
            }
        });
        assert!(matches!(exact.verdict(), Verdict::Enough), "{exact:?}");
        for missing in &smallest {
            let access = found(&scope, |asked| {
                if asked == *missing {
                    forbidden()
                } else {
                    Ok(())
                }
            });
            match access.verdict() {
                Verdict::Lacking(lacking) => assert_eq!(lacking, [*missing]),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn no_scope_is_asked_for_that_a_sync_makes_no_use_of() {
    let asked: Vec<_> = untried(&droplets(&[])).iter().map(|it| it.scope).collect();
    assert!(!asked.contains(&TokenScope::TagRead), "{asked:?}");
    let asked = untried(&droplets(&["web"]));
    assert_eq!(asked.len(), TokenScope::ALL.len());
}

#[test]
fn a_token_that_is_refused_was_recognised_and_one_that_is_not_accepted_was_not() {
    let refused = found(&Scope::Account, |_| forbidden());
    assert_eq!(refused.is_accepted, Some(true));
    let unknown = found(&Scope::Account, |_| status(401, Some("unauthorized")));
    assert_eq!(unknown.is_accepted, Some(false));
    assert!(matches!(unknown.verdict(), Verdict::Failed(error) if error.is_unauthorized()));
    let unreached = found(&Scope::Account, |_| broken());
    assert_eq!(unreached.is_accepted, None);
    assert!(matches!(unreached.verdict(), Verdict::Failed(error) if error.is_unreachable()));
}

#[test]
fn a_refusal_in_anybody_elses_words_is_unknown_and_not_missing() {
    let access = found(&Scope::Account, |_| status(403, None));
    assert!(access.findings.iter().all(|it| it.state == State::Unknown));
    assert!(matches!(access.verdict(), Verdict::Failed(_)));
    assert_eq!(access.is_accepted, None);
}

#[test]
fn a_fault_in_what_is_only_useful_takes_nothing_from_the_verdict() {
    for fault in [|| broken(), || status(500, None), || status(404, None)] {
        let access = found(&Scope::Account, |asked| match asked {
            TokenScope::ActionsRead => Ok(()),
            _ => fault(),
        });
        assert!(matches!(access.verdict(), Verdict::Enough), "{access:?}");
        assert!(access.findings[1].reason.is_some());
    }
}

#[test]
fn what_is_missing_is_said_before_what_is_unknown() {
    let access = found(&droplets(&["web"]), |asked| match asked {
        TokenScope::DropletRead => status(500, None),
        _ => forbidden(),
    });
    assert!(
        matches!(access.verdict(), Verdict::Lacking(lacking) if lacking == [TokenScope::TagRead])
    );
}

#[test]
fn after_an_answer_that_all_would_get_nothing_more_is_asked() {
    for (answer, is_hopeless) in [
        (status(401, None), true),
        (broken(), true),
        (Err(error(ErrorKind::Redirect { status: 302 })), true),
        (status(500, None), false),
        (forbidden(), false),
        (Ok(()), false),
    ] {
        let mut answers = Some(answer);
        let access = found(&Scope::Account, |_| answers.take().unwrap_or(Ok(())));
        assert_eq!(access.is_hopeless(), is_hopeless, "{access:?}");
    }
}
