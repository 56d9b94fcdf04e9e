//! The region that every action repeats, parsed once.
//!
//! A region is 2–3 KB of JSON, mostly the slugs of about a hundred sizes, and a page of 200 actions repeats a handful
//! of regions. The API writes the same region as the same text, so the text is the key: a known text is not parsed
//! again. If the API writes a different text, it is simply parsed.

use std::sync::Arc;

use super::fields::{Columns, Fields, string};
use crate::core::model::Region;

/// The members with a column; everything else goes to `extra`.
const KNOWN: [&str; 5] = ["slug", "name", "available", "features", "sizes"];

/// The most texts to remember. More texts than regions mean that the texts vary, and then all of them would only cost
/// time and memory.
const MOST_TEXTS: usize = 256;
/// The longest text to remember; a region has 2 KB.
const LONGEST_TEXT: usize = 16 << 10;
/// The most memory for the texts and their regions: a hundred regions with all their sizes.
const MOST_BYTES: usize = 1 << 20;

/// The form of an action's `region`.
#[derive(Clone)]
pub(super) enum RegionShape {
    /// An object: the form since 2015.
    Region(Arc<Region>),
    /// A bare slug: the form before 2015.
    Slug(String),
    /// A value that does not name a region.
    Unknown,
}

/// A text that was read before, and its region.
struct Known {
    text: Box<str>,
    shape: RegionShape,
    /// The memory of both, in bytes.
    bytes: usize,
}

impl RegionShape {
    fn bytes(&self) -> usize {
        match self {
            Self::Region(region) => region.bytes(),
            Self::Slug(slug) => slug.len(),
            Self::Unknown => 0,
        }
    }

    /// The number of values that it holds in lists and in `extra`.
    fn values(&self) -> usize {
        match self {
            Self::Region(region) => region.features.len() + region.sizes.len() + region.extra.len(),
            Self::Slug(_) | Self::Unknown => 0,
        }
    }
}

/// The regions that were read so far, the latest first.
///
/// It is a list and not a hash map: a comparison with a few texts ends at the first different byte, but a hash must
/// read all 2 KB.
#[derive(Default)]
pub(super) struct Regions {
    known: Vec<Known>,
    /// The memory of all of them, in bytes.
    bytes: usize,
    /// The number of values in new regions since the last call of `take_values`.
    values: usize,
}

impl Regions {
    /// Decodes the text of a region.
    pub(super) fn read(&mut self, text: &str) -> RegionShape {
        if let Some(shape) = self.find(text) {
            return shape;
        }
        let shape = parse(text);
        self.values += shape.values();
        self.remember(text, &shape);
        shape
    }

    /// The number of values in new regions since the last call.
    pub(super) fn take_values(&mut self) -> usize {
        std::mem::take(&mut self.values)
    }

    /// Remembers a text. If there is no room, it replaces the texts that were not used for the longest time.
    fn remember(&mut self, text: &str, shape: &RegionShape) {
        let bytes = text.len() + shape.bytes() + size_of::<Known>();
        if text.len() > LONGEST_TEXT || bytes > MOST_BYTES {
            return;
        }
        while self.known.len() >= MOST_TEXTS || self.bytes + bytes > MOST_BYTES {
            let Some(forgotten) = self.known.pop() else {
                break;
            };
            self.bytes -= forgotten.bytes;
        }
        self.bytes += bytes;
        let known = Known {
            text: text.into(),
            shape: shape.clone(),
            bytes,
        };
        self.known.insert(0, known);
    }

    fn find(&mut self, text: &str) -> Option<RegionShape> {
        let index = self.known.iter().position(|known| *known.text == *text)?;
        let until = self.known.get_mut(..=index)?;
        until.rotate_right(1);
        Some(until.first()?.shape.clone())
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

    #[test]
    fn what_is_remembered_has_a_measure_in_bytes_and_the_latest_are_kept() {
        let mut regions = Regions::default();
        let text = |number: usize, length: usize| {
            format!(
                r#"{{"slug": "r{number}", "x": "{}", "sizes": ["a","b"]}}"#,
                "x".repeat(length)
            )
        };
        for number in 0..1_000 {
            regions.read(&text(number, 10_000));
            let bytes: usize = regions.known.iter().map(|known| known.bytes).sum();
            assert_eq!(regions.bytes, bytes);
            assert!(bytes <= MOST_BYTES);
        }
        assert!(regions.bytes > MOST_BYTES / 2);
        let latest = text(999, 10_000);
        assert!(regions.find(&latest).is_some());
        let before = regions.known.len();
        let long = text(1_000, LONGEST_TEXT);
        assert!(matches!(regions.read(&long), RegionShape::Region(_)));
        assert!(regions.find(&long).is_none());
        assert_eq!(regions.known.len(), before);
    }

    #[test]
    fn a_list_that_nobody_sends_is_kept_as_its_text() {
        let sizes = vec![r#""a""#; 2_000].join(",");
        let mut regions = Regions::default();
        let text = format!(r#"{{"slug": "r", "sizes": [{sizes}], "features": ["x"]}}"#);
        let RegionShape::Region(region) = regions.read(&text) else {
            panic!("no region")
        };
        assert!(region.sizes.is_empty());
        assert_eq!(region.extra["sizes"].get(), format!("[{sizes}]"));
        assert_eq!(regions.take_values(), 2);
        assert_eq!(regions.take_values(), 0);
    }
}
