//! The regions, with about a hundred size slugs each, rendered once: every action repeats its region.

use std::fmt::Write as _;

/// Slug, name, and true when new droplets can be created there.
const REGIONS: &[(&str, &str, bool)] = &[
    ("nyc1", "New York 1", true),
    ("nyc2", "New York 2", false),
    ("nyc3", "New York 3", true),
    ("ams2", "Amsterdam 2", false),
    ("ams3", "Amsterdam 3", true),
    ("sfo1", "San Francisco 1", false),
    ("sfo2", "San Francisco 2", true),
    ("sfo3", "San Francisco 3", true),
    ("sgp1", "Singapore 1", true),
    ("lon1", "London 1", true),
    ("fra1", "Frankfurt 1", true),
    ("tor1", "Toronto 1", true),
    ("blr1", "Bangalore 1", true),
    ("syd1", "Sydney 1", true),
];

const FEATURES: &[&str] = &[
    "backups",
    "ipv6",
    "metadata",
    "install_agent",
    "storage",
    "image_transfer",
    "private_networking",
    "server_id",
];

/// Prefix, suffix, the smallest number of CPUs, the number of doublings, and gigabytes of memory per CPU.
const SIZE_FAMILIES: &[(&str, &str, u32, u32, u32)] = &[
    ("s", "", 1, 5, 1),
    ("s", "", 1, 5, 2),
    ("s", "-amd", 1, 4, 2),
    ("s", "-intel", 1, 4, 2),
    ("s", "-120gb-intel", 1, 4, 4),
    ("c", "", 2, 5, 2),
    ("c2", "", 2, 5, 2),
    ("c", "-intel", 4, 5, 2),
    ("c2", "-intel", 4, 5, 2),
    ("g", "", 2, 6, 4),
    ("gd", "", 2, 6, 4),
    ("g", "-intel", 2, 6, 4),
    ("gd", "-intel", 2, 6, 4),
    ("m", "", 2, 5, 8),
    ("m3", "", 2, 5, 8),
    ("m6", "", 2, 5, 8),
    ("m", "-intel", 2, 5, 8),
    ("m3", "-intel", 2, 5, 8),
    ("so", "", 2, 5, 8),
    ("so1_5", "", 2, 5, 8),
    ("so", "-intel", 2, 5, 8),
    ("so1_5", "-intel", 2, 5, 8),
];

/// A region, and its JSON with and without sizes.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) slug: &'static str,
    pub(super) sizes: Vec<String>,
    whole: String,
    without_sizes: String,
}

impl Region {
    /// Its JSON; the sizes are empty for a token that may not see them.
    pub(super) fn json(&self, with_sizes: bool) -> &str {
        if with_sizes {
            &self.whole
        } else {
            &self.without_sizes
        }
    }
}

/// All regions, always the same.
pub(super) fn all() -> Vec<Region> {
    REGIONS
        .iter()
        .enumerate()
        .map(|(place, region)| build(place, region))
        .collect()
}

fn build(place: usize, &(slug, name, available): &(&'static str, &str, bool)) -> Region {
    let sizes = sizes(place);
    let features: Vec<&str> = FEATURES.iter().copied().take(6 + place % 3).collect();
    let render = |sizes: &[String]| {
        let features = quoted(&features);
        let sizes = quoted(sizes);
        format!(
            r#"{{"name":"{name}","slug":"{slug}","features":[{features}],"available":{available},"sizes":[{sizes}]}}"#
        )
    };
    Region {
        slug,
        whole: render(&sizes),
        without_sizes: render(&[]),
        sizes,
    }
}

/// About a hundred sizes. Each region lacks a few of them.
fn sizes(place: usize) -> Vec<String> {
    let mut sizes = Vec::new();
    for &(prefix, suffix, least, doublings, memory) in SIZE_FAMILIES {
        for doubling in 0..doublings {
            let cpus = least << doubling;
            sizes.push(format!("{prefix}-{cpus}vcpu-{}gb{suffix}", cpus * memory));
        }
    }
    let mut number = 0;
    sizes.retain(|_| {
        number += 1;
        number == 1 || !(number + place * 3).is_multiple_of(17)
    });
    sizes
}

fn quoted<T: AsRef<str>>(texts: &[T]) -> String {
    let mut out = String::new();
    for text in texts {
        let comma = if out.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(out, "{comma}\"{}\"", text.as_ref());
    }
    out
}
