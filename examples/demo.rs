//! `archiver` in half a minute and without an account: a real sync of a made-up history, then questions.
//!
//! ```text
//! cargo run --release --example demo
//! ```
//!
//! It starts the simulator on a free port, runs the commands below exactly as the binary would (it is the same code),
//! and prints their answers. At the end it writes the history as one HTML page, and leaves nothing else on the disk.

#![allow(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]

#[path = "../src/cli/mod.rs"]
mod cli;
#[path = "simulator/cloud/mod.rs"]
mod cloud;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use archiver::config::Environment;
use cloud::{Cloud, Options};

/// 2026-11-01T00:00:00Z: the same history on every day.
const NOW: i64 = 1_793_491_200;
const DROPLETS: usize = 40;
/// 200 requests: under the API's limit of 250 a minute, which the simulator keeps too.
const ACTIONS: usize = 40_000;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let cloud = Cloud::start(Options {
        droplets: DROPLETS,
        actions: ACTIONS,
        now: Some(NOW),
        latency: Duration::from_millis(50),
        ..Options::default()
    })?;
    let folder = tempfile::Builder::new()
        .prefix("archiver-demo-")
        .tempdir()?;
    let environment = Environment::of_process()
        .with("DIGITALOCEAN_TOKEN", cloud.token())
        .with("DIGITALOCEAN_API_URL", cloud.url())
        .with("ARCHIVER_DB", folder.path().join("archive.db"))
        .with("ARCHIVER_CONFIG", "")
        .with("XDG_CONFIG_HOME", folder.path());
    println!(
        "A made-up account with {DROPLETS} droplets and {ACTIONS} actions is at {}.",
        cloud.url()
    );
    let page = std::env::temp_dir().join("archiver-demo.html");
    let page_path = page.display().to_string();
    let last = ("All of it as one page.", vec!["page", "-o", &page_path]);
    for (question, arguments) in questions().into_iter().chain([last]) {
        println!("\n# {question}\n$ archiver {}", arguments.join(" "));
        cloud.clear_requests();
        let words = std::iter::once("archiver").chain(arguments.iter().copied());
        let status = cli::run(
            words.map(|word| word.trim_matches('\'').into()),
            environment.clone(),
        );
        if status != ExitCode::SUCCESS {
            return Ok(status);
        }
        match cloud.requests().len() {
            0 => {}
            requests => println!("(requests that the API saw: {requests})"),
        }
    }
    println!("\nOpen {page_path} in a browser.");
    Ok(ExitCode::SUCCESS)
}

/// The questions of the README.
fn questions() -> Vec<(&'static str, Vec<&'static str>)> {
    let words = |line: &'static str| line.split(' ').collect::<Vec<_>>();
    vec![
        ("Archive everything the account ever did.", words("sync -v")),
        (
            "Again: nothing new costs next to nothing.",
            words("sync -v"),
        ),
        (
            "When was this droplet powered off?",
            words("query --type power_off,shutdown --droplet web-01 --limit 3"),
        ),
        (
            "What was rebooted in October?",
            words("query --type reboot --since 2026-10-01 --until 2026-10-31 --limit 5"),
        ),
        (
            "How much went wrong this year?",
            words("query --status errored --since 2026-01-01 --count"),
        ),
        (
            "The last two snapshots of the databases, for a script.",
            words("query --type snapshot --droplet 'db-*' --limit 2 -o jsonl"),
        ),
        (
            "When were the web servers down?",
            words("report downtime --droplet 'web-*' --since 2026-10-20"),
        ),
        (
            "What does a month look like?",
            words("stats --by type --during 2026-10 --top 5"),
        ),
        ("A slip of the finger.", words("query --type rebot")),
    ]
}
