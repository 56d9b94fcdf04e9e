//! Tells a dead man's switch how syncs go, in the manner of healthchecks.io: it raises an alarm when it hears nothing.
//!
//! An address is a check; `/start` and `/fail` after it say what happened, the body is kept with it, and `rid` ties the
//! start of a run to its end (<https://healthchecks.io/docs/http_api/>,
//! <https://healthchecks.io/docs/measuring_script_run_time/>). The address is all the secret there is to a check, so
//! nothing that is shown has more of it than the host. This is the one request that does not go to the API, and it has a
//! client of its own, which knows no token.

mod url;

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use uuid::Uuid;

pub use url::{PingUrl, UrlError};

use crate::api::http;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A sync begins.
    Start,
    /// It was complete.
    Success,
    /// It was not.
    Failure,
}

/// A message that did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ping to {host} failed: {reason}")]
pub struct Error {
    host: String,
    reason: String,
}

impl Error {
    /// What the reader can do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        http::hint(&self.reason)
    }
}

/// How long it is tried.
#[derive(Clone, Copy, Debug)]
struct Limits {
    attempts: u32,
    /// For all attempts and the waits between them.
    altogether: Duration,
    wait: Duration,
}

const LIMITS: Limits = Limits {
    attempts: 3,
    altogether: Duration::from_secs(10),
    wait: Duration::from_millis(500),
};
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// healthchecks.io keeps 100 kB; a summary has a few hundred bytes, and what is missing may be a long list.
const MOST_BODY_BYTES: usize = 10_000;
/// What is read of an answer: more than any of those that matter.
const MOST_ANSWER_BYTES: usize = 64;
/// A check that is addressed by its id is answered with status 200 and these words when a ping is ignored, for old times'
/// sake; one that is addressed by its name, with 404 or 429 (<https://github.com/bdd/runitor/issues/66>,
/// <https://github.com/favonia/cloudflare-ddns/blob/8fe7dd0/internal/monitor/healthchecks.go>).
const IGNORED: [(&str, &str); 2] = [
    ("OK (not found)", "there is no check at this address"),
    ("OK (rate limited)", "there were too many in this minute"),
];

/// What an attempt came to that did not arrive.
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
        // Between two pings a router may forget a connection, and whoever uses it then waits for nothing.
        match builder.pool_max_idle_per_host(0).build() {
            Ok(client) => Ok(Self {
                url,
                client,
                limits,
            }),
            Err(error) => Err(url.failed(words(&error.without_url()))),
        }
    }

    /// Says what happened in `run`, with a text of which the first 10,000 bytes are sent.
    ///
    /// # Errors
    /// When it does not arrive within ten seconds, or is refused.
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

/// The first bytes of an answer, or of what came of it: that it is one is known already.
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

/// As much of a text as fits into so many bytes.
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
