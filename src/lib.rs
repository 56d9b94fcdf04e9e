//! Archives the action history of DigitalOcean droplets in SQLite, and answers questions about it.
//!
//! The API lists actions (create, reboot, snapshot …) newest first, in pages, without any filter, and a destroyed
//! droplet's list is gone. This library reads every page of those lists, proves that nothing is missing, and keeps
//! each action as one row of a file that its owner can query in milliseconds.
//!
//! # From the network to an answer
//!
//! ```text
//! api ──pages──→ sync ──rows + coverage, one transaction──→ store ──→ archive.db ──→ query ──→ output
//!  │ pace, retry, decode    │ what is missing?                                         │ rows as text
//!  └ wire → model           └ Observer: bar, log, test                                 └ Filter → SQL
//! ```
//!
//! [`sync::run`] is the one way in: it asks an [`api::Client`] for the pages of each listing and hands them to a
//! [`archive::Store`]. The ways out are the questions: [`query::actions`], and on top of it [`stats::stats`],
//! [`timeline::timeline`] and [`report::run`]; [`sql::run`] for whoever knows SQL, and [`status::read`], which tells how
//! far they can be relied on, [`verify::verify`], which tells whether the file is sound, as [`metrics::text`] tells Prometheus. What the two sides agree on is the schema in `migrations/`.
//!
//! # Invariants
//!
//! - Modules use only what stands below them: `access`, `metrics` → `sync`, `report`, `sql`, `stats`, `status`, `timeline`,
//!   `verify` → `api`, `store`, `query` → `config`, `coverage`, `output` → `model` → `time`, and beside them `daemon` →
//!   `schedule` → `time`, `ping`, `exporter`, `files`, `redaction`, `threads` and `hidden`. A test reads the sources and fails on any other arrow.
//! - Nothing here prints, exits, or reads the environment; only `config::Environment::of_process`,
//!   `time::Timestamp::now` and reading a `time::Zone` by its name look outside, and only the command line calls them.
//! - Rows and the coverage that vouches for them are committed together; no transaction is open across an `.await`.
//! - The token is sent to one origin and shown to nobody.
//! - A shipped migration never changes.

pub mod api;
pub mod archive;
pub mod config;
pub mod core;
pub mod daemon;
pub mod output;
pub mod query;
pub mod sync;
