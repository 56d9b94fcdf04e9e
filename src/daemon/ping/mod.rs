//! Tells a dead man's switch how syncs go, as healthchecks.io expects it. The switch raises an alarm when it hears
//! nothing.
//!
//! Each check has a ping URL. `/start` and `/fail` after it tell the event, the service keeps the body with it, and
//! `rid` connects the start of a run with its end (<https://healthchecks.io/docs/http_api/>,
//! <https://healthchecks.io/docs/measuring_script_run_time/>). The URL is the only secret of a check, so messages show
//! only its host. A ping is the only request that does not go to the API. It has a client of its own, which has no
//! token.

mod url;

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use uuid::Uuid;

pub use url::{PingUrl, UrlError};

use crate::api::http;

/// The event to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A sync begins.
    Start,
    /// The sync was complete.
    Success,
    /// The sync was not complete.
    Failure,
}

/// A ping that did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ping to {host} failed: {reason}")]
pub struct Error {
    host: String,
    reason: String,
}

impl Error {
    /// The next step for the user, if one is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        http::hint(&self.reason)
    }
}

/// The limits of a ping.
#[derive(Clone, Copy, Debug)]
struct Limits {
    attempts: u32,
    /// The time for all attempts and the waits between them.
    altogether: Duration,
    wait: Duration,
}

const LIMITS: Limits = Limits {
    attempts: 3,
    altogether: Duration::from_secs(10),
    wait: Duration::from_millis(500),
};
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// healthchecks.io keeps 100 kB. A summary has a few hundred bytes, but its list of missing parts may be long.
const MOST_BODY_BYTES: usize = 10_000;
/// The part of an answer that is read: longer than all answers that matter.
const MOST_ANSWER_BYTES: usize = 64;
/// healthchecks.io answers an ignored ping to a check's id with status 200 and these words, for compatibility; to a
/// check's name it answers 404 or 429 (<https://github.com/bdd/runitor/issues/66>,
/// <https://github.com/favonia/cloudflare-ddns/blob/8fe7dd0/internal/monitor/healthchecks.go>).
const IGNORED: [(&str, &str); 2] = [
    ("OK (not found)", "there is no check at this address"),
    (
        "OK (rate limited)",
        "there were too many pings in this minute",
    ),
];

/// The failure of one attempt.
struct Refusal {
    reason: String,
    is_worth_another: bool,
}

/// Sends pings to one check. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pinger {
    url: PingUrl,
    client: Client,
    limits: Limits,
}

impl Pinger {
    /// Prepares to send; sends nothing yet.
    ///
    /// # Errors
    /// When the TLS or proxy settings of this machine are unusable.
    pub fn new(url: PingUrl) -> Result<Self, Error> {
        Self::within(url, LIMITS)
    }

    fn within(url: PingUrl, limits: Limits) -> Result<Self, Error> {
        let builder = url.client().connect_timeout(CONNECT_WITHIN);
        // A router may forget an idle connection between two pings, and a request on it would wait in vain.
        match builder.pool_max_idle_per_host(0).build() {
            Ok(client) => Ok(Self {
                url,
                client,
                limits,
            }),
            Err(error) => Err(url.failed(words(&error.without_url()))),
        }
    }

    /// True when both send pings to the same check.
    #[must_use]
    pub fn has_check_of(&self, other: &Self) -> bool {
        self.url == other.url
    }

    /// Reports an event of `run`, with the first 10,000 bytes of a text.
    ///
    /// # Errors
    /// When the ping does not arrive within ten seconds, or is refused.
    pub async fn ping(&self, signal: Signal, run: Uuid, body: &str) -> Result<(), Error> {
        let sent = tokio::time::timeout(self.limits.altogether, self.send(signal, run, body));
        let sent = sent
            .await
            .unwrap_or_else(|_| Err("no answer came in time".to_owned()));
        sent.map_err(|reason| self.url.failed(reason))
    }

    async fn send(&self, signal: Signal, run: Uuid, body: &str) -> Result<(), String> {
        let suffix = match signal {
            Signal::Start => "start",
            Signal::Success => "",
            Signal::Failure => "fail",
        };
        let url = self.url.with(suffix, run);
        let body = first_bytes(body, MOST_BODY_BYTES);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let refusal = match self.attempt(url.clone(), body).await {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            if !refusal.is_worth_another || attempts >= self.limits.attempts {
                return Err(refusal.reason);
            }
            tokio::time::sleep(self.limits.wait).await;
        }
    }

    async fn attempt(&self, url: reqwest::Url, body: &str) -> Result<(), Refusal> {
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(body.to_owned());
        let answer = request.send().await.map_err(|error| Refusal {
            reason: words(&error.without_url()),
            is_worth_another: true,
        })?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Refusal {
                reason: format!("it was answered with {status}"),
                is_worth_another: status.is_server_error()
                    || status == StatusCode::TOO_MANY_REQUESTS,
            });
        }
        let beginning = beginning(answer).await;
        let ignored = IGNORED
            .iter()
            .find(|(words, _)| beginning.trim_ascii() == words.as_bytes());
        match ignored {
            Some((words, meaning)) => Err(Refusal {
                reason: format!("it was answered with `{words}`: {meaning}"),
                is_worth_another: false,
            }),
            None => Ok(()),
        }
    }
}

/// The first bytes of an answer, or fewer if it breaks off. Its status is already known.
async fn beginning(mut answer: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < MOST_ANSWER_BYTES {
        let Ok(Some(chunk)) = answer.chunk().await else {
            break;
        };
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(MOST_ANSWER_BYTES);
    bytes
}

/// The longest start of a text that fits into `most` bytes.
fn first_bytes(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// An error and its causes.
fn words(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests;
