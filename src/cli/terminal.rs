//! What the streams are connected to, and the little that is said on stderr.

use std::io::{self, IsTerminal, Write};

use archiver::config::Environment;
use archiver::output::visible;

use super::exit::Failure;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Even into a pipe
    Always,
    /// Not at all
    Never,
}

/// The standard streams, as far as what is said on them depends on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// Whether somebody reads stderr as it is written.
    pub(super) is_interactive: bool,
    is_colored: bool,
    /// Whether answers on stdout are coloured.
    pub(super) colors_answers: bool,
    pub(super) is_quiet: bool,
    /// How often `-v` was given.
    pub(super) verbosity: u8,
    /// Columns of the terminal that stdout is, if it is one.
    pub(super) width: Option<usize>,
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

impl Terminal {
    pub(super) fn new(
        environment: &Environment,
        color: ColorChoice,
        is_quiet: bool,
        verbosity: u8,
    ) -> Self {
        let is_dumb = environment.text("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = io::stderr().is_terminal();
        let is_colored = |is_terminal| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !is_dumb && environment.text("NO_COLOR").is_none(),
        };
        Self {
            is_interactive: is_terminal && !is_dumb,
            is_colored: is_colored(is_terminal),
            colors_answers: is_colored(io::stdout().is_terminal()),
            is_quiet,
            verbosity,
            width: io::stdout()
                .is_terminal()
                .then(|| width(environment))
                .flatten(),
        }
    }

    /// An error, and what to do about it.
    pub(super) fn failure(&self, failure: &Failure) {
        self.line(RED, "error: ", &failure.message);
        if let Some(hint) = &failure.hint {
            self.line(CYAN, "hint: ", hint);
        }
    }

    /// Something that keeps the answer from being what was expected.
    pub(super) fn warning(&self, text: &str) {
        if !self.is_quiet {
            self.line(YELLOW, "warning: ", text);
        }
    }

    /// Something to know about an answer.
    pub(super) fn note(&self, text: &str) {
        if !self.is_quiet {
            self.line(CYAN, "note: ", text);
        }
    }

    /// What is done, for those who asked with `-v` given `verbosity` times.
    pub(super) fn detail(&self, verbosity: u8, text: &str) {
        if self.verbosity >= verbosity && !self.is_quiet {
            self.line(PLAIN, "", text);
        }
    }

    /// Writes to stderr; when that is gone, there is nobody left to tell.
    fn line(&self, color: &str, label: &str, text: &str) {
        let label = if self.is_colored && !label.is_empty() {
            format!("{color}{label}{PLAIN}")
        } else {
            label.to_owned()
        };
        let mut stderr = io::stderr().lock();
        for (number, line) in text.lines().enumerate() {
            let lead = if number == 0 { label.as_str() } else { "  " };
            let _ = writeln!(stderr, "{lead}{}", visible(line));
        }
    }
}

/// `COLUMNS` if it is set, as shells and tests do, else what the terminal says.
fn width(environment: &Environment) -> Option<usize> {
    let columns = environment
        .text("COLUMNS")
        .and_then(|columns| columns.parse().ok());
    columns.or_else(|| Some(usize::from(console::Term::stdout().size_checked()?.1)))
}
