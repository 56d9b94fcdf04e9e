//! Texts and documents on stdout. Those that are longer than the screen go to a pager, as git shows them.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use archiver::config::Environment;
use archiver::core::account::AccountName;
use archiver::core::threads;
use archiver::output::visible_json;
use console::measure_text_width;
use serde::Serialize;

use super::Context;
use super::exit::{Failure, Status, unless_closed};
use super::runtime::{end_process, leave_interrupts_to_others};
use super::terminal::Terminal;

const USUAL: &str = "less -FRX";

/// Writes one text to stdout, or to a pager.
pub(super) fn print(
    context: &Context,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Status, Failure> {
    let mut stdout = Stdout::new(context, Status::Done);
    unless_closed(write(&mut stdout).and_then(|()| stdout.flush()))
}

/// The output format of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DocumentFormat {
    /// For people
    Text,
    /// For scripts: one object
    Json,
}

/// Prints a document as JSON.
pub(super) fn print_json(context: &Context, document: &impl Serialize) -> Result<Status, Failure> {
    print(context, |stdout| {
        let text = serde_json::to_string_pretty(document).map_err(io::Error::from)?;
        writeln!(stdout, "{}", visible_json(&text))
    })
}

/// The document of one of several accounts.
#[derive(Serialize)]
struct OfAccount<'a, T> {
    account: String,
    #[serde(flatten)]
    document: &'a T,
}

/// Prints the document of each account as JSON, in one object. Without several accounts there is one document.
pub(super) fn print_json_of_each<T: Serialize>(
    context: &Context,
    documents: &[(Option<AccountName>, T)],
) -> Result<Status, Failure> {
    if let [(None, document)] = documents {
        return print_json(context, document);
    }
    let accounts = documents.iter().filter_map(|(account, document)| {
        let account = (*account)?.to_string();
        Some(OfAccount { account, document })
    });
    let accounts: Vec<_> = accounts.collect();
    print_json(context, &BTreeMap::from([("accounts", accounts)]))
}

/// Stdout. On a terminal it keeps the text back until it is clear whether it fits the screen. If not, a pager gets it,
/// and dropping this value waits for the pager.
pub(super) struct Stdout {
    state: State,
    terminal: Terminal,
    /// The exit status if the user leaves the pager before the end.
    early: Status,
}

enum State {
    /// Each write goes to stdout.
    Direct,
    /// The text so far, which fits the screen, and the pager for a longer one.
    Kept(Vec<u8>, Command),
    Paged(Pager),
}

impl Stdout {
    /// `early` is the exit status if the user leaves the pager before the end.
    pub(super) fn new(context: &Context, early: Status) -> Self {
        let terminal = context.terminal;
        let may_page = terminal.height.is_some() && !context.global.no_pager;
        let pager = may_page.then(|| command(context.config.environment()));
        let state = match pager.flatten() {
            Some(pager) => State::Kept(Vec::new(), pager),
            None => State::Direct,
        };
        Self {
            state,
            terminal,
            early,
        }
    }

    /// Hands the kept text to the pager. Without a pager it goes to the terminal, like all that follows.
    fn overflow(&mut self) -> io::Result<()> {
        let before = std::mem::replace(&mut self.state, State::Direct);
        let State::Kept(text, mut pager) = before else {
            return Ok(());
        };
        match Pager::start(&mut pager, self.terminal, self.early) {
            Ok(pager) => self.state = State::Paged(pager),
            Err(error) => {
                let program = pager.get_program().display();
                let text = format!("no pager: {program}: {error}");
                self.terminal.detail(1, &text);
            }
        }
        self.write_all(&text)
    }
}

