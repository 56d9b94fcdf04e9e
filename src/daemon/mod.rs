//! Syncs on a schedule, for months.
//!
//! A `planner` decides, from the time alone, when to sync and which ticks to leave out. [`run`] asks it again whenever
//! something may have changed: at each beat of an [`Alarm`], when a sync ends, when it is told something. What a sync
//! is, and who hears about it, is the business of a [`Job`].
//!
//! What each file is for: `planner` decides, `driver` does, `alarm` wakes it up.

pub mod exporter;
pub mod metrics;
pub mod ping;
pub mod schedule;

mod driver;
mod planner;

pub use driver::{Alarm, AlarmError, Heartbeat};
pub use driver::{Command, Event, Job, Start, Work, run};
pub use planner::{Ending, MOST_COUNTED, Plan, PlanError, Reason, Skip};
