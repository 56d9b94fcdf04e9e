//! Ad hoc SQL: any question that SQL can ask, and nothing that changes the archive.
//!
//! Four things keep the archive as it is, and each would do alone: the file is opened for reading, the connection is
//! `query_only`, an authorizer allows reading only, and one statement is all that runs. What is refused is refused in
//! words, before SQLite would do it with an error code.
//!
//! Nothing is written elsewhere either: no other file is attached, and what a statement sorts stays in memory, of which
//! there is a limit.
//!
//! What each file is for: `statement` tells a statement's words and where it ends, `authorizer` what it may do, `limits`
//! what it may use, `run` runs it, `cell` makes text of its values, `error` says what failed, where, and what was meant.

mod authorizer;
mod error;
mod run;
mod statement;

pub use authorizer::{LONGEST_SQL_BYTES, MOST_MEMORY_BYTES};
pub use error::{Error, Place};
pub use run::{Parameter, UnknownParameter, run};

#[cfg(test)]
mod fixture;
