//! Keeps requests under way and takes their answers in.
//!
//! Answers come in any order and wait for one another in a [`Batch`](Batch); meanwhile others are asked for,
//! as the walks of the listings say.

use super::engine::STOP_WITHIN;
use super::reading::fetch_page;
use super::session::Session;
use crate::api::Page;
use crate::core::cancellation::Cancellation;
use crate::core::model::Action;
use crate::{api, archive};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

impl Session<'_> {
    pub(super) async fn read_listings(
        &mut self,
        mut stop: Pin<&mut impl Future<Output = ()>>,
        cancellation: &Cancellation,
    ) -> Result<(), archive::Error> {
        loop {
            self.ask_for_more()?;
            if self.fetches.is_empty() && self.batch.is_empty() {
                return Ok(());
            }
            tokio::select! {
                answered = self.next_answer() => match answered {
                    Some(answered) => self.batch.add(answered),
                    None => self.take_in_batch()?,
                },
                () = &mut stop => {
                    self.stop();
                    return self.take_in_what_is_under_way(cancellation).await;
                }
            }
        }
    }

    /// The next answer of the batch, or nothing when the batch is to be archived as it is.
    async fn next_answer(&mut self) -> Option<Answered> {
        if self.batch.is_due() {
            return None;
        }
        match self.batch.deadline() {
            None => self.fetches.join_next().await,
            Some(deadline) => {
                let answered = tokio::time::timeout_at(deadline, self.fetches.join_next());
                answered.await.unwrap_or_default()
            }
        }
    }

    /// Archives what the batch holds, wholly or not at all.
    fn take_in_batch(&mut self) -> Result<(), archive::Error> {
        self.store.begin_batch()?;
        let answers = self.batch.take();
        let outcome = answers.into_iter().try_for_each(|answered| {
            self.take_in(answered)?;
            self.go_on_asking()
        });
        match outcome {
            Ok(()) => self.store.commit_batch(),
            Err(error) => {
                self.store.discard_batch();
                Err(error)
            }
        }
    }

    /// Keeps requests under way while a batch is archived.
    fn go_on_asking(&mut self) -> Result<(), archive::Error> {
        while let Some(answered) = self.fetches.try_join_next() {
            self.batch.add(answered);
        }
        if self.batch.is_due() {
            return Ok(());
        }
        self.ask_for_more()
    }

    async fn take_in_what_is_under_way(
        &mut self,
        cancellation: &Cancellation,
    ) -> Result<(), archive::Error> {
        // Somebody may have kept the archive locked for some of the time.
        self.take_in_batch()?;
        let mut deadline = pin!(cancellation.over(STOP_WITHIN));
        let mut is_over = false;
        while !self.fetches.is_empty() {
            tokio::select! {
                Some(answered) = self.fetches.join_next() => self.batch.add(answered),
                () = &mut deadline, if !is_over => {
                    is_over = true;
                    self.fetches.abort_all();
                }
            }
        }
        while !self.batch.is_empty() {
            self.take_in_batch()?;
        }
        Ok(())
    }

    /// Starts requests until enough are under way, or nothing is left to ask.
    fn ask_for_more(&mut self) -> Result<(), archive::Error> {
        while !self.is_halted() && self.fetches.len() < self.settings.concurrency.max(1) {
            // They end about in the order in which they were opened, and there may be many thousands.
            let ended = self.readings[self.ended..].iter();
            self.ended += ended.take_while(|reading| reading.result.is_some()).count();
            let unfinished = self.readings.iter_mut().enumerate().skip(self.ended);
            let mut unfinished = unfinished.filter(|(_, reading)| reading.result.is_none());
            let next = unfinished
                .find_map(|(index, reading)| reading.walk.next_page().map(|page| (index, page)));
            match next {
                Some((index, page)) => self.fetch(index, page),
                None => match self.queue.pop_front() {
                    Some(listing) => self.open(listing)?,
                    None => break,
                },
            }
        }
        Ok(())
    }

    fn fetch(&mut self, reading: usize, page: u64) {
        let client = Arc::clone(&self.client);
        let kind = self.readings[reading].listing.kind;
        self.fetches.spawn(async move {
            let outcome = fetch_page(&client, kind, page).await;
            Fetched {
                reading,
                page,
                outcome,
            }
        });
    }

    fn take_in(&mut self, answered: Answered) -> Result<(), archive::Error> {
        // A fetch that was aborted is one that was not asked for: its listing stays unfinished.
        let Ok(Fetched {
            reading,
            page,
            outcome,
        }) = answered
        else {
            return Ok(());
        };
        match outcome {
            Ok(answer) => {
                self.answered();
                self.has_lists = true;
                let archived = self.archive(reading, page, &answer);
                drop_where_it_was_made(answer);
                archived
            }
            Err(error) => self.fail(reading, page, error),
        }
    }
}

/// Frees the memory of an answer in the threads that read answers, while this one goes on writing: a first sync takes 6 %
/// less time, measured with 500,000 actions.
fn drop_where_it_was_made(answer: Page<Action>) {
    tokio::spawn(async move { drop(answer) });
}

/// Answers that are archived together at most.
const LARGEST: usize = 16;
/// How long they may be altogether, unpacked, before they are archived without more: twice what sixteen pages of 200
/// actions take.
const MOST_BYTES: usize = 16 << 20;
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
        self.is_urgent || self.is_heavy() || self.answers.len() >= LARGEST
    }

    fn is_heavy(&self) -> bool {
        self.answers.iter().map(bytes).sum::<usize>() >= MOST_BYTES
    }

    /// Until when it may wait for more.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.begun_at.map(|begun_at| begun_at + LONGEST_WAIT)
    }

    /// The answers to archive now, those with the oldest rows of a listing first. Where there are many, what comes after a
    /// page that is still under way waits for it.
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

/// The sorted answers that follow one another in their listing, and those beyond a gap.
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
