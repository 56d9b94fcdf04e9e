//! Just enough YAML to find the tokens in a file that doctl wrote, and a refusal of everything else.
//!
//! `doctl auth init` writes all its settings, sorted, one default for every flag of every command; two of them matter:
//!
//! ```yaml
//! access-token: dop_v1_…
//! auth-contexts:
//!   work: dop_v1_…
//! context: default
//! ```
//!
//! Source: `getContextAccessToken` and `writeConfig` in <https://github.com/digitalocean/doctl/tree/main/commands>; keys
//! are read there without regard to case. All of YAML would be a dependency of twenty thousand lines for these two. What
//! belongs to other keys is passed over, where it is sure to belong to them; what could be read in two ways, or needs more
//! of YAML (anchors, tags, flow style, texts over several lines), is refused with its line, since a token that was guessed
//! may be that of another account. Nothing of what the file says gets into a message but the names of contexts.

use secrecy::zeroize::Zeroizing;

/// The tokens of a file.
#[derive(Default)]
pub(super) struct DoctlFile {
    /// That of the context `default`.
    pub(super) access_token: Option<Zeroizing<String>>,
    /// The others by their context's name, in lower case; empty where the file has an empty one.
    pub(super) contexts: Vec<(String, Zeroizing<String>)>,
}

/// Why a file is not understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Puzzle {
    /// From 1.
    pub(super) line: usize,
    pub(super) reason: &'static str,
}

/// Where the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nothing but comments so far, and perhaps `---`.
    Start { is_document: bool },
    /// Below a key that has its value in its own line.
    Single,
    /// Below `auth-contexts`, whose names are set in by so much once there was one.
    Contexts { indent: Option<usize> },
    /// Below a key of no concern.
    Elsewhere,
    /// After `...`.
    End,
}

struct Reader {
    file: DoctlFile,
    place: Place,
    has_token: bool,
    has_contexts: bool,
}

/// Reads the text of a file.
pub(super) fn read(text: &str) -> Result<DoctlFile, Puzzle> {
    let mut reader = Reader {
        file: DoctlFile::default(),
        place: Place::Start { is_document: false },
        has_token: false,
        has_contexts: false,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in text.split('\n').enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let read = reader.line(line);
        read.map_err(|reason| Puzzle {
            line: number + 1,
            reason,
        })?;
    }
    Ok(reader.file)
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let content = line.trim_start_matches(' ');
        if is_nothing(content) {
            return Ok(());
        }
        if content.contains('\r') {
            return Err("a carriage return stands in the middle of it");
        }
        match line.len() - content.len() {
            0 => self.top_level(line),
            indent => self.indented(content, indent),
        }
    }

    fn top_level(&mut self, line: &str) -> Result<(), &'static str> {
        if self.place == Place::End {
            return Err("something follows the end of the document");
        }
        if line.strip_prefix("---").is_some_and(is_nothing_more) {
            let is_first = self.place == Place::Start { is_document: false };
            self.place = Place::Start { is_document: true };
            return is_first.then_some(()).ok_or("a second document begins");
        }
        if line.strip_prefix("...").is_some_and(is_nothing_more) {
            self.place = Place::End;
            return Ok(());
        }
        if line == "-" || line.starts_with("- ") {
            // A list may stand right below its key.
            let is_passed_over = self.place == Place::Elsewhere;
            return is_passed_over
                .then_some(())
                .ok_or("a list stands where a key should");
        }
        let (key, value) = key_and_value(line)?;
        self.place = match key.to_lowercase().as_str() {
            "access-token" => self.access_token(value)?,
            "auth-contexts" => self.auth_contexts(value)?,
            "<<" => return Err("`<<` is more of YAML than is read here"),
            _ => {
                ends_here(value)?;
                Place::Elsewhere
            }
        };
        Ok(())
    }

    fn access_token(&mut self, value: &str) -> Result<Place, &'static str> {
        if std::mem::replace(&mut self.has_token, true) {
            return Err("`access-token` is there twice");
        }
        self.file.access_token = scalar(value)?.filter(|text| !text.is_empty());
        Ok(Place::Single)
    }

    fn auth_contexts(&mut self, value: &str) -> Result<Place, &'static str> {
        if std::mem::replace(&mut self.has_contexts, true) {
            return Err("`auth-contexts` is there twice");
        }
        match value.trim_start_matches([' ', '\t']).strip_prefix("{}") {
            Some(rest) if is_nothing_more(rest) => Ok(Place::Single),
            _ if is_null(value) => Ok(Place::Contexts { indent: None }),
            _ => Err("`auth-contexts` is not a list of names, each in its own line"),
        }
    }

    fn indented(&mut self, content: &str, indent: usize) -> Result<(), &'static str> {
        match self.place {
            Place::Elsewhere => Ok(()),
            Place::Start { .. } | Place::End => Err("it is set in, and below nothing"),
            Place::Single => Err("a text goes on over several lines"),
            Place::Contexts { indent: usual } => {
                if usual.is_some_and(|usual| usual != indent) {
                    return Err("it is set in by more or less than the context before it");
                }
                self.place = Place::Contexts {
                    indent: Some(indent),
                };
                let (name, value) = key_and_value(content)?;
                let name = name.to_lowercase();
                if self.file.contexts.iter().any(|(known, _)| *known == name) {
                    return Err("a context is there twice");
                }
                let token = scalar(value)?.unwrap_or_default();
                self.file.contexts.push((name, token));
                Ok(())
            }
        }
    }
}

/// Whether a line has nothing but space and a comment.
fn is_nothing(content: &str) -> bool {
    let content = content.trim_start_matches(['\t', ' ']);
    content.is_empty() || content.starts_with('#')
}

