//! The order of rows: the flags `--sort` and `--limit` of a report, and the merge of several accounts.
//!
//! The SQL of a report has its own order, and stays the same everywhere. So the flags apply to its rows. Each account sends
//! its rows in one order, so that a merge keeps only a few of each in memory.

use std::cmp::Ordering;
use std::num::NonZeroU64;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::{io, iter, mem};

use archiver::core::account::AccountName;
use archiver::output::{Cell, Heading, Look, RowWriter, Value, is_same_name};
use archiver::query::stats::ACCOUNT;

use super::exit::Failure;

/// The order and the number of rows.
#[derive(Clone, Default, clap::Args)]
#[command(next_help_heading = "Order and number")]
pub(super) struct OrderFlags {
    /// Only the first N rows
    #[arg(short = 'n', long, value_name = "N")]
    pub(super) limit: Option<NonZeroU64>,
    /// Sort by this column: numbers and times from the greatest, texts from A to Z
    #[arg(long, value_name = "COLUMN")]
    sort: Option<String>,
}

impl OrderFlags {
    /// The order of rows that arrive in this `usual` order.
    pub(super) fn after(&self, usual: Order) -> Order {
        let flags = self.clone();
        Order { flags, ..usual }
    }

    /// The column that sorts the rows, if a flag names one.
    pub(super) fn key(&self, headings: &[Heading<'_>]) -> Result<Option<Key>, Failure> {
        let key = self.sort.as_ref().map(|name| {
            let key = Key::new(name, Way::Chosen, headings);
            key.ok_or_else(|| no_column("--sort", name, headings))
        });
        key.transpose()
    }
}

/// The failure for a flag that names a column which the answer does not have.
pub(super) fn no_column(flag: &str, name: &str, headings: &[Heading<'_>]) -> Failure {
    let known: Vec<_> = headings.iter().map(|heading| heading.name).collect();
    let known = known.join(", ");
    Failure::usage(format!("{flag}: `{name}` is not a column: use {known}"))
}

/// The order of the rows, and their number. Rows that are equal in it come by account, then as the account sent them.
#[derive(Default)]
pub(super) struct Order {
    /// The columns by which each account sorts its rows. A column that the answer does not have ends the list.
    pub(super) by: Vec<(String, Way)>,
    /// Another order, in which the rows within the limit are written.
    pub(super) shown: Option<Vec<(String, Way)>>,
    /// The number of columns at the end that only the order needs.
    pub(super) hidden: usize,
    pub(super) limit: Option<u64>,
    /// The flags, which apply to the rows of all archives.
    pub(super) flags: OrderFlags,
}

impl Order {
    /// The order by these columns.
    pub(super) fn by<const N: usize>(columns: [(&str, Way); N]) -> Self {
        Self {
            by: columns.map(|(name, way)| (name.to_owned(), way)).into(),
            ..Self::default()
        }
    }
}

/// The way in which a column sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As SQLite sorts: unknown values first.
    Up,
    Down,
    /// As `--sort`: the greatest number or time first, then texts from A to Z, then unknown values.
    Chosen,
}

/// A column that sorts rows.
pub(super) struct Key {
    index: usize,
    is_time: bool,
    way: Way,
}

impl Key {
    /// `None` if no column has this name.
    fn new(name: &str, way: Way, headings: &[Heading<'_>]) -> Option<Self> {
        let is_it = |heading: &Heading<'_>| is_same_name(heading.name, name);
        let index = headings.iter().position(is_it)?;
        let is_time = headings[index].look == Look::Time;
        Some(Self {
            index,
            is_time,
            way,
        })
    }

    pub(super) fn compare(&self, one: &[Cell], other: &[Cell]) -> Ordering {
        let [a, b] = [one, other].map(|row| row.get(self.index).unwrap_or(&Cell::Null));
        let is_unknown = |it: &Cell| matches!(it, Cell::Null);
        let unknown_last = is_unknown(a).cmp(&is_unknown(b));
        match (self.way, a, b) {
            (Way::Up, ..) => compare(a, b),
            (Way::Down, ..) => compare(b, a),
            (Way::Chosen, Cell::Text(_), Cell::Text(_)) if !self.is_time => compare(a, b),
            (Way::Chosen, Cell::Json(_), Cell::Json(_)) => compare(a, b),
            (Way::Chosen, ..) => unknown_last.then(rank(a).cmp(&rank(b))).then(compare(b, a)),
        }
    }
}

/// Compares as SQLite sorts: unknown values, numbers, texts.
fn compare(one: &Cell, other: &Cell) -> Ordering {
    match (one, other) {
        (Cell::Integer(one), Cell::Integer(other)) => one.cmp(other),
        (Cell::Text(one) | Cell::Json(one), Cell::Text(other) | Cell::Json(other)) => {
            one.cmp(other)
        }
        _ => {
            let by_kind = rank(one).cmp(&rank(other));
            by_kind.then(number(one).total_cmp(&number(other)))
        }
    }
}

fn rank(cell: &Cell) -> u8 {
    match cell {
        Cell::Null => 0,
        Cell::Integer(_) | Cell::Real(_) => 1,
        Cell::Text(_) | Cell::Json(_) => 2,
    }
}

#[expect(clippy::cast_precision_loss, reason = "it is compared with a fraction")]
fn number(cell: &Cell) -> f64 {
    match cell {
        Cell::Integer(integer) => *integer as f64,
        Cell::Real(real) => *real,
        Cell::Text(_) | Cell::Json(_) | Cell::Null => 0.0,
    }
}

/// The rows of an account that may wait for the merge. An account whose whole answer waits needs no memory to go on.
const WAITING: usize = 512;

/// Sends the headings and the rows of an account to the merge, which closes this pipe when it has enough.
pub(super) struct Feed {
    headings: Sender<Vec<Heading<'static>>>,
    rows: SyncSender<Vec<Cell>>,
}

/// The headings and the rows of a feed, as they arrive at the merge.
pub(super) type Source = (Receiver<Vec<Heading<'static>>>, Receiver<Vec<Cell>>);

impl Feed {
    pub(super) fn new() -> (Self, Source) {
        let (headings, sent_headings) = channel();
        let (rows, sent_rows) = sync_channel(WAITING);
        (Self { headings, rows }, (sent_headings, sent_rows))
    }
}

impl RowWriter for Feed {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        // The names of the columns are few, and stay until the process ends.
        let text = |text: &str| -> &'static str { text.to_owned().leak() };
        let headings = headings.iter().map(|heading| Heading {
            name: text(heading.name),
            title: text(heading.title),
            look: heading.look,
            rank: heading.rank,
        });
        let sent = self.headings.send(headings.collect());
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let sent = self.rows.send(values.iter().map(Cell::from).collect());
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The next row of an account, and the source of those after it.
pub(super) struct Head {
    account: AccountName,
    headings: Vec<Heading<'static>>,
    row: Option<Vec<Cell>>,
    rows: Receiver<Vec<Cell>>,
}

impl Head {
    /// Waits for the first row. `None` when the account ended without an answer.
    pub(super) fn new(account: AccountName, (headings, rows): Source) -> Option<Self> {
        Some(Self {
            account,
            headings: headings.recv().ok()?,
            row: rows.recv().ok(),
            rows,
        })
    }

    /// Returns the row, and waits for the one after it.
    fn next(&mut self) -> Option<Vec<Cell>> {
        mem::replace(&mut self.row, self.rows.recv().ok())
    }
}

/// Writes the rows of all accounts, each with its account in front. Does not wait for rows beyond the limit.
pub(super) fn write_merged(
    mut heads: Vec<Head>,
    order: &Order,
    writer: &mut dyn RowWriter,
) -> io::Result<()> {
    let headings = heads.first_mut().map(|head| mem::take(&mut head.headings));
    let headings = headings.unwrap_or_default();
    let width = headings.len().saturating_sub(order.hidden);
    let account = Heading {
        rank: 0,
        ..Heading::plain(ACCOUNT)
    };
    writer.header(&[&[account][..], &headings[..width]].concat())?;
    let mut put = |(account, row): &(AccountName, Vec<Cell>)| {
        let account = [Value::Text(account.as_str())].into_iter();
        let values = account.chain(row[..width].iter().map(Value::from));
        writer.row(&values.collect::<Vec<_>>())
    };
    let keys = resolved(&order.by, &headings);
    let rows = iter::from_fn(|| next_row(&mut heads, &keys, order.shown.is_some()));
    let limit = order.limit.unwrap_or(u64::MAX);
    let mut rows = rows.take(usize::try_from(limit).unwrap_or(usize::MAX));
    let Some(shown) = &order.shown else {
        return rows.try_for_each(|row| put(&row));
    };
    let keys = resolved(shown, &headings);
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|one, other| by_keys(&keys, &one.1, &other.1).then(one.0.cmp(&other.0)));
    rows.iter().try_for_each(put)
}

/// Takes the first of the next rows. Of equal rows, that of the first account is the first one; of the last account
/// when the order is turned (`is_turned`).
fn next_row(heads: &mut [Head], keys: &[Key], is_turned: bool) -> Option<(AccountName, Vec<Cell>)> {
    let order = |one: &Head, other: &Head| {
        let [a, b] = [one, other].map(|head| head.row.as_deref().unwrap_or_default());
        let names = one.account.cmp(&other.account);
        by_keys(keys, a, b).then(if is_turned { names.reverse() } else { names })
    };
    let waiting = heads.iter_mut().filter(|head| head.row.is_some());
    let head = waiting.min_by(|one, other| order(one, other))?;
    Some((head.account, head.next()?))
}

fn resolved(by: &[(String, Way)], headings: &[Heading<'_>]) -> Vec<Key> {
    let key = |(name, way): &(String, Way)| Key::new(name, *way, headings);
    by.iter().map_while(key).collect()
}

fn by_keys(keys: &[Key], one: &[Cell], other: &[Cell]) -> Ordering {
    let mut orders = keys.iter().map(|key| key.compare(one, other));
    orders.find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use archiver::output::Value;
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    /// A number or nothing, and a text.
    type Row = (Option<i64>, String);

    fn cells((number, text): &Row) -> [Value<'_>; 2] {
        let number = number.map_or(Value::Null, Value::Integer);
        [number, Value::Text(text)]
    }

    /// Sends the rows of each account in their order, and returns what is written.
    fn merged(of_accounts: &[Vec<Row>], order: &Order) -> Vec<Vec<String>> {
        let mut written = Written::default();
        thread::scope(|scope| {
            let accounts = NAMES.iter().zip(of_accounts).map(|(name, rows)| {
                let (mut feed, source) = Feed::new();
                scope.spawn(move || {
                    feed.header(&["number", "text"].map(Heading::plain))?;
                    // The merge hangs up when it has enough.
                    rows.iter().try_for_each(|row| feed.row(&cells(row)))
                });
                Head::new(name.parse().unwrap(), source).unwrap()
            });
            write_merged(accounts.collect(), order, &mut written).unwrap();
        });
        written.0
    }

    #[derive(Default)]
    struct Written(Vec<Vec<String>>);

    impl RowWriter for Written {
        fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
            assert_eq!(headings.first().map(|it| it.name), Some(ACCOUNT));
            Ok(())
        }

        fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
            self.0
                .push(values.iter().map(|it| format!("{it:?}")).collect());
            Ok(())
        }
    }

    fn some_rows() -> impl Strategy<Value = Vec<Row>> {
        let rows = |number| prop::collection::vec((prop::option::of(0_i64..9), "[a-c]"), number);
        prop_oneof![4 => rows(0..80), 1 => rows(WAITING..WAITING + 80)]
    }

    fn order(way: Way, limit: Option<u64>) -> Order {
        Order {
            by: vec![("number".to_owned(), way)],
            limit,
            ..Order::default()
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_merge_is_the_sorted_union_cut_at_the_limit(
            mut accounts in prop::collection::vec(some_rows(), 3),
            is_down in any::<bool>(),
            limit in prop::option::of(0_u64..100),
        ) {
            for rows in &mut accounts {
                rows.sort_by_key(|row| row.0);
                if is_down {
                    rows.reverse();
                }
            }
            let all = NAMES.iter().zip(&accounts);
            let mut expected: Vec<_> = all.flat_map(|(name, rows)| rows.iter().map(move |row| (*name, row))).collect();
            // Equal rows stay in the order of their accounts.
            expected.sort_by(|one, other| {
                let order = one.1.0.cmp(&other.1.0);
                if is_down { order.reverse() } else { order }
            });
            let most = limit.map_or(usize::MAX, |it| usize::try_from(it).unwrap());
            let text = |(name, row): (&str, &Row)| {
                let cells = [Value::Text(name)].into_iter().chain(cells(row));
                cells.map(|it| format!("{it:?}")).collect::<Vec<_>>()
            };
            let expected: Vec<_> = expected.into_iter().take(most).map(text).collect();
            let way = if is_down { Way::Down } else { Way::Up };
            prop_assert_eq!(merged(&accounts, &order(way, limit)), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_last_rows_of_a_merge_are_the_end_of_the_sorted_union(
            mut accounts in prop::collection::vec(some_rows(), 3),
            limit in 0_usize..100,
        ) {
            for rows in &mut accounts {
                rows.sort();
                rows.reverse();
            }
            let by = |way| ["number", "text"].map(|name| (name.to_owned(), way)).into();
            let all = Order { by: by(Way::Up), ..Order::default() };
            let last = Order {
                by: by(Way::Down),
                shown: Some(by(Way::Up)),
                limit: Some(limit as u64),
                ..Order::default()
            };
            let found = merged(&accounts, &last);
            accounts.iter_mut().for_each(|rows| rows.reverse());
            let all = merged(&accounts, &all);
            prop_assert_eq!(&found[..], &all[all.len().saturating_sub(limit)..]);
        }
    }

    #[test]
    fn the_greatest_rows_can_be_written_from_the_smallest_on() {
        let rows = |numbers: &[i64]| {
            numbers
                .iter()
                .map(|it| (Some(*it), String::new()))
                .collect()
        };
        let accounts: Vec<Vec<Row>> = vec![rows(&[9, 4, 1]), rows(&[]), rows(&[8, 7, 2])];
        let turned = Order {
            shown: Some(vec![("number".to_owned(), Way::Up)]),
            hidden: 1,
            ..order(Way::Down, Some(3))
        };
        let written = merged(&accounts, &turned).concat();
        let expected = ["a", "c", "c"].map(|name| format!("Text({name:?})"));
        let numbers = [7, 8, 9].map(|it| format!("Integer({it})"));
        assert_eq!(
            written,
            [
                &expected[1],
                &numbers[0],
                &expected[2],
                &numbers[1],
                &expected[0],
                &numbers[2]
            ]
            .map(Clone::clone)
        );
    }
}
