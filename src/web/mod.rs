//! Shows answers as HTML, and serves them over HTTP.
//!
//! `document` is the frame of every document: its head, its policy, its style and its script. `page` is the overview
//! with its charts, and `kept` holds the rows of an answer for them.

mod document;
mod kept;
mod page;

pub use document::frame;
pub use kept::{Kept, Row};
pub use page::{Actions, Figure, Lane, Mark, MarkKind, Overview, Window};
