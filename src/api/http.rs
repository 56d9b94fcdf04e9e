//! The HTTP client of every request, and how it resolves names.

use super::is_loopback;
use crate::core::secrets::Mask;
use crate::core::threads;
use hyper::body::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use reqwest::{ClientBuilder, Url, redirect};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use std::net::ToSocketAddrs;

/// A client for one address. It uses the machine's proxy unless the address is this machine, and follows no redirects.
pub(crate) fn builder(url: &Url) -> ClientBuilder {
    // Fails only when a provider is already installed, which is fine too.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_loopback = url.host_str().is_some_and(is_loopback);
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("archiver/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(Names)
        .redirect(redirect::Policy::none())
        .referer(false)
        .https_only(!is_loopback);
    if is_loopback {
        // A proxy would see the token in clear text.
        builder = builder.no_proxy();
    }
    if url.scheme() == "http" {
        // Plain http needs no certificates, and the machine may have none.
        builder = builder.tls_certs_only([]);
    }
    builder
}

/// The hint for an error about certificates: none are installed, or not the right one.
pub(crate) fn hint(error: &str) -> Option<&'static str> {
    error.contains("certificate").then_some(
        "install the CA certificates of this machine (the package ca-certificates), or name a file with them in \
         SSL_CERT_FILE; if they are installed, check the clock and any proxy between this machine and the server",
    )
}

/// Resolves names in threads. The system may refuse a thread, which the default resolver answers with a panic.
struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = threads::answer_of(move || (name.as_str(), 0).to_socket_addrs())?;
            Ok(Box::new(addresses.await??) as Addrs)
        })
    }
}

const SCHEME: &str = "Bearer ";

/// A token, ready to be sent.
pub(super) struct Bearer {
    header: HeaderValue,
    mask: Mask,
}

impl Bearer {
    pub(super) fn new(token: &SecretString) -> Result<Self, InvalidHeaderValue> {
        let token = token.expose_secret();
        let mut bytes = Zeroizing::new(Vec::with_capacity(SCHEME.len() + token.len()));
        bytes.extend_from_slice(SCHEME.as_bytes());
        bytes.extend_from_slice(token.as_bytes());
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(bytes))?;
        header.set_sensitive(true);
        let mask = Mask::new(token);
        Ok(Self { header, mask })
    }

    /// The header. All copies share the same bytes, and `Debug` does not show them.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// 64 bits of a salted hash of the token.
    pub(super) fn fingerprint(&self, salt: &str) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, salt.as_bytes());
        let hash = ring::hmac::sign(&key, self.token().as_bytes());
        hash.as_ref()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// Removes the token from the server's texts, which go into messages and into the archive.
    pub(super) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The token. The header was built from text, so it is valid UTF-8.
    fn token(&self) -> &str {
        let text = std::str::from_utf8(self.header.as_bytes()).unwrap_or_default();
        text.get(SCHEME.len()..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789canary";

    fn bearer(token: &str) -> Bearer {
        Bearer::new(&token.into()).unwrap()
    }

    #[test]
    fn every_request_carries_the_same_bytes_and_shows_none_of_them() {
        let bearer = bearer(CANARY);
        let (one, other) = (bearer.header(), bearer.header());
        assert_eq!(one.as_bytes(), format!("Bearer {CANARY}").as_bytes());
        assert_eq!(one.as_bytes().as_ptr(), other.as_bytes().as_ptr());
        assert!(one.is_sensitive());
        assert_eq!(format!("{one:?}"), "Sensitive");
    }

    #[test]
    fn what_is_no_header_is_refused_without_being_shown() {
        for bad in ["canary\n", "\u{0}canary"] {
            let error = Bearer::new(&bad.into()).err().unwrap();
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_token_is_told_from_others_by_its_fingerprint_and_by_the_archive() {
        let print = |salt: &str, token: &str| bearer(token).fingerprint(salt);
        assert_eq!(print("salt", CANARY), print("salt", CANARY));
        assert_ne!(print("salt", CANARY), print("salt", "dop_v1_another"));
        assert_ne!(print("salt", CANARY), print("pepper", CANARY));
        assert_eq!(print("salt", CANARY).len(), 16);
    }
}
