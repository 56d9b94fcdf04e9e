//! Shows answers as HTML, and serves them over HTTP.
//!
//! `document` is the frame of every document: its head, its policy, its style and its script. `page` is the overview
//! with its charts, and `kept` holds the rows of an answer for them. `server` takes connections at an address.
//! `gateway` answers a URL by the command that it stands for, which `child` runs; `answer` has what is sent.

mod answer;
mod child;
mod document;
mod gateway;
mod kept;
mod page;
mod server;

pub use answer::Refusal;
pub use axum::http::{StatusCode, Uri};
pub use document::{Part, frame, sheet};
pub use gateway::pages;
pub use kept::{DropletKey, Kept, Row};
pub use page::{Figure, Lane, Overview, Served, Window};
pub use server::{Error, ListenAddress, Server};
