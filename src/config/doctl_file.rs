//! Reads the tokens from a configuration file of doctl.
//!
//! `doctl auth init` writes all its settings in sorted order, with one default for every flag of every command. Only
//! two of them matter here:
//!
//! ```yaml
//! access-token: dop_v1_…
//! auth-contexts:
//!   work: dop_v1_…
//!   my:              # the context `my.team`, which doctl splits at the dot when it next changes the file
//!     team: dop_v1_…
//! context: default
//! ```
//!
//! Source: `getContextAccessToken` and `writeConfig` in <https://github.com/digitalocean/doctl/tree/main/commands>.
//! doctl ignores the case of keys. This reader refuses a repeated key, and a token that is not plain text on one line,
//! and reports the line, because a guessed token may belong to another account. Only the names of contexts from the
//! file may appear in a message. For this reason the code reads the events of the parser, and does not use its
//! messages.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use secrecy::zeroize::Zeroizing;

/// The tokens of a file.
#[derive(Default)]
pub(super) struct DoctlFile {
    /// The token of the context `default`.
    pub(super) access_token: Option<Zeroizing<String>>,
    /// The other tokens by context name, in lower case; empty when the file has an empty token.
    pub(super) contexts: Vec<(String, Zeroizing<String>)>,
}

/// The reason why a file is not understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Puzzle {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) reason: &'static str,
}

/// Reads the text of a file.
pub(super) fn read(text: &str) -> Result<DoctlFile, Puzzle> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        file: DoctlFile::default(),
    };
    let (event, span) = loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            other => break other,
        }
    };
    match event {
        Event::StreamEnd => return Ok(reader.file),
        Event::MappingStart(..) => reader.settings()?,
        event if is_null(&event) => {}
        _ => return Err(puzzle(&span, "it is not a list of keys and values")),
    }
    match reader.next()? {
        (Event::DocumentEnd, _) => {}
        (_, span) => return Err(puzzle(&span, NOT_YAML)),
    }
    match reader.next()? {
        (Event::StreamEnd, _) => Ok(reader.file),
        (_, span) => Err(puzzle(&span, "a second document begins")),
    }
}

const NOT_YAML: &str = "it is not valid YAML";
const MORE_OF_YAML: &str = "a key that refers to others is not supported here";

fn puzzle(span: &Span, reason: &'static str) -> Puzzle {
    Puzzle {
        line: span.start.line(),
        reason,
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    file: DoctlFile,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Puzzle> {
        let end = || Ok((Event::StreamEnd, Span::default()));
        let not_yaml = |error: ScanError| Puzzle {
            line: error.marker().line(),
            reason: NOT_YAML,
        };
        self.events.next().unwrap_or_else(end).map_err(not_yaml)
    }

    /// The next key of a map, in lower case; `None` at its end. An empty key stands for a key that is not text.
    fn key(&mut self) -> Result<Option<(String, Span)>, Puzzle> {
        let (event, span) = self.next()?;
        Ok(match event {
            Event::MappingEnd => None,
            Event::Alias(_) => return Err(puzzle(&span, MORE_OF_YAML)),
            Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<" => {
                return Err(puzzle(&span, MORE_OF_YAML));
            }
            Event::Scalar(text, ..) => Some((text.to_lowercase(), span)),
            event => {
                self.pass_over(&event)?;
                Some((String::new(), span))
            }
        })
    }

    /// Skips a value that begins with this event.
    fn pass_over(&mut self, event: &Event<'a>) -> Result<(), Puzzle> {
        let mut depth = 0_usize;
        let mut count = |event: &Event<'_>| {
            match event {
                Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
                Event::MappingEnd | Event::SequenceEnd => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth
        };
        let mut open = count(event);
        while open > 0 {
            open = count(&self.next()?.0);
        }
        Ok(())
    }

    fn settings(&mut self) -> Result<(), Puzzle> {
        let (mut has_token, mut has_contexts) = (false, false);
        while let Some((key, span)) = self.key()? {
            let (event, value) = self.next()?;
            match key.as_str() {
                "access-token" if std::mem::replace(&mut has_token, true) => {
                    return Err(puzzle(&span, "`access-token` occurs twice"));
                }
                "access-token" => {
                    let token = token(event, &value, &span)?;
                    self.file.access_token = Some(token).filter(|token| !token.is_empty());
                }
                "auth-contexts" if std::mem::replace(&mut has_contexts, true) => {
                    return Err(puzzle(&span, "`auth-contexts` occurs twice"));
                }
                "auth-contexts" => match event {
                    Event::MappingStart(..) => self.contexts("")?,
                    event if is_null(&event) => {}
                    _ => {
                        return Err(puzzle(
                            &span,
                            "`auth-contexts` is not a list of names and tokens",
                        ));
                    }
                },
                _ => self.pass_over(&event)?,
            }
        }
        Ok(())
    }

    /// Reads the contexts whose names begin with `beginning`. The parser limits the depth of the maps.
    fn contexts(&mut self, beginning: &str) -> Result<(), Puzzle> {
        while let Some((key, span)) = self.key()? {
            let name = format!("{beginning}{key}");
            let (event, value) = self.next()?;
            if matches!(event, Event::MappingStart(..)) {
                self.contexts(&format!("{name}."))?;
                continue;
            }
            if self.file.contexts.iter().any(|(known, _)| *known == name) {
                return Err(puzzle(&span, "a context occurs twice"));
            }
            self.file
                .contexts
                .push((name, token(event, &value, &span)?));
        }
        Ok(())
    }
}

/// The token in a value; empty when the value is empty.
fn token(event: Event<'_>, span: &Span, key: &Span) -> Result<Zeroizing<String>, Puzzle> {
    if is_null(&event) {
        return Ok(Zeroizing::default());
    }
    let is_in_one_line = span.start.line() == span.end.line();
    match event {
        Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {}
        Event::Scalar(text, _, 0, None) if is_in_one_line => {
            return Ok(Zeroizing::new(text.into_owned()));
        }
        _ => {}
    }
    let reason = "the value must be plain or quoted text on one line";
    Err(puzzle(key, reason))
}

fn is_null(event: &Event<'_>) -> bool {
    let Event::Scalar(text, ScalarStyle::Plain, _, None) = event else {
        return false;
    };
    matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
}

#[cfg(test)]
#[path = "doctl_file_tests.rs"]
mod tests;
