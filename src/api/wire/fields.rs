//! One JSON object as the raw text of its members.
//!
//! A row that is not an object must not make its page undecodable. So [`Fields`] are made of *any* JSON text, and remember
//! whether it was an object. If a member appears twice, the last one counts, as in most readers.

use super::super::error::printable;
use super::RejectedRow;
use crate::core::model::Extra;
use crate::core::time::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// The members of an object, in their order; none when the text is not an object, or has more than [`MOST_MEMBERS`].
pub(super) struct Fields<'a> {
    text: &'a str,
    members: Vec<(Cow<'a, str>, &'a str)>,
    /// The reason why there are none.
    refused: Option<String>,
}

impl<'a> Fields<'a> {
    /// The members of a valid JSON text.
    pub(super) fn of(text: &'a str) -> Self {
        let refused = match serde_json::from_str::<Self>(text) {
            Ok(fields) => return Self { text, ..fields },
            Err(_) if !text.starts_with('{') => "it is not an object".to_owned(),
            Err(error) if error.is_data() => format!("it has more than {MOST_MEMBERS} members"),
            Err(_) => "the name of a member is not Unicode text".to_owned(),
        };
        Self {
            text,
            members: Vec::new(),
            refused: Some(refused),
        }
    }

    /// The text of the value of `name`, unless it is missing or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let mut members = self.members.iter().rev();
        let (_, text) = members.find(|(member, _)| member == name)?;
        (*text != "null").then_some(text)
    }

    /// The string of `name`, unless its value is something else.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).and_then(string).map(Cow::into_owned)
    }

    /// The integer `id`, which identifies a row.
    pub(super) fn id(&self) -> Result<i64, RejectedRow> {
        let id = self.get("id");
        id.and_then(|text| text.parse().ok()).ok_or_else(|| {
            let reason = match (&self.refused, id) {
                (Some(reason), _) => reason,
                (None, Some(_)) => "its `id` is not an integer",
                (None, None) => "it has no `id`",
            };
            RejectedRow {
                reason: reason.to_owned(),
                excerpt: printable(self.text),
            }
        })
    }

    /// The members that are not in `known`, kept as they are.
    pub(super) fn unknown(&self, known: &[&str]) -> Extra {
        let unknown = self
            .members
            .iter()
            .filter(|(name, _)| !known.contains(&&**name));
        unknown
            .filter_map(|(name, text)| Some((name.clone().into_owned(), kept(text)?)))
            .collect()
    }
}

/// Reads members into typed columns. `extra` keeps the text of each value that does not fit its column.
pub(super) struct Columns<'f, 'a> {
    pub(super) members: &'f Fields<'a>,
    pub(super) extra: Extra,
}

impl Columns<'_, '_> {
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        let raw = self.members.get(name)?;
        let text = string(raw);
        if text.is_none() {
            self.keep(name, raw);
        }
        text.map(Cow::into_owned)
    }

    pub(super) fn integer(&mut self, name: &str) -> Option<i64> {
        self.parsed(name)
    }

    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.parsed(name)
    }

    fn parsed<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let raw = self.members.get(name)?;
        let value = raw.parse().ok();
        if value.is_none() {
            self.keep(name, raw);
        }
        value
    }

    /// A time in whole seconds; `extra` keeps the text too when it is more precise.
    pub(super) fn time(&mut self, name: &str) -> Option<Timestamp> {
        let raw = self.members.get(name)?;
        let quoted = string(raw);
        let time = match quoted.as_deref() {
            Some(text) => written_time(text.trim()),
            None => unix_time(raw),
        };
        if time.is_none() || has_fraction(quoted.as_deref().unwrap_or(raw)) {
            self.keep(name, raw);
        }
        time
    }

    /// The strings of an array. `extra` keeps the whole text too when the array has other values, or more than
    /// [`MOST_TEXTS`].
    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(raw) = self.members.get(name) else {
            return Vec::new();
        };
        let items = serde_json::from_str::<Few<&RawValue, MOST_TEXTS>>(raw);
        let Ok(Few(Some(items))) = items else {
            self.keep(name, raw);
            return Vec::new();
        };
        let texts = items.iter().filter_map(|item| string(item.get()));
        let texts: Vec<String> = texts.map(Cow::into_owned).collect();
        if texts.len() != items.len() {
            self.keep(name, raw);
        }
        texts
    }

    pub(super) fn keep(&mut self, name: &str, raw: &str) {
        self.extra
            .extend(kept(raw).map(|text| (name.to_owned(), text)));
    }
}

