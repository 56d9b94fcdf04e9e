//! Trusted with a token: where it comes from, what it may do, and that it goes nowhere else.

mod answers;
mod check;
mod commands;
mod misplaced;
mod patience;
mod proxies;
mod servers;
mod source;
mod sources;
mod traces;

/// A token of the usual length that no other text resembles.
const CANARY: &str = "dop_v1_c0ffee1d5a9b3e7f2468ace013579bdf86420fdb97531eca0f1e2d3c4b5a6978";
