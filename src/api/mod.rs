//! Every HTTP call: the part of the DigitalOcean API that the archive needs.
//!
//! A [`Client`] requests one page, one action or one droplet at a time. It stays under the API's limits and repeats
//! requests that failed temporarily. It returns values of [`crate::core::model`], or an [`Error`] with the request, the
//! failure and a hint. It follows neither redirects nor `next` links, because it counts the pages itself: so the token
//! never leaves its origin.
//!
//! A [`PageReader`] is the client without the network: it decodes bodies that the caller already has.
//!
//! The files: `client` repeats a request until it has an answer. `exchange` sends one request, and unpacks and
//! classifies the answer. `http` builds the HTTP client and holds the token as a header. `origin` checks the address of
//! the API. `scope` names the permissions of a token. `pace` keeps requests under the limits and reads
//! them from headers. `retry` decides whether and when to try again. `wire` turns JSON into values. `error` defines
//! failures and events.

mod client;
mod error;
mod exchange;
pub(crate) mod http;
mod origin;
mod pace;
#[cfg(test)]
mod pace_simulation;
mod retry;
mod scope;
mod wire;

pub use client::{Client, ClientSettings, DropletSelection, PER_PAGE};
pub use error::{ApiMessage, Error, ErrorKind};
pub use error::{Event, OnEvent};
pub(crate) use origin::is_loopback;
pub use origin::{Origin, OriginError};
pub use pace::{Limit, RateLimit};
pub use pace::{Pace, Pacer, SharedPacer};
pub use retry::RetryPolicy;
pub use scope::TokenScope;
pub use wire::{BodyError, Page, PageReader, RejectedRow};
