//! The token: its source, its permissions, and the promise that it goes nowhere else.

mod answers;
mod check;
mod commands;
mod misplaced;
mod parts;
mod patience;
mod proxies;
mod servers;
mod source;
mod sources;
mod traces;

/// A token of the usual length that no other text resembles.
const CANARY: &str = "dop_v1_c0ffee1d5a9b3e7f2468ace013579bdf86420fdb97531eca0f1e2d3c4b5a6978";

/// A running sync holds the token.
#[cfg(target_os = "linux")]
#[test]
fn a_crash_leaves_no_memory_in_a_file() {
    use crate::process::{Running, until};
    let cloud = crate::account::cloud(2, 20);
    cloud.break_with(crate::cloud::FaultRule::new(crate::cloud::Fault::Stall));
    let sandbox = crate::sandbox::Sandbox::new();
    let sync = Running::start(sandbox.sync_command(&cloud, &["--all", "-vv"]));
    until("it asks", || sync.said().contains("GET /v2/"));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", sync.id())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let words: Vec<_> = line.unwrap().split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{limits}");
    sync.kill();
}
