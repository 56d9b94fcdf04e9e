//! `archiver sync`: it archives everything, exactly, with few requests, whatever happens in between.

mod account;
mod audit;
mod counts;
mod droplets;
mod dry_run;
mod first;
mod follow;
mod limits;
mod lock;
mod locked_out;
mod open_actions;
mod regions;
mod rows;
mod stopping;
mod summary;
