//! The token as it travels: in the header that every request carries, and taken out of what comes back.
//!
//! A header that is made anew for each request leaves a copy behind each time. This one is made once; requests share its
//! bytes, which are wiped when the last of them is done. What is beyond reach are the buffers below: the request as the
//! HTTP client writes it, and the record that TLS makes of it.

use hyper::body::Bytes;
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

use crate::core::secrets::Mask;

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

    /// The header, which shares its bytes with all others, and does not show them.
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

    /// Takes it out of what a server says, which goes into messages and into the archive.
    pub(super) fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Only what is text can have become a header of this kind.
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
