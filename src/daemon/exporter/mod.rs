//! A small HTTP server: metrics for Prometheus, and the health of the daemon and its archive.
//!
//! It answers `GET` and `HEAD` and reads no bodies. Every client that can reach the address can read it, without
//! authentication: the answers hold only numbers, and nothing about the account but the number of its actions. A web
//! page that makes a browser send requests (DNS rebinding) learns the same numbers. The server accepts only a few
//! connections, and drops slow ones.
//!
//! `server` takes connections, parses the address to listen on, and knows the routes.

mod server;

pub use server::{AddressError, ListenAddress};
pub use server::{Error, Exporter};

/// The source of the answers. The server calls it while a client waits, so it must be quick.
pub trait Probe: Send + Sync + 'static {
    /// Metrics in Prometheus's text format, version 0.0.4.
    fn metrics(&self) -> String;

    /// The health: good when the daemon is alive.
    fn health(&self) -> Condition;

    /// The readiness: good when the archive is fresh.
    fn readiness(&self) -> Condition;
}

/// The result of a health check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// True when the check passes.
    pub is_good: bool,
    /// The result in one line.
    pub words: String,
}

#[cfg(test)]
mod tests;
