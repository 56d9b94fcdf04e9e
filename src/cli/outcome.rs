//! What several accounts answered, and what follows from it: messages and an exit status.

use std::sync::Arc;

use archiver::core::account::AccountName;
use archiver::core::threads::lock;

use super::Context;
use super::answer::AnswerFlags;
use super::basis::Basis;
use super::exit::{Failure, Status};
use super::member::Said;

/// What an account answered.
pub(super) struct Outcome<T> {
    pub(super) account: AccountName,
    pub(super) basis: Basis,
    pub(super) result: Result<T, Failure>,
}

/// The answers of the accounts that have one.
pub(super) struct Answers<T> {
    pub(super) all: Vec<(AccountName, T)>,
    /// Each account that cannot be read, and why.
    pub(super) missing: Vec<(AccountName, String)>,
    /// The status of the first failure, if there is one.
    failed: Option<Status>,
    is_doubtful: bool,
    said: Arc<Said>,
    /// The number of the answers.
    answered: usize,
}

/// The first failure that is a mistake in the question, with its account if others do not see it.
pub(super) fn usage<T>(outcomes: &[Outcome<T>]) -> Option<Failure> {
    let errors = outcomes
        .iter()
        .filter_map(|it| Some((it.account, it.result.as_ref().err()?)));
    let errors: Vec<_> = errors.collect();
    let is_usage = |it: &&(AccountName, &Failure)| it.1.status == Status::Usage;
    let (account, failure) = errors.iter().find(is_usage)?;
    let is_same = |(_, other): &(AccountName, &Failure)| other.message == failure.message;
    let is_of_all = errors.len() == outcomes.len() && errors.iter().all(is_same);
    let message = match is_of_all {
        true => failure.message.clone(),
        false => format!("{account}: {}", failure.message),
    };
    Some(Failure {
        message,
        ..(*failure).clone()
    })
}

/// The answers, when the failures are told.
pub(super) fn settled<T>(
    context: &Context,
    outcomes: Vec<Outcome<T>>,
    said: Arc<Said>,
    tells_age: bool,
) -> Result<Answers<T>, Failure> {
    let (mut all, mut missing, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let (mut failed, mut is_doubtful) = (None, false);
    for outcome in in_order(context, outcomes, tells_age)? {
        match outcome.result {
            Ok(answer) => {
                is_doubtful |= outcome.basis.is_doubtful();
                all.push((outcome.account, answer));
            }
            Err(failure) if matches!(failure.status, Status::Unknown | Status::Partial) => {
                is_doubtful |= failure.status == Status::Partial;
                unknown.push(failure);
            }
            Err(failure) => {
                (context.terminal.of_account(outcome.account)).failure(&failure);
                failed.get_or_insert(failure.status);
                missing.push((outcome.account, failure.message));
            }
        }
    }
    let unknown = unknown.into_iter();
    let unknown = unknown.min_by_key(|failure| failure.status != Status::Partial);
    if let (true, Some(failure)) = (all.is_empty(), unknown) {
        // An account that could not be read may know it.
        let status = failed.map_or(failure.status, |_| Status::Partial);
        return Err(Failure { status, ..failure });
    }
    Ok(Answers {
        answered: all.len(),
        all,
        missing,
        failed,
        is_doubtful,
        said,
    })
}

/// The outcomes by account, unless the question has a mistake. Tells what each answer is based on.
fn in_order<T>(
    context: &Context,
    mut outcomes: Vec<Outcome<T>>,
    tells_age: bool,
) -> Result<Vec<Outcome<T>>, Failure> {
    if let Some(failure) = usage(&outcomes) {
        return Err(failure);
    }
    outcomes.sort_by_key(|outcome| outcome.account);
    for outcome in &outcomes {
        let terminal = context.terminal.of_account(outcome.account);
        if tells_age {
            outcome.basis.tell_age(terminal);
        }
        outcome.basis.tell(terminal);
    }
    Ok(outcomes)
}

/// What is not proven for one account is not proven for all.
pub(super) fn worst(statuses: impl Iterator<Item = Status>) -> Status {
    let statuses = statuses.filter(|status| *status != Status::Done);
    let worst = statuses.max_by_key(|status| *status == Status::Partial);
    worst.unwrap_or(Status::Done)
}

impl<T> Answers<T> {
    /// The exit status of an answer with this number of rows.
    pub(super) fn status(&self, flags: &AnswerFlags, rows: u64) -> Status {
        match self.failed() {
            Some(status) => status,
            None if !flags.exit_code => Status::Done,
            None if rows > 0 => Status::Found,
            None if self.is_doubtful => Status::Partial,
            None => Status::Done,
        }
    }

    /// The exit status that follows from accounts without an answer, if there are any.
    pub(super) fn failed(&self) -> Option<Status> {
        let partly = self.answered > 0;
        self.failed
            .map(|status| if partly { Status::Partial } else { status })
    }

    /// The exit status, if no account answered.
    pub(super) fn nothing(&self) -> Option<Status> {
        self.failed.filter(|_| self.answered == 0)
    }

    /// Tells what the accounts say about the answer: notes once, and of the probable mistakes those that every account
    /// sees. Returns true for a mistake.
    pub(super) fn tell(&self, context: &Context) -> bool {
        for note in lock(&self.said.notes).iter() {
            context.terminal.note(note);
        }
        let slips = lock(&self.said.slips);
        let told = if slips.len() == self.answered {
            shared(&slips)
        } else {
            Vec::new()
        };
        context.terminal.warnings(&told);
        !told.is_empty()
    }
}

/// The probable mistakes that all accounts see.
pub(super) fn shared(slips: &[Vec<String>]) -> Vec<String> {
    // The suggestions differ.
    let about = |slip: &String| slip.split("; did you mean").next().map(str::to_owned);
    let is_of_all = |slip: &&String| {
        let sees = |others: &Vec<String>| others.iter().any(|other| about(other) == about(slip));
        slips.iter().all(sees)
    };
    let first = slips
        .iter()
        .flatten()
        .take(slips.first().map_or(0, Vec::len));
    first.filter(is_of_all).cloned().collect()
}
