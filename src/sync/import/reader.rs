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
    pub(super) kind: ImportKind,
    pub(super) actions: Vec<Action>,
    pub(super) refused: u64,
    pub(super) described: Vec<RefusedRow>,
}

/// The end of a file.
pub(super) struct End {
    /// The hash of the file, when it was read to its end.
    pub(super) sha256: Option<String>,
    /// The reason why a part of it cannot be imported.
    pub(super) broken: Option<String>,
}

impl End {
    fn broken(reason: String) -> Self {
        Self {
            sha256: None,
            broken: Some(reason),
        }
    }

    pub(super) fn stopped() -> Self {
        Self::broken("the import was told to stop".to_owned())
    }
}

/// A message of the reading thread. The end of a file that is not a dump of actions is its only message.
pub(super) enum Message {
    Rows(Rows),
    End(End),
}

pub(super) fn read<R: Read>(file: R, bytes: Arc<AtomicU64>, to: &SyncSender<Message>) {
    let end = match Source::new(file, bytes) {
        Ok(source) => Reader::new(source, to).read(),
        Err(error) => Some(End::broken(format!("it cannot be read: {error}"))),
    };
    // The receiver is gone when the import stops.
    let _ = end.map(|end| to.send(Message::End(end)));
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

    /// Passes on all rows, and returns the end. `None` when nobody waits for it.
    fn read(mut self) -> Option<End> {
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
        let is_empty_list = self.splitter.kind.is_some() && self.refused == 0 && broken.is_none();
        if !self.has_actions && !is_empty_list {
            return Some(End::broken(self.unlike(broken)));
        }
        if !self.pass_on() {
            return None;
        }
        // What follows a part that is not JSON counts for the hash too.
        let sha256 = self.splitter.into_text().sha256();
        Some(End {
            broken: broken.or_else(|| {
                let error = sha256.as_ref().err()?;
                Some(format!("its end cannot be read: {error}"))
            }),
            sha256: sha256.ok(),
        })
    }

    fn row(&mut self, text: &[u8]) {
        let (mut action, values) = match self.pages.row(text) {
            Ok(row) => row,
            Err(rejected) => {
                return self.refuse(format!("{}: {}", rejected.reason, rejected.excerpt));
            }
        };
        without_zeros(&mut action);
        if !is_action(&action) {
            let id = action.id;
            return self.refuse(format!("{id} has neither a time nor a type and a resource"));
        }
        if self.splitter.kind != Some(ImportKind::Answers) {
            for name in DERIVED {
                action.extra.remove(name);
            }
        }
        self.has_actions = true;
        self.weight += text.len() + values * BYTES_OF_A_VALUE;
        self.rows.actions.push(action);
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
        rows.kind = self.splitter.kind.unwrap_or_default();
        self.to.send(Message::Rows(rows)).is_ok()
    }

    /// The reason why a file is not a dump of actions.
    fn unlike(&self, broken: Option<Broken>) -> String {
        match (self.rows.described.first(), broken) {
            (Some(RefusedRow { line, reason }), _) => format!("line {line}: {reason}"),
            (None, Some(broken)) => broken,
            (None, None) => "it is empty".to_owned(),
        }
    }
}

/// doctl writes a zero or an empty text where the API has a null: its `Action` has plain values
/// (<https://github.com/digitalocean/godo/blob/main/action.go>).
fn without_zeros(action: &mut Action) {
    let texts = [
        &mut action.status,
        &mut action.kind,
        &mut action.resource_type,
        &mut action.region_slug,
    ];
    for text in texts {
        text.take_if(|text| text.is_empty());
    }
    action.resource_id.take_if(|id| *id == 0);
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
