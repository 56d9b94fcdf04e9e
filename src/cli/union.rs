//! Questions to the archives of all selected accounts. Each account answers alone, with its own SQL, connection and
//! thread, as if it were the only one; their rows are merged, or their numbers added. One that cannot answer is named, and
//! the others answer. The archive of one account is asked in place, without a thread. The messages and the exit status
//! follow from all answers.

use std::io;
use std::thread::{self, Builder, ScopedJoinHandle};

use archiver::core::account::AccountName;
use archiver::core::threads::refused;
use archiver::output::{Format, RowWriter};
use archiver::query::report::{Total, WithTotal};
use archiver::query::{self, Filter, Stranger};

use super::Context;
use super::answer::{self, AnswerFlags, Printed};
use super::basis::Doubt;
use super::context::MEMBER_WAIT;
use super::exit::{Failure, Status};
use super::order::{Feed, Head, Order, write_merged};
use super::runtime::side_by_side;
use super::searched;

/// A question whose answer is rows.
pub(super) struct Question<'a> {
    pub(super) flags: &'a AnswerFlags,
    /// It has the droplets and tags of the question.
    pub(super) filter: Filter,
    pub(super) order: Order,
    pub(super) total: Option<&'a Total>,
}

/// The words of an archive beside its rows.
#[derive(Default)]
pub(super) struct Said {
    /// Probable mistakes in the question.
    pub(super) slips: Vec<String>,
    /// The number of rows that `--exit-code` counts, if these are not all.
    pub(super) found: Option<u64>,
    /// They are told after the rows.
    pub(super) details: Vec<String>,
}

impl Said {
    pub(super) fn slips(slips: Vec<String>) -> Self {
        Self {
            slips,
            ..Self::default()
        }
    }
}

/// The answer, when it is printed.
pub(super) struct Answered {
    pub(super) rows: u64,
    pub(super) status: Status,
    /// True when notes may explain the answer.
    pub(super) is_explained: bool,
}

impl Answered {
    /// Notes what an answer without rows searched.
    pub(super) fn explain_nothing(&self, context: &Context, filter: &Filter) {
        if self.rows == 0 && self.is_explained {
            context.terminal.note(&searched::no_action(filter));
        }
    }
}

impl<'a> Question<'a> {
    pub(super) fn new(flags: &'a AnswerFlags, filter: &Filter, order: Order) -> Self {
        Self {
            flags,
            filter: filter.clone(),
            order,
            total: None,
        }
    }

    /// Prints the rows that `ask` passes on about each archive, in one order.
    pub(super) fn print(
        &self,
        context: &Context,
        ask: impl Fn(&Context, &mut dyn RowWriter) -> Result<Said, Failure> + Sync,
    ) -> Result<Answered, Failure> {
        let (rows, answers) = if context.has_several() {
            self.print_merged(context, ask)?
        } else {
            let printed = self.print_ordered(context, |rows| ask(context, rows))?;
            let all = vec![(None, printed.outcome.unwrap_or_default())];
            (printed.rows, Answers::new(all, context.basis.doubt()))
        };
        for (account, said) in &answers.all {
            for text in &said.details {
                context.terminal.of_account(*account).detail(0, text);
            }
        }
        let is_wrong = answers.warn(context, |said| &said.slips);
        let found = answers.all.iter().map(|(_, said)| said.found);
        let found: Option<u64> = found.sum();
        let is_answered = answers.nothing().is_none();
        Ok(Answered {
            rows,
            status: answers.status(self.flags, found.unwrap_or(rows)),
            is_explained: self.flags.is_explained(context) && is_answered && !is_wrong,
        })
    }

    /// Prints the rows of `ask` in the order of the flags, with their total.
    fn print_ordered<T>(
        &self,
        context: &Context,
        ask: impl FnOnce(&mut dyn RowWriter) -> Result<T, Failure>,
    ) -> Result<Printed<T>, Failure> {
        let total = self.total.filter(|_| self.flags.output.is_for_people());
        answer::print(context, self.flags, |printer| {
            printer.order = self.order.flags.clone();
            let Some(total) = total else {
                return ask(printer);
            };
            let mut writer = WithTotal::new(printer, total);
            let outcome = ask(&mut writer)?;
            writer.write_total()?;
            Ok(outcome)
        })
    }

    fn print_heads(&self, context: &Context, heads: Vec<Head>) -> Result<u64, Failure> {
        if heads.is_empty() {
            return Ok(0);
        }
        let printed =
            self.print_ordered(context, |rows| Ok(write_merged(heads, &self.order, rows)?))?;
        Ok(printed.rows)
    }

    /// Asks each account in a thread, and prints the merged rows.
    fn print_merged(
        &self,
        context: &Context,
        ask: impl Fn(&Context, &mut dyn RowWriter) -> Result<Said, Failure> + Sync,
    ) -> Result<(u64, Answers<Said>), Failure> {
        let at_once = 2 * thread::available_parallelism().map_or(1, usize::from);
        let (members, mut outcomes) = members(context, &self.filter);
        let ask = &ask;
        let printed = thread::scope(|scope| {
            let (mut heads, mut running) = (Vec::new(), Vec::new());
            // A few accounts at a time look for their first rows, which may take memory.
            for some in members.chunks(at_once) {
                let start = |own| {
                    let (mut feed, source) = Feed::new();
                    let work = move || ask(own, &mut feed);
                    (source, (own, Builder::new().spawn_scoped(scope, work)))
                };
                let started: Vec<_> = some.iter().map(start).collect();
                for (source, thread) in started {
                    let account = thread.0.account();
                    match account.and_then(|account| Head::new(account, source)) {
                        None => outcomes.push(joined(thread)),
                        Some(head) => {
                            heads.push(head);
                            running.push(thread);
                        }
                    }
                }
            }
            // A mistake in the question is told before the first row.
            let printed = match usage(&outcomes) {
                Some(failure) => Err(failure),
                None => self.print_heads(context, std::mem::take(&mut heads)),
            };
            // A thread that still runs ends at its next row.
            drop(heads);
            outcomes.extend(running.into_iter().map(joined));
            printed
        });
        let tells_age = self.flags.output == Format::Table && context.terminal.shows_answers;
        Ok((printed?, settled(outcomes, tells_age)?))
    }
}

