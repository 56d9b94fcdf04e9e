//! Named questions about the whole archive: each is one `.sql` file with a header that describes its answer.
//!
//! The text of a report is the interface: the same file runs here, is printed for `sqlite3`, and is given to Datasette.
//! So nothing is pasted into it. The choices of the user are parameters of the SQL, which the header declares with kind
//! and default. The SQL itself uses the default when a parameter is unbound or empty. [`Report::bind`] turns the user's
//! texts into values; [`run()`] passes on the rows one by one.
//!
//! The files: `questions/` has the embedded reports, `library` finds them and those of the user, `header` reads
//! headers, `definition` has the result, `binding` turns texts into values, `run` asks the archive, `order` reads the
//! order of the rows, `total` adds a row of sums, and `error` explains failures.

mod binding;
mod definition;
mod error;
mod header;
mod library;
mod order;
mod run;
mod total;

pub use binding::{Bound, Context};
pub use definition::{Allowed, Kind, Origin, Parameter, Report, Total};
pub use error::{Error, Problem};
pub use library::Library;
pub use order::RowOrder;
pub use run::{column_names, run};
pub use total::WithTotal;

#[cfg(test)]
mod tests;
