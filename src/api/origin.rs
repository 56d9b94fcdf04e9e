//! The address of the API: the only place that may receive the token.

use std::net::IpAddr;

use reqwest::Url;

use crate::core::secrets::{looks_like_token, shown};

/// A scheme, host and port that may receive the token, with the base path of the API.
#[derive(Clone, Debug)]
pub struct Origin {
    url: Url,
    is_loopback: bool,
}

/// An address that must not receive the token. The given text can contain secrets anywhere, so the messages show at
/// most its scheme and host, and only if both are recognised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It does not say how to reach the host.
    #[error(
        "the API address needs https:// in front, as in {}",
        Origin::DIGITALOCEAN
    )]
    NoScheme,
    /// It is not an absolute URL with a host.
    #[error(
        "the API address is not a URL such as {}: {reason}",
        Origin::DIGITALOCEAN
    )]
    NotAUrl {
        /// The parser's message.
        reason: String,
    },
    /// It would send the token in clear text across a network.
    #[error(
        "the API address `{url}` must start with https: plain http is for loopback addresses only"
    )]
    NotEncrypted {
        /// Its scheme and host.
        url: String,
    },
    /// It has a part that a base address must not have.
    #[error("the API address `{url}` must have no {part}")]
    Superfluous {
        /// Its scheme and host.
        url: String,
        /// `user name or password`, `query`, `fragment`, `token`.
        part: &'static str,
    },
}

impl Origin {
    /// The address of DigitalOcean's API.
    pub const DIGITALOCEAN: &'static str = "https://api.digitalocean.com";

    /// Checks an address. It must be https, or http to a loopback address, without user, query, fragment and token. A
    /// version at its end (`/v2`) is left out.
    ///
    /// # Errors
    /// When the address must not receive the token.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let not_a_url = |reason: &str| OriginError::NotAUrl {
            reason: reason.to_owned(),
        };
        if !text.contains("://") {
            return Err(OriginError::NoScheme);
        }
        let mut url = Url::parse(text).map_err(|error| not_a_url(&error.to_string()))?;
        let host = url.host_str().ok_or_else(|| not_a_url("it has no host"))?;
        if !["https", "http"].contains(&url.scheme()) {
            return Err(not_a_url("it starts with neither https nor http"));
        }
        let bare = format!("{}://{}", url.scheme(), shown(host));
        if let Some(part) = superfluous_part(&url) {
            return Err(OriginError::Superfluous { url: bare, part });
        }
        let is_loopback = is_loopback(host);
        if url.scheme() == "http" && !is_loopback {
            return Err(OriginError::NotEncrypted { url: bare });
        }
        // Every path begins with the version, so a base address that ends with it has it twice.
        let path = url.path().trim_end_matches('/');
        if let Some(base) = path.strip_suffix("/v2").map(str::to_owned) {
            url.set_path(&base);
        }
        Ok(Self { url, is_loopback })
    }

    /// True when it names this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The base address of the API.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The full address of `path` (which starts with a slash) with these query parameters.
    pub(super) fn join(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

/// The first part that a base address must not have.
fn superfluous_part(url: &Url) -> Option<&'static str> {
    if !url.username().is_empty() || url.password().is_some() {
        Some("user name or password")
    } else if url.query().is_some() {
        Some("query")
    } else if url.fragment().is_some() {
        Some("fragment")
    } else if looks_like_token(url.as_str()) {
        // `-v` shows the address, and a proxy may log it.
        Some("token")
    } else {
        None
    }
}

/// True when the host of a URL is this machine, so that requests cross no network.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_may_go_to_https_and_to_this_machine_only() {
        for good in [
            "https://api.digitalocean.com",
            "https://proxy.example:8443/do/",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:1",
        ] {
            assert!(Origin::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.digitalocean.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "ftp://127.0.0.1",
            "api.digitalocean.com",
            "https://user:secret@api.digitalocean.com",
            "https://api.digitalocean.com?x=1",
            "",
        ] {
            let error = Origin::parse(bad).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_token_in_any_part_of_an_address_is_refused_and_not_repeated() {
        for bad in [
            "dop_v1_canary",
            "https://user:dop_v1_canary@host:notaport",
            "https://:dop_v1_canary@",
            "user:dop_v1_canary@host",
            "http://example.com/dop_v1_canary",
            "https://example.com/dop_v1_canary",
            "https://dop_v1_canary",
            "https://dop_v1_canary:x",
            "https://user:canary@example.com",
            "http://example.com/canary",
            "ftp://example.com/canary",
            "http://127.0.0.1/?token=canary",
        ] {
            let error = Origin::parse(bad).unwrap_err();
            let words = format!("{error} {error:?}");
            assert!(!words.contains("canary"), "{words}");
        }
        let error = Origin::parse("http://example.com/path").unwrap_err();
        assert!(error.to_string().contains("`http://example.com` must"));
    }

    #[test]
    fn a_path_in_the_address_is_kept() {
        let origin = Origin::parse("https://proxy.example/do/").unwrap();
        assert_eq!(
            origin
                .join("/v2/actions", &[("page", "2"), ("tag_name", "a b&c")])
                .as_str(),
            "https://proxy.example/do/v2/actions?page=2&tag_name=a+b%26c"
        );
    }

    #[test]
    fn a_version_at_the_end_of_the_address_is_not_doubled() {
        for (given, base) in [
            (
                "https://api.digitalocean.com/v2",
                "https://api.digitalocean.com",
            ),
            (
                "https://api.digitalocean.com/v2/",
                "https://api.digitalocean.com",
            ),
            ("https://proxy.example/do/v2", "https://proxy.example/do"),
            ("https://proxy.example/dov2", "https://proxy.example/dov2"),
        ] {
            let origin = Origin::parse(given).unwrap();
            assert_eq!(origin.to_string(), base);
            assert_eq!(
                origin.join("/v2/actions", &[]).as_str(),
                format!("{base}/v2/actions")
            );
        }
    }
}
