//! Syncs on a schedule, for months.
//!
//! A [`Planner`] decides, from the time alone, when to sync and which ticks to skip. The program asks it again when
//! something may have changed: at each beat of an [`Alarm`], when a sync ends, and when the configuration changes.

pub mod exporter;
pub mod metrics;
pub mod ping;
pub mod schedule;

mod heartbeat;
mod planner;

pub use heartbeat::{Alarm, Heartbeat};
pub use planner::{Ending, Event, MOST_COUNTED, Plan, Planner, Reason, Skip};
