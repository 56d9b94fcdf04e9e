//! Shows answers as HTML, and serves them over HTTP.
//!
//! `document` is the frame of every document: its head, its policy, its style and its script. `server` takes connections
//! at an `address`. `gateway` answers a URL by the command that it stands for, which `child` runs, or says
//! by a `refusal` why not.

mod address;
mod child;
mod document;
mod gateway;
mod refusal;
mod server;

pub use address::{AddressError, ListenAddress};
pub use axum::http::{StatusCode, Uri};
pub use document::{Document, SCRIPT, STYLE};
pub use gateway::pages;
pub use refusal::Refusal;
pub use server::{Error, Server};
