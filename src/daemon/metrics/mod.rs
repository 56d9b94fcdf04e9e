//! The metrics of an archive, and of the daemon that keeps it.
//!
//! All numbers about syncs come from the archive, which has a row for each sync. For this reason they are the same in a
//! file and on a server, counters survive restarts, and manual syncs count too. A daemon adds its own state. An unknown
//! value is omitted: a 0 would be believed, and an alert can detect an absent metric.
//!
//! Labels are outcomes and the like, never droplets or scopes, so that a large account has no more series than a small
//! one. Where accounts are configured, each has its own series.
//!
//! `totals` adds up the log of syncs, each row once. `figures` reads the archive and has the state of the daemon.
//! `text` names and explains all metrics in the format that `exposition` writes.

mod exposition;
mod figures;
mod text;
mod totals;

pub use figures::{DaemonFigures, Figures, Holdings, ListingFigures, Source, Ticks};
pub use text::text;
pub use totals::{Ending, Histogram, LastRun, Quota, Totals};

#[cfg(test)]
mod tests;
