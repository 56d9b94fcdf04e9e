//! JSON, as one array or one object per line.
//!
//! Both are streamed. The array also has one object per line, so that line tools work on it. Numbers are written
//! exactly, and the keys are the columns in their order. `serde_json` escapes strings; characters that a terminal would
//! act on are escaped too, which JSON readers reverse.

use std::borrow::Cow;
use std::io;

use super::{Heading, RowFormat, Value, visible_json};

/// Writes rows as JSON objects.
#[derive(Default)]
pub(super) struct Json {
    /// True for one array, false for lines.
    pub(super) is_array: bool,
    /// The text before the value of each column: `{"id":` for the first, `,"type":` for the others.
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) has_rows: bool,
}

impl RowFormat for Json {
    fn header(&mut self, headings: &[Heading<'_>], _: &mut Vec<u8>) -> io::Result<()> {
        for (position, heading) in headings.iter().enumerate() {
            let mut key = vec![if position == 0 { b'{' } else { b',' }];
            push_text(&mut key, heading.name)?;
            key.push(b':');
            self.keys.push(key);
        }
        Ok(())
    }

    fn row(&mut self, values: &[Value<'_>], bytes: &mut Vec<u8>) -> io::Result<()> {
        if self.is_array {
            bytes.extend(if self.has_rows { b",\n" } else { b"[\n" });
        }
        self.has_rows = true;
        for (key, value) in self.keys.iter().zip(values) {
            bytes.extend_from_slice(key);
            match value {
                Value::Null => bytes.extend_from_slice(b"null"),
                Value::Integer(integer) => serde_json::to_writer(&mut *bytes, integer)?,
                Value::Real(real) => serde_json::to_writer(&mut *bytes, real)?,
                Value::Text(text) => push_text(bytes, text)?,
                Value::Json(json) => bytes.extend_from_slice(visible_json(json).as_bytes()),
            }
        }
        bytes.extend_from_slice(if self.is_array { b"}" } else { b"}\n" });
        Ok(())
    }

    fn end(&mut self, bytes: &mut Vec<u8>) {
        if self.is_array {
            bytes.extend_from_slice(if self.has_rows { b"\n]\n" } else { b"[]\n" });
        }
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &str) -> io::Result<()> {
    if let Cow::Borrowed(_) = visible_json(text) {
        return Ok(serde_json::to_writer(bytes, text)?);
    }
    let text = serde_json::to_string(text)?;
    bytes.extend_from_slice(visible_json(&text).as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{CELLS, COLUMNS, written};
    use super::super::{Format, Options, Value};
    use super::*;

    #[test]
    fn json_is_one_array_with_an_object_per_line() {
        let text = written(
            Format::Json,
            Options::default(),
            &COLUMNS,
            &[&CELLS, &CELLS],
        );
        let object =
            r#"{"id":9007199254740993,"type":"re\"boot\n","share":1.0,"region_slug":null}"#;
        assert_eq!(text, format!("[\n{object},\n{object}\n]\n"));
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed[1]["id"].as_i64(), Some(9_007_199_254_740_993));
    }

    #[test]
    fn json_stays_what_it_is() {
        let row: &[Value<'_>] = &[Value::Json(r#"{"slug":"nyc3"}"#)];
        let text = written(Format::Jsonl, Options::default(), &["region"], &[row]);
        assert_eq!(text, "{\"region\":{\"slug\":\"nyc3\"}}\n");
    }

    #[test]
    fn no_rows_are_an_empty_array() {
        assert_eq!(
            written(Format::Json, Options::default(), &COLUMNS, &[]),
            "[]\n"
        );
        assert_eq!(
            written(Format::Jsonl, Options::default(), &COLUMNS, &[]),
            ""
        );
    }

    #[test]
    fn each_json_line_is_an_object() {
        let text = written(
            Format::Jsonl,
            Options::default(),
            &COLUMNS,
            &[&CELLS, &CELLS],
        );
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            let parsed: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(parsed["type"], "re\"boot\n");
        }
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn every_text_comes_back_as_it_was() {
        let texts = [
            "",
            "plain",
            "\"\\/\u{0}\u{1b}\u{7f}\u{9b}\u{2028}é🦈",
            "\u{202e}right",
        ];
        for text in texts {
            let line = written(
                Format::Jsonl,
                Options::default(),
                &["a\"b"],
                &[&[Value::Text(text)]],
            );
            let parsed: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(parsed["a\"b"], *text);
        }
    }

    proptest! {
        #[test]
        fn a_string_is_written_as_serde_writes_it_but_for_what_a_terminal_obeys(
            text in ".{0,40}", plain in "[ -~]{0,40}",
        ) {
            for text in [text, plain] {
                let mut bytes = Vec::new();
                push_text(&mut bytes, &text).unwrap();
                let written = serde_json::to_string(&text).unwrap();
                prop_assert_eq!(std::str::from_utf8(&bytes).unwrap(), &*visible_json(&written));
                prop_assert_eq!(serde_json::from_slice::<String>(&bytes).unwrap(), text);
            }
        }
    }
}
