//! Reads tokens from doctl's configuration.
//!
//! They are read only when the user names a context, since a token that is found without a request may belong to
//! another account.
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

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::environment::Environment;
use super::error::{Error, MOST_NAMED};
use super::private_file::{self, Readers};
use crate::core::secrets::{Mask, shown, shown_path};
use crate::core::similar::listed;

/// The context whose token is stored as `access-token`.
const DEFAULT: &str = "default";
const ACCESS_TOKEN: &str = "access-token";
/// The key of the tokens of all other contexts.
const CONTEXTS: &str = "auth-contexts";

const NO_FILE: &str = "`doctl auth init` makes one; if doctl keeps it elsewhere, put the token into a file that \
                       `token_file` names";
const NOT_READ: &str =
    "only what `doctl auth init` writes is read; put the token into a file that `token_file` names";

/// The source, in words, and the token of a context.
pub(super) fn token(
    environment: &Environment,
    context: &str,
) -> Result<(String, SecretString), Error> {
    let path = path(std::env::consts::OS, environment).ok_or_else(|| {
        let message =
            "neither HOME nor XDG_CONFIG_HOME is set, so doctl's configuration has no default path";
        Error::refused(message, "set HOME or XDG_CONFIG_HOME")
    })?;
    let found = in_file(&path)?;
    let names = names(&found);
    let told = std::iter::once(context).chain(names.iter().copied().take(MOST_NAMED));
    let mut told = without_tokens(told, &found).into_iter();
    let shown_context = told.next().unwrap_or_default();
    // Like doctl, this ignores the case of the name.
    let key = match context.to_lowercase() {
        context if context == DEFAULT => ACCESS_TOKEN.to_owned(),
        context => format!("{CONTEXTS}.{context}"),
    };
    if let Some(token) = found.get(&key).and_then(Option::as_ref) {
        let source = format!("doctl's context `{shown_context}` in {}", path.display());
        return Ok((source, SecretString::from(token.as_str())));
    }
    let known = match names.is_empty() {
        true => "none".to_owned(),
        false => {
            let others = names.into_iter().skip(MOST_NAMED).map(Cow::from);
            listed(MOST_NAMED, told.chain(others))
        }
    };
    Err(Error::refused(
        format!(
            "doctl knows no context `{shown_context}`: in {} it has {known}",
            shown_path(&path)
        ),
        "`doctl auth list` shows them; `default` is the one without a name",
    ))
}

fn in_file(path: &Path) -> Result<Found, Error> {
    let shown_path = shown_path(path);
    let (text, _) = private_file::read(path, Readers::Owner).map_err(|error| match error {
        Error::Unreadable { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            let message = format!("doctl has no configuration at {shown_path}");
            Error::refused(message, NO_FILE)
        }
        error => error,
    })?;
    read(&text).map_err(|Puzzle { line, reason }| {
        let message = format!("{shown_path}, line {line}: {reason}");
        Error::refused(message, NOT_READ)
    })
}

/// The names as they are shown: a token, or a part of one, may be in the place of a name.
fn without_tokens<'a>(names: impl Iterator<Item = &'a str>, found: &Found) -> Vec<Cow<'a, str>> {
    let mut names: Vec<_> = names.map(shown).collect();
    for token in found.values().flatten() {
        let mask = Mask::new(token);
        for name in &mut names {
            *name = mask.taken_out_of(std::mem::take(name));
        }
    }
    names
}

