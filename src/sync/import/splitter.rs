//! Finds the rows in a text of any length: the elements of arrays, the lists in answers of the API, and objects that
//! follow one another.
//!
//! It looks only at quotes and brackets, and decodes nothing: each row is decoded by the reader of the API's pages. So
//! the memory is that of one row, even if the whole text is one line.

use std::io::{self, BufRead, Read as _};

use crate::archive::ImportKind;

pub(super) const SQLITE: &[u8] = b"SQLite format 3\0";
/// The longest row that is kept; an action has 2.5 KB.
const MOST_ROW_BYTES: usize = 1 << 20;

/// A part of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The text of a row is in the buffer.
    Row,
    /// A part that is not a row, with the reason. Its beginning is in the buffer.
    Refused(&'static str),
    /// The end of the text.
    End,
}

/// The reason why the rest of a text cannot be read, in words.
pub(super) type Broken = String;

fn cut(line: u64) -> Broken {
    format!("it breaks off at line {line}")
}

fn no_json(line: u64) -> Broken {
    format!("it is not JSON from line {line} on")
}

fn unreadable(error: &io::Error, line: u64) -> Broken {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => cut(line),
        _ => format!("it cannot be read after line {line}: {error}"),
    }
}

/// The place of the next byte.
#[derive(Clone, Copy)]
enum Place {
    /// Between two values.
    Top,
    /// In a list at the top.
    List,
    /// In the list of an answer.
    Page,
    /// After the list of an answer, in its other members.
    Rest,
}

pub(super) struct Splitter<R> {
    text: R,
    place: Place,
    /// The line of the next byte, from 1.
    line: u64,
    /// The line on which the last part began.
    pub(super) began: u64,
    /// The form of the text, once it is known.
    pub(super) kind: Option<ImportKind>,
}

impl<R: BufRead> Splitter<R> {
    pub(super) fn new(text: R) -> Self {
        Self {
            text,
            place: Place::Top,
            line: 1,
            began: 1,
            kind: None,
        }
    }

    /// Moves the text of the next part into `row`.
    pub(super) fn next(&mut self, row: &mut Vec<u8>) -> Result<Part, Broken> {
        loop {
            row.clear();
            let next = self.peek_visible()?;
            self.began = self.line;
            match (self.place, next) {
                (Place::Top, None) => return Ok(Part::End),
                (_, None) => return Err(cut(self.line)),
                (Place::Top, Some(b'[')) => self.enter(Place::List, ImportKind::List),
                (Place::Top, Some(b'{')) | (Place::Rest, Some(_)) => {
                    if let Some(part) = self.object(row)? {
                        return Ok(part);
                    }
                }
                (Place::Top, Some(_)) => {
                    self.line_into(row)?;
                    // doctl writes null for an empty list.
                    if row.trim_ascii() != b"null" {
                        return Ok(Part::Refused(unlike(row)));
                    }
                    self.kind.get_or_insert(ImportKind::List);
                }
                (Place::List | Place::Page, Some(b',')) => self.text.consume(1),
                (Place::List, Some(b']')) => self.leave(Place::Top),
                (Place::Page, Some(b']')) => self.leave(Place::Rest),
                (Place::List | Place::Page, Some(_)) => return self.value(row),
            }
        }
    }

    fn enter(&mut self, place: Place, kind: ImportKind) {
        self.kind.get_or_insert(kind);
        self.leave(place);
    }

    fn leave(&mut self, place: Place) {
        self.text.consume(1);
        self.place = place;
    }

    /// An object at the top, or the rest of one: an action, or an answer with actions. `None` when it has no row, or when
    /// its list begins.
    fn object(&mut self, row: &mut Vec<u8>) -> Result<Option<Part>, Broken> {
        let is_rest = matches!(self.place, Place::Rest);
        self.place = Place::Top;
        let scan = Scan {
            depth: usize::from(is_rest),
            is_top: true,
            ..Scan::default()
        };
        match self.scan(row, scan)? {
            Found::List => self.enter(Place::Page, ImportKind::Answers),
            Found::Action => {
                row.clear();
                self.kind.get_or_insert(ImportKind::Answers);
                self.place = Place::Rest;
                return self.value(row).map(Some);
            }
            Found::TornLine => return Ok(Some(Part::Refused("its line breaks off"))),
            Found::Value | Found::Scalar if is_rest => {}
            Found::Value | Found::Scalar => {
                self.kind.get_or_insert(ImportKind::Lines);
                return Ok(Some(whole(row)));
            }
        }
        Ok(None)
    }

    /// An element of a list, or an action of an answer.
    fn value(&mut self, row: &mut Vec<u8>) -> Result<Part, Broken> {
        self.scan(row, Scan::default())?;
        if row.is_empty() {
            return Err(no_json(self.line));
        }
        Ok(whole(row))
    }

