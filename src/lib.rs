//! Archives the action history of DigitalOcean droplets in SQLite, and answers questions about it.

pub mod model;
pub mod output;
pub mod query;
pub mod time;
