//! The promises of the archive, tested against SQLite itself.
//!
//! `fixture` makes actions, regions and archives in a few words. Each other file covers one subject.

mod atomicity;
mod backup;
mod batches;
mod coverage;
mod droplets;
mod fixture;
mod follow;
mod hostile;
mod imports;
mod indexes;
mod links;
mod locking;
mod merge;
mod opening;
mod plans;
mod readers;
mod refusals;
mod regions;
mod runs;
mod schema;
mod upsert;
mod versions;
mod way_back;