    /// Moves all bytes until the end of what `scan` looks for to `row`, as far as a row may be long.
    fn scan(&mut self, row: &mut Vec<u8>, mut scan: Scan) -> Result<Found, Broken> {
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Err(cut(self.line));
            }
            let mut steps = chunk.iter().map(|byte| scan.step(*byte)).enumerate();
            let found = steps.find_map(|(index, found)| Some((index, found?)));
            let count = match found {
                Some((index, Found::Value)) => index + 1,
                Some((index, _)) => index,
                None => chunk.len(),
            };
            let room = (MOST_ROW_BYTES + 1).saturating_sub(row.len());
            row.extend_from_slice(&chunk[..count.min(room)]);
            let lines = chunk[..count].iter().filter(|byte| **byte == b'\n');
            self.line += lines.count() as u64;
            self.text.consume(count);
            if let Some((_, found)) = found {
                return Ok(found);
            }
        }
    }

    /// Reads the rest of a line. What is longer than a row is no line of a dump.
    fn line_into(&mut self, row: &mut Vec<u8>) -> Result<(), Broken> {
        let mut text = self.text.by_ref().take(MOST_ROW_BYTES as u64);
        let read = text.read_until(b'\n', row);
        read.map_err(|error| unreadable(&error, self.line))?;
        if row.len() == MOST_ROW_BYTES {
            return Err(no_json(self.line));
        }
        self.line += 1;
        Ok(())
    }

    /// The next byte that is not a blank, nor the mark at the beginning of some texts.
    fn peek_visible(&mut self) -> Result<Option<u8>, Broken> {
        loop {
            match self.chunk()?.first() {
                None => return Ok(None),
                Some(b'\n') => self.line += 1,
                Some(b' ' | b'\t' | b'\r' | 0xef | 0xbb | 0xbf) => {}
                Some(byte) => return Ok(Some(*byte)),
            }
            self.text.consume(1);
        }
    }

    /// The next bytes; empty at the end of the text.
    fn chunk(&mut self) -> Result<&[u8], Broken> {
        let line = self.line;
        let chunk = self.text.fill_buf();
        chunk.map_err(|error| unreadable(&error, line))
    }
}

/// The reason why a line is not JSON.
fn unlike(line: &[u8]) -> &'static str {
    match line {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it is UTF-16; convert it to UTF-8",
        line if line.starts_with(SQLITE) => "it is a database; give its path, unpacked",
        _ => "it is not JSON",
    }
}

fn whole(row: &[u8]) -> Part {
    if row.len() > MOST_ROW_BYTES {
        Part::Refused("it is longer than 1048576 bytes")
    } else {
        Part::Row
    }
}

/// What a scan finds. Each begins at the byte that shows it, except a value in brackets, which ends with it.
enum Found {
    /// The end of a value in brackets.
    Value,
    /// The end of another value in a list.
    Scalar,
    /// The list of an answer.
    List,
    /// The only action of an answer.
    Action,
    /// An object at the beginning of a line, inside another object: the line before breaks off.
    TornLine,
}

/// The state between two bytes of a value.
#[derive(Default)]
struct Scan {
    depth: usize,
    /// True for an object at the top, which may be an answer.
    is_top: bool,
    is_quoted: bool,
    is_escaped: bool,
    last: u8,
    /// The last text with its final quote, as far as it may be the name of a member.
    name: Vec<u8>,
}

