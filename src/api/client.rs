//! Sends one request at a time to its answer: paced, retried, decoded.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::{Response, Url};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::body::{ACCEPTED_ENCODING, Packed, Unpacker, Unreadable};
use super::error::{ApiMessage, Error, ErrorKind, printable};
use super::limits::RateLimit;
use super::origin::Origin;
use super::pace::{Pace, Pacer};
use super::retry::{self, Limited, RetryPolicy, Tries};
use super::wire::{self, BodyError, Page, PageReader};
use crate::model::{Action, ActionId, Droplet, DropletId};
use crate::time::Timestamp;

/// Rows a page: the most the API gives.
pub const PER_PAGE: u64 = 200;

/// The largest answer that is read, decoded: forty times a page of 200 actions. Compressed answers can be bombs.
const MOST_BODY_BYTES: usize = 16 << 20;
/// The largest error answer that is read: enough for its words.
const MOST_ERROR_BYTES: usize = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest silence inside one answer. Users report pages that take 5 s.
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest one answer may take, however busily it trickles.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a client needs to know.
pub struct ClientSettings {
    /// Where the API is.
    pub origin: Origin,
    /// Whose actions to read. Sent to `origin`, and shown to nobody.
    pub token: SecretString,
    /// How fast to ask.
    pub pace: Pace,
    /// How patiently to ask again.
    pub retry: RetryPolicy,
    /// The time of day, for headers that name one.
    pub clock: fn() -> Timestamp,
    /// Is told of every request, retry and wait.
    pub on_event: Arc<dyn Fn(&Event<'_>) + Send + Sync>,
}

/// Something that happens on the way to an answer.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request goes out.
    Sent {
        /// Method, path and query.
        request: &'a str,
    },
    /// A request failed and is sent again after a wait.
    Retrying {
        /// Method, path and query.
        request: &'a str,
        /// What happened.
        reason: &'a ErrorKind,
        /// How long until then.
        wait: Duration,
    },
    /// An answer came, whatever it says.
    Answered {
        /// What it says of the limits.
        limit: &'a RateLimit,
    },
    /// A limit demands a wait before the next request.
    Waiting {
        /// How long.
        wait: Duration,
    },
}

/// The API, as one token sees it. Shared between tasks behind an [`Arc`].
pub struct Client {
    http: reqwest::Client,
    settings: ClientSettings,
    pacer: Mutex<Pacer>,
    reader: Mutex<PageReader>,
    rate_limit: Mutex<RateLimit>,
    unpacker: Unpacker,
    requests: AtomicU64,
    retries: AtomicU64,
}

/// What one try came to.
enum Attempt<T> {
    Done(T),
    /// Worth another try.
    Fault(ErrorKind),
    /// A 429, and what its headers say.
    Limited(RateLimit, ErrorKind),
    Final(ErrorKind),
}

impl Client {
    /// Prepares a client; sends nothing yet.
    ///
    /// # Errors
    /// When the TLS or proxy settings of this machine are unusable.
    pub fn new(settings: ClientSettings) -> Result<Self, Error> {
        // Fails only when a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("archiver/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .https_only(!settings.origin.is_loopback());
        if settings.origin.is_loopback() {
            // A proxy would get to see the token in clear text.
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| Error {
            request: "preparing the HTTP client".to_owned(),
            attempts: 1,
            kind: ErrorKind::Transport(describe(&error)),
        })?;
        Ok(Self {
            http,
            pacer: Mutex::new(Pacer::new(settings.pace)),
            settings,
            reader: Mutex::default(),
            rate_limit: Mutex::default(),
            unpacker: Unpacker::default(),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        })
    }

    /// A page (from 1) of every action of the account. Scope: `actions:read`.
    ///
    /// # Errors
    /// As every request: see [`Error`].
    pub async fn account_actions(&self, page: u64) -> Result<Page<Action>, Error> {
        self.actions("/v2/actions", page).await
    }

    /// A page (from 1) of the actions of one droplet. Scope: `droplet:read`. A droplet that was destroyed is a 404.
    ///
    /// # Errors
    /// As every request: see [`Error`].
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
    /// As every request: see [`Error`].
    pub async fn action(&self, id: ActionId) -> Result<Action, Error> {
        let decode = |body: &[u8]| lock(&self.reader).action(body);
        self.get(&format!("/v2/actions/{id}"), &[], decode).await
    }

