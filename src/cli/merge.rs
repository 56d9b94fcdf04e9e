//! Merges the rows of several accounts into one order. Each account sends its rows in that order, so that only a few of
//! each are in memory.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io;
use std::rc::Rc;
use std::sync::mpsc::Receiver;
use std::vec;

use archiver::core::account::AccountName;
use archiver::output::{Heading, RowWriter, Value, is_same_name};
use archiver::query::stats::ACCOUNT;

use super::member::{KeptHeading, Portion};
use super::order::{Column, Kept, Order, Way};

/// The rows of all accounts.
pub(super) struct Merge {
    headings: Option<Vec<KeptHeading>>,
    heads: BinaryHeap<Head>,
    shown: Option<Rc<[Key]>>,
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
            heads: BinaryHeap::new(),
            shown: None,
            hidden: order.hidden,
            limit: order.limit.unwrap_or(u64::MAX),
        };
        let mut silent = Silent::new();
        let mut keys = Rc::from([]);
        for (account, source) in sources {
            let Ok(Portion::Headings(headings)) = source.recv() else {
                silent.push(account);
                continue;
            };
            if merge.headings.is_none() {
                keys = resolved(&order.by, &headings);
                let shown = order.shown.as_ref();
                merge.shown = shown.map(|shown| resolved(shown, &headings));
                merge.headings = Some(headings);
            }
            let keys = Rc::clone(&keys);
            merge.heads.extend(Head::first(account, source, keys));
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
        let Some(keys) = self.shown.take() else {
            return self.try_for_each(|row| put(&row));
        };
        let mut rows: Vec<_> = self.collect();
        rows.sort_by(|one, other| compare(&keys, &one.1, &other.1).then(one.0.cmp(&other.0)));
        rows.iter().try_for_each(put)
    }
}

impl Iterator for Merge {
    type Item = (AccountName, Vec<Kept>);

    fn next(&mut self) -> Option<Self::Item> {
        self.limit = self.limit.checked_sub(1)?;
        let mut head = self.heads.peek_mut()?;
        let account = head.account;
        let row = match head.following() {
            Some(following) => std::mem::replace(&mut head.row, following),
            None => PeekMut::pop(head).row,
        };
        Some((account, row))
    }
}

/// The next row of an account, and those after it.
struct Head {
    account: AccountName,
    row: Vec<Kept>,
    arrived: vec::IntoIter<Vec<Kept>>,
    source: Receiver<Portion>,
    keys: Rc<[Key]>,
}

impl Head {
    fn first(account: AccountName, source: Receiver<Portion>, keys: Rc<[Key]>) -> Option<Self> {
        let mut head = Self {
            account,
            row: Vec::new(),
            arrived: Vec::new().into_iter(),
            source,
            keys,
        };
        head.row = head.following()?;
        Some(head)
    }

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

/// The smallest row is the greatest head, which a heap has on top.
impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_row = compare(&self.keys, &other.row, &self.row);
        by_row.then_with(|| other.account.cmp(&self.account))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// A column by its place.
struct Key {
    column: Column,
    way: Way,
}

fn resolved(by: &[(String, Way)], headings: &[KeptHeading]) -> Rc<[Key]> {
    let key = |(name, way): &(String, Way)| {
        let mut headings = headings.iter().map(KeptHeading::heading).enumerate();
        let found = headings.find(|(_, heading)| is_same_name(heading.name, name));
        found.map(|(index, heading)| Key {
            column: Column::at(index, &heading),
            way: *way,
        })
    };
    by.iter().map_while(key).collect()
}

fn compare(keys: &[Key], one: &[Kept], other: &[Kept]) -> Ordering {
    let of = |Key { column, way }: &Key| {
        let (a, b) = (&one[column.index], &other[column.index]);
        match way {
            Way::Up => a.compare(b),
            Way::Down => b.compare(a),
            Way::UpUnknownLast => {
                let is_unknown = |it: &Kept| matches!(it, Kept::Null);
                is_unknown(a).cmp(&is_unknown(b)).then(a.compare(b))
            }
            Way::Chosen => column.compare(one, other),
        }
    };
    let unequal = keys.iter().map(of).find(|order| order.is_ne());
    unequal.unwrap_or(Ordering::Equal)
}
