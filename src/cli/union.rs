//! Questions to the archives of all selected accounts. Each account answers alone, with its own SQL, connection and
//! thread, as if it were the only one; their rows are merged, or their numbers added. One that cannot answer is named, and
//! the others answer. The archive of one account is asked in place, without a thread.

use std::io;
use std::sync::Arc;
use std::thread::{self, Builder, ScopedJoinHandle};

use archiver::core::threads::refused;
use archiver::output::{Format, RowWriter};
use archiver::query::report::{Total, WithTotal};
use archiver::query::{self, Filter, Stranger};

use super::Context;
use super::answer::{self, AnswerFlags, Printed};
use super::context::{MEMBER_WAIT, Member};
use super::exit::{Failure, Status};
use super::merge::{Feed, Gate, Merge};
use super::order::{Order, Ordered};
use super::outcome::{Answers, Outcome, settled, usage};
use super::runtime::side_by_side;
use super::searched;

/// The page caches of all connections together, in KiB.
const CACHES_KIB: usize = 10_240;

/// A question whose answer is rows.
pub(super) struct Question<'a> {
    pub(super) flags: &'a AnswerFlags,
    /// It has the droplets and tags of the question.
    pub(super) filter: Filter,
    pub(super) order: Order,
    pub(super) total: Option<&'a Total>,
}

/// What an archive says beside its rows.
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

impl<'a> Question<'a> {
    pub(super) fn new(flags: &'a AnswerFlags, filter: &Filter, order: Order) -> Self {
        Self {
            flags,
            filter: filter.clone(),
            order,
            total: None,
        }
    }
}

impl Answered {
    /// Notes what an answer without rows searched.
    pub(super) fn explain_nothing(&self, context: &Context, filter: &Filter) {
        if self.rows == 0 && self.is_explained {
            context.terminal.note(&searched::no_action(filter));
        }
    }
}

impl Question<'_> {
    /// Prints the rows that `ask` passes on about each archive, in one order.
    pub(super) fn print(
        &self,
        context: &Context,
        ask: impl Fn(&Context, &mut Ordered<'_>) -> Result<Said, Failure> + Sync,
    ) -> Result<Answered, Failure> {
        let (rows, answers) = if context.has_several() {
            self.print_merged(context, ask)?
        } else {
            let flags = &self.order.flags;
            let printed = self.print_with_total(context, |writer| {
                flags.pass(false, writer, |rows| ask(context, rows))
            })?;
            let said = printed.outcome.unwrap_or_default();
            (printed.rows, Answers::of_one(context, said))
        };
        for (account, said) in &answers.all {
            let terminal = account.map_or(context.terminal, |it| context.terminal.of_account(it));
            for text in &said.details {
                terminal.detail(0, text);
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

    fn print_with_total<T>(
        &self,
        context: &Context,
        ask: impl FnOnce(&mut dyn RowWriter) -> Result<T, Failure>,
    ) -> Result<Printed<T>, Failure> {
        let total = self.total.filter(|_| self.flags.output.is_for_people());
        answer::print(context, self.flags, |printer| {
            let Some(total) = total else {
                return ask(printer);
            };
            let mut writer = WithTotal::new(printer, total);
            let outcome = ask(&mut writer)?;
            writer.write_total().map_err(query::Error::Write)?;
            Ok(outcome)
        })
    }

    /// Asks each account in a thread, and prints the merged rows.
    fn print_merged(
        &self,
        context: &Context,
        ask: impl Fn(&Context, &mut Ordered<'_>) -> Result<Said, Failure> + Sync,
    ) -> Result<(u64, Answers<Said>), Failure> {
        let gate = Gate::new(2 * thread::available_parallelism().map_or(1, usize::from));
        let (members, mut outcomes) = members(context, &self.filter);
        let (order, ask) = (&self.order, &ask);
        let printed = thread::scope(|scope| {
            let (mut sources, mut running) = (Vec::new(), Vec::new());
            for own in &members {
                let (feed, source) = Feed::new(order, &gate);
                let work = move || feed.send(order, |rows| ask(own, rows));
                sources.extend(own.account().map(|account| (account, source)));
                running.push((own, Builder::new().spawn_scoped(scope, work)));
            }
            let (merge, silent) = Merge::new(sources, order);
            let is_silent = |own: &Context| own.account().is_some_and(|it| silent.contains(&it));
            let (ended, others): (Vec<_>, Vec<_>) =
                running.into_iter().partition(|(own, _)| is_silent(own));
            outcomes.extend(ended.into_iter().map(joined));
            // A mistake in the question is told before the first row.
            let printed = match usage(&outcomes) {
                Some(failure) => {
                    drop(merge);
                    Err(failure)
                }
                None if merge.has_answers() => {
                    let printed = self.print_with_total(context, |writer| {
                        Ok(merge.write(writer).map_err(query::Error::Write)?)
                    });
                    printed.map(|printed| printed.rows)
                }
                None => Ok(0),
            };
            outcomes.extend(others.into_iter().map(joined));
            printed
        });
        let tells_age = self.flags.output == Format::Table && context.terminal.shows_answers;
        Ok((printed?, settled(outcomes, tells_age)?))
    }
}

type Running<'scope, T> = io::Result<ScopedJoinHandle<'scope, Result<T, Failure>>>;

fn joined<T>((own, thread): (&Context, Running<'_, T>)) -> Outcome<T> {
    let unexpected = |_| Err(Failure::failed("its thread ended unexpectedly"));
    let result = match thread {
        Ok(thread) => thread.join().unwrap_or_else(unexpected),
        Err(error) => Err(Failure::failed(refused(error).to_string())),
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
        return Ok(Answers::of_one(context, ask(context)?));
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
    let cache_kib = (CACHES_KIB / found.len().max(1)).clamp(64, 1_280);
    let (mut members, mut outcomes) = (Vec::new(), Vec::new());
    for (own, strangers) in found {
        match strangers {
            Ok(mut strangers) => {
                strangers.retain(is_known);
                let member = Member {
                    strangers,
                    cache_kib,
                };
                let member = Some(Arc::new(member));
                members.push(Context { member, ..own });
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
    let strangers = context.member.as_ref().map_or(&[][..], |it| &it.strangers);
    filter.clone().without(strangers)
}

/// The filter without what only other accounts know.
pub(super) fn known(context: &Context, filter: Filter) -> Filter {
    narrowed(context, &filter).unwrap_or(filter)
}
