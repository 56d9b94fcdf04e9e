//! Sorts the rows of a report by one of its columns, and limits their number.
//!
//! The SQL of a report has its own order, and stays the same everywhere. So this happens to its rows.

use std::cmp::Ordering;
use std::io;
use std::num::NonZeroU64;

use archiver::output::{Heading, Look, RowWriter, Value, is_same_name};
use archiver::query::stats::ACCOUNT;

use super::exit::Failure;

/// The order and the number of rows.
#[derive(clap::Args)]
#[command(next_help_heading = "Order and number")]
pub(super) struct OrderFlags {
    /// Only the first N rows
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<NonZeroU64>,
    /// Sort by this column: numbers and times from the greatest, texts from A to Z
    #[arg(long, value_name = "COLUMN")]
    sort: Option<String>,
}

impl OrderFlags {
    /// The order of rows that arrive in this `usual` order, when this is done to the rows of each account.
    pub(super) fn merged(&self, usual: Vec<(String, Way)>) -> Order {
        if self.sort.as_deref() == Some(ACCOUNT) {
            return self.merged_by(Vec::new());
        }
        let chosen = self.sort.clone().map(|column| (column, Way::Chosen));
        self.merged_by(chosen.into_iter().chain(usual).collect())
    }

    fn merged_by(&self, by: Vec<(String, Way)>) -> Order {
        Order {
            by,
            limit: self.limit.map(NonZeroU64::get),
            waiting: 32,
            ..Order::default()
        }
    }

    /// True when rows are left out. Their total would not be that of the answer.
    pub(super) fn cuts(&self) -> bool {
        self.limit.is_some()
    }

    /// Passes the rows of `ask` to `writer` in this order. Rows that are a part (`is_part`) of an answer about several
    /// accounts have no account yet.
    pub(super) fn pass<T, E: Into<Failure>>(
        &self,
        is_part: bool,
        writer: &mut dyn RowWriter,
        ask: impl FnOnce(&mut dyn RowWriter) -> Result<T, E>,
    ) -> Result<T, Failure> {
        let mut ordered = Ordered {
            writer,
            flags: self,
            is_part,
            column: None,
            kept: Vec::new(),
            rows: 0,
            failure: None,
        };
        let outcome = ask(&mut ordered);
        if let Some(failure) = ordered.failure.take() {
            return Err(failure);
        }
        let outcome = outcome.map_err(Into::into)?;
        let written = ordered.finish();
        written
            .map_err(|error| archiver::query::Error::Write(error).into())
            .map(|()| outcome)
    }

    fn column(&self, headings: &[Heading<'_>], is_part: bool) -> Result<Option<Column>, Failure> {
        let is_known = |name: &&String| !is_part || *name != ACCOUNT;
        let Some(name) = self.sort.as_ref().filter(is_known) else {
            return Ok(None);
        };
        let is_it = |heading: &Heading<'_>| is_same_name(heading.name, name);
        let index = headings.iter().position(is_it).ok_or_else(|| {
            let names: Vec<_> = headings.iter().map(|heading| heading.name).collect();
            let names = names.join(", ");
            Failure::usage(format!("--sort: `{name}` is not a column: use {names}"))
        })?;
        Ok(Some(Column::at(index, &headings[index])))
    }
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
    /// The portions of an account that may wait. An account whose whole answer waits needs no memory to go on.
    pub(super) waiting: usize,
}

/// The way in which a column sorts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As SQLite sorts: unknown values first.
    Up,
    UpUnknownLast,
    Down,
    /// As `--sort`.
    Chosen,
}

/// The column that sorts rows.
pub(super) struct Column {
    pub(super) index: usize,
    is_time: bool,
}

struct Ordered<'a> {
    writer: &'a mut dyn RowWriter,
    flags: &'a OrderFlags,
    is_part: bool,
    /// The column that sorts the rows.
    column: Option<Column>,
    kept: Vec<Vec<Kept>>,
    rows: u64,
    failure: Option<Failure>,
}

/// A value that outlives its row.
pub(super) enum Kept {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Json(String),
}

impl Kept {
    pub(super) fn of(value: &Value<'_>) -> Self {
        match *value {
            Value::Null => Self::Null,
            Value::Integer(integer) => Self::Integer(integer),
            Value::Real(real) => Self::Real(real),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Json(text) => Self::Json(text.to_owned()),
        }
    }

    /// As SQLite sorts: unknown values, numbers, texts.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            (Self::Text(one) | Self::Json(one), Self::Text(other) | Self::Json(other)) => {
                one.cmp(other)
            }
            _ => {
                let rank = |it: &Self| (it.rank() + 1) % 3;
                let by_kind = rank(self).cmp(&rank(other));
                by_kind.then(self.number().total_cmp(&other.number()))
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Integer(_) | Self::Real(_) => 0,
            Self::Text(_) | Self::Json(_) => 1,
            Self::Null => 2,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "it is compared with a fraction")]
    fn number(&self) -> f64 {
        match self {
            Self::Integer(integer) => *integer as f64,
            Self::Real(real) => *real,
            Self::Text(_) | Self::Json(_) | Self::Null => 0.0,
        }
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Real(real) => Value::Real(*real),
            Self::Text(text) => Value::Text(text),
            Self::Json(text) => Value::Json(text),
        }
    }
}

impl Column {
    pub(super) fn at(index: usize, heading: &Heading<'_>) -> Self {
        let is_time = heading.look == Look::Time;
        Self { index, is_time }
    }

    /// The greatest number or time first, then texts from A to Z, then unknown values.
    pub(super) fn compare(&self, one: &[Kept], other: &[Kept]) -> Ordering {
        match (&one[self.index], &other[self.index]) {
            (Kept::Integer(one), Kept::Integer(other)) => other.cmp(one),
            (Kept::Text(one), Kept::Text(other)) if self.is_time => other.cmp(one),
            (Kept::Text(one), Kept::Text(other)) => one.cmp(other),
            (one, other) => {
                let by_kind = one.rank().cmp(&other.rank());
                by_kind.then(other.number().total_cmp(&one.number()))
            }
        }
    }
}

impl RowWriter for Ordered<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        match self.flags.column(headings, self.is_part) {
            Ok(column) => self.column = column,
            Err(failure) => {
                self.failure = Some(failure);
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
        self.writer.header(headings)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        if self.column.is_some() {
            self.kept.push(values.iter().map(Kept::of).collect());
            return Ok(());
        }
        self.rows += 1;
        if self
            .flags
            .limit
            .is_some_and(|limit| self.rows > limit.get())
        {
            return Ok(());
        }
        self.writer.row(values)
    }

    /// Passes on the rows that had to wait for the last one.
    fn finish(&mut self) -> io::Result<()> {
        if let Some(column) = &self.column {
            self.kept.sort_by(|one, other| column.compare(one, other));
        }
        let limit = self.flags.limit.map_or(u64::MAX, NonZeroU64::get);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        for row in self.kept.drain(..).take(limit) {
            let values: Vec<_> = row.iter().map(Kept::value).collect();
            self.writer.row(&values)?;
        }
        Ok(())
    }
}
