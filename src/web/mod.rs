//! Shows answers as HTML, and serves them over HTTP.
//!
//! `document` is the frame of every document: its head, its policy, its style and its script. `server` takes connections
//! at an `address`. `gateway` answers a URL by the command that it stands for, which `child` runs.

mod address;
mod child;
mod document;
mod gateway;
mod server;

pub use address::{AddressError, ListenAddress};
pub use axum::http::{StatusCode, Uri};
pub use document::{Document, SCRIPT, STYLE};
pub use gateway::{Refusal, pages};
pub use server::{Error, Server};
