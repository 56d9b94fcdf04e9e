//! The standard streams, and the messages on stderr.

use super::Global;
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
    pub(super) fn new(environment: &Environment, global: &Global) -> Self {
        let is_dumb = environment.text("TERM").is_some_and(|term| term == "dumb");
        let is_terminal = io::stderr().is_terminal();
        let is_interactive = is_terminal && !is_dumb && global.log_format == LogFormat::Text;
        let shows_answers = io::stdout().is_terminal();
        let is_colored = |is_terminal| match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => is_terminal && !is_dumb && environment.text("NO_COLOR").is_none(),
        };
        let width = |terminal: &Term| {
            let columns = terminal.size_checked().map(|(_, columns)| columns);
            size(environment, "COLUMNS", columns)
        };
        let lines = Term::stdout().size_checked().map(|(lines, _)| lines);
        let can_move = environment.text("TERM").is_some() && !is_dumb;
        Self {
            is_interactive,
            is_colored: is_colored(is_terminal),
            colors_answers: is_colored(shows_answers),
            is_quiet: global.quiet,
            verbosity: global.verbose,
            shows_answers,
            width: width(&Term::stdout()).filter(|_| shows_answers),
            message_width: width(&Term::stderr()).filter(|_| is_interactive),
            height: size(environment, "LINES", lines).filter(|_| shows_answers && can_move),
            style: match global.log_format {
                LogFormat::Text => Style::Plain,
                LogFormat::Json => Style::Json,
            },
            run: None,
            account: None,
        }
    }

    /// The terminal of a service: each line shows its time and its level.
    pub(super) fn of_a_service(self, environment: &Environment) -> Self {
        let style = match self.style {
            Style::Json => Style::Json,
            _ if is_journal(environment) => Style::Journal,
            _ => Style::Stamped,
        };
        Self {
            style,
            is_interactive: false,
            is_colored: self.is_colored && style != Style::Journal,
            message_width: None,
            ..self
        }
    }

    /// The terminal for messages about one sync.
    pub(super) fn about(self, run: Option<RunId>) -> Self {
        Self { run, ..self }
    }

    /// The terminal for messages about one of several accounts. Each line begins with its name.
    pub(super) fn of_account(self, account: Option<AccountName>) -> Self {
        Self { account, ..self }
    }

    /// Prints a failure and its hint.
    pub(super) fn failure(&self, failure: &Failure) {
        self.line(Level::Error, &failure.message, failure.hint.as_deref());
    }

    /// The status of an outcome. Prints the failure.
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
        self.line(Level::Warning, text, None);
    }

    /// Prints several warnings, one line each.
    pub(super) fn warnings(&self, texts: &[String]) {
        texts.iter().for_each(|text| self.warning(text));
    }

    /// Prints a note about an answer.
    pub(super) fn note(&self, text: &str) {
        self.line(Level::Note, text, None);
    }

    /// Prints a detail, if `-v` was given at least `verbosity` times.
    pub(super) fn detail(&self, verbosity: u8, text: &str) {
        if self.verbosity >= verbosity {
            self.line(Level::Detail, text, None);
        }
    }

    /// Prints an event of a service.
    pub(super) fn info(&self, text: &str) {
        self.line(Level::Info, text, None);
    }

    /// Writes a message to stderr in one piece. Ignores errors, because a missing stderr cannot be reported.
    fn line(&self, level: Level, text: &str, hint: Option<&str>) {
        if self.is_quiet && level != Level::Error {
            return;
        }
        let message = self.message(level, text, hint);
        let text = match self.style {
            Style::Json => message.as_json(),
            Style::Plain => self.as_text("", &message),
            Style::Stamped => self.as_text(&format!("{} ", message.time), &message),
            Style::Journal => self.as_text(&format!("<{}>", level.marks().2), &message),
        };
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    fn message<'a>(&'a self, level: Level, text: &'a str, hint: Option<&'a str>) -> Message<'a> {
        Message {
            time: Timestamp::now(),
            level,
            account: self.account.as_ref().map(AccountName::as_str),
            run: self.run,
            message: text,
            hint,
        }
    }

    /// The lines of a message and its hint, each of which begins with `lead` and the account.
    fn as_text(&self, lead: &str, message: &Message<'_>) -> String {
        let run = message.run.filter(|_| !lead.is_empty());
        let run = run.map_or(String::new(), |run| format!("run {run}: "));
        let (label, color, _) = message.level.marks();
        let text = format!("{run}{}", message.message);
        let text = self.lines(lead, (label, color), &text);
        let hint = message
            .hint
            .map(|hint| self.lines(lead, ("hint: ", CYAN), hint));
        text + &hint.unwrap_or_default()
    }

    /// The lines of a text after a label. Those after the first are indented.
    fn lines(&self, lead: &str, (label, color): (&str, &str), text: &str) -> String {
        let account = lead_of(self.account);
        // A caret stands below a place of the line before it.
        let has_caret = text.lines().any(|line| line.trim() == "^");
        let width = self.message_width.filter(|_| !has_caret);
        let width = width.map(|width| width.saturating_sub(account.len()));
        let lines = text.lines().enumerate().map(|(number, line)| {
            let label = if number == 0 { label } else { "  " };
            wrapped(&format!("{label}{}", visible(line)), width, INDENT)
        });
        let lines = lines.collect::<Vec<_>>().join("\n");
        let lines = match lines.strip_prefix(label) {
            Some(rest) if self.is_colored && !label.is_empty() => {
                format!("{color}{label}{PLAIN}{rest}")
            }
            _ => lines,
        };
        let lines = lines.lines();
        lines
            .map(|line| format!("{lead}{account}{line}\n"))
            .collect()
    }
}

