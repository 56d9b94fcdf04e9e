//! The initial content of an account and the behaviour of the API. Most options can change while it serves.

use std::collections::BTreeSet;
use std::time::Duration;

use super::limits::Limit;
use super::staleness::{PageCache, Replicas};

/// The scopes of the simulated endpoints.
pub const SCOPES: &[&str] = &[
    "account:read",
    "actions:read",
    "droplet:read",
    "regions:read",
    "sizes:read",
    "tag:read",
];

/// The order of listings of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As observed at the API.
    #[default]
    NewestFirst,
    /// The reverse: new actions appear on the last page.
    OldestFirst,
    /// No meaningful order, but the same for every request.
    Scattered,
}

/// The options of [`super::Cloud::start`]. `Options::default()` is a small account with the API's real limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// Droplets in the history, the destroyed ones included.
    pub droplets: usize,
    /// Actions in the account's listing, exactly.
    pub actions: usize,
    /// The same seed and the same `now` give the same history.
    pub seed: u64,
    /// The share of the droplets that are gone.
    pub destroyed: f64,
    /// The number of existing droplets with GPUs, the newest first. The list of droplets shows them on request only.
    pub gpus: usize,
    /// The number of newest actions that are in progress; small accounts have fewer.
    pub in_progress: usize,
    /// True when droplets' own listings show a few actions that are recorded for a volume.
    pub volumes_on_droplets: bool,
    /// The begin of the history, in seconds since 1970.
    pub from: i64,
    /// The account's time, in seconds since 1970; `None` for the real time.
    pub now: Option<i64>,
    /// The port; 0 for a free port.
    pub port: u16,
    /// The only accepted token.
    pub token: String,
    /// The scopes of the token; all of [`SCOPES`] by default.
    pub scopes: BTreeSet<String>,
    /// True when answers are compressed for clients that accept it.
    pub gzip: bool,
    /// The delay of every answer.
    pub latency: Duration,
    /// 5,000 requests per hour.
    pub hourly: Limit,
    /// 250 requests per minute.
    pub minute: Limit,
    /// The number of new actions that appear before each request for actions is answered.
    pub grow_per_request: usize,
    /// The number of requests for actions after which an action in progress settles; `None` for never.
    pub settle_after_requests: Option<u32>,
    /// The order of listings of actions.
    pub order: Order,
    /// The copies of the account that answer requests for listings of actions; the account itself by default.
    pub replicas: Replicas,
    /// The cache of pages of actions, if any. A change of it clears its content.
    pub cache: Option<PageCache>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            droplets: 20,
            actions: 1000,
            seed: 1,
            destroyed: 0.1,
            gpus: 0,
            in_progress: 3,
            volumes_on_droplets: true,
            from: 1_546_300_800, // 2019-01-01T00:00:00Z
            now: None,
            port: 0,
            token: "dop_v1_simulator".to_owned(),
            scopes: SCOPES.iter().map(|&scope| scope.to_owned()).collect(),
            gzip: true,
            latency: Duration::ZERO,
            hourly: Limit {
                requests: Some(5000),
                window: Duration::from_secs(3600),
            },
            minute: Limit {
                requests: Some(250),
                window: Duration::from_secs(60),
            },
            grow_per_request: 0,
            settle_after_requests: None,
            order: Order::NewestFirst,
            replicas: Replicas::default(),
            cache: None,
        }
    }
}

impl Options {
    /// An account of this size, without limits on the rate of requests.
    #[must_use]
    pub fn unlimited(droplets: usize, actions: usize) -> Self {
        let mut options = Self {
            droplets,
            actions,
            ..Self::default()
        };
        options.hourly.requests = None;
        options.minute.requests = None;
        options
    }
}
