//! Answers of the simulator, stored as they go over the wire.
//!
//! The simulator renders and compresses each page again, which takes longer than a client needs to read it. So the
//! recorder sends all requests of a sync once, and stores the answers in one file, with an index beside it. A file is
//! better than memory: the system's cache holds the 25,000 pages for all readers, and the next run can use them too.
//!
//! The recorder uses gzip's usual level, and not the simulator's, which is for speed: a page then has a sixth of the
//! size and decompresses faster. So figures that compare with decompression have the harder goal.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Outcome;

pub(crate) const TOKEN: &str = "dop_v1_simulator";

/// The place of an answer in the file.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: u64,
    head_length: usize,
    length: usize,
}

/// Answers by request target.
#[derive(Debug)]
pub(crate) struct Recording {
    file: File,
    places: BTreeMap<String, Place>,
}

impl Recording {
    /// The recording of an earlier run, if that run was complete.
    pub(crate) fn kept(path: &Path) -> Outcome<Option<Self>> {
        let Ok(index) = fs::read_to_string(index_of(path)) else {
            return Ok(None);
        };
        let mut places = BTreeMap::new();
        for line in index.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [offset, head_length, length, target] = words.as_slice() else {
                return Ok(None);
            };
            let place = Place {
                offset: offset.parse()?,
                head_length: head_length.parse()?,
                length: length.parse()?,
            };
            places.insert((*target).to_owned(), place);
        }
        let file = File::open(path)?;
        Ok(Some(Self { file, places }))
    }

    /// Records the answers of a server to all these requests.
    pub(crate) fn made(path: &Path, url: &str, targets: &[String]) -> Outcome<Self> {
        const AT_ONCE: usize = 3;
        let address = url.trim_start_matches("http://");
        let sink = Mutex::new((File::create(path)?, 0_u64, String::new()));
        let next = AtomicUsize::new(0);
        let work = || -> Result<(), String> {
            let mut connection = Connection::to(address).map_err(|error| error.to_string())?;
            while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
                let answer = connection.get(target).map_err(|error| error.to_string())?;
                let mut sink = sink.lock().map_err(|error| error.to_string())?;
                let (file, offset, index) = &mut *sink;
                file.write_all(&answer.bytes)
                    .map_err(|error| error.to_string())?;
                let (head, length) = (answer.head_length, answer.bytes.len());
                index.push_str(&format!("{offset} {head} {length} {}\n", key(target)));
                *offset += length as u64;
            }
            Ok(())
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| {
                worker
                    .join()
                    .map_err(|_| "a thread panicked".to_owned())
                    .flatten()
            })
        })?;
        let (_, _, index) = sink.into_inner()?;
        fs::write(index_of(path), index)?;
        Self::kept(path)?.ok_or_else(|| "the recording is not there".into())
    }

    /// Reads the answer to a request for this target, head included, into the buffer. Returns true when there is one.
    pub(crate) fn answer(&self, target: &str, into: &mut Vec<u8>) -> std::io::Result<bool> {
        let Some(place) = self.places.get(&key(target)) else {
            return Ok(false);
        };
        into.resize(place.length, 0);
        self.file.read_exact_at(into, place.offset)?;
        Ok(true)
    }

    /// The bodies of the first pages of the account's listing, in gzip.
    pub(crate) fn pages_of_account(&self, most: usize) -> Outcome<Vec<Vec<u8>>> {
        let ours = self
            .places
            .iter()
            .filter(|(target, _)| target.starts_with("/v2/actions?"));
        let bodies = ours.take(most).map(|(_, place)| {
            let mut body = vec![0; place.length - place.head_length];
            self.file
                .read_exact_at(&mut body, place.offset + place.head_length as u64)?;
            Ok(body)
        });
        bodies.collect()
    }

    /// The uncompressed size of the account's listing in bytes: the last four bytes of each gzip body give it.
    pub(crate) fn bytes_of_account(&self) -> Outcome<u64> {
        let ours = self
            .places
            .iter()
            .filter(|(target, _)| target.starts_with("/v2/actions?"));
        let mut bytes = 0;
        for (_, place) in ours {
            let mut length = [0; 4];
            let end = place.offset + place.length as u64;
            self.file.read_exact_at(&mut length, end - 4)?;
            bytes += u64::from(u32::from_le_bytes(length));
        }
        Ok(bytes)
    }

    /// The droplets whose own listings were recorded.
    pub(crate) fn droplets(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self
            .places
            .keys()
            .filter_map(|target| target.strip_prefix("/v2/droplets/")?.split_once('/'))
            .filter_map(|(id, _)| id.parse().ok())
            .collect();
        ids.dedup();
        ids
    }
}

/// A target with its parameters in sorted order.
fn key(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parameters: Vec<&str> = query.split('&').collect();
    parameters.sort_unstable();
    format!("{path}?{}", parameters.join("&"))
}

fn index_of(path: &Path) -> PathBuf {
    path.with_extension("index")
}

/// An answer as it arrived.
struct Answer {
    bytes: Vec<u8>,
    head_length: usize,
}

/// A connection for consecutive requests.
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn to(address: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Requests the answer uncompressed, and compresses it as servers usually do.
    fn get(&mut self, target: &str) -> Outcome<Answer> {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut status = String::new();
        self.stream.read_line(&mut status)?;
        let mut body_length = 0;
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(length) = line.strip_prefix("content-length:") {
                body_length = length.trim().parse()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; body_length];
        self.stream.read_exact(&mut body)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&body)?;
        let body = gzip.finish()?;
        let mut bytes = format!(
            "{}\r\ncontent-type: application/json; charset=utf-8\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            status.trim(),
            body.len()
        )
        .into_bytes();
        let head_length = bytes.len();
        bytes.extend(body);
        Ok(Answer { bytes, head_length })
    }
}
