//! Shows answers as HTML, and serves them over HTTP.
//!
//! `document` is the frame of every document: its head, its policy, its style and its script. `page` is the overview
//! with its charts, and `kept` holds the rows of an answer for them. `server` takes connections at an `address`.
//! `gateway` answers a URL by the command that it stands for, which `child` runs, or says by a `refusal` why not;
//! `memory` keeps slow answers.

mod address;
mod child;
mod document;
mod gateway;
mod kept;
mod memory;
mod page;
mod refusal;
mod server;

pub use address::{AddressError, ListenAddress};
pub use axum::http::{StatusCode, Uri};
pub use document::{Part, frame, sheet};
pub use gateway::pages;
pub use kept::{DropletKey, Kept, Row};
pub use page::{Figure, Lane, Overview, Served, Window};
pub use refusal::Refusal;
pub use server::{Error, Server};
