//! Answers that wait to be archived together, in one commit and in the order of their rows.
//!
//! A listing is read newest first, so each page belongs before the previously archived one in the table. If pages are
//! inserted one by one, the table's leaves end up two thirds full. With sixteen at a time, oldest first, they are nine
//! tenths full. A kill loses the waiting answers, and their requests must be repeated, so they wait two seconds at
//! most.

use std::time::Duration;

use tokio::time::Instant;

use crate::api::{self, Page};
use crate::core::model::Action;

/// The most answers that are archived together.
const LARGEST: usize = 16;
/// The total unpacked size at which a batch is archived at once: twice the size of sixteen pages of 200 actions.
const MOST_BYTES: usize = 16 << 20;
/// The longest wait of the first answer for others.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// An answer to the request for a page.
pub(super) struct Fetched {
    pub(super) reading: usize,
    pub(super) page: u64,
    pub(super) outcome: Result<Page<Action>, api::Error>,
}

/// The result of a request, unless it was aborted.
pub(super) type Answered = Result<Fetched, tokio::task::JoinError>;

/// Answers in the order of their arrival.
#[derive(Default)]
pub(super) struct Batch {
    answers: Vec<Answered>,
    begun_at: Option<Instant>,
    /// True when one answer is an error. The sync run must handle an error before it sends further requests.
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

    /// True when the batch must be archived now.
    pub(super) fn is_due(&self) -> bool {
        self.is_urgent || self.is_heavy() || self.answers.len() >= LARGEST
    }

    fn is_heavy(&self) -> bool {
        self.answers.iter().map(bytes).sum::<usize>() >= MOST_BYTES
    }

    /// The time until which the batch may wait for more answers.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.begun_at.map(|begun_at| begun_at + LONGEST_WAIT)
    }

    /// Takes the answers to archive now, oldest rows of each listing first. In a large batch, answers after a page that
    /// is still under way wait for that page.
    pub(super) fn take(&mut self) -> Vec<Answered> {
        let goes_whole = self.is_urgent || self.is_heavy();
        let mut answers = std::mem::take(&mut self.answers);
        answers.sort_by_key(place);
        let mut later = Vec::new();
        if answers.len() >= LARGEST && !goes_whole {
            (answers, later) = without_gaps(answers);
        }
        self.is_urgent = false;
        self.begun_at = (!later.is_empty()).then(Instant::now);
        self.answers = later;
        answers.sort_by_key(|answered| {
            let (reading, page) = place(answered);
            (reading, u64::MAX - page)
        });
        answers
    }
}

fn place(answered: &Answered) -> (usize, u64) {
    match answered {
        Ok(fetched) => (fetched.reading, fetched.page),
        Err(_) => (usize::MAX, 0),
    }
}

fn bytes(answered: &Answered) -> usize {
    match answered {
        Ok(Fetched { outcome, .. }) => outcome.as_ref().map_or(0, |page| page.bytes),
        Err(_) => 0,
    }
}

/// Splits sorted answers into those that follow one another in their listing, and those beyond a gap.
fn without_gaps(answers: Vec<Answered>) -> (Vec<Answered>, Vec<Answered>) {
    let mut last = None;
    let is_next = |answered: &Answered| {
        let (reading, page) = place(answered);
        let follows = last.is_none_or(|(before, earlier)| before != reading || page <= earlier + 1);
        if follows {
            last = Some((reading, page));
        }
        follows
    };
    answers.into_iter().partition(is_next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(reading: usize, page: u64) -> Answered {
        let empty = Page {
            rows: Vec::new(),
            total: None,
            has_next: false,
            bytes: 1,
        };
        Ok(Fetched {
            reading,
            page,
            outcome: Ok(empty),
        })
    }

    fn places(answers: &[Answered]) -> Vec<(usize, u64)> {
        answers.iter().map(place).collect()
    }

    #[test]
    fn the_oldest_rows_of_each_listing_come_first() {
        let mut batch = Batch::default();
        for (reading, number) in [(1, 2), (0, 1), (1, 1), (0, 3)] {
            batch.add(page(reading, number));
        }
        assert_eq!(places(&batch.take()), [(0, 3), (0, 1), (1, 2), (1, 1)]);
        assert!(batch.is_empty() && batch.deadline().is_none());
    }

    #[test]
    fn of_a_full_batch_what_is_beyond_a_gap_waits_for_the_next_one() {
        let mut batch = Batch::default();
        for number in (1..LARGEST as u64).chain([LARGEST as u64 + 1]) {
            assert!(!batch.is_due());
            batch.add(page(7, number));
        }
        assert!(batch.is_due());
        assert_eq!(batch.take().len(), LARGEST - 1);
        assert!(!batch.is_due() && batch.deadline().is_some());
        batch.add(page(7, LARGEST as u64));
        let last = LARGEST as u64;
        assert_eq!(places(&batch.take()), [(7, last + 1), (7, last)]);
    }

    #[test]
    fn a_few_long_answers_do_not_wait_for_more() {
        let mut batch = Batch::default();
        for number in [3, 1] {
            assert!(!batch.is_due());
            let mut answered = page(0, number);
            if let Ok(Fetched {
                outcome: Ok(page), ..
            }) = &mut answered
            {
                page.bytes = MOST_BYTES / 2;
            }
            batch.add(answered);
        }
        assert!(batch.is_due());
        assert_eq!(places(&batch.take()), [(0, 3), (0, 1)]);
        assert!(!batch.is_due() && batch.is_empty());
    }

    #[test]
    fn an_error_is_looked_at_at_once() {
        let mut batch = Batch::default();
        batch.add(page(0, 1));
        batch.add(Ok(Fetched {
            reading: 0,
            page: 2,
            outcome: Err(api::Error::of_another("action", 1, 2)),
        }));
        assert!(batch.is_due());
        assert_eq!(batch.take().len(), 2);
    }
}
