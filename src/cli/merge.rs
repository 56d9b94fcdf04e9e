//! Merges the rows of several accounts into one order. Each account sends its rows in that order, so that only a few of
//! each are in memory.

use std::cmp::Ordering;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::vec;

use archiver::core::account::AccountName;
use archiver::core::threads::lock;
use archiver::output::{Heading, Look, RowWriter, Value};
use archiver::query::stats::ACCOUNT;

use super::exit::Failure;
use super::order::{Kept, Key, Order, Ordered, Way};

/// The number of rows that travel together.
const PORTION: usize = 64;
/// What may wait for the merge at least: the headings and a portion, so that a short answer ends without it.
const WAITING: usize = 2;

/// What an account sends.
pub(super) enum Portion {
    Headings(Vec<KeptHeading>),
    Rows(Vec<Vec<Kept>>),
}

/// A heading that outlives its question.
pub(super) struct KeptHeading {
    name: String,
    title: String,
    look: Look,
    rank: u8,
}

impl KeptHeading {
    fn heading(&self) -> Heading<'_> {
        Heading {
            name: &self.name,
            title: &self.title,
            look: self.look,
            rank: self.rank,
        }
    }
}

/// Lets a few accounts at a time look for their first rows, which may take memory.
pub(super) struct Gate {
    enter: SyncSender<()>,
    leave: Mutex<Receiver<()>>,
}

/// The right of an account to look for its first rows. It ends when this is dropped.
struct Turn(Arc<Gate>);

impl Gate {
    pub(super) fn new(turns: usize) -> Arc<Self> {
        let (enter, leave) = sync_channel(turns);
        let leave = Mutex::new(leave);
        Arc::new(Self { enter, leave })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = lock(&self.0.leave).try_recv();
    }
}

/// Sends the rows of an account to the merge. The merge has seen enough when it does not listen any more.
pub(super) struct Feed {
    channel: SyncSender<Portion>,
    gate: Arc<Gate>,
    turn: Option<Turn>,
    rows: Vec<Vec<Kept>>,
    is_enough: bool,
}

impl Feed {
    /// A feed, and its end at the merge.
    pub(super) fn new(order: &Order, gate: &Arc<Gate>) -> (Self, Receiver<Portion>) {
        let (channel, source) = sync_channel(order.waiting.max(WAITING));
        let feed = Self {
            channel,
            gate: Arc::clone(gate),
            turn: None,
            rows: Vec::new(),
            is_enough: false,
        };
        (feed, source)
    }

    /// Sends the rows of `ask` when it is the account's turn, which ends with its first rows.
    pub(super) fn send<T: Default>(
        mut self,
        order: &Order,
        ask: impl FnOnce(&mut Ordered<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // The gate has both ends.
        let _ = self.gate.enter.send(());
        self.turn = Some(Turn(Arc::clone(&self.gate)));
        let outcome = order.flags.pass(true, &mut self, ask);
        let sent = self.finish();
        match outcome {
            _ if self.is_enough => Ok(T::default()),
            Ok(answer) => {
                sent.map_err(archiver::query::Error::Write)?;
                Ok(answer)
            }
            Err(failure) => Err(failure),
        }
    }

    fn pass_on(&mut self, portion: Portion) -> io::Result<()> {
        self.channel.send(portion).map_err(|_| {
            self.is_enough = true;
            io::ErrorKind::BrokenPipe.into()
        })
    }
}

impl RowWriter for Feed {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        let kept = headings.iter().map(|heading| KeptHeading {
            name: heading.name.to_owned(),
            title: heading.title.to_owned(),
            look: heading.look,
            rank: heading.rank,
        });
        self.pass_on(Portion::Headings(kept.collect()))
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.rows.push(values.iter().map(Kept::of).collect());
        match self.rows.len() {
            PORTION.. => self.finish(),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        // The merge may wait for an account that has had no turn yet.
        self.turn = None;
        let rows = std::mem::take(&mut self.rows);
        self.pass_on(Portion::Rows(rows))
    }
}

/// The rows of all accounts.
pub(super) struct Merge {
    headings: Option<Vec<KeptHeading>>,
    /// The account with the next row comes last.
    heads: Vec<Head>,
    keys: Vec<Key>,
    /// Another order, in which the rows are written. Then they arrive from the last on.
    shown: Option<Vec<Key>>,
    hidden: usize,
    limit: u64,
}

/// The accounts that ended without an answer.
pub(super) type Silent = Vec<AccountName>;

impl Merge {
    /// Waits for the first row of each account.
    pub(super) fn new(
        sources: Vec<(AccountName, Receiver<Portion>)>,
        order: &Order,
    ) -> (Self, Silent) {
        let mut merge = Self {
            headings: None,
            heads: Vec::new(),
            keys: Vec::new(),
            shown: None,
            hidden: order.hidden,
            limit: order.limit.unwrap_or(u64::MAX),
        };
        let mut silent = Silent::new();
        for (account, source) in sources {
            let Ok(Portion::Headings(headings)) = source.recv() else {
                silent.push(account);
                continue;
            };
            if merge.headings.is_none() {
                merge.keys = resolved(&order.by, &headings);
                let shown = order.shown.as_ref();
                merge.shown = shown.map(|shown| resolved(shown, &headings));
                merge.headings = Some(headings);
            }
            merge.insert(Head {
                account,
                row: Vec::new(),
                arrived: Vec::new().into_iter(),
                source,
            });
        }
        (merge, silent)
    }

