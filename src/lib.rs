//! Archives the action history of DigitalOcean droplets in SQLite, and answers questions about it.

pub mod api;
pub mod config;
pub mod coverage;
pub mod model;
pub mod output;
pub mod query;
pub mod store;
pub mod sync;
pub mod time;
