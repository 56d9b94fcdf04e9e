//! Reads the rows of a file in a thread of its own, and passes them on in batches.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::SyncSender;

use super::source::Source;
use super::splitter::{Broken, Part, Splitter};
use crate::api::PageReader;
use crate::archive::{BATCH_BYTES, BATCH_ROWS, ImportKind};
use crate::core::model::Action;

/// The weight of a value without a column beside its text, in bytes.
const BYTES_OF_A_VALUE: usize = 128;
/// A file that begins with this many rows that are no actions is not a dump of actions.
const MOST_REFUSED_AT_FIRST: u64 = 1_000;
/// The refused rows that are described; the others are counted.
const MOST_DESCRIBED: u64 = 10;

/// The members that `archiver query` adds to an action.
const DERIVED: [&str; 5] = [
    "droplet_name",
    "duration_seconds",
    "resource",
    "first_seen_at",
    "account",
];

/// A row that is not an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The problem with the row.
    pub reason: String,
}

/// Rows that follow one another.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) kind: Option<ImportKind>,
    pub(super) actions: Vec<Action>,
    pub(super) refused: u64,
    pub(super) described: Vec<RefusedRow>,
}

/// A message of the reading thread.
pub(super) enum Message {
    Rows(Rows),
    /// The last message: the hash of the file, or the reason why it was not read to its end.
    End(Result<String, String>),
    /// The only message about a file that is not a dump of actions.
    NotADump(String),
}

pub(super) fn read<R: Read>(file: R, bytes: Arc<AtomicU64>, to: &SyncSender<Message>) {
    let last = match Source::new(file, bytes) {
        Ok(source) => Reader::new(source, to).read(),
        Err(error) => Some(Message::NotADump(format!("it cannot be read: {error}"))),
    };
    // The receiver is gone when the import stops.
    let _ = last.map(|last| to.send(last));
}

struct Reader<'a, R> {
    splitter: Splitter<Source<R>>,
    pages: PageReader,
    rows: Rows,
    weight: usize,
    has_actions: bool,
    refused: u64,
    to: &'a SyncSender<Message>,
}

impl<'a, R: Read> Reader<'a, R> {
    fn new(source: Source<R>, to: &'a SyncSender<Message>) -> Self {
        Self {
            splitter: Splitter::new(source),
            pages: PageReader::new(),
            rows: Rows::default(),
            weight: 0,
            has_actions: false,
            refused: 0,
            to,
        }
    }

    /// Passes on all rows, and returns the last message. `None` when nobody waits for it.
    fn read(mut self) -> Option<Message> {
        let mut row = Vec::new();
        let broken = loop {
            match self.splitter.next(&mut row) {
                Ok(Part::Row) => self.row(&row),
                Ok(Part::Refused(reason)) => self.refuse(reason.to_owned()),
                Ok(Part::End) => break None,
                Err(broken) => break Some(broken),
            }
            if !self.has_actions && self.refused >= MOST_REFUSED_AT_FIRST {
                break None;
            }
            if self.is_due() && !self.pass_on() {
                return None;
            }
        };
        if !self.has_actions && (self.refused > 0 || self.splitter.kind.is_none()) {
            return Some(Message::NotADump(self.unlike(broken)));
        }
        if !self.pass_on() {
            return None;
        }
        Some(Message::End(match broken {
            Some(broken) => Err(broken.to_string()),
            None => (self.splitter.into_text().sha256())
                .map_err(|error| format!("its end cannot be read: {error}")),
        }))
    }

    fn row(&mut self, text: &[u8]) {
        let derived = self.splitter.kind != Some(ImportKind::Answers);
        match self.pages.row(text) {
            Ok((mut action, values)) if is_action(&action) => {
                for name in DERIVED.iter().filter(|_| derived) {
                    action.extra.remove(*name);
                }
                self.has_actions = true;
                self.weight += text.len() + values * BYTES_OF_A_VALUE;
                self.rows.actions.push(action);
            }
            Ok((action, _)) => {
                let id = action.id;
                self.refuse(format!("{id} has neither a time nor a type and a resource"));
            }
            Err(rejected) => self.refuse(format!("{}: {}", rejected.reason, rejected.excerpt)),
        }
    }

    fn refuse(&mut self, reason: String) {
        self.refused += 1;
        self.rows.refused += 1;
        if self.refused <= MOST_DESCRIBED {
            let line = self.splitter.began;
            self.rows.described.push(RefusedRow { line, reason });
        }
    }

    /// Nothing is passed on before the first action: a file of another kind has none.
    fn is_due(&self) -> bool {
        self.has_actions && (self.rows.actions.len() >= BATCH_ROWS || self.weight >= BATCH_BYTES)
    }

    /// Returns false when nobody waits for the rows.
    fn pass_on(&mut self) -> bool {
        self.weight = 0;
        let mut rows = std::mem::take(&mut self.rows);
        rows.kind = self.splitter.kind;
        self.to.send(Message::Rows(rows)).is_ok()
    }

    /// The reason why a file is not a dump of actions.
    fn unlike(&self, broken: Option<Broken>) -> String {
        match (self.rows.described.first(), broken) {
            (Some(RefusedRow { line, reason }), _) => format!("line {line}: {reason}"),
            (None, Some(broken)) => broken.to_string(),
            (None, None) => "it is empty".to_owned(),
        }
    }
}

/// True when a row says what happened, or when. Droplets, images and volumes have ids too.
fn is_action(action: &Action) -> bool {
    let has = |name| action.extra.contains_key(name);
    action.started_at.is_some()
        || action.completed_at.is_some()
        || has("started_at")
        || has("completed_at")
        || (action.kind.is_some() && action.resource_type.is_some())
}
