//! A simulation of paced requests and of a server that counts them, on a virtual clock.
//!
//! The server counts arrivals in exact sliding windows and refuses each request above the limit, as the API does.
//! Requests take different times to arrive, so they overtake one another. A pacer that sees only departures can get
//! this wrong. `benches/figures` includes this file too.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::{Pace, Pacer};

/// The result of a simulation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// The time from the first departure to the last.
    pub(crate) took: Duration,
    pub(crate) answered: u64,
    /// Requests that were answered with 429.
    pub(crate) refused: u64,
}

/// Milliseconds on the way to the server.
const WAY: (u64, u64) = (10, 450);
/// Milliseconds from the server to the complete answer.
const ANSWER: (u64, u64) = (20, 600);

/// Sends `requests` requests, `at_once` of them at the same time, at the default pace.
pub(crate) fn simulate(requests: u64, at_once: usize, seed: u64) -> Outcome {
    let start = Instant::now();
    let mut random = Random(seed);
    let mut pacer = Pacer::new(Pace::default());
    // The time when each sender is free again.
    let mut free = vec![start; at_once.max(1)];
    let mut arrivals = Vec::new();
    let mut last = start;
    for _ in 0..requests {
        free.sort_unstable();
        let departure = pacer.next_departure(free[0]);
        let arrival = departure + random.milliseconds(WAY);
        free[0] = arrival + random.milliseconds(ANSWER);
        arrivals.push(arrival);
        last = last.max(departure);
    }
    arrivals.sort_unstable();
    let mut server = Server::default();
    let admitted = arrivals.iter().filter(|arrival| server.admits(**arrival));
    let answered = admitted.count() as u64;
    Outcome {
        took: last - start,
        answered,
        refused: requests - answered,
    }
}

/// The arrivals that still count for each limit.
#[derive(Default)]
struct Server {
    minute: VecDeque<Instant>,
    hour: VecDeque<Instant>,
}

impl Server {
    fn admits(&mut self, now: Instant) -> bool {
        for (window, seconds) in [(&mut self.minute, 60), (&mut self.hour, 3_600)] {
            while window
                .front()
                .is_some_and(|at| now - *at >= Duration::from_secs(seconds))
            {
                window.pop_front();
            }
        }
        let admits = self.minute.len() < 250 && self.hour.len() < 5_000;
        if admits {
            self.minute.push_back(now);
            self.hour.push_back(now);
        }
        admits
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn milliseconds(&mut self, (least, most): (u64, u64)) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis(least + (word ^ (word >> 31)) % (most - least + 1))
    }
}
