//! Named questions over the whole archive: each is one `.sql` file with a header that says what it answers.
//!
//! The text of a report is the interface: the same file is run here, printed for `sqlite3`, and given to Datasette. So
//! nothing is pasted into it. What a person may choose is a parameter of the SQL, declared in the header with its kind
//! and default; the text itself puts the default where a parameter is unbound or empty. [`Report::bind`] turns what a
//! person wrote into values, [`run()`] hands the rows on one by one.
//!
//! What each file is for: `questions/` holds the reports that come with the program, `library` finds them and those of
//! the user, `header` reads what they say of themselves, `definition` is what was read, `binding` makes values of
//! texts, `run` asks the archive, `error` says what went wrong.

mod binding;
mod definition;
mod error;
mod header;
mod library;
mod run;

pub use binding::{Bound, Context};
pub use definition::{Kind, Origin, Parameter, Report};
pub use error::{Error, Problem};
pub use library::Library;
pub use run::run;

#[cfg(test)]
mod tests;