    /// False when no account answered.
    pub(super) fn has_answers(&self) -> bool {
        self.headings.is_some()
    }

    /// Writes the rows, each with its account in front. Does not wait for rows beyond the limit.
    pub(super) fn write(mut self, writer: &mut dyn RowWriter) -> io::Result<()> {
        let headings = self.headings.take().unwrap_or_default();
        let shown = headings.len().saturating_sub(self.hidden);
        let headings = headings[..shown].iter().map(KeptHeading::heading);
        let account = Heading {
            rank: 0,
            ..Heading::plain(ACCOUNT)
        };
        let headings: Vec<_> = [account].into_iter().chain(headings).collect();
        writer.header(&headings)?;
        let mut put = |(account, row): &(AccountName, Vec<Kept>)| {
            let values = row[..shown].iter().map(Kept::value);
            let account = [Value::Text(account.as_str())];
            writer.row(&account.into_iter().chain(values).collect::<Vec<_>>())
        };
        if self.shown.is_none() {
            return self.try_for_each(|row| put(&row));
        }
        let mut rows: Vec<_> = self.by_ref().collect();
        let keys = self.shown.unwrap_or_default();
        rows.sort_by(|one, other| compare(&keys, &one.1, &other.1).then(one.0.cmp(&other.0)));
        rows.iter().try_for_each(put)
    }

    /// Puts an account in its place by its next row, if there is one.
    fn insert(&mut self, mut head: Head) {
        let Some(row) = head.following() else { return };
        head.row = row;
        let comes_later = |other: &Head| {
            let by_row = compare(&self.keys, &other.row, &head.row);
            let by_account = other.account.cmp(&head.account);
            let is_turned = self.shown.is_some();
            by_row
                .then(if is_turned {
                    by_account.reverse()
                } else {
                    by_account
                })
                .is_gt()
        };
        let place = self.heads.partition_point(comes_later);
        self.heads.insert(place, head);
    }
}

impl Iterator for Merge {
    type Item = (AccountName, Vec<Kept>);

    fn next(&mut self) -> Option<Self::Item> {
        self.limit = self.limit.checked_sub(1)?;
        let mut head = self.heads.pop()?;
        let next = (head.account, std::mem::take(&mut head.row));
        self.insert(head);
        Some(next)
    }
}

/// The next row of an account, and those after it.
struct Head {
    account: AccountName,
    row: Vec<Kept>,
    arrived: vec::IntoIter<Vec<Kept>>,
    source: Receiver<Portion>,
}

impl Head {
    /// Waits for the next row.
    fn following(&mut self) -> Option<Vec<Kept>> {
        loop {
            if let Some(row) = self.arrived.next() {
                return Some(row);
            }
            match self.source.recv() {
                Ok(Portion::Rows(rows)) => self.arrived = rows.into_iter(),
                _ => return None,
            }
        }
    }
}

fn resolved(by: &[(String, Way)], headings: &[KeptHeading]) -> Vec<Key> {
    let headings: Vec<_> = headings.iter().map(KeptHeading::heading).collect();
    let key = |(name, way): &(String, Way)| Key::new(name, *way, &headings);
    by.iter().map_while(key).collect()
}

fn compare(keys: &[Key], one: &[Kept], other: &[Kept]) -> Ordering {
    let orders = keys.iter().map(|key| key.compare(one, other));
    let mut unequal = orders.filter(|order| order.is_ne());
    unequal.next().unwrap_or(Ordering::Equal)
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
        let gate = Gate::new(2);
        thread::scope(|scope| {
            let accounts = NAMES.iter().zip(of_accounts).map(|(name, rows)| {
                let (feed, source) = Feed::new(order, &gate);
                scope.spawn(move || {
                    let columns = ["number", "text"].map(Heading::plain);
                    let send = |writer: &mut Ordered<'_>| {
                        let written = writer.header(&columns);
                        let written = written
                            .and_then(|()| rows.iter().try_for_each(|row| writer.row(&cells(row))));
                        Ok(written.map_err(archiver::query::Error::Write)?)
                    };
                    // The merge hangs up when it has enough.
                    assert!(feed.send(order, send).is_ok());
                });
                (name.parse().unwrap(), source)
            });
            let (merge, silent) = Merge::new(accounts.collect(), order);
            assert!(silent.is_empty());
            merge.write(&mut written).unwrap();
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

        fn finish(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn some_rows() -> impl Strategy<Value = Vec<Row>> {
        // More than a portion.
        prop::collection::vec((prop::option::of(0_i64..9), "[a-c]"), 0..80)
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
