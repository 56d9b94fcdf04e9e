//! What the streams are connected to, and the little that is said on stderr.

use std::io::{self, IsTerminal};

use archiver::archive::RunId;
use archiver::config::Environment;

use super::exit::Failure;
use super::log::{Level, Line, LogFormat, Style};

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
    /// Whether answers on stdout are shown by a terminal.
    pub(super) shows_answers: bool,
    /// Columns of the terminal that stdout is, if it is one and says so.
    pub(super) width: Option<usize>,
    style: Style,
    /// The sync that what is said is about.
    run: Option<RunId>,
}

impl Terminal {
    pub(super) fn new(
        environment: &Environment,
        color: ColorChoice,
        is_quiet: bool,
        verbosity: u8,
        format: LogFormat,
    ) -> Self {
        let is_dumb = environment.text("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = io::stderr().is_terminal();
        let shows_answers = io::stdout().is_terminal();
        let is_colored = |is_terminal| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !is_dumb && environment.text("NO_COLOR").is_none(),
        };
        Self {
            is_interactive: is_terminal && !is_dumb && format == LogFormat::Text,
            is_colored: is_colored(is_terminal),
            colors_answers: is_colored(shows_answers),
            is_quiet,
            verbosity,
            shows_answers,
            width: shows_answers.then(|| width(environment)).flatten(),
            style: Style::of(format),
            run: None,
        }
    }

    /// The same for a process that nobody watches: each line says when, and how much it matters.
    pub(super) fn of_a_service(self, environment: &Environment) -> Self {
        Self {
            style: self.style.of_a_service(environment),
            is_interactive: false,
            ..self
        }
    }

    /// The same for what is said about one sync.
    pub(super) fn about(self, run: RunId) -> Self {
        Self {
            run: Some(run),
            ..self
        }
    }

    /// An error, and what to do about it.
    pub(super) fn failure(&self, failure: &Failure) {
        self.line(Level::Error, &failure.message, failure.hint.as_deref());
    }

    /// The same where it does not end the process.
    pub(super) fn error(&self, text: &str, hint: Option<&str>) {
        self.line(Level::Error, text, hint);
    }

    /// Something that keeps the answer from being what was expected.
    pub(super) fn warning(&self, text: &str) {
        if !self.is_quiet {
            self.line(Level::Warning, text, None);
        }
    }

    /// The same, a line for each.
    pub(super) fn warnings(&self, texts: &[String]) {
        texts.iter().for_each(|text| self.warning(text));
    }

    /// Something to know about an answer.
    pub(super) fn note(&self, text: &str) {
        if !self.is_quiet {
            self.line(Level::Note, text, None);
        }
    }

    /// What is done, for those who asked with `-v` given `verbosity` times.
    pub(super) fn detail(&self, verbosity: u8, text: &str) {
        if self.verbosity >= verbosity && !self.is_quiet {
            self.line(Level::Detail, text, None);
        }
    }

    /// What happens, for the log of a service.
    pub(super) fn info(&self, text: &str) {
        if !self.is_quiet {
            self.line(Level::Info, text, None);
        }
    }

    fn line(&self, level: Level, text: &str, hint: Option<&str>) {
        let line = Line {
            level,
            run: self.run,
            text,
            hint,
        };
        line.write(self.style, self.is_colored);
    }
}

/// `COLUMNS` if it is set, as shells and tests do, else what the terminal says.
fn width(environment: &Environment) -> Option<usize> {
    let columns = environment
        .text("COLUMNS")
        .and_then(|columns| columns.parse().ok());
    columns.or_else(|| Some(usize::from(console::Term::stdout().size_checked()?.1)))
}
