//! Slow answers, kept so that the next reader does not wait for them. Each is shown for a few minutes at most, and
//! renewed meanwhile: every page says when it was written.

use std::collections::HashMap;
use std::mem;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Bytes;
use tokio::time::Instant;

use crate::core::threads::lock;

/// A quicker answer is not worth its memory.
const SLOW: Duration = Duration::from_millis(500);
/// An older answer is renewed when it is shown.
const CURRENT_FOR: Duration = Duration::from_secs(20);
const SHOWN_FOR: Duration = Duration::from_secs(300);
/// The number of kept answers. Each has a few megabytes at most.
const MOST: usize = 8;

/// The kept answers, by their addresses.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<String, Kept>>);

struct Kept {
    at: Instant,
    is_being_renewed: bool,
    answer: Answer,
}

/// The answer of a command.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) text: Bytes,
    /// The exit status.
    pub(super) status: i32,
}

impl Memory {
    /// A kept answer, and whether the caller is the one to renew it.
    pub(super) fn recall(&self, address: &str) -> Option<(Answer, bool)> {
        let mut all = lock(&self.0);
        all.retain(|_, kept| kept.at.elapsed() < SHOWN_FOR);
        let kept = all.get_mut(address)?;
        let is_old = kept.at.elapsed() >= CURRENT_FOR;
        let is_to_renew = is_old && !mem::replace(&mut kept.is_being_renewed, true);
        Some((kept.answer.clone(), is_to_renew))
    }

    /// Keeps an answer that took long. `asked_at` is when its command began.
    pub(super) fn keep(&self, address: &str, asked_at: Instant, answer: &Answer) {
        let mut all = lock(&self.0);
        all.remove(address);
        if asked_at.elapsed() < SLOW {
            return;
        }
        let oldest = all.iter().min_by_key(|(_, kept)| kept.at);
        if let Some(oldest) = oldest.map(|(address, _)| address.clone())
            && all.len() >= MOST
        {
            all.remove(&oldest);
        }
        let kept = Kept {
            at: Instant::now(),
            is_being_renewed: false,
            answer: answer.clone(),
        };
        all.insert(address.to_owned(), kept);
    }

    /// Forgets an answer that could not be renewed.
    pub(super) fn forget(&self, address: &str) {
        lock(&self.0).remove(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str) -> Answer {
        let text = Bytes::from_static(text.as_bytes());
        Answer { text, status: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_kept_for_a_while_and_then_renewed_by_one() {
        let memory = Memory::default();
        let begun = Instant::now();
        memory.keep("/quick", begun, &answer("quick"));
        tokio::time::advance(SLOW).await;
        memory.keep("/", begun, &answer("slow"));
        assert!(memory.recall("/quick").is_none());
        let renews = || memory.recall("/").unwrap().1;
        assert!(!renews());
        tokio::time::advance(CURRENT_FOR).await;
        assert!(renews());
        assert!(!renews());
        memory.keep("/", begun, &answer("new"));
        assert_eq!(memory.recall("/").unwrap().0.text, "new");
        assert!(!renews());
        tokio::time::advance(CURRENT_FOR).await;
        assert!(renews());
        tokio::time::advance(SHOWN_FOR).await;
        assert!(memory.recall("/").is_none());
        memory.keep("/", begun, &answer("slow"));
        memory.keep("/", Instant::now(), &answer("quick"));
        assert!(memory.recall("/").is_none());
        memory.keep("/", begun, &answer("slow"));
        memory.forget("/");
        assert!(memory.recall("/").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_latest_answers_are_kept() {
        let memory = Memory::default();
        let begun = Instant::now();
        for number in 0..2 * MOST {
            tokio::time::advance(SLOW).await;
            memory.keep(&number.to_string(), begun, &answer(""));
        }
        let is_kept = |number: &usize| memory.recall(&number.to_string()).is_some();
        assert_eq!((0..2 * MOST).filter(is_kept).count(), MOST);
        assert!(is_kept(&(2 * MOST - 1)));
    }
}
