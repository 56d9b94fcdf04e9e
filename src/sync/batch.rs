//! Answers that wait to be archived together: one commit, and rows that are neighbours written as neighbours.
//!
//! A listing is read newest first, so each page belongs before the one that was archived last. Pages put into the table
//! one by one leave its leaves two thirds full; sixteen at a time, the oldest first, nine tenths. What waits is lost by a
//! kill, and costs its requests again: so it waits for two seconds at most.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::{self, Page};
use crate::model::Action;

/// Answers that are archived together at most.
const LARGEST: usize = 16;
/// How long the first of them waits for the others.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// An answer to the request for a page.
pub(super) struct Fetched {
    pub(super) reading: usize,
    pub(super) page: u64,
    pub(super) outcome: Result<Page<Action>, api::Error>,
}

/// What a request came to, unless it was aborted.
pub(super) type Answered = Result<Fetched, tokio::task::JoinError>;

/// Answers in the order they came.
#[derive(Default)]
pub(super) struct Batch {
    answers: Vec<Answered>,
    begun_at: Option<Instant>,
    /// Whether one of them is an error, after which nothing may be asked as if it had not come.
    is_urgent: bool,
}

impl Batch {
    pub(super) fn add(&mut self, answered: Answered) {
        self.begun_at.get_or_insert_with(Instant::now);
        self.is_urgent |= !matches!(&answered, Ok(fetched) if fetched.outcome.is_ok());
        self.answers.push(answered);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Whether it is to be archived now.
    pub(super) fn is_due(&self) -> bool {
        self.is_urgent || self.answers.len() >= LARGEST
    }

    /// Until when it may wait for more.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.begun_at.map(|begun_at| begun_at + LONGEST_WAIT)
    }

    /// All answers, those with the oldest rows of a listing first.
    pub(super) fn take(&mut self) -> Vec<Answered> {
        self.begun_at = None;
        self.is_urgent = false;
        let mut answers = std::mem::take(&mut self.answers);
        answers.sort_by_key(|answered| match answered {
            Ok(fetched) => (fetched.reading, u64::MAX - fetched.page),
            Err(_) => (usize::MAX, 0),
        });
        answers
    }
}
