//! The address of a check: its path is a secret.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use uuid::Uuid;

use super::Error;
use crate::api::{http, is_loopback};

/// The address of a check. What is shown of it is the scheme and the host.
#[derive(Clone, PartialEq, Eq)]
pub struct PingUrl(Url);

/// What is no address of a check; says nothing of what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no address of a check: {reason}, such as https://hc-ping.com/ and an id")]
pub struct UrlError {
    reason: &'static str,
}

impl PingUrl {
    /// Whether it names this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.host_str().is_some_and(is_loopback)
    }

    /// The address for a signal: `start`, `fail`, or nothing for success.
    pub(super) fn with(&self, suffix: &str, run: Uuid) -> Url {
        let mut url = self.0.clone();
        // An address with a slash at its end is the same check, but not everywhere the same path.
        let path = url.path().trim_end_matches('/').to_owned();
        let path = match suffix {
            "" => path,
            suffix => format!("{path}/{suffix}"),
        };
        url.set_path(&path);
        url.query_pairs_mut().append_pair("rid", &run.to_string());
        url
    }

    /// A client for it.
    pub(super) fn client(&self) -> reqwest::ClientBuilder {
        http::builder(&self.0)
    }

    pub(super) fn failed(&self, reason: String) -> Error {
        Error {
            host: self.0.host_str().unwrap_or_default().to_owned(),
            reason,
        }
    }
}

impl FromStr for PingUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let refused = |reason| Err(UrlError { reason });
        let Ok(url) = Url::parse(text.trim()) else {
            return refused("it must be a whole URL");
        };
        let Some(host) = url.host_str() else {
            return refused("it has no host");
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(host) => {}
            "http" => return refused("plain http is for this machine alone, it must be https"),
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
        let host = self.0.host_str().unwrap_or_default();
        write!(formatter, "{}://{host}/…", self.0.scheme())
    }
}

impl fmt::Debug for PingUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
