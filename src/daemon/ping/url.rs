//! The ping URL of a check. Its path is a secret.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use uuid::Uuid;

use super::Signal;
use crate::api::is_loopback;

/// The ping URL of a check. Only its scheme and host are shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PingUrl(pub(super) Url);

/// An invalid ping URL. The message does not repeat it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid ping URL: {reason}; an example is https://hc-ping.com/your-uuid")]
pub struct UrlError {
    reason: &'static str,
}

impl PingUrl {
    /// True when the host is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(self.host())
    }

    /// The URL for a signal.
    pub(super) fn with(&self, signal: Signal, run: Uuid) -> Url {
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

    pub(super) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl FromStr for PingUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let refused = |reason| Err(UrlError { reason });
        let Ok(url) = Url::parse(text.trim()) else {
            return refused("it must be a complete URL");
        };
        let Some(host) = url.host_str() else {
            return refused("it has no host");
        };
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
