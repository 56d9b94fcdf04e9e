//! Values and small helpers for every other module: time, positions, the model, spelling, secrets, files and
//! threads.

pub mod account;
pub mod cancellation;
pub mod control_characters;
pub mod coverage;
pub mod files;
pub mod model;
pub mod secrets;
pub mod similar;
pub mod threads;
pub mod time;
