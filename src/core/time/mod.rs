//! Time: instants as the archive stores them, and the text forms that people write.
//!
//! The archive keeps every time as text, `YYYY-MM-DDTHH:MM:SSZ` in UTC, because the file is an interface: such texts
//! sort, compare and read the same in every tool. [`Timestamp`] is that text as a value.
//!
//! People write and read times in a [`Zone`], which is UTC by default. All flags share one grammar: [`parse_since`] and
//! [`parse_until`] read the two ends of a window, and [`parse_period`] reads both at once.

mod calendar_period;
mod error;
mod moment;
mod span;
mod timestamp;
mod zone;

pub use calendar_period::CalendarUnit;
pub use error::TimeError;
pub use moment::{Period, parse_period};
pub use moment::{parse_since, parse_until};
pub use span::{duration_text, duration_too_long, parse_duration};
pub use timestamp::{Timestamp, TimestampError};
pub use zone::{Transition, Zone};
