//! What an account holds at the start, and how the API behaves; most of it can change while it serves.

use std::collections::BTreeSet;
use std::time::Duration;

use super::limits::Limit;
use super::staleness::{PageCache, Replicas};

/// The scopes that the simulated endpoints ask for.
pub const SCOPES: &[&str] = &[
    "account:read",
    "actions:read",
    "droplet:read",
    "regions:read",
    "sizes:read",
    "tag:read",
];

/// In which order listings of actions come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As observed at the API.
    #[default]
    NewestFirst,
    /// The other way round: new actions appear on the last page.
    OldestFirst,
    /// None at all, but the same for every request.
    Scattered,
}

/// What [`super::Cloud::start`] needs to know. `Options::default()` is a small account with the API's real limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// Droplets in the history, the destroyed ones included.
    pub droplets: usize,
    /// Actions in the account's listing, exactly.
    pub actions: usize,
    /// The same seed gives the same history, given the same `now`.
    pub seed: u64,
    /// The share of the droplets that are gone.
    pub destroyed: f64,
    /// How many of the droplets that exist have GPUs, the newest first: the list of droplets shows them on request only.
    pub gpus: usize,
    /// How many of the newest actions still run; small accounts have fewer.
    pub in_progress: usize,
    /// Whether droplets' own listings show a few actions that are recorded of a volume.
    pub volumes_on_droplets: bool,
    /// Where the history begins, in seconds since 1970.
    pub from: i64,
    /// The account's time, in seconds since 1970; the real time when absent.
    pub now: Option<i64>,
    /// 0 for a free one.
    pub port: u16,
    /// The only token that is accepted.
    pub token: String,
    /// What the token may do; all of [`SCOPES`] by default.
    pub scopes: BTreeSet<String>,
    /// Whether answers are compressed for clients that accept it.
    pub gzip: bool,
    /// How long every answer takes.
    pub latency: Duration,
    /// 5,000 requests per hour.
    pub hourly: Limit,
    /// 250 requests per minute.
    pub minute: Limit,
    /// New actions that appear before each request for actions is answered.
    pub grow_per_request: usize,
    /// After how many requests for actions an action in progress is settled; never by itself when absent.
    pub settle_after_requests: Option<u32>,
    /// In which order actions are listed.
    pub order: Order,
    /// From which copies of the account listings of actions are answered; from the account itself by default.
    pub replicas: Replicas,
    /// What keeps pages of actions, if anything does. Whoever changes it empties it.
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