    /// One action, by way of a droplet that listed it. Scope: `droplet:read`.
    ///
    /// # Errors
    /// As every request: see [`Error`].
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

    /// A page (from 1) of the droplets that exist now, or of those with this tag. Scope: `droplet:read`.
    ///
    /// # Errors
    /// As every request: see [`Error`].
    pub async fn droplets(&self, tag: Option<&str>, page: u64) -> Result<Page<Droplet>, Error> {
        let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
        let mut query = vec![("page", page.as_str()), ("per_page", per_page.as_str())];
        query.extend(tag.map(|tag| ("tag_name", tag)));
        self.get("/v2/droplets", &query, wire::droplets).await
    }

    /// The uuid of the account that the token belongs to, where the answer has one. Scope: `account:read`.
    ///
    /// # Errors
    /// As every request: see [`Error`].
    pub async fn account(&self) -> Result<Option<String>, Error> {
        let policy = self.settings.retry.for_a_courtesy();
        self.get_patiently(&policy, "/v2/account", &[], wire::account)
            .await
    }

    /// A short text by which the token is recognised again, but from which it cannot be found: 64 bits of a salted
    /// hash tell a few tokens apart.
    #[must_use]
    pub fn token_fingerprint(&self, salt: &str) -> String {
        fingerprint(salt, self.settings.token.expose_secret())
    }

    /// Requests sent so far, retries included.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests among them that repeated an earlier one.
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// What the latest answer said of the limits.
    #[must_use]
    pub fn rate_limit(&self) -> RateLimit {
        *lock(&self.rate_limit)
    }

    async fn actions(&self, path: &str, page: u64) -> Result<Page<Action>, Error> {
        let (page, per_page) = (page.to_string(), PER_PAGE.to_string());
        let decode = |body: &[u8]| lock(&self.reader).actions(body);
        self.get(path, &[("page", &page), ("per_page", &per_page)], decode)
            .await
    }

    async fn get<T>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        decode: impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Result<T, Error> {
        self.get_patiently(&self.settings.retry, path, query, decode)
            .await
    }

