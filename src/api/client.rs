//! Sends one request at a time until it has an answer: paced, retried, decoded.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::error::{Error, ErrorKind};
use super::error::{Event, OnEvent};
use super::exchange::{ANSWER_TIMEOUT, Failed, Next, Sender};
use super::origin::Origin;
use super::pace::{Limit, RateLimit, SharedPacer};
use super::retry::{LONGEST_LIMIT_SECONDS, Limited, RetryPolicy, Tries};
use super::scope::TokenScope;
use super::wire::{self, BodyError, Page, PageReader};
use crate::core::model::{Account, Action, ActionId, Droplet, DropletId};
use crate::core::threads::lock;
use crate::core::time::Timestamp;

/// Rows per page: the most that the API gives.
pub const PER_PAGE: u64 = 200;

/// The droplets to list. The API lists droplets with GPUs only separately, and selections cannot be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropletSelection<'a> {
    /// Droplets without GPUs.
    AllButGpus,
    /// Droplets with GPUs.
    Gpus,
    /// Droplets with this tag.
    Tagged(&'a str),
}

/// The settings of a client.
pub struct ClientSettings {
    /// The address of the API.
    pub origin: Origin,
    /// The token of the account. It is sent only to `origin`, and never shown.
    pub token: SecretString,
    /// The pace of requests, and the log of earlier ones.
    pub pacer: SharedPacer,
    /// The rules for retries.
    pub retry: RetryPolicy,
    /// The current time, for headers with a date.
    pub clock: fn() -> Timestamp,
    /// The callback for every request, retry and wait.
    pub on_event: OnEvent,
}

/// Without the token, and without the fields that people cannot read.
impl fmt::Debug for ClientSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ClientSettings")
            .field("origin", &self.origin)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// The API as one token sees it. Tasks share it behind an [`Arc`](std::sync::Arc).
pub struct Client {
    sender: Sender,
    origin: Origin,
    pacer: SharedPacer,
    retry: RetryPolicy,
    clock: fn() -> Timestamp,
    reader: Mutex<PageReader>,
    retries: AtomicU64,
}

