//! Runs the command that prints the token, with the shell. Its output is read into memory that is wiped.
//!
//! The command may be anything, so the wait has a limit, and ends when the command itself ends: a process that it
//! leaves behind may keep its output open for ever. Its stderr may hold a secret, or codes that control a terminal.
//! Stderr goes to the terminal only when a user is there, who may have to type a passphrase; otherwise it is discarded.

use std::io::{PipeReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::error::Error;
use super::file::Hidden;
use crate::core::cancellation::Cancellation;

/// The largest output of the command.
const MOST_BYTES: usize = 64 << 10;
/// The initial size of the buffer: ten tokens and their line ends.
const EXPECTED_BYTES: usize = 1_024;
/// The longest time for the command: a user may have to find a key first.
const LONGEST: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);

const BY_HAND: &str = "run the command by hand: it must print the token and nothing else, and end; its stderr, which \
                       may be secret, is shown only on a terminal";

/// The conditions of the wait for the command.
#[derive(Clone, Debug)]
pub struct Patience {
    /// True when a user is at the terminal, who reads stderr, answers its questions and can interrupt the command.
    pub is_watched: bool,
    /// Stops the command when the token is not needed any more.
    pub cancellation: Cancellation,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            is_watched: false,
            cancellation: Cancellation::never(),
        }
    }
}

/// The output of a shell command.
pub(super) fn output(command: &Hidden, patience: &Patience) -> Result<SecretString, Error> {
    output_within(LONGEST, command, patience)
}

fn output_within(
    longest: Duration,
    command: &Hidden,
    patience: &Patience,
) -> Result<SecretString, Error> {
    let failed =
        |reason: String| Error::refused(format!("`token_command` failed: {reason}"), BY_HAND);
    let running = Running::start(command.expose(), patience.is_watched)
        .map_err(|error| failed(error.to_string()))?;
    let printed = running.printed(longest, &patience.cancellation);
    let printed = printed.map_err(failed)?;
    let text = std::str::from_utf8(&printed);
    text.map(SecretString::from)
        .map_err(|_| failed("its output is not text".to_owned()))
}

/// A running command.
struct Running {
    child: Child,
    stdout: PipeReader,
    printed: Zeroizing<Vec<u8>>,
    leads_group: bool,
}

impl Running {
    fn start(text: &str, is_watched: bool) -> io::Result<Self> {
        let (stdout, writer) = io::pipe()?;
        // Reads return at once.
        fcntl_setfl(&stdout, OFlags::NONBLOCK)?;
        let mut command = Command::new("sh");
        command
            .args(["-c", text])
            // The command must not report to systemd in place of the daemon.
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(writer);
        if !is_watched {
            command.stderr(Stdio::null());
            // A group in the background must not ask at the terminal, and does not receive its interrupt.
            command.process_group(0);
        }
        Ok(Self {
            child: command.spawn()?,
            stdout,
            printed: Zeroizing::new(Vec::with_capacity(EXPECTED_BYTES)),
            leads_group: !is_watched,
        })
    }

    /// The output of the command until it ends, or the reason why it failed.
    fn printed(
        mut self,
        longest: Duration,
        cancellation: &Cancellation,
    ) -> Result<Zeroizing<Vec<u8>>, String> {
        match self.wait(longest, cancellation) {
            Ok(()) => Ok(self.printed),
            Err(reason) => {
                self.end();
                Err(reason)
            }
        }
    }

    fn wait(&mut self, longest: Duration, cancellation: &Cancellation) -> Result<(), String> {
        let started = Instant::now();
        loop {
            self.read()?;
            let ended = self.child.try_wait().map_err(|error| error.to_string())?;
            if let Some(status) = ended {
                // All its output is in the pipe by now, even if another process keeps the pipe open.
                self.read()?;
                let succeeded = status.success().then_some(());
                return succeeded.ok_or_else(|| status.to_string());
            }
            if cancellation.is_requested() {
                return Err("it was stopped, because the sync is to end".to_owned());
            }
            if started.elapsed() >= longest {
                let seconds = longest.as_secs();
                return Err(format!("it did not end within {seconds} s"));
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Reads the available output.
    fn read(&mut self) -> Result<(), String> {
        let room = (MOST_BYTES + 1).saturating_sub(self.printed.len());
        let mut stdout = (&self.stdout).take(room as u64);
        match stdout.read_to_end(&mut self.printed) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error.to_string()),
            _ if self.printed.len() > MOST_BYTES => {
                Err(format!("it prints more than {MOST_BYTES} bytes"))
            }
            _ => Ok(()),
        }
    }

    /// Kills the command and all processes in its group, unless it has ended by itself.
    fn end(mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            if self.leads_group {
                // This fails when all processes of the group have ended.
                let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            }
            // The command may end by itself meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
#[path = "token_command_tests.rs"]
mod tests;
