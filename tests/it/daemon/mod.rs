//! `archiver daemon`: its promises to an administrator who leaves it alone.

pub(crate) mod outside;
mod refusals;
#[cfg(target_os = "linux")]
mod strangers;
mod ticks;
mod told;
mod vanished;

use std::process::Command;

use crate::cloud::Cloud;
use crate::process::{Running, SOON, until};
use crate::sandbox::{Sandbox, UNPACED};

impl Sandbox {
    /// `archiver daemon` against this cloud, with its token.
    pub(super) fn start_daemon(&self, cloud: &Cloud, flags: &[&str]) -> Running {
        Running::start(self.daemon_command(cloud, flags))
    }

    fn daemon_command(&self, cloud: &Cloud, flags: &[&str]) -> Command {
        let mut command = self.command(&[&["daemon"], flags].concat());
        command
            .env("DIGITALOCEAN_API_URL", cloud.url())
            .env("DIGITALOCEAN_TOKEN", cloud.token());
        command
    }
}

/// A sandbox whose syncs are not paced.
fn sandbox() -> Sandbox {
    Sandbox::new().configured(UNPACED)
}

const EVERY_SECOND: &str = "* * * * * *";
const NEVER: &str = "0 0 1 1 *";

/// The number of output lines that hold this text.
fn lines(said: &str, text: &str) -> usize {
    said.lines().filter(|line| line.contains(text)).count()
}

/// Waits until the output has this many such lines.
#[track_caller]
fn until_said(daemon: &Running, times: usize, text: &str) {
    until(&format!("it says `{text}`, {times} times"), || {
        lines(&daemon.said(), text) >= times
    });
}

/// Ends the daemon as a service manager does.
#[track_caller]
fn end(daemon: Running) -> crate::process::Run {
    daemon.signal("TERM");
    daemon.end_within(SOON).exits(0)
}