/// Without the token.
impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("origin", &self.origin)
            .field("requests", &self.requests())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Prepares a client. Sends nothing yet.
    ///
    /// # Errors
    /// When the TLS or proxy settings of this machine are unusable.
    pub fn new(settings: ClientSettings) -> Result<Self, Error> {
        let ClientSettings {
            origin,
            token,
            pacer,
            retry,
            clock,
            on_event,
        } = settings;
        Ok(Self {
            sender: Sender::new(origin.url(), &token, clock, on_event)?,
            origin,
            pacer,
            retry,
            clock,
            reader: Mutex::default(),
            retries: AtomicU64::new(0),
        })
    }

    /// A page (from 1) of every action of the account. Scope: `actions:read`.
    ///
    /// # Errors
    /// Like every request: see [`Error`].
    pub async fn account_actions(&self, page: u64) -> Result<Page<Action>, Error> {
        self.actions("/v2/actions", page).await
    }

    /// A page (from 1) of the actions of one droplet. Scope: `droplet:read`. A destroyed droplet is a 404.
    ///
    /// # Errors
    /// Like every request: see [`Error`].
    pub async fn droplet_actions(
        &self,
        droplet_id: DropletId,
        page: u64,
    ) -> Result<Page<Action>, Error> {
        self.actions(&format!("/v2/droplets/{droplet_id}/actions"), page)
            .await
    }

    /// One action. Scope: `actions:read`.
    ///
    /// # Errors
    /// Like every request: see [`Error`].
    pub async fn action(&self, id: ActionId) -> Result<Action, Error> {
        let decode = |body: &[u8]| lock(&self.reader).action(body);
        self.get(&format!("/v2/actions/{id}"), &[], decode).await
    }

    /// One action, through the droplet that listed it. Scope: `droplet:read`.
    ///
    /// # Errors
    /// Like every request: see [`Error`].
    pub async fn droplet_action(
        &self,
        droplet_id: DropletId,
        id: ActionId,
    ) -> Result<Action, Error> {
        let decode = |body: &[u8]| lock(&self.reader).action(body);
        self.get(
            &format!("/v2/droplets/{droplet_id}/actions/{id}"),
            &[],
            decode,
        )
        .await
    }

    /// A page (from 1) of the droplets that exist now. Scope: `droplet:read`, and also `tag:read` to select by tag.
    ///
    /// # Errors
    /// Like every request: see [`Error`].
    pub async fn droplets(
        &self,
        selection: DropletSelection<'_>,
        page: u64,
    ) -> Result<Page<Droplet>, Error> {
        let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
        let mut query = vec![("page", page.as_str()), ("per_page", per_page.as_str())];
        match selection {
            DropletSelection::AllButGpus => {}
            DropletSelection::Gpus => query.push(("type", "gpus")),
            DropletSelection::Tagged(tag) => query.push(("tag_name", tag)),
        }
        let mut page = self.get("/v2/droplets", &query, wire::droplets).await?;
        self.sender.take_token_out_of_rejections(&mut page);
        Ok(page)
    }

    /// One droplet. Scope: `droplet:read`. A destroyed droplet is a 404.
    ///
    /// # Errors
    /// Like every request: see [`Error`].
    pub async fn droplet(&self, id: DropletId) -> Result<Droplet, Error> {
        self.get(&format!("/v2/droplets/{id}"), &[], wire::droplet)
            .await
    }

    /// The account of the token, as far as the answer shows it. Scope: `account:read`.
    ///
    /// # Errors
    /// Like every request: see [`Error`].
    pub async fn account(&self) -> Result<Account, Error> {
        let policy = self.retry.for_a_courtesy();
        self.get_patiently(&policy, "/v2/account", &[], wire::account)
            .await
    }

    /// Sends the smallest request that needs a scope. Success proves that the token has the scope. Among the errors,
    /// only a [403 of the API itself](Error::is_missing_scope) proves that the scope is missing.
    ///
    /// # Errors
    /// Like every request: see [`Error`].
    pub async fn try_scope(&self, scope: TokenScope) -> Result<(), Error> {
        let (path, parameters, member) = scope.probe();
        let mut query = vec![("page", "1"), ("per_page", "1")];
        query.extend(parameters);
        let policy = self.retry.for_a_courtesy();
        let decode = |body: &[u8]| wire::holds_list(body, member);
        self.get_patiently(&policy, path, &query, decode).await
    }

    /// A short text that recognises the token again but does not reveal it. The 64 bits of a salted hash are enough to
    /// tell a few tokens apart.
    #[must_use]
    pub fn token_fingerprint(&self, salt: &str) -> String {
        self.sender.token_fingerprint(salt)
    }

    /// Requests sent so far, retries included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.sender.requests.load(Ordering::Relaxed)
    }

    /// The number of requests that repeated an earlier one.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// The number of requests that failed because of the network or the server: no connection, an answer that broke
    /// off, stalled or cannot be read, 408, or 5xx. A 429 is an instruction and a refusal is an answer, so neither
    /// counts.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.sender.faults.load(Ordering::Relaxed)
    }

    /// The limits in the latest answer.
    #[must_use]
    pub fn rate_limit(&self) -> RateLimit {
        *lock(&self.sender.rate_limit)
    }

    async fn actions(&self, path: &str, page: u64) -> Result<Page<Action>, Error> {
        let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
        let decode = |body: &[u8]| lock(&self.reader).actions(body);
        let query = [("page", page.as_str()), ("per_page", &per_page)];
        let mut page = self.get(path, &query, decode).await?;
        self.sender.take_token_out_of_rejections(&mut page);
        Ok(page)
    }

    async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        decode: impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Result<T, Error> {
        self.get_patiently(&self.retry, path, query, decode).await
    }

    async fn get_patiently<T>(
        &self,
        policy: &RetryPolicy,
        path: &str,
        query: &[(&str, &str)],
        decode: impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Result<T, Error> {
        let url = self.origin.join(path, query);
        let request = match url.query() {
            Some(query) => format!("GET {path}?{query}"),
            None => format!("GET {path}"),
        };
        let mut tries = Tries::new(policy);
        let failed = |attempts, kind| {
            Err(Error {
                request: request.clone(),
                attempts,
                kind,
            })
        };
        loop {
            self.keep_pace().await;
            if let Some(until) = self.keep_reserve().await {
                return failed(tries.failed(), ErrorKind::RateLimited { until });
            }
            let started = Instant::now();
            let timeout = tries.time_left().min(ANSWER_TIMEOUT);
            let answer = self.sender.attempt(&request, &url, timeout, &decode).await;
            tries.took(started.elapsed());
            let attempts = tries.failed() + 1;
            let (wait, reason) = match answer {
                Ok(value) => return Ok(value),
                Err(error) => match self.after(error, &mut tries) {
                    Ok(again) => again,
                    Err(kind) => return failed(attempts, kind),
                },
            };
            self.sender.tell(&Event::Retrying {
                request: &request,
                reason: &reason,
                wait,
            });
            tokio::time::sleep(wait).await;
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Decides whether to send a request again: after this wait, for this reason. The error is final.
    fn after(
        &self,
        error: Failed,
        tries: &mut Tries<'_>,
    ) -> Result<(Duration, ErrorKind), ErrorKind> {
        let kind = error.kind;
        match error.next {
            Next::GiveUp => Err(kind),
            Next::Retry => match tries.after_fault(fastrand::f64()) {
                Some(wait) => Ok((wait, kind)),
                None => Err(kind),
            },
            Next::Wait(limit) => match tries.after_limit(&limit, (self.clock)(), fastrand::f64()) {
                Limited::Wait(wait) => Ok((wait, kind)),
                Limited::ComeBackAt(until) => Err(ErrorKind::RateLimited { until }),
            },
        }
    }

    async fn keep_pace(&self) {
        let now = Instant::now();
        let (departure, limit) = self.pacer.next_departure(now);
        if departure > now {
            self.sender.tell(&Event::Waiting {
                limit,
                wait: departure - now,
            });
            tokio::time::sleep_until(departure).await;
        }
    }

    /// Waits while a request would use up the reserve. Returns the time to come back when the wait would be too long.
    async fn keep_reserve(&self) -> Option<Timestamp> {
        let limit = self.rate_limit();
        let now = (self.clock)();
        let wait = self.pacer.pace().wait_for_reserve(&limit, now)?;
        if wait > self.retry.longest_limit_wait {
            let farthest = now.saturating_add_seconds(LONGEST_LIMIT_SECONDS);
            return limit.reset_at.map(|reset_at| reset_at.min(farthest));
        }
        let limit = Limit::Reserve(self.pacer.pace().reserve);
        self.sender.tell(&Event::Waiting { limit, wait });
        tokio::time::sleep(wait).await;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::pace::Pace;
    use super::*;

    #[test]
    fn neither_a_client_nor_its_settings_show_the_token() {
        let settings = ClientSettings {
            origin: Origin::parse(Origin::DIGITALOCEAN).unwrap(),
            token: "dop_v1_canary".into(),
            pacer: SharedPacer::new(Pace::default()),
            retry: RetryPolicy::default(),
            clock: || Timestamp::from_epoch_seconds(0).unwrap(),
            on_event: Arc::new(|_| ()),
        };
        let before = format!("{settings:?} {settings:#?}");
        let client = Client::new(settings).unwrap();
        let shown = format!("{before} {client:?} {client:#?}");
        assert!(shown.contains("api.digitalocean.com"), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
    }
}
