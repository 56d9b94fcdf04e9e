//! The region that every action repeats, parsed once.
//!
//! A region is 2–3 KB of JSON, mostly the slugs of about a hundred sizes, and a page of 200 actions holds a handful
//! of them 200 times. The API writes the same region as the same text, so the text is the key: seen before, it is
//! not parsed again. Where that does not hold, each new text is simply parsed.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::fields::{Columns, Fields, string};
use crate::model::Region;

/// The members that have a column; everything else goes to `extra`.
const KNOWN: [&str; 5] = ["slug", "name", "available", "features", "sizes"];

/// More texts than regions exist mean that the texts vary; then remembering them all would only cost memory.
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

/// The regions met so far, by their text.
#[derive(Default)]
pub(in crate::api) struct Regions {
    by_text: HashMap<Box<str>, RegionShape>,
}

impl Regions {
    pub(super) fn read(&mut self, raw: &RawValue) -> RegionShape {
        if let Some(known) = self.by_text.get(raw.get()) {
            return known.clone();
        }
        let shape = parse(raw);
        if self.by_text.len() >= MOST_TEXTS {
            self.by_text.clear();
        }
        self.by_text.insert(raw.get().into(), shape.clone());
        shape
    }
}

fn parse(raw: &RawValue) -> RegionShape {
    if let Some(slug) = string(raw) {
        return RegionShape::Slug(slug);
    }
    let Ok(fields) = serde_json::from_str::<Fields<'_>>(raw.get()) else {
        return RegionShape::Unknown;
    };
    let Some(slug) = fields.get("slug").and_then(string) else {
        return RegionShape::Unknown;
    };
    let mut columns = Columns {
        fields: &fields,
        extra: fields.unknown(&KNOWN),
    };
    RegionShape::Region(Arc::new(Region {
        slug,
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

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_text_seen_before_is_the_same_region() {
        let mut regions = Regions::default();
        let text = r#"{"slug": "nyc3", "features": ["backups", 5], "sizes": [], "available": "yes", "new": 1}"#;
        let RegionShape::Region(first) = regions.read(&raw(text)) else {
            panic!("no region")
        };
        let RegionShape::Region(second) = regions.read(&raw(text)) else {
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
            regions.read(&raw(&format!(r#"{{"slug": "r{number}"}}"#)));
        }
        assert!(regions.by_text.len() <= MOST_TEXTS);
    }
}
