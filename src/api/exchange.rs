//! One try: sends a request, and classifies the answer by the next step.
//!
//! Requests and faults are counted here, because only this module can tell them apart. A try that failed because of the
//! network or the server is a fault. A 429 is an instruction, and a refusal is an answer.

use super::error::{Error, ErrorKind, Event, OnEvent, printable};
use super::http::Bearer;
use super::pace::RateLimit;
use super::wire::{BodyError, Page};
use super::{http, retry, wire};
use crate::core::threads::lock;
use crate::core::time::Timestamp;
use flate2::bufread::MultiGzDecoder;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, HeaderMap, HeaderValue};
use reqwest::{Response, Url};
use secrecy::SecretString;
use std::borrow::Cow;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

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
    /// The limits in the latest answer.
    pub(super) rate_limit: Mutex<RateLimit>,
    /// Requests sent so far.
    pub(super) requests: AtomicU64,
    /// The number of requests that failed because of the network or the server.
    pub(super) faults: AtomicU64,
}

/// A try that failed. None of its texts contains the token.
pub(super) struct Failed {
    pub(super) kind: ErrorKind,
    pub(super) next: Next,
}

/// The step after a failed try.
pub(super) enum Next {
    Retry,
    /// A 429, and the limits in its headers.
    Wait(RateLimit),
    GiveUp,
}

