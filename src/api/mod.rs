//! Every HTTP call: the DigitalOcean API as the archive needs it.
//!
//! A [`Client`] asks for one page, one action or one droplet at a time. It paces itself under the API's limits,
//! tries again what is worth it, and hands out values of [`crate::core::model`], or an [`Error`] that says what was asked,
//! what came back and what to do. It follows neither redirects nor `next` links: pages are counted, so the token
//! never leaves the origin it was meant for.
//!
//! A [`PageReader`] is the client without the network: it decodes the bodies of answers that are there already.
//!
//! What each file is for: `client` asks until it has an answer, `exchange` sends one request and sorts what comes back,
//! `http` is the client that it is sent through, `bearer` is the token on its way, `body` unpacks answers, `scope` says
//! what a token may be allowed to do, `pace` keeps under the limits, `retry` decides whether and when to try again,
//! `limits` reads what the headers say of both, `wire` turns JSON into values, `event` tells whoever watches, `error` says
//! what failed.

mod body;
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
pub use pace::RateLimit;
pub use pace::{Pace, Pacer, SharedPacer};
pub use retry::RetryPolicy;
pub use scope::TokenScope;
pub use wire::{BodyError, Page, PageReader, RejectedRow};
