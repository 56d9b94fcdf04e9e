//! Rows on their way to a slow reader: they wait in memory and in a file, so that the archive is not kept locked.
//! See docs/decisions/rows-wait-in-a-file.md.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::{env, io, thread};

use archiver::core::threads::lock;
use tempfile::tempfile;

use super::terminal::Terminal;

/// The size of a full write of a format. A shorter write is the end of an answer, when nothing is locked any more.
const LONG: usize = 64 * 1024;
const MOST_IN_MEMORY: usize = 1 << 20;
/// A limit, because an answer to SQL may never end.
const MOST_ASIDE: u64 = 4 << 30;

/// Takes whole rows, and waits for the reader only at the end.
pub(super) struct Outlet {
    terminal: Terminal,
    sink: Shared<dyn Write + Send>,
    queue: Option<Queue>,
    /// True when each write waits for the reader, because rows cannot be kept anywhere else.
    is_direct: bool,
}

type Shared<T> = Arc<Mutex<T>>;

/// Rows that wait for the reader.
struct Queue {
    portions: Sender<Portion>,
    thread: JoinHandle<io::Result<()>>,
    in_memory: Arc<AtomicUsize>,
    /// The file for all portions that are not in memory. It has no name, and goes with this process.
    aside: Option<Arc<File>>,
    aside_length: u64,
}

enum Portion {
    InMemory(Vec<u8>),
    /// The bytes of the file from this place on, and their number.
    InFile(Arc<File>, u64, usize),
}

impl Outlet {
    pub(super) fn new(terminal: Terminal, sink: impl Write + Send + 'static) -> Self {
        Self {
            terminal,
            sink: Arc::new(Mutex::new(sink)),
            queue: None,
            is_direct: false,
        }
    }

    /// Waits until all rows are written to the sink.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let Some(queue) = self.queue.take() {
            drop(queue.portions);
            let broken = |_| Err(io::Error::other("the writing thread ended unexpectedly"));
            queue.thread.join().unwrap_or_else(broken)?;
        }
        lock(&self.sink).flush()
    }

    /// Keeps the bytes for the reader.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let queue = match self.queue.take() {
            Some(queue) => queue,
            None => Queue::start(&self.sink)?,
        };
        self.queue.insert(queue).keep(bytes)
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_kept = self.queue.is_some() || bytes.len() >= LONG;
        if is_kept && !self.is_direct {
            match self.keep(bytes) {
                Ok(()) => return Ok(bytes.len()),
                // The thread has failed; `finish` returns its error.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
                Err(error) => {
                    self.is_direct = true;
                    self.terminal.warning(&format!(
                        "the archive stays locked until the answer is read: it cannot be stored in {}, which TMPDIR \
                         sets: {error}",
                        env::temp_dir().display()
                    ));
                }
            }
        }
        self.finish()?;
        lock(&self.sink).write_all(bytes)?;
        Ok(bytes.len())
    }

    /// Does nothing: a format flushes at the end of each row.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Queue {
    fn start(sink: &Shared<dyn Write + Send>) -> io::Result<Self> {
        let (portions, received) = mpsc::channel();
        let in_memory = Arc::<AtomicUsize>::default();
        let (sink, counter) = (Arc::clone(sink), Arc::clone(&in_memory));
        let hand_on = move || hand_on(&received, &mut *lock(&sink), &counter);
        Ok(Self {
            portions,
            thread: thread::Builder::new().spawn(hand_on)?,
            in_memory,
            aside: None,
            aside_length: 0,
        })
    }

    /// Keeps these bytes in memory or, beyond a limit, in a file.
    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len();
        if self.in_memory.load(Ordering::Relaxed) + length <= MOST_IN_MEMORY {
            self.in_memory.fetch_add(length, Ordering::Relaxed);
            return self.send(Portion::InMemory(bytes.to_vec()));
        }
        if self.aside_length >= MOST_ASIDE {
            return Err(io::Error::other("it has more than 4 GiB"));
        }
        let file = match &self.aside {
            Some(file) => file,
            None => self.aside.insert(Arc::new(tempfile()?)),
        };
        file.write_all_at(bytes, self.aside_length)?;
        let portion = Portion::InFile(Arc::clone(file), self.aside_length, length);
        self.aside_length += length as u64;
        self.send(portion)
    }

    fn send(&self, portion: Portion) -> io::Result<()> {
        let sent = self.portions.send(portion);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Writes each portion in one piece, so that no row is cut when an answer is given up.
fn hand_on(
    portions: &Receiver<Portion>,
    sink: &mut dyn Write,
    in_memory: &AtomicUsize,
) -> io::Result<()> {
    for portion in portions {
        match portion {
            Portion::InMemory(bytes) => {
                sink.write_all(&bytes)?;
                in_memory.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            Portion::InFile(file, place, length) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, place)?;
                sink.write_all(&bytes)?;
            }
        }
    }
    Ok(())
}
