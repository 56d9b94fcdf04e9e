//! Archives the action history of DigitalOcean droplets in SQLite, and answers questions about it.
//!
//! The API lists actions (create, reboot, snapshot …) newest first, in pages, without any filter. The list of a
//! destroyed droplet is gone. This library reads every page of those lists, proves that nothing is missing, and keeps
//! each action as one row of a file that its owner can query in milliseconds.
//!
//! ```text
//! api ──pages──→ sync ──rows + coverage, one transaction──→ archive.db ──→ query ──→ output
//!  │ pace, retry, decode    │ page plan: what is missing                     │ rows as text
//!  └ wire → model           └ observer: bar, log, test                       └ Filter → SQL
//! ```
//!
//! [`sync::run`] is the one way in. It asks an [`api::Client`] for the pages of each listing and hands them to an
//! [`archive::Store`]. The ways out are in [`query`]: [`query::actions`], [`query::stats`], [`query::timeline`],
//! [`query::report`] and [`query::sql`]; [`query::status`] and [`query::verify`] tell how far the answers hold. Both
//! sides agree on the schema in `migrations/`.
//!
//! # Invariants
//!
//! - Imports go one way: `sync` uses `api` and `archive`, `query` uses `archive` and `output`, `daemon` uses all of these
//!   but `sync` and `output`, `config` uses `api`, and all use `core`. Tests reject other arrows, and circles between files.
//! - Nothing here prints or exits. Only `config::Environment::of_process`, `core::time::Timestamp::now` and reading a
//!   `core::time::Zone` by its name read outside state, and only the command line calls them.
//! - Rows and the coverage that vouches for them are committed together. No transaction is open across an `.await`.
//! - The token is sent to one origin and never shown.
//! - A shipped migration never changes.

#[cfg(not(unix))]
compile_error!(
    "archiver needs Unix: it relies on modes of files, on locks that SQLite shares, and on signals"
);

pub mod api;
pub mod archive;
pub mod config;
pub mod core;
pub mod daemon;
pub mod output;
pub mod query;
pub mod sync;
pub mod web;
