//! Answers about several accounts. Each account answers alone, with its own SQL, connection and thread, as if it were
//! the only one; their rows are merged, or their numbers added. One that cannot answer is named, and the others answer.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, Builder, ScopedJoinHandle};

use archiver::config::Account;
use archiver::core::account::AccountName;
use archiver::core::threads::{lock, refused};
use archiver::output::Format;
use archiver::query::report::{Total, WithTotal};
use archiver::query::{self, Filter, Stranger};

use super::Context;
use super::answer::{self, AnswerFlags};
use super::basis::Basis;
use super::context::MEMBER_WAIT;
use super::exit::{Failure, Status};
use super::member::{Gate, Member, Portion, Said, WAITING};
use super::merge::Merge;
use super::order::Order;
use super::outcome::{Answers, Outcome, settled, usage, worst};
use super::runtime::side_by_side;

/// The page caches of all connections together, in KiB.
const CACHES_KIB: usize = 10_240;
/// The page cache of a connection, in KiB.
const CACHE_KIB: std::ops::RangeInclusive<usize> = 64..=1_280;

/// The rows of `ask` about each account, which prints them with `answer::print`, in one order. `filter` has the droplets
/// and tags of the question.
pub(super) fn rows(
    context: &Context,
    flags: &AnswerFlags,
    (order, total): (&Order, Option<&Total>),
    filter: &Filter,
    ask: impl Fn(&Context) -> Result<Status, Failure> + Sync,
) -> Result<Status, Failure> {
    let said = Arc::<Said>::default();
    let gate = Gate::of(2 * processors());
    let (members, mut outcomes) = members(context, filter, &said);
    let printed = thread::scope(|scope| {
        let waiting = order.waiting.max(WAITING);
        let (mut sources, mut running) = (Vec::new(), Vec::new());
        for (account, member) in members {
            let name = account.name;
            let (own, source, total) = connected(context, &account, member, waiting);
            let (basis, gate, ask) = (own.basis.clone(), Arc::clone(&gate), &ask);
            let thread = Builder::new().spawn_scoped(scope, move || in_turn(&gate, &own, ask));
            sources.push((name, source));
            running.push((total, (name, basis, thread)));
        }
        let (merge, silent) = Merge::new(sources, order);
        let (ended, others): (Vec<_>, Vec<_>) = running
            .into_iter()
            .partition(|(_, (name, ..))| silent.contains(name));
        outcomes.extend(ended.into_iter().map(|(_, thread)| joined(thread)));
        // A mistake in the question is told before the first row.
        let printed = match usage(&outcomes) {
            Some(failure) => {
                drop(merge);
                Err(failure)
            }
            None if merge.has_answers() => {
                tell_details(context, &said);
                print(context, flags, total, merge)
            }
            None => Ok(0),
        };
        for (total, _) in &others {
            // A thread that has failed does not listen.
            let _ = printed.as_ref().map(|rows| total.send(*rows));
        }
        let (totals, others): (Vec<_>, Vec<_>) = others.into_iter().unzip();
        drop(totals);
        outcomes.extend(others.into_iter().map(joined));
        printed
    });
    printed?;
    tell_details(context, &said);
    let tells_age = flags.output == Format::Table && context.terminal.shows_answers;
    let answers = settled(context, outcomes, said, tells_age)?;
    answers.tell(context);
    let statuses = answers.all.iter().map(|(_, status)| *status);
    Ok(answers.failed().unwrap_or_else(|| worst(statuses)))
}

/// The context of an account whose rows go to the source, and which then waits for their total.
fn connected(
    context: &Context,
    account: &Account,
    member: Member,
    waiting: usize,
) -> (Context, Receiver<Portion>, Sender<u64>) {
    let (rows, source) = sync_channel(waiting);
    let (sender, total) = channel();
    *lock(&member.rows) = Some(rows);
    *lock(&member.total) = Some(total);
    (of_member(context, account, member), source, sender)
}

/// Asks when it is the account's turn, which ends with its first rows.
fn in_turn<T>(
    gate: &Arc<Gate>,
    own: &Context,
    ask: impl Fn(&Context) -> Result<T, Failure>,
) -> Result<T, Failure> {
    if let Some(member) = &own.member {
        *lock(&member.turn) = Some(gate.wait());
    }
    let answer = ask(own);
    if let Some(member) = &own.member {
        *lock(&member.turn) = None;
    }
    answer
}

fn processors() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn print(
    context: &Context,
    flags: &AnswerFlags,
    total: Option<&Total>,
    merge: Merge,
) -> Result<u64, Failure> {
    let printed = answer::print(context, flags, move |printer| {
        let written = match total.filter(|_| flags.output.is_for_people()) {
            None => merge.write(printer),
            Some(total) => {
                let mut writer = WithTotal::new(printer, total);
                let written = merge.write(&mut writer);
                written.and_then(|()| writer.write_total())
            }
        };
        written.map_err(query::Error::Write)
    })?;
    Ok(printed.rows)
}