impl Scan {
    fn step(&mut self, byte: u8) -> Option<Found> {
        let last = std::mem::replace(&mut self.last, byte);
        if byte == b'{' && last == b'\n' && self.is_top && self.depth > 0 {
            return Some(Found::TornLine);
        }
        if self.is_quoted {
            self.is_quoted = byte != b'"' || self.is_escaped;
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            if self.is_top && self.name.len() <= b"actions\"".len() {
                self.name.push(byte);
            }
            return None;
        }
        let is_member = self.is_top && self.depth == 1;
        match byte {
            b'"' => {
                self.is_quoted = true;
                self.name.clear();
            }
            b'[' if is_member && self.name == b"actions\"" => return Some(Found::List),
            b'{' if is_member && self.name == b"action\"" => return Some(Found::Action),
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth == 1 => return Some(Found::Value),
            b'}' | b']' | b',' if self.depth == 0 => return Some(Found::Scalar),
            b'}' | b']' => self.depth -= 1,
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The rows of a text that arrives in pieces of this size, and the reason why it ends early.
    fn split(text: &str, piece: usize) -> (Vec<(u64, String)>, Option<String>) {
        let mut splitter = Splitter::new(io::BufReader::with_capacity(piece, text.as_bytes()));
        let (mut parts, mut row) = (Vec::new(), Vec::new());
        loop {
            let part = match splitter.next(&mut row) {
                Ok(Part::End) => return (parts, None),
                Ok(Part::Row) => String::from_utf8_lossy(&row).into_owned(),
                Ok(Part::Refused(reason)) => format!("! {reason}"),
                Err(broken) => return (parts, Some(broken)),
            };
            parts.push((splitter.began, part));
        }
    }

    fn rows(text: &str) -> Vec<String> {
        let (parts, broken) = split(text, 7);
        assert_eq!(broken, None, "{text}");
        parts.into_iter().map(|(_, row)| row).collect()
    }

    #[test]
    fn rows_are_found_in_lists_answers_and_one_after_the_other() {
        for text in [
            r#"[{"id":1},{"id":2}]"#,
            "[\n  {\"id\":1},\n  {\"id\":2}\n]\n",
            r#"{"id":1}{"id":2}"#,
            r#"[{"id":1}][{"id":2}]"#,
            r#"{"meta":{"x":[1,{}]},"actions":[{"id":1},{"id":2}],"links":{"a":"]}"}}"#,
            r#"{"actions":[{"id":1}]} {"actions" : [{"id":2}]}"#,
            r#"{"action":{"id":1},"x":1}{"action":{"id":2}}"#,
            r#"{"actions":[{"id":1}],"x":[":"],"actions":[],"action":{"id":2}}"#,
        ] {
            assert_eq!(rows(text), [r#"{"id":1}"#, r#"{"id":2}"#], "{text}");
        }
        let texts = r#"{"a":"}{\"]\\","actions":5}"#;
        assert_eq!(rows(&format!("[{texts}]")), [texts]);
        assert_eq!(rows(texts), [texts]);
        assert_eq!(rows("null\n"), [""; 0]);
        assert_eq!(rows("[1, \"a\" ,[2,[3]]]"), ["1", "\"a\" ", "[2,[3]]"]);
    }

    #[test]
    fn a_line_that_breaks_off_takes_no_other_with_it() {
        let text = "{\"id\":1}\n{\"id\":2,\"x\":\"y\n{\"id\":3,\n{\"id\":4}\noops\n{\"id\":5}\n";
        let (parts, broken) = split(text, 5);
        assert_eq!(broken, None);
        let torn = "! its line breaks off".to_owned();
        assert_eq!(
            parts,
            [
                (1, "{\"id\":1}".to_owned()),
                (2, torn.clone()),
                (3, torn),
                (4, "{\"id\":4}".to_owned()),
                (5, "! it is not JSON".to_owned()),
                (6, "{\"id\":5}".to_owned()),
            ]
        );
    }

    #[test]
    fn a_text_that_breaks_off_says_where() {
        for (text, rows, said) in [
            ("[{\"id\":1},\n{\"id\":", 1, "it breaks off at line 2"),
            ("[{\"id\":1}", 1, "it breaks off at line 1"),
            ("{\"actions\":[{\"id\":1}],", 1, "it breaks off at line 1"),
            ("{\"id\":\"", 0, "it breaks off at line 1"),
            ("[{\"id\":1}}\n]", 1, "it is not JSON from line 1 on"),
        ] {
            let (parts, broken) = split(text, 3);
            assert_eq!(
                (parts.len(), broken.as_deref()),
                (rows, Some(said)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_line_without_end_is_no_line_of_a_dump() {
        let text = format!("{{\"id\":1}}\n{}", "x".repeat(2 << 20));
        let (parts, broken) = split(&text, 4_096);
        assert_eq!(
            (parts.len(), broken.as_deref()),
            (1, Some("it is not JSON from line 2 on"))
        );
    }

    #[test]
    fn a_row_without_end_takes_no_memory() {
        let long = format!(
            "[{{\"id\":1,\"x\":\"{}\"}},{{\"id\":2}}]",
            "x".repeat(3 << 20)
        );
        let mut splitter = Splitter::new(long.as_bytes());
        let mut row = Vec::new();
        let part = splitter.next(&mut row).unwrap();
        assert_eq!(part, Part::Refused("it is longer than 1048576 bytes"));
        assert!(row.capacity() <= 2 * MOST_ROW_BYTES + 1);
        assert_eq!(splitter.next(&mut row).unwrap(), Part::Row);
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Into::into),
            "[\\[\\]{}\":,\\\\ a\n]{0,8}".prop_map(Into::into),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::btree_map("[a-z\"\\\\{]{0,7}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_rows_of_any_list_are_its_elements(
            values in prop::collection::vec(value(), 0..6), piece in 1_usize..40, pretty: bool,
        ) {
            let list = serde_json::Value::from(values.clone());
            let text = if pretty { format!("{list:#}") } else { list.to_string() };
            let (parts, broken) = split(&text, piece);
            prop_assert_eq!(broken, None);
            let found: Vec<serde_json::Value> =
                parts.iter().map(|(_, row)| serde_json::from_str(row).unwrap()).collect();
            prop_assert_eq!(found, values);
        }

        #[test]
        fn any_text_comes_to_an_end(text in "[\\[\\]{}\":,\\\\ a1\n]{0,60}", piece in 1_usize..40) {
            split(&text, piece);
        }
    }
}
