//! Slow answers, kept so that the next reader does not wait for them.
//!
//! A kept answer is current while the archive is as it was, for a minute, because some answers depend on the time. After
//! that it is still shown for a few minutes, and renewed meanwhile: every page says when it was written. An older one is
//! not shown any more, nor any of an archive that is gone.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use tokio::time::Instant;

use crate::core::threads::lock;

/// A quicker answer is not worth its memory.
const SLOW: Duration = Duration::from_millis(500);
const CURRENT_FOR: Duration = Duration::from_secs(60);
const SHOWN_FOR: Duration = Duration::from_secs(300);
/// The number of kept answers. Each has a few megabytes at most.
const MOST: usize = 8;

/// The state of the archives: the time and the length of each file, and of the file beside it while a sync writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArchiveState(Vec<[Option<(SystemTime, u64)>; 2]>);

impl ArchiveState {
    fn exists(&self) -> bool {
        self.0.iter().any(|[file, _]| file.is_some())
    }

    pub(super) fn of(archives: &[PathBuf]) -> Self {
        let state = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        let states = archives.iter().map(|archive| {
            let mut wal = archive.as_os_str().to_owned();
            wal.push("-wal");
            [state(archive), state(&PathBuf::from(wal))]
        });
        Self(states.collect())
    }
}

/// The kept answers, by their addresses.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<String, Kept>>);

struct Kept {
    state: ArchiveState,
    at: Instant,
    is_being_renewed: bool,
    answer: Bytes,
}

/// A kept answer.
pub(super) struct Recalled {
    pub(super) answer: Bytes,
    /// True when the caller is the one to renew it.
    pub(super) is_to_renew: bool,
}

impl Memory {
    pub(super) fn recall(&self, address: &str, state: &ArchiveState) -> Option<Recalled> {
        let mut kept = lock(&self.0);
        let is_shown = |kept: &Kept| kept.at.elapsed() < SHOWN_FOR;
        if !state.exists() || !kept.get(address).is_some_and(is_shown) {
            kept.remove(address);
            return None;
        }
        let kept = kept.get_mut(address)?;
        let is_current = kept.state == *state && kept.at.elapsed() < CURRENT_FOR;
        let is_to_renew = !is_current && !kept.is_being_renewed;
        kept.is_being_renewed |= is_to_renew;
        Some(Recalled {
            answer: kept.answer.clone(),
            is_to_renew,
        })
    }

    /// Keeps an answer that took long. `asked_at` is when its command began, and `state` is from before that.
    pub(super) fn keep(
        &self,
        address: &str,
        state: ArchiveState,
        asked_at: Instant,
        answer: &Bytes,
    ) {
        let mut kept = lock(&self.0);
        if asked_at.elapsed() < SLOW {
            kept.remove(address);
            return;
        }
        let oldest = kept.iter().min_by_key(|(_, kept)| kept.at);
        if let Some(oldest) = oldest.map(|(address, _)| address.clone())
            && kept.len() >= MOST
            && !kept.contains_key(address)
        {
            kept.remove(&oldest);
        }
        let answer = Kept {
            state,
            at: Instant::now(),
            is_being_renewed: false,
            answer: answer.clone(),
        };
        kept.insert(address.to_owned(), answer);
    }

    /// Forgets an answer, such as one that could not be renewed.
    pub(super) fn forget(&self, address: &str) {
        lock(&self.0).remove(address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(length: u64) -> ArchiveState {
        ArchiveState(vec![[Some((SystemTime::UNIX_EPOCH, length)), None]])
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_is_current_until_the_archive_changes_and_then_renewed_by_one() {
        let memory = Memory::default();
        let begun = Instant::now();
        memory.keep("/quick", state(1), begun, &Bytes::from_static(b"quick"));
        tokio::time::advance(SLOW).await;
        memory.keep("/", state(1), begun, &Bytes::from_static(b"slow"));
        assert!(memory.recall("/quick", &state(1)).is_none());
        let renews = |state| memory.recall("/", &state).unwrap().is_to_renew;
        assert!(!renews(state(1)));
        assert!(renews(state(2)));
        assert!(!renews(state(2)));
        memory.keep("/", state(2), begun, &Bytes::from_static(b"new"));
        assert_eq!(memory.recall("/", &state(2)).unwrap().answer, "new");
        tokio::time::advance(CURRENT_FOR).await;
        assert!(renews(state(2)));
        tokio::time::advance(SHOWN_FOR).await;
        assert!(memory.recall("/", &state(2)).is_none());
        memory.keep("/", state(2), begun, &Bytes::new());
        assert!(
            memory
                .recall("/", &ArchiveState(vec![[None, None]]))
                .is_none()
        );
        memory.keep("/", state(2), begun, &Bytes::new());
        memory.forget("/");
        assert!(memory.recall("/", &state(2)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_latest_answers_are_kept() {
        let memory = Memory::default();
        let begun = Instant::now();
        for number in 0..2 * MOST {
            tokio::time::advance(SLOW).await;
            memory.keep(&number.to_string(), state(1), begun, &Bytes::new());
        }
        let is_kept = |number: &usize| memory.recall(&number.to_string(), &state(1)).is_some();
        assert_eq!((0..2 * MOST).filter(is_kept).count(), MOST);
        assert!(is_kept(&(2 * MOST - 1)));
    }
}
