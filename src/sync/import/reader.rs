//! Opens and unpacks a file, reads its rows in a thread of its own, and passes them on in batches.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::sync::mpsc::SyncSender;

use flate2::bufread::MultiGzDecoder;

use super::splitter::{Broken, Part, SQLITE, Splitter};
use crate::api::PageReader;
use crate::archive::{BATCH_BYTES, BATCH_ROWS, ImportKind};
use crate::core::files;
use crate::core::files::Hashed;
use crate::core::model::Action;

const BUFFER: usize = 256 << 10;
/// The first byte of a gzip file, with which no JSON begins.
const GZIP: u8 = 0x1f;
/// The weight of a value without a column beside its text, in bytes.
const BYTES_OF_A_VALUE: usize = 128;
/// A file that begins with this many rows that are no actions is not a dump of actions.
const MOST_REFUSED_AT_FIRST: u64 = 1_000;
/// The refused rows that are described; the others are counted.
pub const MOST_DESCRIBED: u64 = 10;

/// The members that `archiver query` adds to an action.
const DERIVED: [&str; 5] = [
    "droplet_name",
    "duration_seconds",
    "resource",
    "first_seen_at",
    "account",
];

/// True for a SQLite database. A pipe is read only once, so it is none.
pub(super) fn is_database(file: &mut File) -> io::Result<bool> {
    if files::kind(&file.metadata()?).is_some() {
        return Ok(false);
    }
    let mut head = Vec::new();
    file.take(SQLITE.len() as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head == SQLITE)
}

/// The text of a file.
fn unpacked<'a>(file: impl Read + 'a) -> io::Result<Box<dyn BufRead + 'a>> {
    let mut file = BufReader::with_capacity(BUFFER, file);
    if file.fill_buf()?.first() != Some(&GZIP) {
        return Ok(Box::new(file));
    }
    let unpacked = MultiGzDecoder::new(file);
    Ok(Box::new(BufReader::with_capacity(BUFFER, unpacked)))
}

/// Rows that follow one another.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) kind: ImportKind,
    pub(super) actions: Vec<Action>,
    /// The number of rows that are not actions.
    pub(super) refused: u64,
    /// The lines and the problems of the first ones.
    pub(super) described: Vec<String>,
}

/// A message of the reading thread. The end of a file that is not a dump of actions is its only message.
pub(super) enum Message {
    Rows(Rows),
    End {
        /// The hash of the file, when it was read to its end.
        sha256: Option<String>,
        /// The reason why a part of it cannot be imported.
        broken: Option<Broken>,
    },
}

pub(super) fn read(mut file: Hashed<impl Read>, to: &SyncSender<Message>) {
    let read = match unpacked(&mut file) {
        Ok(text) => Reader::new(text, to).read(),
        Err(error) => Err(format!("it cannot be read: {error}")),
    };
    let (sha256, broken) = match read {
        // What follows a part that is not JSON counts for the hash too.
        Ok(broken) => match io::copy(&mut file, &mut io::sink()) {
            Ok(_) => (Some(file.result().1), broken),
            Err(error) => {
                let reason = format!("its end cannot be read: {error}");
                (None, broken.or(Some(reason)))
            }
        },
        Err(reason) => (None, Some(reason)),
    };
    // The receiver is gone when the import stops.
    let _ = to.send(Message::End { sha256, broken });
}

struct Reader<'a, R> {
    splitter: Splitter<R>,
    pages: PageReader,
    rows: Rows,
    weight: usize,
    has_actions: bool,
    refused: u64,
    to: &'a SyncSender<Message>,
}

impl<'a, R: BufRead> Reader<'a, R> {
    fn new(text: R, to: &'a SyncSender<Message>) -> Self {
        Self {
            splitter: Splitter::new(text),
            pages: PageReader::new(),
            rows: Rows::default(),
            weight: 0,
            has_actions: false,
            refused: 0,
            to,
        }
    }

    /// Passes on all rows. Returns the reason why the rest cannot be read; an error when nothing can be imported.
    fn read(mut self) -> Result<Option<Broken>, Broken> {
        let mut row = Vec::new();
        let broken = loop {
            match self.splitter.next(&mut row) {
                Ok(Part::Row) => self.row(&row),
                Ok(Part::Refused(reason)) => self.refuse(reason),
                Ok(Part::End) => break None,
                Err(broken) => break Some(broken),
            }
            if !self.has_actions && self.refused >= MOST_REFUSED_AT_FIRST {
                break None;
            }
            if self.is_due() {
                self.pass_on()?;
            }
        };
        let is_empty_list = self.splitter.kind.is_some() && self.refused == 0 && broken.is_none();
        if !self.has_actions && !is_empty_list {
            let first = self.rows.described.into_iter().next();
            let reason = first.or(broken);
            return Err(reason.unwrap_or_else(|| "it is empty".to_owned()));
        }
        self.pass_on()?;
        Ok(broken)
    }

    fn row(&mut self, text: &[u8]) {
        let (mut action, values) = match self.pages.row(text) {
            Ok(row) => row,
            Err(rejected) => {
                return self.refuse(&format!("{}: {}", rejected.reason, rejected.excerpt));
            }
        };
        without_zeros(&mut action);
        if !is_action(&action) {
            let id = action.id;
            return self.refuse(&format!(
                "{id} has neither a time nor a type and a resource"
            ));
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

    fn refuse(&mut self, reason: &str) {
        self.refused += 1;
        self.rows.refused += 1;
        if self.refused <= MOST_DESCRIBED {
            let line = self.splitter.began;
            self.rows.described.push(format!("line {line}: {reason}"));
        }
    }

    /// Nothing is passed on before the first action: a file of another kind has none.
    fn is_due(&self) -> bool {
        self.has_actions && (self.rows.actions.len() >= BATCH_ROWS || self.weight >= BATCH_BYTES)
    }

    /// Fails when nobody waits for the rows.
    fn pass_on(&mut self) -> Result<(), Broken> {
        self.weight = 0;
        let mut rows = std::mem::take(&mut self.rows);
        rows.kind = self.splitter.kind.unwrap_or_default();
        let sent = self.to.send(Message::Rows(rows));
        sent.map_err(|_| "the import has stopped".to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(file: &[u8]) -> String {
        let mut text = String::new();
        unpacked(file).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_compressed_file_is_unpacked() {
        assert_eq!(read(b"[]"), "[]");
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"[]").unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(read(&packed), "[]");
        assert_eq!(read(&[packed.clone(), packed].concat()), "[][]");
    }
}
