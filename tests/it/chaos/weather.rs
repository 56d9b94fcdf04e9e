//! The faults around one sync.

use std::time::Duration;

use super::staleness::Staleness;
use crate::cloud::{Cloud, Fault, FaultRule, Order, Random};

/// Answers that are wrong although they seem right.
const LIES: [Fault; 11] = [
    Fault::TotalOffBy(7),
    Fault::TotalOffBy(-7),
    Fault::TotalOffBy(200),
    Fault::TotalOffBy(-200),
    Fault::WrongTotal(0),
    Fault::WrongTotal(48_392_811),
    Fault::MissingTotal,
    Fault::ShortPage(3),
    Fault::RepeatedRows(5),
    Fault::UnknownOrder,
    Fault::LoopingNext,
];

/// How a sync is ended early, if at all: after this many further requests.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Natural,
    Kill(usize),
    Terminate(usize),
}

impl End {
    pub(super) fn drawn(random: &mut Random) -> Self {
        let after = random.below(16);
        match random.below(10) {
            0..4 => Self::Natural,
            4..8 => Self::Kill(after),
            _ => Self::Terminate(after),
        }
    }
}

/// The event in the account, during a sync after this many requests, or between two syncs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    pub(super) after: usize,
    pub(super) grows: usize,
    pub(super) settles: bool,
    /// Chooses the droplet that is destroyed, if any.
    pub(super) destroys: Option<usize>,
}

impl Event {
    pub(super) fn during_a_sync(random: &mut Random) -> Self {
        let growth = random.below(300);
        let going = random.below(1_000);
        Self {
            after: 1 + random.below(8),
            grows: if random.chance(0.3) { growth } else { 0 },
            settles: random.chance(0.3),
            destroys: random.chance(0.15).then_some(going),
        }
    }

    pub(super) fn between_syncs(random: &mut Random) -> Self {
        const GROWTH: [usize; 7] = [0, 1, 40, 199, 200, 201, 650];
        let going = random.below(1_000);
        Self {
            after: 0,
            grows: GROWTH[random.below(GROWTH.len())],
            settles: random.chance(0.4),
            destroys: random.chance(0.2).then_some(going),
        }
    }
}

/// Breaks the answers of the cloud, and lets the account grow between them. Returns a description.
pub(super) fn worsen(random: &mut Random, cloud: &Cloud) -> String {
    let mut lies = Vec::new();
    const GROWTH: [usize; 7] = [0, 0, 0, 1, 3, 20, 40];
    let (share, seed) = (random.fraction() * 0.12, random.word());
    if random.chance(0.6) {
        cloud.break_with(FaultRule::mix(share, seed));
    }
    for lie in LIES {
        let (page, times) = (1 + random.below(6) as u64, 1 + random.below(3) as u64);
        if random.chance(0.06) {
            lies.push(format!("{lie:?} on page {page}, {times} times"));
            let rule = FaultRule::new(lie).path("/actions?").page(page);
            cloud.break_with(rule.times(times));
        }
    }
    let growth = GROWTH[random.below(GROWTH.len())];
    let latency = Duration::from_millis(random.below(12) as u64);
    let settles = random.chance(0.2).then_some(1 + random.below(20) as u32);
    // An action in progress that is not on the newest page costs one request.
    let growth = if settles.is_some() {
        growth.min(3)
    } else {
        growth
    };
    let order = match random.below(25) {
        0 => Order::OldestFirst,
        1 => Order::Scattered,
        _ => Order::NewestFirst,
    };
    cloud.change(|options| {
        options.grow_per_request = growth;
        options.latency = latency;
        options.settle_after_requests = settles;
        options.order = order;
    });
    format!(
        "{order:?}, {growth} new before each answer, {settles:?} until actions settle, lies: {lies:?}"
    )
}

/// Ends all faults.
pub(super) fn calm(cloud: &Cloud) {
    cloud.clear_faults();
    Staleness::ends(cloud);
    // Actions in progress stay so until the test settles them.
    cloud.change(|options| options.settle_after_requests = Some(u32::MAX));
    cloud.change(|options| {
        options.grow_per_request = 0;
        options.latency = Duration::ZERO;
        options.settle_after_requests = None;
        options.order = Order::NewestFirst;
    });
}
