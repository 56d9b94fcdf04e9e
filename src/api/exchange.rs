//! One try: sends a request, and classifies the answer by the next step.
//!
//! Requests and faults are counted here, because only this module can tell them apart. A try that failed because of the
//! network or the server is a fault. A 429 is an instruction, and a refusal is an answer.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION};
use reqwest::{Response, Url};
use secrecy::SecretString;

use super::body::{ACCEPTED_ENCODING, Packed, Unpacker, Unreadable};
use super::error::{ApiMessage, Error, ErrorKind, printable};
use super::error::{Event, OnEvent};
use super::http;
use super::http::Bearer;
use super::pace::RateLimit;
use super::retry;
use super::wire::{self, BodyError, Page};
use crate::core::time::Timestamp;

/// The largest answer that is read, after unpacking: forty times a page of 200 actions. A compressed answer can be a
/// bomb.
const MOST_BODY_BYTES: usize = 16 << 20;
/// The largest error answer that is read: enough for its message.
const MOST_ERROR_BYTES: usize = 64 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest silence inside one answer. Users report pages that take 5 s.
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// The longest time for one answer, even if data still arrives.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Sends requests with a token, each of them once, without retries.
pub(super) struct Sender {
    http: reqwest::Client,
    bearer: Bearer,
    clock: fn() -> Timestamp,
    on_event: OnEvent,
    unpacker: Unpacker,
    rate_limit: Mutex<RateLimit>,
    requests: AtomicU64,
    faults: AtomicU64,
}

/// The result of one try. None of its texts contains the token.
pub(super) enum Attempt<T> {
    Done(T),
    /// Worth another try.
    Fault(ErrorKind),
    /// A 429, and the limits in its headers.
    Limited(RateLimit, ErrorKind),
    Final(ErrorKind),
}

impl<T> Attempt<T> {
    fn with_kind(self, change: impl FnOnce(ErrorKind) -> ErrorKind) -> Self {
        match self {
            Self::Done(value) => Self::Done(value),
            Self::Fault(kind) => Self::Fault(change(kind)),
            Self::Limited(limit, kind) => Self::Limited(limit, change(kind)),
            Self::Final(kind) => Self::Final(change(kind)),
        }
    }
}

impl Sender {
    /// Prepares to send requests to this address.
    pub(super) fn new(
        url: &Url,
        token: &SecretString,
        clock: fn() -> Timestamp,
        on_event: OnEvent,
    ) -> Result<Self, Error> {
        let unprepared = |reason: String| Error {
            request: "preparing the HTTP client".to_owned(),
            attempts: 1,
            kind: ErrorKind::Transport(reason),
        };
        let bearer = Bearer::new(token)
            .map_err(|_| unprepared("the token cannot be sent in a header".to_owned()))?;
        let http = http::builder(url)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .build()
            .map_err(|error| unprepared(describe(&error)))?;
        Ok(Self {
            http,
            bearer,
            clock,
            on_event,
            unpacker: Unpacker::default(),
            rate_limit: Mutex::default(),
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        })
    }

    /// Requests sent so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The number of requests that failed because of the network or the server.
    pub(super) fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// The limits in the latest answer.
    pub(super) fn rate_limit(&self) -> RateLimit {
        *self.latest_limit()
    }

    /// 64 bits of a salted hash of the token.
    pub(super) fn token_fingerprint(&self, salt: &str) -> String {
        self.bearer.fingerprint(salt)
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        (self.on_event)(event);
    }

    fn latest_limit(&self) -> MutexGuard<'_, RateLimit> {
        self.rate_limit
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request, and waits at most `timeout` for its answer.
    pub(super) async fn attempt<T>(
        &self,
        request: &str,
        url: &Url,
        timeout: Duration,
        decode: &impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Attempt<T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.tell(&Event::Sent { request });
        let exchange = tokio::time::timeout(timeout, self.exchange(url, decode));
        let attempt = exchange.await.unwrap_or_else(|_| {
            let seconds = timeout.as_secs();
            Attempt::Fault(ErrorKind::Transport(format!(
                "no complete answer within {seconds} s"
            )))
        });
        if matches!(attempt, Attempt::Fault(_)) {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        attempt.with_kind(|kind| self.without_token(kind))
    }

    /// Removes the token from an error. Bodies are cleaned before they are read; this covers headers and anything that
    /// the first step missed.
    fn without_token(&self, mut kind: ErrorKind) -> ErrorKind {
        match &mut kind {
            ErrorKind::Status(message) => {
                let texts = [
                    &mut message.id,
                    &mut message.message,
                    &mut message.request_id,
                ];
                for text in texts.into_iter().flatten() {
                    self.take_token_out_of(text);
                }
            }
            ErrorKind::Transport(text) | ErrorKind::Body(text) => self.take_token_out_of(text),
            ErrorKind::Redirect { .. } | ErrorKind::RateLimited { .. } => {}
        }
        kind
    }

    /// Removes the token from the texts about rejected rows, like [`Self::without_token`].
    pub(super) fn take_token_out_of_rejections<T>(&self, page: &mut Page<T>) {
        for rejected in page.rows.iter_mut().filter_map(|row| row.as_mut().err()) {
            self.take_token_out_of(&mut rejected.reason);
            self.take_token_out_of(&mut rejected.excerpt);
        }
    }

    fn take_token_out_of(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.bearer.mask().taken_out_of(Cow::Borrowed(text)) {
            *text = clean;
        }
    }

    async fn exchange<T>(
        &self,
        url: &Url,
        decode: &impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Attempt<T> {
        let request = self.http.get(url.clone());
        let request = request.header(AUTHORIZATION, self.bearer.header());
        let request = request.header(ACCEPT_ENCODING, ACCEPTED_ENCODING);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Attempt::Fault(ErrorKind::Transport(describe(&error))),
        };
        let limit = RateLimit::from_headers(response.headers(), (self.clock)());
        if limit.remaining.is_some() {
            *self.latest_limit() = limit;
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
                Err(reason) => Attempt::Fault(ErrorKind::Body(reason.to_string())),
            },
        }
    }

    /// Classifies an answer with an error status by the next step.
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
        // The message is optional: an error answer that breaks off still has its status.
        let message = |body: &[u8]| wire::message(status, body);
        let message = self.unpacked(response, MOST_ERROR_BYTES, message).await;
        let mut message: ApiMessage = message.unwrap_or_else(|_| wire::message(status, b""));
        message.request_id = message.request_id.or(request_id);
        let kind = ErrorKind::Status(message);
        match status {
            429 => Attempt::Limited(limit, kind),
            _ if retry::is_fault(status) => Attempt::Fault(kind),
            _ => Attempt::Final(kind),
        }
    }

    /// Unpacks the body of an answer, and returns the result of `read`.
    async fn unpacked<T>(
        &self,
        response: Response,
        most_bytes: usize,
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<T, ErrorKind> {
        let read = |body: &[u8]| read(&self.bearer.mask().taken_out_of_body(body));
        let unpacked = match Packed::read(response, most_bytes).await {
            Ok(packed) => self.unpacker.unpack(&packed, most_bytes, read),
            Err(unreadable) => Err(unreadable),
        };
        unpacked.map_err(|unreadable| match unreadable {
            Unreadable::Broken(error) => ErrorKind::Transport(describe(&error)),
            Unreadable::Malformed(reason) => ErrorKind::Body(reason),
        })
    }
}

/// The innermost cause, without the address: `reqwest` puts the real failure there.
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
    } else if error.is_builder() {
        cause
    } else {
        format!("the connection broke: {cause}")
    }
}
