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

use std::collections::HashSet;

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
        seen: HashSet::new(),
    };
    let (event, span) = loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            other => break other,
        }
    };
    match event {
        Event::StreamEnd => return Ok(reader.file),
        Event::MappingStart(..) => reader.map("")?,
        event if is_null(&event) => {}
        _ => return Err(puzzle(&span, "it is not a list of keys and values")),
    }
    // The end of the document.
    reader.next()?;
    match reader.next()? {
        (Event::StreamEnd, _) => Ok(reader.file),
        (_, span) => Err(puzzle(&span, "a second document begins")),
    }
}

fn puzzle(span: &Span, reason: &'static str) -> Puzzle {
    Puzzle {
        line: span.start.line(),
        reason,
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    file: DoctlFile,
    /// The keys with tokens, and the keys above them.
    seen: HashSet<String>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Puzzle> {
        let end = || Ok((Event::StreamEnd, Span::default()));
        let not_yaml = |error: ScanError| Puzzle {
            line: error.marker().line(),
            reason: "it is not valid YAML",
        };
        self.events.next().unwrap_or_else(end).map_err(not_yaml)
    }

    /// Reads a map. `above` has the keys above it. The parser limits the depth of the maps.
    fn map(&mut self, above: &str) -> Result<(), Puzzle> {
        const MORE_OF_YAML: &str = "a key that refers to others is not supported here";
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::MappingEnd => return Ok(()),
                Event::Alias(_) => return Err(puzzle(&span, MORE_OF_YAML)),
                Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<" => {
                    return Err(puzzle(&span, MORE_OF_YAML));
                }
                Event::Scalar(text, ..) => {
                    self.value(format!("{above}{}", text.to_lowercase()), &span)?;
                }
                event => {
                    self.pass_over(&event)?;
                    let (value, _) = self.next()?;
                    self.pass_over(&value)?;
                }
            }
        }
    }

    /// Reads the value of a key, whose place is `span`.
    fn value(&mut self, key: String, span: &Span) -> Result<(), Puzzle> {
        let (event, place) = self.next()?;
        let context = key.strip_prefix("auth-contexts.").map(str::to_owned);
        let has_contexts = context.is_some() || key == "auth-contexts";
        if !has_contexts && key != "access-token" {
            return self.pass_over(&event);
        }
        let below = format!("{key}.");
        if !self.seen.insert(key) {
            return Err(puzzle(span, "a key occurs twice"));
        }
        if has_contexts && matches!(event, Event::MappingStart(..)) {
            return self.map(&below);
        }
        if context.is_none() && has_contexts {
            return match is_null(&event) {
                true => Ok(()),
                false => Err(puzzle(
                    span,
                    "`auth-contexts` is not a list of names and tokens",
                )),
            };
        }
        let token = token(event, &place, span)?;
        match context {
            Some(name) => self.file.contexts.push((name, token)),
            None if token.is_empty() => {}
            None => self.file.access_token = Some(token),
        }
        Ok(())
    }

    /// Skips a value that begins with this event.
    fn pass_over(&mut self, event: &Event<'a>) -> Result<(), Puzzle> {
        let step = |event: &Event<'_>| match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => 1,
            Event::MappingEnd | Event::SequenceEnd => -1,
            _ => 0,
        };
        let mut depth = step(event);
        while depth > 0 {
            depth += step(&self.next()?.0);
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
        Event::Scalar(text, style, 0, None)
            if is_in_one_line && !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) =>
        {
            Ok(Zeroizing::new(text.into_owned()))
        }
        _ => Err(puzzle(
            key,
            "the value must be plain or quoted text on one line",
        )),
    }
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
