//! Time: instants as the archive stores them, and the ways people write them.
//!
//! The archive keeps every time as text, `YYYY-MM-DDTHH:MM:SSZ` in UTC, because the file is an interface: such
//! texts sort, compare and read the same in every tool that opens it. [`Timestamp`] is that text as a value.

mod timestamp;

pub use timestamp::{Timestamp, TimestampError};
