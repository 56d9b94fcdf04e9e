//! The standard streams, and the messages on stderr.

use super::exit::{Failure, Status};
use archiver::archive::RunId;
use archiver::config::Environment;
use archiver::core::account::AccountName;
use archiver::core::time::Timestamp;
use archiver::output::{visible, visible_json, wrapped};
use clap::builder::StyledStr;
use console::Term;
use serde::Serialize;
use std::io;
use std::io::{IsTerminal, Write};

/// When to use colours.
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

/// The properties of the standard streams that decide how messages and answers are printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    /// True when a user reads stderr while it is written.
    pub(super) is_interactive: bool,
    is_colored: bool,
    /// True when answers on stdout are coloured.
    pub(super) colors_answers: bool,
    pub(super) is_quiet: bool,
    /// The number of `-v` flags.
    pub(super) verbosity: u8,
    /// True when stdout is a terminal.
    pub(super) shows_answers: bool,
    /// The width of the terminal on stdout in columns, if it is known.
    pub(super) width: Option<usize>,
    /// The width of the terminal on stderr, if messages are for people.
    message_width: Option<usize>,
    /// The height of that terminal in lines, if it is known and a program may move about on it.
    pub(super) height: Option<usize>,
    style: Style,
    /// The sync that the messages are about.
    run: Option<RunId>,
    /// The account that the messages are about.
    pub(super) account: Option<AccountName>,
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
        let is_interactive = is_terminal && !is_dumb && format == LogFormat::Text;
        let shows_answers = io::stdout().is_terminal();
        let is_colored = |is_terminal| match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !is_dumb && environment.text("NO_COLOR").is_none(),
        };
        Self {
            is_interactive,
            is_colored: is_colored(is_terminal),
            colors_answers: is_colored(shows_answers),
            is_quiet,
            verbosity,
            shows_answers,
            width: shows_answers
                .then(|| width(environment, &Term::stdout()))
                .flatten(),
            message_width: is_interactive
                .then(|| width(environment, &Term::stderr()))
                .flatten(),
            height: (shows_answers && can_move(environment))
                .then(|| height(environment))
                .flatten(),
            style: Style::of(format),
            run: None,
            account: None,
        }
    }

    /// The terminal of a service: each line shows its time and its level.
    pub(super) fn of_a_service(self, environment: &Environment) -> Self {
        Self {
            style: self.style.of_a_service(environment),
            is_interactive: false,
            message_width: None,
            ..self
        }
    }

    /// The terminal for messages about one sync.
    pub(super) fn about(self, run: RunId) -> Self {
        Self {
            run: Some(run),
            ..self
        }
    }

    /// The terminal for messages about one of several accounts. Each line begins with its name.
    pub(super) fn of_account(self, account: AccountName) -> Self {
        Self {
            account: Some(account),
            ..self
        }
    }

    /// Prints a failure and its hint.
    pub(super) fn failure(&self, failure: &Failure) {
        self.line(Level::Error, &failure.message, failure.hint.as_deref());
    }

    /// The status of one of several accounts. Prints the failure.
    pub(super) fn told(&self, outcome: Result<Status, Failure>) -> Status {
        outcome.unwrap_or_else(|failure| {
            self.failure(&failure);
            failure.status
        })
    }

    /// Prints the help that a mistake needs.
    pub(super) fn help(&self, help: &StyledStr) {
        let text = if self.is_colored {
            help.ansi().to_string()
        } else {
            help.to_string()
        };
        let _ = writeln!(io::stderr(), "{}", text.trim_end());
    }

    /// Prints an error that does not end the process.
    pub(super) fn error(&self, text: &str, hint: Option<&str>) {
        self.line(Level::Error, text, hint);
    }

    /// Prints a warning: the answer may not be as expected.
    pub(super) fn warning(&self, text: &str) {
        if !self.is_quiet {
            self.line(Level::Warning, text, None);
        }
    }

    /// Prints several warnings, one line each.
    pub(super) fn warnings(&self, texts: &[String]) {
        texts.iter().for_each(|text| self.warning(text));
    }

    /// Prints a note about an answer.
    pub(super) fn note(&self, text: &str) {
        if !self.is_quiet {
            self.line(Level::Note, text, None);
        }
    }

    /// Prints a detail, if `-v` was given at least `verbosity` times.
    pub(super) fn detail(&self, verbosity: u8, text: &str) {
        if self.verbosity >= verbosity && !self.is_quiet {
            self.line(Level::Detail, text, None);
        }
    }

    /// Prints an event of a service.
    pub(super) fn info(&self, text: &str) {
        if !self.is_quiet {
            self.line(Level::Info, text, None);
        }
    }

    fn line(&self, level: Level, text: &str, hint: Option<&str>) {
        let line = Line {
            level,
            account: self.account,
            run: self.run,
            text,
            hint,
        };
        line.write(self.style, self.is_colored, self.message_width);
    }
}

/// `COLUMNS` if it is set, as shells and tests do, else the width that the terminal reports.
fn width(environment: &Environment, terminal: &Term) -> Option<usize> {
    number(environment, "COLUMNS")
        .or_else(|| Some(usize::from(terminal.size_checked()?.1)))
        .filter(|columns| *columns > 0)
}

/// As [`width`], from `LINES`.
fn height(environment: &Environment) -> Option<usize> {
    number(environment, "LINES")
        .or_else(|| Some(usize::from(Term::stdout().size_checked()?.0)))
        .filter(|lines| *lines > 0)
}

fn number(environment: &Environment, variable: &str) -> Option<usize> {
    environment.text(variable)?.parse().ok()
}

