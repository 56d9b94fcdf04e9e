//! Prints the metadata with which Datasette shows an archive: its tables, and every report as a query.
//!
//! ```text
//! cargo run --example datasette > examples/datasette/metadata.yaml
//! ```

#![allow(
    clippy::print_stdout,
    reason = "an example talks to the person who runs it"
)]

mod metadata;

fn main() {
    print!("{}", metadata::text());
}
