//! Rows on their way to stdout, so that nobody who does not read them keeps the archive locked.
//!
//! SQLite keeps its lock until it has made the last row. So rows for which stdout has no room wait: some in memory, the
//! others in a temporary file without a name. A thread hands them on in their order.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::terminal::Terminal;

/// The formats write so much at once. Less than that is the end of an answer: then nothing is locked any more.
const LONG: usize = 64 * 1024;
const MOST_IN_MEMORY: usize = 1 << 20;
/// An answer in SQL may have no end.
const MOST_ASIDE: u64 = 4 << 30;

/// Takes whole rows, and waits for whoever reads them only at the end.
pub(super) struct Outlet {
    terminal: Terminal,
    sink: Shared<dyn Write + Send>,
    queue: Option<Queue>,
    /// Whether it waits at each write, because rows cannot wait anywhere else.
    is_direct: bool,
}

type Shared<T> = Arc<Mutex<T>>;

/// Rows that wait.
struct Queue {
    portions: Sender<Portion>,
    thread: JoinHandle<io::Result<()>>,
    in_memory: Arc<AtomicUsize>,
    aside: Option<Shared<File>>,
    aside_length: u64,
}

enum Portion {
    InMemory(Vec<u8>),
    Aside {
        file: Shared<File>,
        start: u64,
        length: usize,
    },
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

    /// Waits until everything is handed on.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let Some(queue) = self.queue.take() {
            drop(queue.portions);
            let broken = |_| Err(io::Error::other("the thread that writes broke off"));
            queue.thread.join().unwrap_or_else(broken)?;
        }
        lock(&self.sink).flush()
    }

    /// The rows that came before go first.
    fn write_directly(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.finish()?;
        lock(&self.sink).write_all(bytes)?;
        Ok(bytes.len())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.queue.is_none() && bytes.len() >= LONG && !self.is_direct {
            self.queue = Queue::start(&self.sink).ok();
        }
        let Some(queue) = &mut self.queue else {
            return self.write_directly(bytes);
        };
        let portion = queue.portion(bytes);
        match portion.map(|portion| queue.portions.send(portion)) {
            Ok(Ok(())) => Ok(bytes.len()),
            // The thread has failed, and says why.
            Ok(Err(_)) => self.write_directly(bytes),
            Err(error) => {
                self.is_direct = true;
                self.terminal.warning(&format!(
                    "the archive stays locked until the answer is read: it cannot be put aside in {}, which TMPDIR \
                     chooses: {error}",
                    env::temp_dir().display()
                ));
                self.write_directly(bytes)
            }
        }
    }

    /// A format says no more by it than that a row has ended.
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

    /// These bytes as they wait.
    fn portion(&mut self, bytes: &[u8]) -> io::Result<Portion> {
        let length = bytes.len();
        if self.in_memory.load(Ordering::Relaxed) + length <= MOST_IN_MEMORY {
            self.in_memory.fetch_add(length, Ordering::Relaxed);
            return Ok(Portion::InMemory(bytes.to_vec()));
        }
        let start = self.aside_length;
        if start >= MOST_ASIDE {
            return Err(io::Error::other("it has more than 4 GiB"));
        }
        let file = match self.aside.take() {
            Some(file) => file,
            None => Arc::new(Mutex::new(tempfile::tempfile()?)),
        };
        let mut opened = lock(&file);
        opened.seek(SeekFrom::Start(start))?;
        opened.write_all(bytes)?;
        drop(opened);
        self.aside_length += length as u64;
        self.aside = Some(Arc::clone(&file));
        Ok(Portion::Aside {
            file,
            start,
            length,
        })
    }
}

/// Writes each portion at once, so that no row is cut where an answer is given up.
fn hand_on(
    portions: &Receiver<Portion>,
    sink: &mut dyn Write,
    in_memory: &AtomicUsize,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    for portion in portions {
        match portion {
            Portion::InMemory(bytes) => {
                sink.write_all(&bytes)?;
                in_memory.fetch_sub(bytes.len(), Ordering::Relaxed);
            }
            Portion::Aside {
                file,
                start,
                length,
            } => {
                buffer.resize(length, 0);
                let mut file = lock(&file);
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(&mut buffer)?;
                drop(file);
                sink.write_all(&buffer)?;
            }
        }
    }
    Ok(())
}

/// What is behind these locks is whole after every write.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
