//! Slow answers, kept for a while so that the next reader does not wait for them. Every page says when it was written.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::body::Bytes;
use tokio::time::Instant;

use crate::core::threads::lock;

/// A quicker answer is not worth its memory.
const SLOW: Duration = Duration::from_millis(500);
const SHOWN_FOR: Duration = Duration::from_secs(60);
/// The number of kept answers. Each has a few megabytes at most.
const MOST: usize = 8;

/// The kept answers, by their questions, and since when.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<String, (Instant, Answer)>>);

/// The answer of a command.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) text: Bytes,
    /// The exit status.
    pub(super) status: i32,
}

impl Memory {
    pub(super) fn recall(&self, question: &str) -> Option<Answer> {
        let all = lock(&self.0);
        let (at, answer) = all.get(question)?;
        (at.elapsed() < SHOWN_FOR).then(|| answer.clone())
    }

    /// Keeps an answer that took long, if there is room. `asked_at` is when its command began.
    pub(super) fn keep(&self, question: String, asked_at: Instant, answer: &Answer) {
        if asked_at.elapsed() < SLOW {
            return;
        }
        let mut all = lock(&self.0);
        all.retain(|_, (at, _)| at.elapsed() < SHOWN_FOR);
        if all.len() < MOST {
            all.insert(question, (Instant::now(), answer.clone()));
        }
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
    async fn a_slow_answer_is_kept_for_a_while() {
        let memory = Memory::default();
        let begun = Instant::now();
        memory.keep("/quick".to_owned(), begun, &answer("quick"));
        tokio::time::advance(SLOW).await;
        memory.keep("/".to_owned(), begun, &answer("slow"));
        assert!(memory.recall("/quick").is_none());
        assert_eq!(memory.recall("/").unwrap().text, "slow");
        tokio::time::advance(SHOWN_FOR).await;
        assert!(memory.recall("/").is_none());
        memory.keep("/".to_owned(), begun, &answer("new"));
        assert_eq!(memory.recall("/").unwrap().text, "new");
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_few_answers_are_kept_and_old_ones_make_room() {
        let memory = Memory::default();
        let begun = Instant::now();
        let keep_many = |name: &str| {
            let names = (0..2 * MOST).map(|number| format!("{name}{number}"));
            names.for_each(|name| memory.keep(name, begun, &answer("")));
        };
        let kept = |name: &str| {
            let names = (0..2 * MOST).map(|number| format!("{name}{number}"));
            names.filter(|name| memory.recall(name).is_some()).count()
        };
        tokio::time::advance(SLOW).await;
        keep_many("a");
        assert_eq!(kept("a"), MOST);
        tokio::time::advance(SHOWN_FOR).await;
        keep_many("b");
        assert_eq!((kept("a"), kept("b")), (0, MOST));
    }
}
