//! Time: instants as the archive stores them, and the ways people write them.
//!
//! The archive keeps every time as text, `YYYY-MM-DDTHH:MM:SSZ` in UTC, because the file is an interface: such
//! texts sort, compare and read the same in every tool that opens it. [`Timestamp`] is that text as a value.

mod calendar;
mod error;
mod expression;
mod span;
mod timestamp;

pub use error::{DurationError, TimeError};
pub use expression::{parse_since, parse_until};
pub use span::parse_duration;
pub use timestamp::{Timestamp, TimestampError};
