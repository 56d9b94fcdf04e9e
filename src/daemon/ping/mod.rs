//! Tells a dead man's switch how syncs go, as healthchecks.io expects it. The switch raises an alarm when it hears
//! nothing.
//!
//! Each check has a ping URL. `/start` and `/fail` after it tell the event, the service keeps the body with it, and
//! `rid` connects the start of a run with its end (<https://healthchecks.io/docs/http_api/>,
//! <https://healthchecks.io/docs/measuring_script_run_time/>). The URL is the only secret of a check, so messages show
//! only its host. A ping is the only request that does not go to the API. It has a client of its own, which has no
//! token.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};
use uuid::Uuid;

use crate::api::{http, is_loopback};

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
    /// The time for all attempts and the waits between them.
    altogether: Duration,
    wait: Duration,
}

const LIMITS: Limits = Limits {
    altogether: Duration::from_secs(10),
    wait: Duration::from_millis(500),
};
const ATTEMPTS: u32 = 3;
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// healthchecks.io keeps 100 kB. A summary has a few hundred bytes, but its list of missing parts may be long.
const MOST_BODY_CHARACTERS: usize = 10_000;
/// The part of an answer that is read: longer than all answers that matter.
const MOST_ANSWER_BYTES: usize = 64;

/// Sends pings to one check. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pinger {
    /// The URL of the check.
    pub url: PingUrl,
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
        let builder = http::builder(&url.0).connect_timeout(CONNECT_WITHIN);
        // A router may forget an idle connection between two pings, and a request on it would wait in vain.
        let client = builder.pool_max_idle_per_host(0).build();
        let client = client.map_err(|error| url.failed(words(&error.without_url())))?;
        Ok(Self {
            url,
            client,
            limits,
        })
    }

    /// Reports an event of `run`, with the first 10,000 characters of a text.
    ///
    /// # Errors
    /// When the ping does not arrive within ten seconds, or is refused.
    pub async fn ping(&self, signal: Signal, run: Uuid, body: &str) -> Result<(), Error> {
        let url = self.url.with(signal, run);
        let send = async {
            for _ in 1..ATTEMPTS {
                match self.attempt(&url, body).await {
                    Err((_, true)) => tokio::time::sleep(self.limits.wait).await,
                    ended => return ended,
                }
            }
            self.attempt(&url, body).await
        };
        let sent = tokio::time::timeout(self.limits.altogether, send).await;
        let sent = sent.unwrap_or_else(|_| Err(("no answer came in time".to_owned(), false)));
        sent.map_err(|(reason, _)| self.url.failed(reason))
    }

    /// An error has its reason, and is true when another attempt may help.
    async fn attempt(&self, url: &Url, body: &str) -> Result<(), (String, bool)> {
        let request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(body.chars().take(MOST_BODY_CHARACTERS).collect::<String>());
        let answer = request.send().await;
        let answer = answer.map_err(|error| (words(&error.without_url()), true))?;
        let status = answer.status();
        if !status.is_success() {
            let is_passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
            return Err((format!("it was answered with {status}"), is_passing));
        }
        // healthchecks.io answers an ignored ping to a check's id with status 200 and these words, for compatibility;
        // to a check's name it answers 404 or 429 (<https://github.com/bdd/runitor/issues/66>,
        // <https://github.com/favonia/cloudflare-ddns/blob/8fe7dd0/internal/monitor/healthchecks.go>).
        let meaning = match beginning(answer).await.trim_ascii() {
            b"OK (not found)" => "there is no check at this address",
            b"OK (rate limited)" => "there were too many pings in this minute",
            _ => return Ok(()),
        };
        Err((format!("it was ignored: {meaning}"), false))
    }
}

/// The first bytes of an answer, or fewer if it breaks off. Its status is already known.
async fn beginning(mut answer: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < MOST_ANSWER_BYTES
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes
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

/// The ping URL of a check. Only its scheme and host are shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PingUrl(Url);

impl PingUrl {
    /// True when the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }

    /// The URL for a signal.
    fn with(&self, signal: Signal, run: Uuid) -> Url {
        let suffix = match signal {
            Signal::Start => "/start",
            Signal::Success => "",
            Signal::Failure => "/fail",
        };
        let mut url = self.0.clone();
        // A slash at the end means the same check, but some servers do not treat it as the same path.
        let path = format!("{}{suffix}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut().append_pair("rid", &run.to_string());
        url
    }

    fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    fn failed(&self, reason: String) -> Error {
        let host = self.host().to_owned();
        Error { host, reason }
    }
}

impl FromStr for PingUrl {
    /// The message does not repeat the text.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = |reason| {
            let example = "an example is https://hc-ping.com/your-uuid";
            Err(format!("not a valid ping URL: {reason}; {example}"))
        };
        let Ok(url) = Url::parse(text.trim()) else {
            return refused("it must be a complete URL");
        };
        let host = url.host_str().unwrap_or_default();
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return refused("http is allowed only for this machine, use https"),
            _ => return refused("it must start with https"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refused("it must have no user name or password");
        }
        if url.fragment().is_some() {
            return refused("it must have no fragment");
        }
        Ok(Self(url))
    }
}

impl fmt::Display for PingUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}/…", self.0.scheme(), self.host())
    }
}

impl fmt::Debug for PingUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests;
