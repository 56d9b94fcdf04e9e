//! What Prometheus is told of an archive and of the daemon that keeps it.
//!
//! Everything about syncs comes from the archive itself, which has a row for each: so the numbers are the same whether a
//! single sync leaves them in a file or a daemon serves them, counters outlive restarts, and a sync that somebody runs
//! by hand counts too. A daemon adds what only it knows. What is not known is left out: a 0 would be believed, and an
//! alert can ask for what is absent.
//!
//! Labels are outcomes and the like, never droplets or scopes, so that there are as many series for a large account as
//! for a small one.
//!
//! What each file is for: `totals` adds up the log of syncs, each row once, by its `ending` and in a `histogram`;
//! `figures` reads what the archive holds, `daemon` has what a daemon hands in, `text` names and explains all of it in
//! the format that `exposition` writes, `file` leaves it where node_exporter finds it.

mod exposition;
mod figures;
mod file;
mod text;
mod totals;

pub use exposition::Histogram;
pub use figures::{DaemonFigures, Ticks};
pub use figures::{Figures, Holdings, ListingFigures};
pub use file::{WriteError, write_file};
pub use text::text;
pub use totals::Ending;
pub use totals::{Changes, LastRun, Quota, Totals};

#[cfg(test)]
mod tests;
