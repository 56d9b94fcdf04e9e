//! The region that every action repeats, parsed once.
//!
//! A region is 2–3 KB of JSON, mostly the slugs of about a hundred sizes, and a page of 200 actions holds a handful
//! of them 200 times. The API writes the same region as the same text, so the text is the key: seen before, it is
//! not parsed again. Where that does not hold, each new text is simply parsed.

use std::sync::Arc;

use super::fields::{Columns, Fields, Members, string};
use crate::model::Region;

/// The members that have a column; everything else goes to `extra`.
const KNOWN: [&str; 5] = ["slug", "name", "available", "features", "sizes"];

/// More texts than regions exist mean that the texts vary; then remembering them all would only cost time and memory.
const MOST_TEXTS: usize = 256;

/// What an action's `region` turned out to be.
#[derive(Clone)]
pub(super) enum RegionShape {
    /// The object of today.
    Region(Arc<Region>),
    /// The bare slug of before 2015.
    Slug(String),
    /// Nothing that names a region.
    Unknown,
}

/// A text met before, and what it is.
struct Known {
    text: Box<str>,
    shape: RegionShape,
}

/// The regions met so far, the latest first.
///
/// A list, because comparing a text with a few others ends at the first byte that differs, while a hash has to read all
/// 2 KB of it.
#[derive(Default)]
pub(super) struct Regions {
    known: Vec<Known>,
}

impl Regions {
    /// What a region's text is.
    pub(super) fn read(&mut self, text: &str) -> RegionShape {
        if let Some(shape) = self.find(|known| *known == *text) {
            return shape.1;
        }
        let shape = parse(text);
        self.known.truncate(MOST_TEXTS - 1);
        let known = Known {
            text: text.into(),
            shape: shape.clone(),
        };
        self.known.insert(0, known);
        shape
    }

    /// The known region that these bytes begin with: the length of its text, and what it is. Objects only: what begins
    /// with a known number may be another number, but what begins with a known object is that object.
    pub(super) fn beginning(&mut self, bytes: &[u8]) -> Option<(usize, RegionShape)> {
        if bytes.first() != Some(&b'{') {
            return None;
        }
        self.find(|known| bytes.starts_with(known.as_bytes()))
    }

    fn find(&mut self, is_it: impl Fn(&str) -> bool) -> Option<(usize, RegionShape)> {
        let index = self.known.iter().position(|known| is_it(&known.text))?;
        let until = self.known.get_mut(..=index)?;
        until.rotate_right(1);
        let known = until.first()?;
        Some((known.text.len(), known.shape.clone()))
    }
}

fn parse(text: &str) -> RegionShape {
    if let Some(slug) = string(text) {
        return RegionShape::Slug(slug.into_owned());
    }
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(text) else {
        return RegionShape::Unknown;
    };
    let Some(slug) = fields.get("slug").and_then(string) else {
        return RegionShape::Unknown;
    };
    let mut columns = Columns {
        members: &fields,
        extra: fields.unknown(&KNOWN),
    };
    RegionShape::Region(Arc::new(Region {
        slug: slug.into_owned(),
        name: columns.text("name"),
        available: columns.boolean("available"),
        features: columns.texts("features"),
        sizes: columns.texts("sizes"),
        extra: columns.extra,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_seen_before_is_the_same_region() {
        let mut regions = Regions::default();
        let text = r#"{"slug": "nyc3", "features": ["backups", 5], "sizes": [], "available": "yes", "new": 1}"#;
        let RegionShape::Region(first) = regions.read(text) else {
            panic!("no region")
        };
        let RegionShape::Region(second) = regions.read(text) else {
            panic!("no region")
        };
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(first.features, ["backups"]);
        assert_eq!(first.available, None);
        let extra: Vec<_> = first.extra.keys().map(String::as_str).collect();
        assert_eq!(extra, ["available", "features", "new"]);
    }

    #[test]
    fn texts_that_vary_do_not_fill_the_memory() {
        let mut regions = Regions::default();
        for number in 0..10 * MOST_TEXTS {
            regions.read(&format!(r#"{{"slug": "r{number}"}}"#));
        }
        assert!(regions.known.len() <= MOST_TEXTS);
    }
}