    async fn get_patiently<T>(
        &self,
        policy: &RetryPolicy,
        path: &str,
        query: &[(&str, &str)],
        decode: impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Result<T, Error> {
        let url = self.settings.origin.join(path, query);
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
            let attempt = self.attempt(&request, &url, timeout, &decode).await;
            tries.took(started.elapsed());
            let attempts = tries.failed() + 1;
            let (wait, reason) = match attempt {
                Attempt::Done(value) => return Ok(value),
                Attempt::Final(kind) => return failed(attempts, kind),
                Attempt::Fault(kind) => match tries.after_fault(jitter()) {
                    Some(wait) => (wait, kind),
                    None => return failed(attempts, kind),
                },
                Attempt::Limited(limit, kind) => {
                    match tries.after_limit(&limit, (self.settings.clock)(), jitter()) {
                        Limited::Wait(wait) => (wait, kind),
                        Limited::ComeBackAt(until) => {
                            return failed(attempts, ErrorKind::RateLimited { until });
                        }
                    }
                }
            };
            self.tell(&Event::Retrying {
                request: &request,
                reason: &reason,
                wait,
            });
            tokio::time::sleep(wait).await;
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn keep_pace(&self) {
        let now = Instant::now();
        let departure = lock(&self.pacer).next_departure(now);
        if departure > now {
            self.tell(&Event::Waiting {
                wait: departure - now,
            });
            tokio::time::sleep_until(departure).await;
        }
    }

    /// Waits while sending would touch the reserve; `Some` time to come back when that takes too long.
    async fn keep_reserve(&self) -> Option<Timestamp> {
        let limit = self.rate_limit();
        let now = (self.settings.clock)();
        let wait = self.settings.pace.wait_for_reserve(&limit, now)?;
        if wait > self.settings.retry.longest_limit_wait {
            return limit.reset_at;
        }
        self.tell(&Event::Waiting { wait });
        tokio::time::sleep(wait).await;
        None
    }

    async fn attempt<T>(
        &self,
        request: &str,
        url: &Url,
        timeout: Duration,
        decode: &impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Attempt<T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.tell(&Event::Sent { request });
        tokio::time::timeout(timeout, self.exchange(url, decode))
            .await
            .unwrap_or_else(|_| {
                let seconds = timeout.as_secs();
                Attempt::Fault(ErrorKind::Transport(format!(
                    "no whole answer within {seconds} s"
                )))
            })
    }

    async fn exchange<T>(
        &self,
        url: &Url,
        decode: &impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Attempt<T> {
        let token = self.settings.token.expose_secret();
        let request = self.http.get(url.clone()).bearer_auth(token);
        let request = request.header(reqwest::header::ACCEPT_ENCODING, ACCEPTED_ENCODING);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Attempt::Fault(ErrorKind::Transport(describe(&error))),
        };
        let limit = RateLimit::from_headers(response.headers(), (self.settings.clock)());
        if limit.remaining.is_some() {
            *lock(&self.rate_limit) = limit;
        }
        self.tell(&Event::Answered { limit: &limit });
        let status = response.status();
        if !status.is_success() {
            return self.refused(response, limit).await;
        }
        match self.unpacked(response, MOST_BODY_BYTES, decode).await {
            Err(kind) => Attempt::Fault(kind),
            Ok(decoded) => match decoded {
                Ok(value) => Attempt::Done(value),
                Err(reason) => {
                    Attempt::Fault(ErrorKind::Body(self.without_token(reason.to_string())))
                }
            },
        }
    }

    /// An answer that is no success, sorted by what to do about it.
    async fn refused<T>(&self, response: Response, limit: RateLimit) -> Attempt<T> {
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            return Attempt::Final(ErrorKind::Redirect { status });
        }
        let request_id = response
            .headers()
            .get("x-request-id")
            .and_then(|value| value.to_str().ok());
        let request_id = request_id.map(str::to_owned);
        // The words are a courtesy: an error answer that breaks off is still that error.
        let message = |body: &[u8]| wire::message(status, body);
        let message = self.unpacked(response, MOST_ERROR_BYTES, message).await;
        let mut message: ApiMessage = message.unwrap_or_else(|_| wire::message(status, b""));
        message.request_id = message.request_id.or(request_id);
        for text in [
            &mut message.id,
            &mut message.message,
            &mut message.request_id,
        ] {
            *text = text.take().map(|text| self.without_token(text));
        }
        let kind = ErrorKind::Status(message);
        match status {
            429 => Attempt::Limited(limit, kind),
            _ if retry::is_fault(status) => Attempt::Fault(kind),
            _ => Attempt::Final(kind),
        }
    }

    /// What `read` makes of the body of an answer.
    async fn unpacked<T>(
        &self,
        response: Response,
        most_bytes: usize,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, ErrorKind> {
        let unpacked = match Packed::read(response, most_bytes).await {
            Ok(packed) => self.unpacker.unpack(&packed, most_bytes, read),
            Err(unreadable) => Err(unreadable),
        };
        unpacked.map_err(|unreadable| match unreadable {
            Unreadable::Broken(error) => ErrorKind::Transport(describe(&error)),
            Unreadable::Malformed(reason) => ErrorKind::Body(reason),
        })
    }

    /// A server may repeat what it was sent; what it says goes into messages and into the archive.
    fn without_token(&self, text: String) -> String {
        let token = self.settings.token.expose_secret();
        if text.contains(token) {
            text.replace(token, "[token]")
        } else {
            text
        }
    }

    fn tell(&self, event: &Event<'_>) {
        (self.settings.on_event)(event);
    }
}

fn fingerprint(salt: &str, token: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, salt.as_bytes());
    let hash = ring::hmac::sign(&key, token.as_bytes());
    hash.as_ref()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The innermost cause, which is where `reqwest` hides what happened, without the address.
fn describe(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let cause = printable(&innermost.to_string());
    if error.is_timeout() && error.is_connect() {
        format!("no connection within {} s", CONNECT_TIMEOUT.as_secs())
    } else if error.is_timeout() {
        format!("no answer for {} s", READ_TIMEOUT.as_secs())
    } else if error.is_connect() {
        format!("cannot connect: {cause}")
    } else {
        format!("the connection broke: {cause}")
    }
}

/// A number in `[0, 1)`, different each time: spreading waits needs no better randomness than a hash map's.
fn jitter() -> f64 {
    let random = RandomState::new().build_hasher().finish();
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let fraction = (random >> 11) as f64 / (1_u64 << 53) as f64;
    fraction
}

/// The values behind these locks are whole after every statement, so a panic elsewhere does not spoil them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
