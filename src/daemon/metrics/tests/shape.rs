//! Checks the text format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::collections::{BTreeMap, BTreeSet};

/// A metric as it was read back.
#[derive(Debug, PartialEq)]
pub(super) struct Family {
    pub(super) kind: String,
    /// The samples, by name and labels as they were written.
    pub(super) samples: BTreeMap<String, f64>,
}

/// Reads a text back, and fails on everything that a strict reader refuses.
#[track_caller]
pub(super) fn read(text: &str) -> BTreeMap<String, Family> {
    assert!(text.is_empty() || text.ends_with('\n'), "no end: {text:?}");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut helped: Option<&str> = None;
    let mut current = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect(line);
            assert!(words.ends_with('.') && words.len() > 5, "{line}");
            assert_eq!(helped.replace(name), None, "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect(line);
            assert_eq!(helped.take(), Some(name), "{line}");
            assert_name(name, kind);
            current = name.to_owned();
            let family = Family {
                kind: kind.to_owned(),
                samples: BTreeMap::new(),
            };
            assert!(families.insert(current.clone(), family).is_none(), "{line}");
        } else {
            let (series, value) = line.rsplit_once(' ').expect(line);
            let family = families.get_mut(&current).expect(line);
            assert_series(&current, &family.kind, series);
            let value: f64 = value.parse().expect(line);
            assert!(value.is_finite(), "{line}");
            assert!(
                family.samples.insert(series.to_owned(), value).is_none(),
                "{line}"
            );
        }
    }
    assert_eq!(helped, None);
    for (name, family) in &families {
        assert!(!family.samples.is_empty(), "{name} says nothing");
    }
    families
}

/// Names: <https://prometheus.io/docs/practices/naming/>.
#[track_caller]
fn assert_name(name: &str, kind: &str) {
    let is_good = |character: char| character.is_ascii_lowercase() || character == '_';
    assert!(name.chars().all(is_good), "{name}");
    assert!(name.starts_with("archiver_"), "{name}");
    assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
    assert_eq!(kind == "counter", name.ends_with("_total"), "{name} {kind}");
    for part in ["_bucket", "_sum", "_count"] {
        assert!(!name.ends_with(part), "{name}");
    }
}

#[track_caller]
fn assert_series(family: &str, kind: &str, series: &str) {
    let name = series.split('{').next().unwrap_or_default();
    let parts: &[&str] = match kind {
        "histogram" => &["_bucket", "_sum", "_count"],
        _ => &[""],
    };
    let is_of_family = parts.iter().any(|part| name == format!("{family}{part}"));
    assert!(is_of_family, "{series} in {family}");
    let labels = &series[name.len()..];
    let is_whole = labels.is_empty() || (labels.starts_with('{') && labels.ends_with("\"}"));
    assert!(is_whole, "{series}");
}

/// The names of all series, labels included.
pub(super) fn series(text: &str) -> BTreeSet<String> {
    let families = read(text).into_values();
    families
        .flat_map(|family| family.samples.into_keys())
        .collect()
}
