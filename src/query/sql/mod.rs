//! Ad hoc SQL: any question that SQL can ask, and no change of the archive.
//!
//! Four measures protect the archive, and each of them would be enough: the file is opened for reading, the connection
//! is `query_only`, an authorizer allows only reading, and only one statement runs. A refusal is explained in words.
//!
//! Nothing is written elsewhere either. No other file is attached, and sorting happens in memory, which is limited.
//!
//! The files: `authorizer` sets the rights and limits of a statement, `run` runs it, and `error` explains a failure, with
//! its place and suggestions.

mod authorizer;
mod error;
mod run;

pub use authorizer::{LONGEST_SQL_BYTES, MOST_MEMORY_BYTES};
pub use error::{Error, Place};
pub use run::{Parameter, run};

#[cfg(test)]
mod fixture;
