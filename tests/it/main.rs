//! The real binary against a simulator of the API: each test checks a promise to users.
//!
//! A test starts a `Cloud` (the simulator of `examples/`), runs the binary against it in a `Sandbox` (a user's machine
//! in a temporary folder), and compares the `Archive` with the true state of the cloud. All tests are one binary,
//! because each further binary would link SQLite and the simulator again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod account;
mod accounts;
mod architecture;
mod archive;
mod asked;
mod backup;
mod backup_stopped;
mod browser;
mod chaos;
#[path = "../../examples/simulator/cloud/mod.rs"]
mod cloud;
mod completions;
mod config;
mod cost;
mod daemon;
#[path = "../../examples/datasette/metadata.rs"]
mod datasette_metadata;
mod demo;
mod documents;
mod droplets;
mod ecosystem;
mod export;
mod faults;
mod fuzz_corpus;
mod golden;
mod honest_input;
mod hostile;
mod import;
mod import_circles;
mod man;
mod packages;
mod power;
mod process;
mod query;
mod regressions;
mod replicas;
mod report;
mod requests;
mod sandbox;
mod schema;
mod screen;
#[cfg(target_os = "linux")]
mod serve;
mod shown;
mod simulator;
mod sql;
mod sql_timeout;
mod stats;
mod status;
mod store_faults;
#[cfg(target_os = "linux")]
mod surroundings;
mod sync;
mod terminal;
mod timeline;
mod token;
mod union;
mod usage;
mod verify;
mod witness;
mod words;
