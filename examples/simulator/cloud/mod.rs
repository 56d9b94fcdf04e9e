//! A simulator of the DigitalOcean API: stateful, deterministic, and broken on demand.
//!
//! Users run it with `cargo run --example simulator`; the integration tests and the demo include it as a module. It
//! shares no code with the library on purpose: a bug of one cannot hide a bug of the other.
//!
//! [`Cloud::start`] serves an account on a port of 127.0.0.1 until the last handle is dropped. The handle knows the
//! truth ([`Cloud::actions`]) and the requests ([`Cloud::requests`]). It changes both the account
//! ([`Cloud::add_action`], [`Cloud::destroy_droplet`], [`Cloud::remove_action`] …) and the answers
//! ([`Cloud::break_with`]) while it serves. Answers can also be older than the account ([`Replicas`], [`PageCache`]).

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each binary that includes this module uses another part of it"
)]

mod action;
mod changes;
mod clock;
mod delivery;
mod droplet;
mod fault_text;
mod faults;
mod fleet;
mod gzip;
mod handle;
mod history;
mod http;
mod json;
mod kinds;
mod limits;
mod listing;
mod options;
mod random;
mod regions;
mod routes;
mod rules;
mod sabotage;
mod server;
mod service;
mod staleness;
mod state;

pub use action::{Action, HandmadeAction};
pub use droplet::Droplet;
pub use faults::Fault;
pub use handle::Cloud;
pub use limits::Limit;
pub use options::{Options, Order, SCOPES};
pub use random::Random;
pub use rules::FaultRule;
pub use service::LoggedRequest;
pub use staleness::{PageCache, Replicas};