impl Failed {
    /// A failure of the network or the server.
    fn fault(kind: ErrorKind) -> Self {
        Self {
            kind,
            next: Next::Retry,
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
            rate_limit: Mutex::default(),
            requests: AtomicU64::new(0),
            faults: AtomicU64::new(0),
        })
    }

    /// 64 bits of a salted hash of the token.
    pub(super) fn token_fingerprint(&self, salt: &str) -> String {
        self.bearer.fingerprint(salt)
    }

    pub(super) fn tell(&self, event: &Event<'_>) {
        (self.on_event)(event);
    }

    /// Sends a request, and waits at most `timeout` for its answer.
    pub(super) async fn attempt<T>(
        &self,
        request: &str,
        url: &Url,
        timeout: Duration,
        decode: &impl Fn(&[u8]) -> Result<T, BodyError>,
    ) -> Result<T, Failed> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.tell(&Event::Sent { request });
        let exchange = tokio::time::timeout(timeout, self.exchange(url, decode));
        let attempt = match exchange.await {
            Ok(attempt) => attempt,
            Err(_) => {
                let reason = format!("no complete answer within {} s", timeout.as_secs());
                Err(Failed::fault(ErrorKind::Transport(reason)))
            }
        };
        attempt.map_err(|failed| {
            if matches!(failed.next, Next::Retry) {
                self.faults.fetch_add(1, Ordering::Relaxed);
            }
            Failed {
                kind: self.without_token(failed.kind),
                ..failed
            }
        })
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
    ) -> Result<T, Failed> {
        let request = self.http.get(url.clone());
        let request = request.header(AUTHORIZATION, self.bearer.header());
        let request = request.header(ACCEPT_ENCODING, ACCEPTED_ENCODING);
        let response = request
            .send()
            .await
            .map_err(|error| Failed::fault(ErrorKind::Transport(describe(&error))))?;
        let limit = RateLimit::from_headers(response.headers(), (self.clock)());
        if limit.remaining.is_some() {
            *lock(&self.rate_limit) = limit;
        }
        self.tell(&Event::Answered { limit: &limit });
        if !response.status().is_success() {
            return Err(self.refused(response, limit).await);
        }
        let body = body(response, MOST_BODY_BYTES)
            .await
            .map_err(Failed::fault)?;
        let clean = self.bearer.mask().taken_out_of_body(&body);
        if matches!(clean, Cow::Owned(_)) && std::str::from_utf8(&body).is_err() {
            // Without the token, it would be text, but not the text that the server sent.
            return Err(Failed::fault(ErrorKind::Body("it is not UTF-8".to_owned())));
        }
        let decoded = decode(&clean);
        decoded.map_err(|reason| Failed::fault(ErrorKind::Body(reason.to_string())))
    }

    /// Classifies an answer with an error status by the next step.
    async fn refused(&self, response: Response, limit: RateLimit) -> Failed {
        let status = response.status().as_u16();
        if response.status().is_redirection() {
            return Failed {
                kind: ErrorKind::Redirect { status },
                next: Next::GiveUp,
            };
        }
        let request_id = response
            .headers()
            .get("x-request-id")
            .and_then(|value| value.to_str().ok());
        let request_id = request_id.map(str::to_owned);
        // The message is optional: an error answer that breaks off still has its status.
        let body = body(response, MOST_ERROR_BYTES).await.unwrap_or_default();
        let mut message = wire::message(status, &self.bearer.mask().taken_out_of_body(&body));
        message.request_id = message.request_id.or(request_id);
        Failed {
            kind: ErrorKind::Status(message),
            next: match status {
                429 => Next::Wait(limit),
                _ if retry::is_fault(status) => Next::Retry,
                _ => Next::GiveUp,
            },
        }
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

/// The encoding that the client offers to the API.
pub(super) const ACCEPTED_ENCODING: &str = "gzip";

/// Room for a body of a length that its header announces: two pages of 200 actions. The header may be false.
const MOST_RESERVED_BYTES: usize = 1 << 20;

/// Reads and unpacks a body of at most `most` bytes. A body can be a bomb, compressed or not.
async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, ErrorKind> {
    let encoding = encoding(response.headers());
    let announced = response.content_length().unwrap_or(0);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(announced.min(MOST_RESERVED_BYTES));
    let broken = |error: reqwest::Error| ErrorKind::Transport(describe(&error));
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > most {
            return Err(too_long(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    unpacked(bytes, &encoding, most)
}

/// The name of a body's encoding; empty when the answer states none.
fn encoding(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    let name = String::from_utf8_lossy(value.unwrap_or_default());
    name.trim().to_ascii_lowercase()
}

fn unpacked(bytes: Vec<u8>, encoding: &str, most: usize) -> Result<Vec<u8>, ErrorKind> {
    match encoding {
        "" | "identity" => Ok(bytes),
        "gzip" | "x-gzip" => {
            let mut unpacked = Vec::new();
            let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
            MultiGzDecoder::new(&*bytes)
                .take(limit)
                .read_to_end(&mut unpacked)
                .map_err(|error| ErrorKind::Body(format!("it cannot be unpacked: {error}")))?;
            if unpacked.len() > most {
                return Err(too_long(most));
            }
            Ok(unpacked)
        }
        name => {
            // Other names are not shown: a server can echo a secret that it was sent.
            let known = ["br", "compress", "deflate", "zstd"].contains(&name);
            let name = if known { name } else { "something unknown" };
            Err(ErrorKind::Body(format!(
                "it is encoded as `{name}`, which the client did not request"
            )))
        }
    }
}

fn too_long(most: usize) -> ErrorKind {
    ErrorKind::Body(format!("it is longer than {most} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(bytes: Vec<u8>, encoding: &str, most: usize) -> Result<Vec<u8>, String> {
        super::unpacked(bytes, encoding, most).map_err(|kind| kind.to_string())
    }

    #[test]
    fn what_was_packed_is_unpacked_and_what_was_not_stays() {
        let text = b"{\"actions\":[]}".repeat(100);
        let all = text.len();
        assert_eq!(unpacked(text.clone(), "", all).unwrap(), text);
        assert_eq!(unpacked(gzip(&text), "gzip", all).unwrap(), text);
        let members = [gzip(&text[..all / 2]), gzip(&text[all / 2..])].concat();
        assert_eq!(unpacked(members, "gzip", all).unwrap(), text);
    }

    #[test]
    fn a_body_that_is_cut_short_damaged_or_something_else_is_no_body() {
        let whole = gzip(&b"0123456789".repeat(500));
        for length in 0..whole.len() {
            let cut = whole[..length].to_vec();
            assert!(unpacked(cut, "gzip", 1 << 20).is_err(), "{length}");
        }
        let mut damaged = whole.clone();
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        assert!(unpacked(damaged, "gzip", 1 << 20).is_err());
        assert!(unpacked(b"{}".to_vec(), "gzip", 1 << 20).is_err());
        let reason = unpacked(whole, "br", 1 << 20).unwrap_err();
        assert!(reason.contains("`br`"), "{reason}");
    }

    #[test]
    fn a_bomb_is_refused_at_its_first_byte_too_many() {
        let bomb = gzip(&vec![b' '; 8 << 20]);
        let reason = unpacked(bomb.clone(), "gzip", (8 << 20) - 1).unwrap_err();
        assert!(reason.contains("longer than 8388607 bytes"), "{reason}");
        assert_eq!(unpacked(bomb, "gzip", 8 << 20).unwrap().len(), 8 << 20);
    }

    /// Unpacks `{}`, packed with gzip, by this value of the header.
    fn unpacked_by(value: &str) -> Result<Vec<u8>, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, value.parse().unwrap());
        unpacked(gzip(b"{}"), &encoding(&headers), 1 << 20)
    }

    #[test]
    fn encodings_are_known_by_their_names() {
        assert_eq!(encoding(&HeaderMap::new()), "");
        assert_eq!(unpacked_by("identity").unwrap(), gzip(b"{}"));
        assert_eq!(unpacked_by(" GZIP").unwrap(), b"{}");
        assert!(unpacked_by("gzip, br").is_err());
    }

    #[test]
    fn the_name_of_an_encoding_is_repeated_only_where_it_is_one() {
        for (sent, shown) in [("BR", "`br`"), ("canary", "`something unknown`")] {
            let reason = unpacked_by(sent).unwrap_err();
            assert!(reason.contains(shown), "{reason}");
            assert!(!reason.contains("canary"), "{reason}");
        }
    }
}
