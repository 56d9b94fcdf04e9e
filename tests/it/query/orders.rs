//! The order of an answer, and its limit.

use jiff::Timestamp;

use super::{answered_ids, archived, ids, truth};
use crate::cloud::Action;

#[test]
fn a_limit_leaves_the_most_recent_oldest_first() {
    let (cloud, sandbox) = archived(5, 500);
    let all = ids(&truth(&cloud, |_| true));
    for limit in [1, 7, 499, 500, 501] {
        let expected = &all[all.len().saturating_sub(limit)..];
        let flags = ["--limit", &limit.to_string()];
        assert_eq!(answered_ids(&sandbox, &flags), expected, "{limit}");
    }
}

#[test]
fn a_limit_leaves_the_greatest_of_any_order_and_they_come_first_when_it_is_reversed() {
    let (cloud, sandbox) = archived(5, 500);
    let took = |action: &Action| {
        let second = |text: &Option<String>| {
            Some(text.as_deref()?.parse::<Timestamp>().unwrap().as_second())
        };
        Some(second(&action.completed_at)? - second(&action.started_at)?)
    };
    let sorted = |sort: &str| {
        let mut actions = truth(&cloud, |_| true);
        actions.sort_by_key(|action| action.id);
        match sort {
            "started" => actions.sort_by_key(|action| action.started_at.clone()),
            "completed" => actions.sort_by_key(|action| action.completed_at.clone()),
            "duration" => actions.sort_by_key(took),
            _ => {}
        }
        ids(&actions)
    };
    for sort in ["started", "completed", "duration", "id"] {
        let expected = sorted(sort);
        assert_eq!(
            answered_ids(&sandbox, &["--sort", sort]),
            expected,
            "{sort}"
        );
        let greatest = &expected[expected.len() - 9..];
        assert_eq!(
            answered_ids(&sandbox, &["--sort", sort, "-n", "9"]),
            greatest,
            "{sort}"
        );
        let mut reversed = greatest.to_vec();
        reversed.reverse();
        let flags = ["--sort", sort, "-n", "9", "--reverse"];
        assert_eq!(answered_ids(&sandbox, &flags), reversed, "{sort}");
    }
}
