//! Syncs on a schedule, for months.
//!
//! A `planner` decides, from the time alone, when to sync and which ticks to skip. [`run`] asks it again when something
//! may have changed: at each beat of an [`Alarm`], when a sync ends, and when a command arrives. A [`Job`] does the
//! sync and reports it.
//!
//! `planner` decides; `driver` carries the decisions out and has the alarm.

pub mod exporter;
pub mod metrics;
pub mod ping;
pub mod schedule;

mod driver;
mod planner;

pub use driver::{Alarm, AlarmError, Heartbeat};
pub use driver::{Command, Event, Job, Start, Work, run};
pub use planner::{Ending, MOST_COUNTED, Plan, PlanError, Reason, Skip};
