//! The binary while it runs, and its result after the end.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// More time than any test may take on the slowest machine.
const LONGEST: Duration = Duration::from_secs(600);
/// An upper limit on a busy machine for actions that end within five seconds.
pub(crate) const SOON: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(2);

/// Waits for a condition, and fails when it stays false.
#[track_caller]
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LONGEST, "never happened: {what}");
        thread::sleep(POLL_EVERY);
    }
}

/// True when a process handles the signals that end it.
pub(crate) fn listens_to_signals(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & (1 << 14) != 0)
}

/// True when a process runs.
pub(crate) fn is_alive(id: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

/// True when none of the threads of a process runs.
fn stands_still(id: u32) -> bool {
    let threads = fs::read_dir(format!("/proc/{id}/task"));
    threads.into_iter().flatten().flatten().all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name. A thread that has ended has no file any more.
        stat.is_empty() || [") T ", ") Z "].iter().any(|state| stat.contains(state))
    })
}

/// A running process.
pub(crate) struct Running {
    words: String,
    child: Child,
    stdout: Stream,
    stderr: Stream,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let words = format!("{command:?}");
        let mut child = command.spawn().expect("the binary starts");
        let stdout = Stream::of(child.stdout.take().unwrap());
        let stderr = Stream::of(child.stderr.take().unwrap());
        Self {
            words,
            child,
            stdout,
            stderr,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its stderr so far.
    pub(crate) fn said(&self) -> String {
        self.stderr.so_far()
    }

    /// Its stdout so far.
    pub(crate) fn heard(&self) -> String {
        self.stdout.so_far()
    }

    /// Sends `TERM`, `INT` …
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Stops the process until [`Self::go_on`]. Signals in between wait until then.
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
        until("it stands still", || stands_still(self.id()));
    }

    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends SIGKILL: the process cannot clean up.
    pub(crate) fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        self.end()
    }

    pub(crate) fn end(self) -> Run {
        self.end_within(LONGEST)
    }

    /// Waits for the end. Returns the result and the cost, if the system reports it.
    pub(crate) fn end_with_cost(self) -> (Run, Option<Cost>) {
        let id = self.id();
        let mut most_memory_bytes = 0;
        until("it ends", || {
            // A process that has ended and was not waited for has no memory any more, but still has its counts.
            let memory = field(id, "status", "VmHWM:").map(|kibibytes| kibibytes * 1024);
            most_memory_bytes = most_memory_bytes.max(memory.unwrap_or(0));
            memory.is_none()
        });
        let written = field(id, "io", "write_bytes:");
        let cost = written.map(|written_bytes| Cost {
            written_bytes,
            most_memory_bytes,
        });
        (self.end(), cost)
    }

    #[track_caller]
    pub(crate) fn end_within(mut self, longest: Duration) -> Run {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Run {
                    words: std::mem::take(&mut self.words),
                    status,
                    stdout: self.stdout.whole(),
                    stderr: self.stderr.whole(),
                };
            }
            assert!(
                started.elapsed() < longest,
                "still running after {longest:?}: {}\n{}",
                self.words,
                self.said()
            );
            thread::sleep(POLL_EVERY);
        }
    }
}

/// The cost of a process for the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// Bytes written to files, temporary ones included.
    pub(crate) written_bytes: u64,
    /// The largest amount of memory at one time.
    pub(crate) most_memory_bytes: u64,
}

/// A number from a file of `/proc/PID`.
fn field(id: u32, file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail for a process that has ended, and that is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads continuously, so that a full pipe never blocks the process.
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn of(mut source: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let sink = Arc::clone(&bytes);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        });
        Self {
            bytes,
            reader: Some(reader),
        }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn whole(&mut self) -> String {
        self.reader.take().map(JoinHandle::join);
        self.so_far()
    }
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    words: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The process ended with this exit status.
    #[track_caller]
    pub(crate) fn exits(self, status: i32) -> Self {
        assert_eq!(self.status.code(), Some(status), "{self}");
        self
    }

    /// A signal ended the process.
    #[track_caller]
    pub(crate) fn dies_of(self, signal: i32) -> Self {
        assert_eq!(self.status.signal(), Some(signal), "{self}");
        self
    }

    /// stderr contains this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "`{text}` is not on stderr: {self}"
        );
        self
    }

    /// Neither stdout nor stderr contains this text.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        assert!(
            !self.stderr.contains(text) && !self.stdout.contains(text),
            "`{text}` was said: {self}"
        );
        self
    }

    /// stdout and stderr are empty.
    #[track_caller]
    pub(crate) fn silently(self) -> Self {
        assert_eq!(
            (self.stdout.as_str(), self.stderr.as_str()),
            ("", ""),
            "{self}"
        );
        self
    }

    /// Parses stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON on stdout: {error}: {self}"))
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            words,
            status,
            stdout,
            stderr,
        } = self;
        write!(
            formatter,
            "{words}\n{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}
