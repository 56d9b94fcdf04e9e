//! `examples/prometheus` mentions only metrics that exist.

use std::collections::BTreeSet;

use super::shape::{read, series};
use super::text::{busy, daemon};
use super::*;

const README: &str = include_str!("../../../../examples/prometheus/README.md");
const RULES: &str = include_str!("../../../../examples/prometheus/archiver.rules.yaml");
const TESTS: &str = include_str!("../../../../examples/prometheus/archiver.rules.test.yaml");

fn everything() -> String {
    super::text::text(&figures(&busy()), Some(&daemon()), at(100), true)
}

/// The names of metrics in a text; a histogram has three.
fn named(text: &str) -> BTreeSet<&str> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let words = text.split(|character| !is_part(character));
    words
        .filter(|word| word.starts_with("archiver_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word))
        .collect()
}

#[test]
fn alerts_and_questions_ask_for_metrics_that_there_are() {
    let text = everything();
    let families = read(&text);
    for (file, least) in [(README, 30), (RULES, 15), (TESTS, 15)] {
        let names = named(file);
        assert!(names.len() >= least, "{names:?}");
        for name in names {
            assert!(families.contains_key(name), "there is no {name}");
        }
    }
}

#[test]
fn the_readme_explains_every_metric_and_its_labels() {
    let text = everything();
    let names = named(README);
    for (family, samples) in read(&text) {
        assert!(names.contains(family.as_str()), "{family}");
        let labels = samples.samples.keys().filter_map(|series| {
            let (_, labels) = series.strip_prefix(family.as_str())?.split_once('{')?;
            labels.split_once('=').map(|(label, _)| label)
        });
        let labels: BTreeSet<_> = labels.filter(|label| *label != "le").collect();
        for label in labels {
            let written = format!("`{family}{{{label}}}`");
            assert!(README.contains(&written), "{written}");
        }
    }
    assert!(series(&text).len() < 100);
}

#[test]
fn every_alert_is_tested_and_says_what_to_do() {
    let alerts: Vec<_> = RULES.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 12, "{}", alerts.len());
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        let asked = format!("alertname: {name}\n");
        let mut answers = TESTS.split(&asked).skip(1);
        let fires = answers.any(|answer| answer.trim_start().starts_with("exp_alerts:"));
        assert!(fires, "{name} is never seen to fire");
        for part in ["severity: ", "summary: ", "description: >-"] {
            assert!(alert.contains(part), "{name}: {part}");
        }
    }
}