/// A time in a form that the API writes or once wrote: RFC 3339, `2014-12-21 04:15:29 UTC`, or a Unix time. A number
/// with fewer digits than the Unix times since 1973 may be a date.
fn written_time(text: &str) -> Option<Timestamp> {
    const FEWEST_DIGITS: usize = 9;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_number && digits >= FEWEST_DIGITS {
        return unix_time(text);
    }
    let in_utc = || {
        let (time, zone) = text.rsplit_once(' ')?;
        let is_utc = ["UTC", "GMT", "Z"]
            .iter()
            .any(|word| zone.eq_ignore_ascii_case(word));
        let offset = if is_utc { "Z" } else { zone };
        format!("{}{offset}", time.trim_end()).parse().ok()
    };
    text.parse().ok().or_else(in_utc)
}

/// Seconds since 1970, without the fraction.
fn unix_time(number: &str) -> Option<Timestamp> {
    let seconds = number.parse().ok().or_else(|| {
        let seconds: f64 = number.parse().ok()?;
        seconds.is_finite().then_some(seconds.floor() as i64)
    })?;
    Timestamp::from_epoch_seconds(seconds).ok()
}

/// True when a time has a fraction of a second.
fn has_fraction(time: &str) -> bool {
    let fraction = time.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction
        .bytes()
        .take_while(u8::is_ascii_digit)
        .any(|digit| digit != b'0')
}

/// The deepest JSON that is kept as JSON. SQLite reads up to 1,000 levels, other tools fewer.
const DEEPEST_KEPT: usize = 64;

/// The text to keep for a value: its own text, or the text as one JSON string if it may nest deeper than tools can
/// read. It is never `None` if the text is valid JSON.
pub(super) fn kept(text: &str) -> Option<Box<RawValue>> {
    let opening = text
        .bytes()
        .filter(|byte| matches!(byte, b'[' | b'{'))
        .count();
    if opening > DEEPEST_KEPT {
        serde_json::value::to_raw_value(text).ok()
    } else {
        RawValue::from_string(text.to_owned()).ok()
    }
}

/// The string in the text of a JSON value, if the value is a string.
pub(super) fn string(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The name of a member, borrowed from the body unless it contains an escape.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members of an object, at most [`MOST_MEMBERS`], without its text.
impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor(PhantomData))
    }
}

struct FieldsVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for FieldsVisitor<'a> {
    type Value = Fields<'a>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // As many as an action has.
        let mut members = Vec::with_capacity(9);
        while let Some(Name(name)) = map.next_key()? {
            if members.len() == MOST_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            members.push((name, map.next_value::<&'de RawValue>()?.get()));
        }
        Ok(Fields {
            text: "",
            members,
            refused: None,
        })
    }
}

/// The most rows that are read from one answer; the API gives 200 at most
/// (<https://docs.digitalocean.com/reference/api/digitalocean/#section/Introduction/Links-and-Pagination>).
pub(super) const MOST_ROWS: usize = 10_000;

/// The longest row that is read; an action has 2.5 KB, nearly all of it for its region.
pub(super) const MOST_ROW_BYTES: usize = 1 << 20;
/// The most members of one object; an action has nine, a droplet about thirty.
pub(super) const MOST_MEMBERS: usize = 1_000;
/// The most texts of one list; a region has about 150 sizes.
pub(super) const MOST_TEXTS: usize = 1_000;
/// The most values without a column that are kept from all actions of one answer: unknown members, and the items of the
/// lists of new regions.
pub(super) const MOST_VALUES: usize = 100_000;

/// A list of at most `MOST` items; `None` when it has more.
pub(super) struct Few<T, const MOST: usize>(pub(super) Option<Vec<T>>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Few<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Items(PhantomData))
    }
}

struct Items<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Items<T, MOST> {
    type Value = Few<T, MOST>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == MOST {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(Few(None));
            }
            items.push(item);
        }
        Ok(Few(Some(items)))
    }
}
