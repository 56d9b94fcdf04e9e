//! Runs a command as a child process, and hands on its answer while it comes. A few run at a time, others wait.

use super::answer::Refusal;
use axum::body::Bytes;
use axum::http::StatusCode;
use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// The number of commands at a time.
const AT_ONCE: usize = 4;
/// The number of further commands that wait for their turn.
const WAITING: usize = 32;
/// The time that the server waits for a command. The time in which its reader is slow does not count.
const LONGEST: Duration = Duration::from_secs(30);
const PORTION: usize = 64 << 10;

/// The commands that run, and those that wait.
pub(super) struct Turns {
    all: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let [all, running] = [AT_ONCE + WAITING, AT_ONCE].map(|it| Arc::new(Semaphore::new(it)));
        Self { all, running }
    }
}

/// A command that runs. It is killed when this is dropped.
pub(super) struct Running {
    child: Child,
    stdout: ChildStdout,
    messages: JoinHandle<io::Result<Vec<u8>>>,
    /// The time that is left to wait.
    left: Duration,
    turn: [OwnedSemaphorePermit; 2],
}

impl Running {
    /// Waits for a turn, and starts the command.
    pub(super) async fn start(
        command: std::process::Command,
        turns: &Turns,
    ) -> Result<Self, Refusal> {
        let place = Arc::clone(&turns.all).try_acquire_owned();
        let place = place.map_err(|_| {
            let text = "too many answers are under way";
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text)
                .with_hint("try again in a few seconds")
        })?;
        let turn = Arc::clone(&turns.running).acquire_owned().await;
        let turn = turn.map_err(|closed| cannot_run(io::Error::other(closed)))?;
        let mut child = Command::from(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(cannot_run)?;
        let (Some(stdout), Some(mut stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(cannot_run(io::ErrorKind::BrokenPipe.into()));
        };
        let messages = tokio::spawn(async move {
            let mut messages = Vec::new();
            stderr.read_to_end(&mut messages).await.map(|_| messages)
        });
        Ok(Self {
            child,
            stdout,
            messages,
            left: LONGEST,
            turn: [place, turn],
        })
    }

    /// The next portion of the answer; empty at its end.
    pub(super) async fn portion(&mut self) -> Result<Bytes, Refusal> {
        let mut portion = Vec::with_capacity(PORTION);
        let read = self.stdout.read_buf(&mut portion);
        in_time(&mut self.left, read).await?;
        Ok(portion.into())
    }

    /// True when others wait for this turn.
    pub(super) fn is_awaited(&self) -> bool {
        self.turn[0].semaphore().available_permits() < WAITING
    }

    /// Waits for the end of the command: its exit status, `None` after a signal, and all that it wrote to stderr.
    pub(super) async fn end(mut self) -> Result<(Option<i32>, String), Refusal> {
        let status = in_time(&mut self.left, self.child.wait()).await?;
        let messages = async { self.messages.await.map_err(io::Error::other)? };
        let messages = in_time(&mut self.left, messages).await?;
        let messages = String::from_utf8_lossy(&messages).into_owned();
        Ok((status.code(), messages))
    }
}

/// Waits for a step of the command, within the time that is left.
async fn in_time<T>(
    left: &mut Duration,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, Refusal> {
    let started_at = Instant::now();
    let done = timeout(*left, step).await;
    *left = left.saturating_sub(started_at.elapsed());
    done.map_err(|_| {
        let text = format!("the answer took longer than {} s", LONGEST.as_secs());
        Refusal::new(StatusCode::GATEWAY_TIMEOUT, text)
            .with_hint("ask for less, end a program that keeps the archive locked, or ask on the command line, which waits longer")
    })?
    .map_err(cannot_run)
}

fn cannot_run(error: io::Error) -> Refusal {
    let text = format!("the command cannot be run: {error}");
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> std::process::Command {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// The clock moves on when nothing else happens.
    #[tokio::test(start_paused = true)]
    async fn a_command_that_takes_too_long_is_given_up() {
        let mut running = Running::start(shell("exec sleep 3600"), &Turns::new())
            .await
            .unwrap();
        assert!(running.portion().await.is_err());
    }

    #[tokio::test]
    async fn many_messages_block_no_answer() {
        let script = "yes | head -c 1000000 >&2; echo answer; exit 3";
        let mut running = Running::start(shell(script), &Turns::new()).await.unwrap();
        assert_eq!(running.portion().await.unwrap(), "answer\n");
        assert!(running.portion().await.unwrap().is_empty());
        let (status, messages) = running.end().await.unwrap();
        assert_eq!(status, Some(3));
        assert_eq!(messages.len(), 1_000_000);
    }
}
