//! Proof that each report gives the answer that its header describes.

mod agreement;
mod fixture;
mod history;
mod library;
mod model;
mod model_backups;
mod on_backups;
mod on_droplets;
mod on_failures;
mod on_power;
mod on_uptime;
mod plans;
mod texts;
