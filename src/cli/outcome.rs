//! What the accounts answered, and what follows from it: messages and an exit status.

use archiver::core::account::AccountName;

use super::Context;
use super::answer::AnswerFlags;
use super::basis::Doubt;
use super::exit::{Failure, Status};

/// What an account answered, with its context.
pub(super) type Outcome<T> = (Context, Result<T, Failure>);

/// The answers of the accounts that have one. Without several accounts, there is one answer without an account.
pub(super) struct Answers<T> {
    pub(super) all: Vec<(Option<AccountName>, T)>,
    /// Each account that cannot be read, and why.
    pub(super) missing: Vec<(AccountName, String)>,
    /// The status that follows from accounts without an answer, if there are any.
    pub(super) failed: Option<Status>,
    doubt: Doubt,
}

/// The first failure that is a mistake in the question, with its account if others do not see it.
pub(super) fn usage<T>(outcomes: &[Outcome<T>]) -> Option<Failure> {
    let failures = || {
        outcomes
            .iter()
            .filter_map(|(_, result)| result.as_ref().err())
    };
    let failure = failures().find(|failure| failure.status == Status::Usage)?;
    let same = failures().filter(|other| other.message == failure.message);
    let mut failure = failure.clone();
    if same.count() < outcomes.len() {
        let is_it = |(_, result): &&Outcome<T>| {
            let other = result.as_ref().err();
            other.is_some_and(|other| other.message == failure.message)
        };
        let account = outcomes.iter().find(is_it)?.0.account()?;
        failure.message = format!("{account}: {}", failure.message);
    }
    Some(failure)
}

/// The answers, when the failures are told.
pub(super) fn settled<T>(
    mut outcomes: Vec<Outcome<T>>,
    tells_age: bool,
) -> Result<Answers<T>, Failure> {
    if let Some(failure) = usage(&outcomes) {
        return Err(failure);
    }
    outcomes.sort_by_key(|(own, _)| own.account());
    for (own, _) in &outcomes {
        if tells_age {
            own.basis.tell_age(own.terminal);
        }
        own.basis.tell(own.terminal);
    }
    let (mut all, mut missing, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let (mut failed, mut doubt) = (None, Doubt::Nothing);
    for (own, result) in outcomes {
        match result {
            Ok(answer) => {
                doubt = doubt.max(own.basis.doubt());
                all.push((own.account(), answer));
            }
            Err(failure) if matches!(failure.status, Status::Unknown | Status::Partial) => {
                unknown.push(failure);
            }
            Err(failure) => {
                own.terminal.failure(&failure);
                failed = failed.or(Some(failure.status));
                missing.extend(own.account().map(|account| (account, failure.message)));
            }
        }
    }
    unknown.sort_by_key(|failure| failure.status != Status::Partial);
    if let Some(failure) = unknown.into_iter().next() {
        // An account that could not be read may know it.
        let status = failed.map_or(failure.status, |_| Status::Partial);
        if all.is_empty() {
            return Err(Failure { status, ..failure });
        }
        if failure.status == Status::Partial {
            doubt = doubt.max(Doubt::NoRows);
        }
    }
    Ok(Answers {
        failed: failed.map(|status| {
            if all.is_empty() {
                status
            } else {
                Status::Partial
            }
        }),
        all,
        missing,
        doubt,
    })
}

impl<T> Answers<T> {
    /// The answer of the only archive.
    pub(super) fn of_one(context: &Context, answer: T) -> Self {
        Self {
            all: vec![(None, answer)],
            missing: Vec::new(),
            failed: None,
            doubt: context.basis.doubt(),
        }
    }

    /// The exit status of an answer in which `--exit-code` counts this number of rows.
    pub(super) fn status(&self, flags: &AnswerFlags, found: u64) -> Status {
        match self.failed {
            Some(status) => status,
            None => flags.status(found, self.doubt),
        }
    }

    /// The exit status, if no account answered.
    pub(super) fn nothing(&self) -> Option<Status> {
        self.failed.filter(|_| self.all.is_empty())
    }

    /// Warns of the probable mistakes that every account sees. Returns true for a mistake.
    pub(super) fn warn(&self, context: &Context, slips: impl Fn(&T) -> &Vec<String>) -> bool {
        let slips = self.all.iter().map(|(_, answer)| slips(answer).clone());
        let shared = shared(&slips.collect::<Vec<_>>());
        context.terminal.warnings(&shared);
        !shared.is_empty()
    }
}

/// The probable mistakes that all accounts see.
pub(super) fn shared(slips: &[Vec<String>]) -> Vec<String> {
    // The suggestions differ.
    let about = |slip: &str| slip.split("; did you mean").next().map(str::to_owned);
    let is_of_all = |slip: &&String| {
        let sees = |others: &Vec<String>| others.iter().any(|other| about(other) == about(slip));
        slips.iter().all(sees)
    };
    let first = slips.first().into_iter().flatten();
    first.filter(is_of_all).cloned().collect()
}
