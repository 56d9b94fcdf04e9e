//! What the streams are connected to, and the little that is said on stderr.

use super::exit::Failure;
use archiver::archive::RunId;
use archiver::config::Environment;
use archiver::core::time::Timestamp;
use archiver::output::{visible, visible_json};
use serde::Serialize;
use std::io;
use std::io::{IsTerminal, Write};

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

/// How to write what is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Nothing but the words: somebody has just run a command.
    Plain,
    /// With the time.
    Stamped,
    /// For systemd's journal, which has the time: with the priority (`sd-daemon(3)`).
    Journal,
    /// As JSON.
    Json,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Error,
    Warning,
    Note,
    Info,
    Detail,
}

/// Something to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) level: Level,
    pub(super) run: Option<RunId>,
    pub(super) text: &'a str,
    pub(super) hint: Option<&'a str>,
}

/// The same for programs.
#[derive(Serialize)]
struct Record<'a> {
    time: String,
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

impl Style {
    pub(super) fn of(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Plain,
            LogFormat::Json => Self::Json,
        }
    }

    /// The same for a process that nobody watches.
    pub(super) fn of_a_service(self, environment: &Environment) -> Self {
        match self {
            Self::Json => Self::Json,
            _ if is_journal(environment) => Self::Journal,
            _ => Self::Stamped,
        }
    }
}

/// Whether stderr is the journal: `JOURNAL_STREAM` names its device and inode (`systemd.exec(5)`).
#[cfg(unix)]
fn is_journal(environment: &Environment) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Some(stream) = environment.text("JOURNAL_STREAM") else {
        return false;
    };
    std::fs::metadata("/proc/self/fd/2")
        .is_ok_and(|stderr| stream == format!("{}:{}", stderr.dev(), stderr.ino()))
}

#[cfg(not(unix))]
fn is_journal(_: &Environment) -> bool {
    false
}

impl Level {
    fn label(self) -> &'static str {
        match self {
            Self::Error => "error: ",
            Self::Warning => "warning: ",
            Self::Note => "note: ",
            Self::Info | Self::Detail => "",
        }
    }

    fn color(self) -> &'static str {
        match self {
            Self::Error => RED,
            Self::Warning => YELLOW,
            Self::Note | Self::Info | Self::Detail => CYAN,
        }
    }

    /// As the journal has it: 3 is an error, 4 a warning, 6 information, 7 for whoever looks closer.
    fn priority(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Note => 5,
            Self::Info => 6,
            Self::Detail => 7,
        }
    }
}

impl Line<'_> {
    /// Writes to stderr, at once and whole; when that is gone, there is nobody left to tell.
    pub(super) fn write(&self, style: Style, is_colored: bool) {
        let text = match style {
            Style::Json => self.as_json(Timestamp::now()),
            Style::Plain => self.as_text("", is_colored),
            Style::Stamped => self.as_text(&format!("{} ", Timestamp::now()), is_colored),
            Style::Journal => self.as_text(&format!("<{}>", self.level.priority()), false),
        };
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn as_json(&self, now: Timestamp) -> String {
        let record = Record {
            time: now.to_string(),
            level: self.level,
            run: self.run,
            message: self.text,
            hint: self.hint,
        };
        let text = serde_json::to_string(&record).unwrap_or_default();
        format!("{}\n", visible_json(&text))
    }

    /// Each line begins with `lead`; those after the first of a text are set in.
    fn as_text(&self, lead: &str, is_colored: bool) -> String {
        let run = match self.run {
            Some(run) if !lead.is_empty() => format!("run {run}: "),
            _ => String::new(),
        };
        let hint = self.hint.map(|hint| ("hint: ", CYAN, "", hint));
        let message = (
            self.level.label(),
            self.level.color(),
            run.as_str(),
            self.text,
        );
        let mut written = String::new();
        for (label, color, run, text) in [Some(message), hint].into_iter().flatten() {
            for (number, line) in text.lines().enumerate() {
                let line = visible(line);
                let line = match (number, is_colored && !label.is_empty()) {
                    (0, true) => format!("{lead}{color}{label}{PLAIN}{run}{line}\n"),
                    (0, false) => format!("{lead}{label}{run}{line}\n"),
                    _ => format!("{lead}  {line}\n"),
                };
                written.push_str(&line);
            }
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line<'_> = Line {
        level: Level::Warning,
        run: Some(12),
        text: "a page was slow\nand \u{1b}[2J another",
        hint: Some("wait"),
    };

    #[test]
    fn a_person_reads_the_words_alone() {
        assert_eq!(
            LINE.as_text("", false),
            "warning: a page was slow\n  and \\x1b[2J another\nhint: wait\n"
        );
    }

    #[test]
    fn every_line_of_a_log_says_when_and_which_sync() {
        assert_eq!(
            LINE.as_text("2026-01-01T00:00:00Z ", false),
            "2026-01-01T00:00:00Z warning: run 12: a page was slow\n\
             2026-01-01T00:00:00Z   and \\x1b[2J another\n\
             2026-01-01T00:00:00Z hint: wait\n"
        );
        assert!(
            LINE.as_text("<4>", false)
                .lines()
                .all(|line| line.starts_with("<4>"))
        );
    }

    #[test]
    fn a_program_reads_one_object_a_line() {
        let text = LINE.as_json("2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(text.lines().count(), 1);
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "time": "2026-01-01T00:00:00Z",
            "level": "warning",
            "run": 12,
            "message": LINE.text,
            "hint": "wait",
        });
        assert_eq!(object, expected);
    }
}
