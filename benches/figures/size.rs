//! The size of the program.

use std::path::Path;

use crate::Outcome;
use crate::archives;
use crate::bench::{Bench, Group};
use crate::figure::{Goal, Question, Row};

pub(crate) const GROUP: Group = Group {
    rows: &["binary"],
    measure,
};

fn measure(_bench: &Bench) -> Outcome<Vec<Row>> {
    let binary = Path::new(env!("CARGO_BIN_EXE_archiver"));
    let asked = Question {
        name: "binary",
        what: "size of the binary, without symbols".to_owned(),
        against: "",
        goal: Goal::Nothing(" MB"),
    };
    let bytes = std::fs::read(binary)?;
    let has_symbols = bytes
        .windows(9)
        .any(|name| name == b".symtab\0\0" || name == b"\0.symtab\0");
    let detail = if has_symbols { "it has symbols" } else { "" };
    Ok(vec![asked.measured(
        archives::size(binary)? / 1e6,
        detail.to_owned(),
    )])
}
