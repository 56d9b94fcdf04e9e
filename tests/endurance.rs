//! Ten thousand ticks: the real daemon, on a clock that does not wait.
//!
//! A separate binary, because it checks the memory and the files of its whole process. A tick comes every few
//! milliseconds, so that some ticks start a sync and some find the previous sync still at work.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

#[path = "../src/cli/mod.rs"]
#[allow(dead_code, reason = "it is run on a machine of this test's own")]
mod cli;
#[path = "../examples/simulator/cloud/mod.rs"]
mod cloud;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use archiver::config::Environment;
use archiver::core::time::Timestamp;
use archiver::daemon::Alarm;
use cloud::{Cloud, Options};

const TICKS: u64 = 10_000;
/// After this many ticks, all one-time allocations are made.
const WARM: u64 = 1_000;
const MOST_GROWTH_BYTES: u64 = 2 << 20;

static NOW: AtomicI64 = AtomicI64::new(1_767_225_600);
static TICKED: AtomicU64 = AtomicU64::new(0);
static CLOUD: Mutex<Option<Arc<Cloud>>> = Mutex::new(None);
static USAGE: Mutex<BTreeMap<u64, Usage>> = Mutex::new(BTreeMap::new());

/// The resources of the process.
#[derive(Clone, Copy, Debug)]
struct Usage {
    memory_bytes: u64,
    files: u64,
    threads: u64,
}

impl Usage {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap()
                .split_whitespace()
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        Self {
            memory_bytes: number("VmRSS:") * 1024,
            files: fs::read_dir("/proc/self/fd").unwrap().count() as u64,
            threads: number("Threads:"),
        }
    }
}

fn clock() -> Timestamp {
    Timestamp::from_epoch_seconds(NOW.load(Ordering::Relaxed)).unwrap()
}

/// A clock whose next tick is always a few milliseconds away.
struct FastClock;

impl Alarm for FastClock {
    async fn wait_until(&mut self, at: Option<Timestamp>) {
        tokio::time::sleep(Duration::from_millis(4)).await;
        NOW.store(at.unwrap().epoch_seconds(), Ordering::Relaxed);
        let ticked = TICKED.fetch_add(1, Ordering::Relaxed) + 1;
        if ticked.is_multiple_of(WARM) {
            // The simulator stores every request. The test does not measure that memory.
            CLOUD.lock().unwrap().as_ref().unwrap().clear_requests();
            USAGE.lock().unwrap().insert(ticked, Usage::now());
        }
        if ticked == TICKS {
            let id = std::process::id().to_string();
            let sent = Command::new("sh")
                .args(["-c", "kill -s TERM \"$0\"", &id])
                .status();
            assert!(sent.unwrap().success());
        }
    }
}

fn run_daemon(cloud: &Cloud, folder: &Path) -> ExitCode {
    let config = folder.join("config.toml");
    let limits = "[limits]\nrequests_per_minute = 4000000000\nrequests_per_hour = 4000000000\n";
    fs::write(&config, limits).unwrap();
    let environment = Environment::of_process()
        .with("DIGITALOCEAN_TOKEN", cloud.token())
        .with("DIGITALOCEAN_API_URL", cloud.url())
        .with("ARCHIVER_CONFIG", config)
        .with("ARCHIVER_DB", folder.join("archive.db"));
    let machine = cli::Machine {
        clock,
        chance: fastrand::f64,
        alarm: || FastClock,
    };
    let metrics = folder.join("archiver.prom");
    let words = [
        "archiver",
        "daemon",
        "-q",
        "--cron",
        "* * * * *",
        "--listen",
        "127.0.0.1:0",
    ];
    let flags = ["--metrics-file", metrics.to_str().unwrap()];
    let arguments = words.into_iter().chain(flags).map(Into::into);
    cli::run_on(&machine, arguments, environment)
}

#[test]
fn ten_thousand_ticks_keep_neither_memory_nor_files() {
    let cloud = Cloud::start(Options::unlimited(5, 500)).unwrap();
    let cloud = Arc::new(cloud);
    *CLOUD.lock().unwrap() = Some(Arc::clone(&cloud));
    let folder = tempfile::tempdir().unwrap();
    let status = run_daemon(&cloud, folder.path());
    assert_eq!(status, ExitCode::SUCCESS);
    let usage = USAGE.lock().unwrap().clone();
    let (warm, last) = (usage[&WARM], usage[&TICKS]);
    assert!(
        last.memory_bytes < warm.memory_bytes + MOST_GROWTH_BYTES,
        "{usage:#?}"
    );
    // The check may come in the middle of a sync, which has an archive and connections open.
    assert!(last.files < warm.files + 16, "{usage:#?}");
    assert!(last.threads < warm.threads + 4, "{usage:#?}");
    let metrics = fs::read_to_string(folder.path().join("archiver.prom")).unwrap();
    let count = |series: &str| -> u64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series));
        line.unwrap().trim().parse().unwrap()
    };
    let run = count("archiver_ticks_total{result=\"run\"}");
    let skipped = count("archiver_ticks_total{result=\"skipped\"}");
    assert!(run > TICKS / 100, "{run} syncs, {skipped} ticks left out");
    // The signal may have come during the last sync or just before it, and then the sync left no row.
    let complete = count("archiver_runs_total{outcome=\"complete\"}");
    let interrupted = count("archiver_runs_total{outcome=\"interrupted\"}");
    assert!(interrupted <= 1, "{interrupted}");
    let began = complete + interrupted;
    assert!(
        (run..=run + 1).contains(&began),
        "{began} syncs for {run} ticks and the start"
    );
}