/// The lead of a text about one of several accounts: its name.
pub(super) fn lead_of(account: Option<AccountName>) -> String {
    account.map_or_else(String::new, |account| format!("{account}: "))
}

/// The variable if it is set, as shells and tests do, else what the terminal reports.
pub(super) fn size(
    environment: &Environment,
    variable: &str,
    reported: Option<u16>,
) -> Option<usize> {
    let set = environment.text(variable);
    let set = set.and_then(|text| text.parse().ok());
    set.or(reported.map(usize::from)).filter(|size| *size > 0)
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
enum Style {
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
enum Level {
    Error,
    Warning,
    Note,
    Info,
    Detail,
}

/// One message, as programs read it.
#[derive(Serialize)]
struct Message<'a> {
    time: Timestamp,
    level: Level,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunId>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Message<'_> {
    fn as_json(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        format!("{}\n", visible_json(&text))
    }
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[33m";
const CYAN: &str = "\x1b[36m";
const PLAIN: &str = "\x1b[0m";

/// True when stderr is the journal: `JOURNAL_STREAM` names its device and inode (`systemd.exec(5)`).
fn is_journal(environment: &Environment) -> bool {
    use std::os::unix::fs::MetadataExt;
    let stream = environment.text("JOURNAL_STREAM");
    let stderr = std::fs::metadata("/proc/self/fd/2").ok();
    let stderr = stderr.map(|stderr| format!("{}:{}", stderr.dev(), stderr.ino()));
    stream.is_some() && stream == stderr
}

impl Level {
    /// The label, its colour, and the priority in the journal.
    fn marks(self) -> (&'static str, &'static str, u8) {
        match self {
            Self::Error => ("error: ", RED, 3),
            Self::Warning => ("warning: ", YELLOW, 4),
            Self::Note => ("note: ", CYAN, 5),
            Self::Info => ("", CYAN, 6),
            Self::Detail => ("", CYAN, 7),
        }
    }
}

/// The indent of the lines of a message after the first.
const INDENT: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a page was slow\nand \u{1b}[2J another";

    fn text(terminal: &Terminal, lead: &str) -> String {
        let message = terminal.message(Level::Warning, TEXT, Some("wait"));
        terminal.as_text(lead, &message)
    }

    fn terminal(is_colored: bool, message_width: Option<usize>) -> Terminal {
        let environment = Environment::default();
        Terminal {
            is_colored,
            message_width,
            run: Some(12),
            ..Terminal::new(&environment, &Global::default())
        }
    }

    #[test]
    fn a_person_reads_the_words_alone() {
        assert_eq!(
            text(&terminal(false, None), ""),
            "warning: a page was slow\n  and \\x1b[2J another\nhint: wait\n"
        );
    }

    #[test]
    fn a_long_message_is_wrapped_unless_a_caret_stands_below_a_place() {
        let terminal = terminal(true, Some(20));
        let text = |text| {
            let message = terminal.message(Level::Warning, text, Some("wait"));
            terminal.as_text("", &message)
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
        let log = terminal(false, None);
        assert_eq!(
            text(&log, "2026-01-01T00:00:00Z "),
            "2026-01-01T00:00:00Z warning: run 12: a page was slow\n\
             2026-01-01T00:00:00Z   and \\x1b[2J another\n\
             2026-01-01T00:00:00Z hint: wait\n"
        );
        let text = text(&log, "<4>");
        assert!(text.lines().all(|line| line.starts_with("<4>")));
    }

    #[test]
    fn every_line_about_one_of_several_accounts_begins_with_its_name() {
        let of_account = |width| terminal(false, width).of_account(Some("work".parse().unwrap()));
        assert_eq!(
            text(&of_account(Some(22)), ""),
            "work: warning: a page\nwork:   was slow\nwork:   and \\x1b[2J\nwork:   another\nwork: hint: wait\n"
        );
        let stamped = text(&of_account(None), "<4>");
        assert!(stamped.starts_with("<4>work: warning: run 12: a page"));
        let work = of_account(None);
        let json = work.message(Level::Note, TEXT, None).as_json();
        assert!(json.contains(r#""account":"work""#));
    }

    #[test]
    fn a_program_reads_one_object_a_line() {
        let terminal = terminal(false, None);
        let message = Message {
            time: "2026-01-01T00:00:00Z".parse().unwrap(),
            ..terminal.message(Level::Warning, TEXT, Some("wait"))
        };
        let text = message.as_json();
        assert_eq!(text.lines().count(), 1);
        let object: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = serde_json::json!({
            "time": "2026-01-01T00:00:00Z",
            "level": "warning",
            "run": 12,
            "message": TEXT,
            "hint": "wait",
        });
        assert_eq!(object, expected);
    }
}
