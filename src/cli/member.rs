//! One account of an answer about several: it asks its archive as if it were alone, and sends its rows to the merge.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use archiver::core::account::AccountName;
use archiver::core::threads::lock;
use archiver::output::{Heading, Look, RowWriter, Value};
use archiver::query::Stranger;

use super::order::Kept;

/// The number of rows that travel together.
const PORTION: usize = 64;
/// What may wait for the merge at least: the headings and a portion, so that a short answer ends without it.
pub(super) const WAITING: usize = 2;

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
    pub(super) fn heading(&self) -> Heading<'_> {
        Heading {
            name: &self.name,
            title: &self.title,
            look: self.look,
            rank: self.rank,
        }
    }
}

/// The part of one account in the answer.
pub(super) struct Member {
    /// The way to the merge; `None` for a question without rows.
    pub(super) rows: Mutex<Option<SyncSender<Portion>>>,
    /// The number of rows of all accounts, when they are written.
    pub(super) total: Mutex<Option<Receiver<u64>>>,
    /// The turn of the account, until it has rows.
    pub(super) turn: Mutex<Option<Turn>>,
    /// The droplets and tags of the question that only other accounts know.
    pub(super) strangers: Vec<Stranger>,
    pub(super) said: Arc<Said>,
    /// The page cache of a connection in KiB.
    pub(super) cache_kib: usize,
}

/// What the accounts say about the answer. It is told when all have spoken.
#[derive(Default)]
pub(super) struct Said {
    /// Notes about the whole answer, each once.
    pub(super) notes: Mutex<Vec<String>>,
    /// The probable mistakes in the question, as each account sees them.
    pub(super) slips: Mutex<Vec<Vec<String>>>,
    /// What each account says about its own part.
    pub(super) details: Mutex<Vec<(AccountName, String)>>,
}

/// Lets a few accounts at a time look for their first rows, which may take memory.
pub(super) struct Gate {
    enter: SyncSender<()>,
    leave: Mutex<Receiver<()>>,
}

/// The right of an account to look for its first rows. It ends when this is dropped.
pub(super) struct Turn(Arc<Gate>);

impl Gate {
    pub(super) fn of(turns: usize) -> Arc<Self> {
        let (enter, leave) = sync_channel(turns);
        Arc::new(Self {
            enter,
            leave: Mutex::new(leave),
        })
    }

    /// Waits for a turn.
    pub(super) fn wait(self: &Arc<Self>) -> Turn {
        // The gate has both ends.
        let _ = self.enter.send(());
        Turn(Arc::clone(self))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = lock(&self.0.leave).try_recv();
    }
}

impl Member {
    /// Takes the rows of the account.
    pub(super) fn feed(&self) -> Feed {
        Feed {
            channel: lock(&self.rows).take(),
            turn: lock(&self.turn).take(),
            rows: Vec::new(),
        }
    }

    /// Waits until the rows of all accounts are written, and returns their number.
    pub(super) fn rows_of_all(&self, own: u64) -> u64 {
        let total = lock(&self.total).take();
        total.and_then(|total| total.recv().ok()).unwrap_or(own)
    }
}

/// Sends rows to the merge. The merge has seen enough when it does not listen any more.
pub(super) struct Feed {
    channel: Option<SyncSender<Portion>>,
    turn: Option<Turn>,
    rows: Vec<Vec<Kept>>,
}

impl Feed {
    #[cfg(test)]
    pub(super) fn to(channel: SyncSender<Portion>) -> Self {
        Self {
            channel: Some(channel),
            turn: None,
            rows: Vec::new(),
        }
    }

    fn send(&self, portion: Portion) -> io::Result<()> {
        let sent = self.channel.as_ref().map(|channel| channel.send(portion));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
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
        self.send(Portion::Headings(kept.collect()))
    }

    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        self.rows.push(values.iter().map(Kept::of).collect());
        if self.rows.len() < PORTION {
            return Ok(());
        }
        self.finish()
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        // The merge may wait for an account that has had no turn yet.
        self.turn = None;
        let rows = std::mem::take(&mut self.rows);
        self.send(Portion::Rows(rows))
    }
}
