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
    let mut failures = outcomes
        .iter()
        .filter_map(|(own, result)| Some((own.account()?, result.as_ref().err()?)));
    let (account, failure) = failures.find(|(_, failure)| failure.status == Status::Usage)?;
    let is_same = |other: &Failure| other.message == failure.message;
    let is_of_all = outcomes
        .iter()
        .all(|(_, result)| result.as_ref().err().is_some_and(is_same));
    let message = match is_of_all {
        true => failure.message.clone(),
        false => format!("{account}: {}", failure.message),
    };
    Some(Failure {
        message,
        ..failure.clone()
    })
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
    let mut answers = Answers {
        all: Vec::new(),
        missing: Vec::new(),
        failed: None,
        doubt: Doubt::Nothing,
    };
    let mut unknown = Vec::new();
    for (own, result) in outcomes {
        match result {
            Ok(answer) => {
                answers.doubt = answers.doubt.max(own.basis.doubt());
                answers.all.push((own.account(), answer));
            }
            Err(failure) if matches!(failure.status, Status::Unknown | Status::Partial) => {
                unknown.push(failure);
            }
            Err(failure) => {
                own.terminal.failure(&failure);
                answers.failed.get_or_insert(failure.status);
                let account = own.account();
                (answers.missing).extend(account.map(|account| (account, failure.message)));
            }
        }
    }
    unknown.sort_by_key(|failure| failure.status != Status::Partial);
    answers.with_unknown(unknown.into_iter().next())
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

    /// The answers beside those of accounts that do not know a name or a value of the question.
    fn with_unknown(mut self, failure: Option<Failure>) -> Result<Self, Failure> {
        if !self.all.is_empty() {
            self.failed = self.failed.map(|_| Status::Partial);
            if failure.is_some_and(|failure| failure.status == Status::Partial) {
                self.doubt = self.doubt.max(Doubt::NoRows);
            }
            return Ok(self);
        }
        let Some(failure) = failure else {
            return Ok(self);
        };
        // An account that could not be read may know it.
        let status = self.failed.map_or(failure.status, |_| Status::Partial);
        Err(Failure { status, ..failure })
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