/// The same for what is left of a line: a comment needs a space before it.
fn is_nothing_more(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t']) && is_nothing(rest)
}

fn is_null(value: &str) -> bool {
    matches!(scalar(value), Ok(None))
}

const NO_KEY: &str = "it is not a key and its value";
const NO_TEXT: &str = "the value is neither a plain text nor one in quotes";
const OPEN_TEXT: &str = "the quotes are not closed in the same line";

/// `name: value`, where the name may stand in quotes.
fn key_and_value(content: &str) -> Result<(Zeroizing<String>, &str), &'static str> {
    if content.starts_with(['"', '\'']) {
        let (key, rest) = quoted(content)?;
        let rest = rest.trim_start_matches([' ', '\t']).strip_prefix(':');
        let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t']));
        return Ok((key, rest.ok_or(NO_KEY)?));
    }
    let is_colon = |(at, _): &(usize, &str)| {
        let rest = &content[at + 1..];
        rest.is_empty() || rest.starts_with([' ', '\t'])
    };
    let (at, _) = content.match_indices(':').find(is_colon).ok_or(NO_KEY)?;
    // Only these are space in YAML.
    let key = content[..at].trim_end_matches([' ', '\t']);
    let is_plain = !key.is_empty()
        && !key.starts_with(INDICATORS)
        && !key.starts_with("? ")
        && !key.starts_with("- ")
        && !key.contains(" #")
        && !key.contains('\t');
    let key = is_plain.then(|| Zeroizing::new(key.to_owned()));
    Ok((key.ok_or(NO_KEY)?, &content[at + 1..]))
}

/// What no plain text begins with (YAML 1.2.2, section 5.3).
const INDICATORS: [char; 16] = [
    '&', '*', '!', '|', '>', '%', '@', '`', '[', ']', '{', '}', ',', '#', '"', '\'',
];

/// The text that is a value; nothing where it is empty or null.
fn scalar(value: &str) -> Result<Option<Zeroizing<String>>, &'static str> {
    let value = value.trim_matches([' ', '\t']);
    if is_nothing(value) {
        return Ok(None);
    }
    if value.starts_with(['"', '\'']) {
        let (text, rest) = quoted(value)?;
        return is_nothing_more(rest).then_some(Some(text)).ok_or(NO_TEXT);
    }
    let mut comments = value.match_indices('#');
    let comment = comments.find(|(at, _)| value[..*at].ends_with([' ', '\t']));
    let end = comment.map_or(value.len(), |(at, _)| at);
    let text = value[..end].trim_end_matches([' ', '\t']);
    let is_plain = !text.starts_with(INDICATORS)
        && !text.starts_with("- ")
        && !text.starts_with("? ")
        && !text.contains(": ")
        && !text.ends_with(':');
    if !is_plain {
        return Err(NO_TEXT);
    }
    let is_null = matches!(text, "~" | "null" | "Null" | "NULL");
    Ok((!is_null).then(|| Zeroizing::new(text.to_owned())))
}

/// The text in quotes that this begins with, and what comes after.
fn quoted(value: &str) -> Result<(Zeroizing<String>, &str), &'static str> {
    let mut characters = value.char_indices();
    let Some((_, quote)) = characters.next() else {
        return Err(NO_TEXT);
    };
    // No longer than it was in quotes, so that it never moves.
    let mut text = Zeroizing::new(String::with_capacity(value.len()));
    while let Some((at, character)) = characters.next() {
        let rest = &value[at + character.len_utf8()..];
        match character {
            '\'' if quote == '\'' && rest.starts_with('\'') => {
                characters.next();
                text.push('\'');
            }
            '\\' if quote == '"' => match characters.next() {
                Some((_, escaped @ ('"' | '\\' | '/'))) => text.push(escaped),
                _ => return Err("a text in quotes has an escape that is not read here"),
            },
            _ if character == quote => return Ok((text, rest)),
            _ => text.push(character),
        }
    }
    Err(OPEN_TEXT)
}

/// Makes sure that the value of a key of no concern does not go on at the beginning of a later line, as careless writers
/// of quotes and brackets let it.
fn ends_here(value: &str) -> Result<(), &'static str> {
    let value = value.trim_matches([' ', '\t']);
    match value.chars().next() {
        Some('"' | '\'') => quoted(value).map(|_| ()),
        Some('[' | '{') => brackets_close(value),
        _ => Ok(()),
    }
}

/// Makes sure that the bracket at the beginning is closed at the end, and that nothing in between hides it. In the middle
/// of a plain text a quote is one of its characters; where that is not sure, it is refused.
fn brackets_close(value: &str) -> Result<(), &'static str> {
    let mut depth = 0_usize;
    let (mut before, mut after_space) = (' ', false);
    let mut rest = value;
    while let Some(character) = rest.chars().next() {
        if matches!(character, '"' | '\'') {
            if !matches!((before, after_space), ('[' | '{' | ',', _) | (':', true)) {
                return Err(NO_TEXT);
            }
            (_, rest) = quoted(rest)?;
            (before, after_space) = (character, false);
            continue;
        }
        rest = &rest[character.len_utf8()..];
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' if depth == 1 => return is_nothing_more(rest).then_some(()).ok_or(NO_TEXT),
            ']' | '}' => depth -= 1,
            '#' if after_space => break,
            _ => {}
        }
        after_space = matches!(character, ' ' | '\t');
        if !after_space {
            before = character;
        }
    }
    Err("the brackets are not closed in the same line")
}

#[cfg(test)]
#[path = "doctl_file_tests.rs"]
mod tests;