/// False for a terminal that only prints.
fn can_move(environment: &Environment) -> bool {
    environment.text("TERM").is_some_and(|term| term != "dumb")
}

/// The format of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

/// The style of lines on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Only the text, for a user who runs a command.
    Plain,
    /// With the time.
    Stamped,
    /// With the priority, for systemd's journal, which adds the time (`sd-daemon(3)`).
    Journal,
    /// As JSON.
    Json,
}

/// The level of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Error,
    Warning,
    Note,
    Info,
    Detail,
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) level: Level,
    pub(super) account: Option<AccountName>,
    pub(super) run: Option<RunId>,
    pub(super) text: &'a str,
    pub(super) hint: Option<&'a str>,
}

/// One message as JSON, for programs.
#[derive(Serialize)]
struct Record<'a> {
    time: String,
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
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

    /// The style of a service.
    pub(super) fn of_a_service(self, environment: &Environment) -> Self {
        match self {
            Self::Json => Self::Json,
            _ if is_journal(environment) => Self::Journal,
            _ => Self::Stamped,
        }
    }
}

/// True when stderr is the journal: `JOURNAL_STREAM` names its device and inode (`systemd.exec(5)`).
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

    /// The priority in the journal: 3 error, 4 warning, 5 notice, 6 information, 7 debug.
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
    /// Writes to stderr in one piece. Ignores errors, because a missing stderr cannot be reported.
    pub(super) fn write(&self, style: Style, is_colored: bool, width: Option<usize>) {
        let text = match style {
            Style::Json => self.as_json(Timestamp::now()),
            Style::Plain => self.as_text("", is_colored, width),
            Style::Stamped => self.as_text(&format!("{} ", Timestamp::now()), is_colored, None),
            Style::Journal => self.as_text(&format!("<{}>", self.level.priority()), false, None),
        };
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn as_json(&self, now: Timestamp) -> String {
        let record = Record {
            time: now.to_string(),
            level: self.level,
            account: self.account.as_ref().map(AccountName::as_str),
            run: self.run,
            message: self.text,
            hint: self.hint,
        };
        let text = serde_json::to_string(&record).unwrap_or_default();
        format!("{}\n", visible_json(&text))
    }

    /// Formats the message. Each line begins with `lead` and the account; the lines after the first are indented.
    fn as_text(&self, lead: &str, is_colored: bool, width: Option<usize>) -> String {
        let account = self.account.map(|account| format!("{account}: "));
        let account = account.unwrap_or_default();
        // A wrapped line is several lines.
        let between = format!("\n{account}");
        let width = width.map(|width| width.saturating_sub(account.len()));
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
            // A caret stands below a place of the line before it.
            let has_caret = text.lines().any(|line| line.trim() == "^");
            for (number, line) in text.lines().enumerate() {
                let width = width.filter(|_| !has_caret);
                let (label, run) = if number == 0 {
                    (label, run)
                } else {
                    ("  ", "")
                };
                let line = wrapped(&format!("{label}{run}{}", visible(line)), width, INDENT);
                let line = match line.strip_prefix(label) {
                    Some(rest) if is_colored && !label.trim().is_empty() => {
                        format!("{color}{label}{PLAIN}{rest}")
                    }
                    _ => line,
                };
                written.push_str(&format!(
                    "{lead}{account}{}\n",
                    line.replace('\n', &between)
                ));
            }
        }
        written
    }
}

/// The indent of the lines of a message after the first.
const INDENT: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line<'_> = Line {
        level: Level::Warning,
        account: None,
        run: Some(12),
        text: "a page was slow\nand \u{1b}[2J another",
        hint: Some("wait"),
    };

    #[test]
    fn a_person_reads_the_words_alone() {
        assert_eq!(
            LINE.as_text("", false, None),
            "warning: a page was slow\n  and \\x1b[2J another\nhint: wait\n"
        );
    }

    #[test]
    fn a_long_message_is_wrapped_unless_a_caret_stands_below_a_place() {
        let text = |text| {
            let line = Line { text, ..LINE };
            line.as_text("", true, Some(20))
        };
        assert_eq!(
            text("a page was slow and late"),
            format!(
                "{YELLOW}warning: {PLAIN}a page was\n  slow and late\n{CYAN}hint: {PLAIN}wait\n"
            )
        );
        assert!(
            text("SELECT tpye FROM actions\n       ^").contains("tpye FROM actions\n         ^\n")
        );
    }

    #[test]
    fn every_line_of_a_log_says_when_and_which_sync() {
        assert_eq!(
            LINE.as_text("2026-01-01T00:00:00Z ", false, None),
            "2026-01-01T00:00:00Z warning: run 12: a page was slow\n\
             2026-01-01T00:00:00Z   and \\x1b[2J another\n\
             2026-01-01T00:00:00Z hint: wait\n"
        );
        assert!(
            LINE.as_text("<4>", false, None)
                .lines()
                .all(|line| line.starts_with("<4>"))
        );
    }

    #[test]
    fn every_line_about_one_of_several_accounts_begins_with_its_name() {
        let account = "work".parse().ok();
        let line = Line { account, ..LINE };
        assert_eq!(
            line.as_text("", false, Some(22)),
            "work: warning: a page\nwork:   was slow\nwork:   and \\x1b[2J\nwork:   another\nwork: hint: wait\n"
        );
        let stamped = line.as_text("<4>", false, None);
        assert!(stamped.starts_with("<4>work: warning: run 12: a page"));
        assert!(
            line.as_json("2026-01-01T00:00:00Z".parse().unwrap())
                .contains(r#""account":"work""#)
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
