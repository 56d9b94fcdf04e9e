//! Shows answers as HTML, and serves them over HTTP.
//!
//! `document` is the frame of every document: its head, its policy, its style and its script.

mod document;

pub use document::{Document, SCRIPT, STYLE};