fn joined<T>(
    (account, basis, thread): (
        AccountName,
        Basis,
        io::Result<ScopedJoinHandle<'_, Result<T, Failure>>>,
    ),
) -> Outcome<T> {
    let unexpected = |_| Err(Failure::failed("its thread ended unexpectedly"));
    let result = match thread {
        Ok(thread) => thread.join().unwrap_or_else(unexpected),
        Err(error) => Err(Failure::failed(refused(error).to_string())),
    };
    Outcome {
        account,
        basis,
        result,
    }
}

/// The answers of `ask` about each account. `filter` has the droplets and tags of the question.
pub(super) fn each<T: Send>(
    context: &Context,
    filter: &Filter,
    ask: impl Fn(&Context) -> Result<T, Failure> + Sync,
) -> Result<Answers<T>, Failure> {
    let said = Arc::<Said>::default();
    let (members, mut outcomes) = members(context, filter, &said);
    outcomes.extend(side_by_side(members, |(account, member)| {
        let own = of_member(context, &account, member);
        Outcome {
            account: account.name,
            result: ask(&own),
            basis: own.basis,
        }
    }));
    settled(context, outcomes, said, false)
}

type Members = Vec<(Account, Member)>;

/// The accounts to ask: those that know any of the droplets and tags of the question. Names that no account knows are
/// left to all of them, so that each explains its error. An account that cannot be read is not asked again.
fn members<T>(context: &Context, filter: &Filter, said: &Arc<Said>) -> (Members, Vec<Outcome<T>>) {
    let is_about_all = filter.droplets.is_anything() && filter.tags.is_anything();
    let strangers = |account: &Account| {
        if is_about_all {
            return Ok(Vec::new());
        }
        let own = context.for_account(account);
        let connection = own.open_archive_within(Some(MEMBER_WAIT))?;
        Ok(query::strangers(&connection, filter)?)
    };
    let found = side_by_side(context.accounts().to_vec(), |account| {
        let strangers = strangers(&account);
        (account, strangers)
    });
    let known: Vec<Vec<Stranger>> = found.iter().filter_map(|it| it.1.clone().ok()).collect();
    let is_known = |stranger: &Stranger| known.iter().any(|others| !others.contains(stranger));
    let accounts = found.len();
    let (mut members, mut outcomes) = (Vec::new(), Vec::new());
    for (account, strangers) in found {
        match strangers {
            Ok(mut strangers) => {
                strangers.retain(is_known);
                members.push((account, member(strangers, accounts, said)));
            }
            Err(failure) => outcomes.push(Outcome {
                account: account.name,
                basis: Basis::default(),
                result: Err(failure),
            }),
        }
    }
    let is_asked =
        |(_, member): &(Account, Member)| filter.clone().without(&member.strangers).is_some();
    if members.iter().any(is_asked) {
        members.retain(is_asked);
    }
    (members, outcomes)
}

fn member(strangers: Vec<Stranger>, accounts: usize, said: &Arc<Said>) -> Member {
    let cache = (CACHES_KIB / accounts.max(1)).clamp(*CACHE_KIB.start(), *CACHE_KIB.end());
    Member {
        rows: Mutex::default(),
        total: Mutex::default(),
        turn: Mutex::default(),
        strangers,
        said: Arc::clone(said),
        cache_kib: cache,
    }
}

fn of_member(context: &Context, account: &Account, member: Member) -> Context {
    Context {
        member: Some(Arc::new(member)),
        ..context.for_account(account)
    }
}

/// Notes something about the whole answer.
pub(super) fn note(context: &Context, text: &str) {
    let Some(member) = &context.member else {
        return context.terminal.note(text);
    };
    let mut notes = lock(&member.said.notes);
    if !notes.iter().any(|note| note == text) {
        notes.push(text.to_owned());
    }
}

/// Tells something about the answer. What several accounts say comes by account.
pub(super) fn detail(context: &Context, text: &str) {
    match (&context.member, context.account()) {
        (Some(member), Some(account)) => {
            lock(&member.said.details).push((account, text.to_owned()));
        }
        _ => context.terminal.detail(0, text),
    }
}

/// Tells what the accounts have said so far.
fn tell_details(context: &Context, said: &Said) {
    let mut details = std::mem::take(&mut *lock(&said.details));
    details.sort_by_key(|(account, _)| *account);
    for (account, text) in details {
        context.terminal.of_account(account).detail(0, &text);
    }
}

/// Warns of probable mistakes in the question, once for each answer.
pub(super) fn warn(context: &Context, slips: Vec<String>) {
    match &context.member {
        None => context.terminal.warnings(&slips),
        Some(member) => lock(&member.said.slips).push(slips),
    }
}

/// The filter without what only other accounts know.
pub(super) fn known(context: &Context, filter: Filter) -> Filter {
    let Some(member) = &context.member else {
        return filter;
    };
    filter.clone().without(&member.strangers).unwrap_or(filter)
}