type Running<'scope, T> = io::Result<ScopedJoinHandle<'scope, Result<T, Failure>>>;

fn joined<T: Default>((own, thread): (&Context, Running<'_, T>)) -> Outcome<T> {
    let unexpected = |_| Err(Failure::failed("its thread ended unexpectedly"));
    let result = match thread {
        Ok(thread) => thread.join().unwrap_or_else(unexpected),
        Err(error) => Err(Failure::failed(refused(error).to_string())),
    };
    let result = match result {
        // The merge has enough.
        Err(failure) if failure.status == Status::Closed => Ok(T::default()),
        result => result,
    };
    (own.clone(), result)
}

/// The answers of `ask` about each archive. `filter` has the droplets and tags of the question.
pub(super) fn each<T: Send>(
    context: &Context,
    filter: &Filter,
    ask: impl Fn(&Context) -> Result<T, Failure> + Sync,
) -> Result<Answers<T>, Failure> {
    if !context.has_several() {
        let all = vec![(None, ask(context)?)];
        return Ok(Answers::new(all, context.basis.doubt()));
    }
    let (members, mut outcomes) = members(context, filter);
    outcomes.extend(side_by_side(members, |own| {
        let result = ask(&own);
        (own, result)
    }));
    settled(outcomes, false)
}

/// The accounts to ask: those that know any of the droplets and tags of the question. Names that no account knows are
/// left to all of them, so that each explains its error. An account that cannot be read is not asked again.
fn members<T>(context: &Context, filter: &Filter) -> (Vec<Context>, Vec<Outcome<T>>) {
    let is_about_all = filter.droplets.is_anything() && filter.tags.is_anything();
    let strangers = |own: &Context| {
        if is_about_all {
            return Ok(Vec::new());
        }
        let connection = own.open_archive_within(Some(MEMBER_WAIT))?;
        Ok(query::strangers(&connection, filter)?)
    };
    let found = side_by_side(context.of_each(), |own| {
        let strangers = strangers(&own);
        (own, strangers)
    });
    let known: Vec<Vec<Stranger>> = found.iter().filter_map(|it| it.1.clone().ok()).collect();
    let is_known = |stranger: &Stranger| known.iter().any(|others| !others.contains(stranger));
    let (mut members, mut outcomes) = (Vec::new(), Vec::new());
    for (own, strangers) in found {
        match strangers {
            Ok(mut strangers) => {
                strangers.retain(is_known);
                let strangers = Some(strangers.into());
                members.push(Context { strangers, ..own });
            }
            Err(failure) => outcomes.push((own, Err(failure))),
        }
    }
    let is_asked = |own: &Context| narrowed(own, filter).is_some();
    if members.iter().any(is_asked) {
        members.retain(is_asked);
    }
    (members, outcomes)
}

/// The filter without what only other accounts know; `None` when nothing of it is left.
pub(super) fn narrowed(context: &Context, filter: &Filter) -> Option<Filter> {
    let strangers = context.strangers.as_deref().unwrap_or_default();
    filter.clone().without(strangers)
}

/// The filter without what only other accounts know.
pub(super) fn known(context: &Context, filter: Filter) -> Filter {
    narrowed(context, &filter).unwrap_or(filter)
}

/// The answer of an account, with its context.
type Outcome<T> = (Context, Result<T, Failure>);

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
fn usage<T>(outcomes: &[Outcome<T>]) -> Option<Failure> {
    let mut failures = outcomes
        .iter()
        .filter_map(|(own, result)| Some((own.account()?, result.as_ref().err()?)));
    let (account, failure) = failures.find(|(_, failure)| failure.status == Status::Usage)?;
    let is_same = |other: &Failure| other.message == failure.message;
    let mut results = outcomes.iter().map(|(_, result)| result.as_ref());
    let is_of_all = results.all(|result| result.err().is_some_and(is_same));
    Some(match is_of_all {
        true => failure.clone(),
        false => failure.clone().about(account),
    })
}

/// The answers, when the failures are told.
fn settled<T>(mut outcomes: Vec<Outcome<T>>, tells_age: bool) -> Result<Answers<T>, Failure> {
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
    let mut answers = Answers::new(Vec::new(), Doubt::Nothing);
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
    let unknown = unknown.into_iter().next();
    if answers.all.is_empty() {
        // An account that could not be read may know it.
        let status = answers.failed.map(|_| Status::Partial);
        return unknown.map_or(Ok(answers), |failure| {
            let status = status.unwrap_or(failure.status);
            Err(Failure { status, ..failure })
        });
    }
    answers.failed = answers.failed.map(|_| Status::Partial);
    if unknown.is_some_and(|failure| failure.status == Status::Partial) {
        answers.doubt = answers.doubt.max(Doubt::NoRows);
    }
    Ok(answers)
}

impl<T> Answers<T> {
    fn new(all: Vec<(Option<AccountName>, T)>, doubt: Doubt) -> Self {
        Self {
            all,
            missing: Vec::new(),
            failed: None,
            doubt,
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