/// The names of the contexts.
fn names(found: &Found) -> Vec<&str> {
    let has_token = found.iter().filter(|(_, token)| token.is_some());
    let names = has_token.filter_map(|(key, _)| match key.split_once('.') {
        Some((_, name)) => Some(name).filter(|name| *name != DEFAULT),
        None => Some(DEFAULT),
    });
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// The path of doctl's configuration: in Go's `os.UserConfigDir()` (<https://pkg.go.dev/os#UserConfigDir>,
/// `defaultConfigHome` in <https://github.com/digitalocean/doctl/blob/main/commands/doit.go>).
fn path(system: &str, environment: &Environment) -> Option<PathBuf> {
    let home = match system {
        "macos" => environment
            .path("HOME")?
            .join("Library/Application Support"),
        _ => environment.config_home()?,
    };
    Some(home.join("doctl").join("config.yaml"))
}

/// The keys with tokens, each with its token, and the keys above them. A key is in lower case, after the keys above it. A
/// context may have an empty token.
type Found = BTreeMap<String, Option<Zeroizing<String>>>;

/// The reason why a file is not understood.
#[derive(Debug, PartialEq, Eq)]
struct Puzzle {
    /// Counted from 1.
    line: usize,
    reason: &'static str,
}

/// Reads the text of a file.
fn read(text: &str) -> Result<Found, Puzzle> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
        found: Found::new(),
    };
    let (event, span) = loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(..), _) => {}
            other => break other,
        }
    };
    match event {
        Event::StreamEnd => return Ok(reader.found),
        Event::MappingStart(..) => reader.map("")?,
        event if is_null(&event) => {}
        _ => return Err(puzzle(&span, "it is not a list of keys and values")),
    }
    // The end of the document.
    reader.next()?;
    match reader.next()? {
        (Event::StreamEnd, _) => Ok(reader.found),
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
    found: Found,
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
        let is_context = key
            .split_once('.')
            .is_some_and(|(above, _)| above == CONTEXTS);
        if !is_context && key != CONTEXTS && key != ACCESS_TOKEN {
            return self.pass_over(&event);
        }
        if self.found.insert(key.clone(), None).is_some() {
            return Err(puzzle(span, "a key occurs twice"));
        }
        if key != ACCESS_TOKEN && matches!(event, Event::MappingStart(..)) {
            return self.map(&format!("{key}."));
        }
        if key == CONTEXTS {
            let reason = "`auth-contexts` is not a list of names and tokens";
            let is_empty = is_null(&event);
            return is_empty.then_some(()).ok_or_else(|| puzzle(span, reason));
        }
        let token = plain_text(event, &place, span)?;
        let token = Some(token).filter(|token| is_context || !token.is_empty());
        self.found.insert(key, token);
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
fn plain_text(event: Event<'_>, span: &Span, key: &Span) -> Result<Zeroizing<String>, Puzzle> {
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
mod file_tests;

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const TEXT: &str = "access-token: tok-default\nauth-contexts:\n  work: tok-work\n  empty:\n";

    /// doctl's configuration in a folder that is `XDG_CONFIG_HOME`.
    fn written(folder: &std::path::Path, text: &str, mode: u32) -> Environment {
        use std::os::unix::fs::PermissionsExt;
        let path = folder.join("doctl/config.yaml");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Environment::of(&[("XDG_CONFIG_HOME", folder.to_str().unwrap())])
    }

    #[test]
    fn it_is_where_doctl_keeps_it_on_each_system() {
        let environment = Environment::of(&[("HOME", "/home/x")]);
        for (system, expected) in [
            ("linux", "/home/x/.config/doctl/config.yaml"),
            (
                "macos",
                "/home/x/Library/Application Support/doctl/config.yaml",
            ),
        ] {
            assert_eq!(path(system, &environment).unwrap(), PathBuf::from(expected));
            assert_eq!(path(system, &Environment::default()), None);
        }
        let xdg = environment.with("XDG_CONFIG_HOME", "/xdg");
        let expected = PathBuf::from("/xdg/doctl/config.yaml");
        assert_eq!(path("linux", &xdg).unwrap(), expected);
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn a_context_is_found_by_its_name_in_any_case() {
        let folder = tempfile::tempdir().unwrap();
        let environment = written(folder.path(), TEXT, 0o600);
        for (context, expected) in [
            ("default", "tok-default"),
            ("Default", "tok-default"),
            ("work", "tok-work"),
            ("WORK", "tok-work"),
            ("empty", ""),
        ] {
            let (_, found) = token(&environment, context).unwrap();
            assert_eq!(found.expose_secret(), expected);
        }
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn an_unknown_context_is_answered_with_the_known_names_and_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let environment = written(folder.path(), TEXT, 0o600);
        let message = token(&environment, "home").unwrap_err().to_string();
        assert!(message.contains("`home`"), "{message}");
        assert!(message.ends_with("default, empty, work"), "{message}");
        assert!(!message.contains("tok-"), "{message}");
        let environment = written(folder.path(), "auth-contexts: {}\n", 0o600);
        let message = token(&environment, "default").unwrap_err().to_string();
        assert!(message.ends_with("it has none"), "{message}");
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn of_many_names_the_first_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let contexts = (0..1_000).map(|it| format!("  c{it:03}: token-of-context-{it:03}\n"));
        let text = format!("auth-contexts:\n{}", contexts.collect::<String>());
        let environment = written(folder.path(), &text, 0o600);
        let message = token(&environment, "home").unwrap_err().to_string();
        let expected =
            "has c000, c001, c002, c003, c004, c005, c006, c007, c008, c009 and 990 more";
        assert!(message.ends_with(expected), "{message}");
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn a_token_where_a_name_belongs_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let hexadecimal = "0123456789abcdef".repeat(4);
        for name in ["dop_v1_canary", "DOO_V1_canary", &hexadecimal] {
            let text = format!("auth-contexts:\n  {name}: x\n");
            let environment = written(folder.path(), &text, 0o600);
            let message = token(&environment, "home").unwrap_err().to_string();
            assert!(!message.contains(name), "{message}");
            assert!(!message.contains(&name.to_lowercase()), "{message}");
            let (source, _) = token(&environment, name).unwrap();
            assert!(!source.contains(name), "{source}");
        }
        let environment = written(folder.path(), TEXT, 0o600);
        let message = token(&environment, "dop_v1_canary")
            .unwrap_err()
            .to_string();
        assert!(!message.contains("canary"), "{message}");
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn a_part_of_a_token_in_a_name_is_not_shown() {
        const PART: &str = "c0ffee1d5a9b3e7f2468";
        let folder = tempfile::tempdir().unwrap();
        let text = format!("auth-contexts:\n  work-{PART}: dop_v1_{PART}013579\n  home: x\n");
        let environment = written(folder.path(), &text, 0o600);
        let message = token(&environment, &format!("{PART}-of-work")).unwrap_err();
        let message = message.to_string();
        assert!(message.contains("`[token]`"), "{message}");
        assert!(message.ends_with("home, [token]"), "{message}");
        let (source, _) = token(&environment, &format!("work-{PART}")).unwrap();
        let expected = "doctl's context `[token]` in ";
        assert!(source.starts_with(expected), "{source}");
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o644, 0o640, 0o620, 0o604] {
            let environment = written(folder.path(), TEXT, mode);
            let error = token(&environment, "work").unwrap_err().to_string();
            assert!(error.ends_with("can be read by other users"), "{error}");
        }
        assert!(token(&written(folder.path(), TEXT, 0o400), "work").is_ok());
    }

    #[cfg(not(target_os = "macos"))]
    #[test]
    fn a_file_that_is_missing_huge_or_not_understood_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Environment::of(&[("XDG_CONFIG_HOME", "/nowhere")]);
        let error = token(&missing, "work").unwrap_err().to_string();
        let expected = "doctl has no configuration at /nowhere/doctl/config.yaml";
        assert_eq!(error, expected);
        let error = token(&Environment::default(), "work").unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("neither HOME nor "), "{error}");
        let huge = format!("{TEXT}{}", "# and so on\n".repeat(100_000));
        let error = token(&written(folder.path(), &huge, 0o600), "work").unwrap_err();
        let error = error.to_string();
        assert!(error.ends_with("is larger than 1048576 bytes"), "{error}");
        let puzzling = format!("{TEXT}  more: &secret canary\n");
        let error = token(&written(folder.path(), &puzzling, 0o600), "work").unwrap_err();
        let message = error.to_string();
        assert!(message.contains("config.yaml, line 5: "), "{message}");
        assert!(!message.contains("canary"), "{message}");
    }
}
