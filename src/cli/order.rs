//! The order of rows: what `--sort` and `--limit` do to the rows of a report, and what merges those of several accounts.
//!
//! The SQL of a report has its own order, and stays the same everywhere. So the flags apply to its rows.

use std::cmp::Ordering;
use std::io;
use std::num::NonZeroU64;

use archiver::output::{Heading, Look, RowWriter, Value, is_same_name};
use archiver::query::stats::ACCOUNT;

use super::exit::Failure;

/// The order and the number of rows.
#[derive(Clone, Default, clap::Args)]
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
    /// The order of rows that arrive in this `usual` order, when the flags apply to the rows of each account.
    pub(super) fn merged(&self, usual: Vec<(String, Way)>) -> Order {
        let chosen = self.sort.clone().map(|column| (column, Way::Chosen));
        let by = match self.sort.as_deref() {
            Some(ACCOUNT) => Vec::new(),
            _ => chosen.into_iter().chain(usual).collect(),
        };
        Order {
            by,
            limit: self.limit.map(NonZeroU64::get),
            waiting: 32,
            flags: self.clone(),
            ..Order::default()
        }
    }

    /// True when rows are left out. Their total would not be that of the answer.
    pub(super) fn cuts(&self) -> bool {
        self.limit.is_some()
    }

    /// Passes the rows of `ask` to `writer` in this order. Rows that are a part (`is_part`) of an answer about several
    /// accounts have no account yet.
    pub(super) fn pass<T>(
        &self,
        is_part: bool,
        writer: &mut dyn RowWriter,
        ask: impl FnOnce(&mut Ordered<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let is_known = |name: &&str| !is_part || *name != ACCOUNT;
        let limit = self.limit.map_or(u64::MAX, NonZeroU64::get);
        let mut ordered = Ordered {
            writer,
            sort: self.sort.as_deref().filter(is_known),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            key: None,
            kept: Vec::new(),
            rows: 0,
            failure: None,
        };
        let outcome = ask(&mut ordered);
        if let Some(failure) = ordered.failure.take() {
            return Err(failure);
        }
        let outcome = outcome?;
        ordered.finish().map_err(archiver::query::Error::Write)?;
        Ok(outcome)
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
    /// The flags that apply to the rows of each archive.
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
    UpUnknownLast,
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
    pub(super) fn new(name: &str, way: Way, headings: &[Heading<'_>]) -> Option<Self> {
        let is_it = |heading: &Heading<'_>| is_same_name(heading.name, name);
        let index = headings.iter().position(is_it)?;
        let is_time = headings[index].look == Look::Time;
        Some(Self {
            index,
            is_time,
            way,
        })
    }

    pub(super) fn compare(&self, one: &[Kept], other: &[Kept]) -> Ordering {
        let (a, b) = (&one[self.index], &other[self.index]);
        let is_unknown = |it: &Kept| matches!(it, Kept::Null);
        let unknown_last = is_unknown(a).cmp(&is_unknown(b));
        match (self.way, a, b) {
            (Way::Up, ..) => a.compare(b),
            (Way::Down, ..) => b.compare(a),
            (Way::UpUnknownLast, ..) => unknown_last.then(a.compare(b)),
            (Way::Chosen, Kept::Text(_), Kept::Text(_)) if !self.is_time => a.compare(b),
            (Way::Chosen, Kept::Json(_), Kept::Json(_)) => a.compare(b),
            (Way::Chosen, ..) => unknown_last
                .then(a.rank().cmp(&b.rank()))
                .then(b.compare(a)),
        }
    }
}

/// Takes the rows of one archive, and passes them on in the chosen order.
pub(super) struct Ordered<'a> {
    writer: &'a mut dyn RowWriter,
    /// The column that sorts the rows.
    sort: Option<&'a str>,
    limit: usize,
    key: Option<Key>,
    kept: Vec<Vec<Kept>>,
    /// The number of rows so far, those beyond the limit too.
    pub(super) rows: usize,
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
                let by_kind = self.rank().cmp(&other.rank());
                by_kind.then(self.number().total_cmp(&other.number()))
            }
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Integer(_) | Self::Real(_) => 1,
            Self::Text(_) | Self::Json(_) => 2,
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

impl RowWriter for Ordered<'_> {
    fn header(&mut self, headings: &[Heading<'_>]) -> io::Result<()> {
        if let Some(name) = self.sort {
            self.key = Key::new(name, Way::Chosen, headings);
            if self.key.is_none() {
                let names: Vec<_> = headings.iter().map(|heading| heading.name).collect();
                let names = names.join(", ");
                let text = format!("--sort: `{name}` is not a column: use {names}");
                self.failure = Some(Failure::usage(text));
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
        self.writer.header(headings)
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.rows += 1;
        if self.key.is_some() {
            self.kept.push(values.iter().map(Kept::of).collect());
            return Ok(());
        }
        if self.rows > self.limit {
            return Ok(());
        }
        self.writer.row(values)
    }

    /// Passes on the rows that had to wait for the last one.
    fn finish(&mut self) -> io::Result<()> {
        if let Some(key) = &self.key {
            self.kept.sort_by(|one, other| key.compare(one, other));
        }
        for row in self.kept.drain(..).take(self.limit) {
            let values: Vec<_> = row.iter().map(Kept::value).collect();
            self.writer.row(&values)?;
        }
        Ok(())
    }
}