/// True for a text that a terminal shows at once.
fn fits(text: &[u8], terminal: Terminal) -> bool {
    let width = terminal.width.unwrap_or(80);
    let text = String::from_utf8_lossy(text);
    let shown = |line: &str| measure_text_width(line).div_ceil(width).max(1);
    let lines: usize = text.lines().map(shown).sum();
    // The last line is for the prompt of the shell.
    terminal.height.is_some_and(|height| lines < height)
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Direct => io::stdout().write_all(bytes)?,
            State::Paged(pager) => {
                if let Some(input) = &mut pager.input {
                    input.write_all(bytes)?;
                }
            }
            State::Kept(text, _) => {
                text.extend_from_slice(bytes);
                if !fits(text, self.terminal) {
                    self.overflow()?;
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.state {
            State::Direct => io::stdout().flush(),
            // A pager gets each write at once, and what is kept back is not complete yet.
            State::Paged(_) | State::Kept(..) => Ok(()),
        }
    }
}

impl Drop for Stdout {
    fn drop(&mut self) {
        if let State::Kept(text, _) = &self.state {
            let mut stdout = io::stdout().lock();
            // The terminal has gone if this fails, and then nobody reads the error either.
            let _ = stdout.write_all(text).and_then(|()| stdout.flush());
        }
    }
}

/// The pager's command; `None` when the user wants no pager.
fn command(environment: &Environment) -> Option<Command> {
    let set = |name| Some(environment.value(name)?.to_string_lossy().trim().to_owned());
    let line = set("ARCHIVER_PAGER").or_else(|| set("PAGER"));
    let line = line.unwrap_or_else(|| USUAL.to_owned());
    if line.is_empty() || line == "cat" {
        return None;
    }
    let is_plain = |character: char| character.is_alphanumeric() || " -_./+=,:".contains(character);
    let words: Vec<&str> = match line.chars().all(is_plain) {
        true => line.split_whitespace().collect(),
        false => vec!["sh", "-c", &line],
    };
    let mut command = Command::new(words.first()?);
    command.args(&words[1..]);
    for (name, value) in [("LESS", "FRX"), ("LESSCHARSET", "utf-8"), ("LV", "-c")] {
        if environment.value(name).is_none() {
            command.env(name, value);
        }
    }
    Some(command)
}

/// The exit status of a shell that finds no such program.
const NOT_FOUND: i32 = 127;

/// A running pager.
struct Pager {
    /// Its input; `None` once the answer has ended.
    input: Option<ChildStdin>,
    has_ended: Arc<AtomicBool>,
    /// Disconnected when the pager has ended.
    end: mpsc::Receiver<()>,
}

impl Pager {
    fn start(command: &mut Command, terminal: Terminal, early: Status) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        let input = child.stdin.take();
        // Ctrl-C is a key of the pager.
        leave_interrupts_to_others();
        let has_ended = Arc::<AtomicBool>::default();
        let (running, end) = mpsc::channel();
        let answer_has_ended = Arc::clone(&has_ended);
        let program = command.get_program().to_string_lossy().into_owned();
        threads::spawn(move || {
            let status = child.wait().ok().and_then(|status| status.code());
            if status == Some(NOT_FOUND) {
                let text = "--no-pager prints without it";
                terminal.warning(&format!("`{program}` cannot start the pager; {text}"));
            }
            // An answer that nobody reads any more needs no end.
            if !answer_has_ended.load(Ordering::SeqCst) {
                end_process(early);
            }
            drop(running);
        })?;
        Ok(Self {
            input,
            has_ended,
            end,
        })
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::SeqCst);
        self.input = None;
        let _ = self.end.recv();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Global;
    use super::*;

    fn words(variables: &[(&str, &str)]) -> Option<Vec<String>> {
        let command = command(&Environment::of(variables))?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        Some(words.map(|it| it.to_string_lossy().into_owned()).collect())
    }

    #[test]
    fn the_pager_is_the_users_choice_and_may_be_none() {
        for (variables, expected) in [
            (&[][..], Some(&["less", "-FRX"][..])),
            (&[("PAGER", "more -s")], Some(&["more", "-s"])),
            (
                &[("PAGER", "more"), ("ARCHIVER_PAGER", "most")],
                Some(&["most"]),
            ),
            (
                &[("PAGER", "less -P 'a b'")],
                Some(&["sh", "-c", "less -P 'a b'"]),
            ),
            (&[("PAGER", "more"), ("ARCHIVER_PAGER", "")], None),
            (&[("PAGER", "cat")], None),
        ] {
            let expected = expected.map(|words| words.iter().map(ToString::to_string).collect());
            assert_eq!(words(variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_line_that_the_terminal_wraps_takes_more_than_one_line() {
        let environment = Environment::of(&[]);
        let mut terminal = Terminal::new(&environment, &Global::default());
        (terminal.width, terminal.height) = (Some(10), Some(4));
        let text = "\x1b[1m9 letters…\x1b[0m\na line of 20 letters\n".as_bytes();
        assert!(fits(text, terminal));
        assert!(!fits(&[text, &b"\n"[..]].concat(), terminal));
    }
}
