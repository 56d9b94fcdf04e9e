//! A small HTTP server: metrics for Prometheus, and whether the daemon is alive and its archive fresh.
//!
//! It answers `GET` and `HEAD` and reads no bodies. Whoever can reach the address can read it: numbers, and nothing of
//! the account but how much of it there is, so it asks nobody who they are, and a page that makes a browser ask it (DNS
//! rebinding) learns those numbers. It takes no more than a few connections, and drops those that dawdle.
//!
//! What each file is for: `address` says where, `server` takes connections, `answer` knows the routes.

mod server;

pub use server::{AddressError, ListenAddress};
pub use server::{Error, Exporter};

/// What the server asks whoever it speaks for. It is called while somebody waits, and must be quick.
pub trait Probe: Send + Sync + 'static {
    /// Metrics in Prometheus's text format, version 0.0.4.
    fn metrics(&self) -> String;

    /// Whether the daemon is alive.
    fn health(&self) -> Condition;

    /// Whether the archive is fresh.
    fn readiness(&self) -> Condition;
}

/// How something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Whether that is good.
    pub is_good: bool,
    /// In a line.
    pub words: String,
}

#[cfg(test)]
mod tests;
