//! The token as it travels: one copy, in the header that every request carries, and taken out of what comes back.
//!
//! A header that is made anew for each request leaves a copy behind each time. This one is made once; requests share its
//! bytes, which are wiped when the last of them is done. What is beyond reach are the buffers below: the request as the
//! HTTP client writes it, and the record that TLS makes of it.

use std::borrow::Cow;

use hyper::body::Bytes;
use reqwest::header::{HeaderValue, InvalidHeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

const SCHEME: &str = "Bearer ";
/// What stands where the token stood.
const PLACEHOLDER: &str = "[token]";
/// A shorter text is no token that a server would repeat, and may be part of any word.
const SHORTEST: usize = 8;
/// What every escape in JSON begins with.
const ESCAPE: char = '\\';
/// What is looked for first: the standard library finds texts up to this length sixteen bytes at a time.
const NEEDLE: usize = 32;

/// A token, ready to be sent.
pub(super) struct Bearer {
    header: HeaderValue,
}

impl Bearer {
    pub(super) fn new(token: &SecretString) -> Result<Self, InvalidHeaderValue> {
        let token = token.expose_secret();
        let mut bytes = Zeroizing::new(Vec::with_capacity(SCHEME.len() + token.len()));
        bytes.extend_from_slice(SCHEME.as_bytes());
        bytes.extend_from_slice(token.as_bytes());
        let mut header = HeaderValue::from_maybe_shared(Bytes::from_owner(bytes))?;
        header.set_sensitive(true);
        Ok(Self { header })
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

    /// A text without the token. A server may repeat what it was sent, and what it says goes into messages and into the
    /// archive.
    pub(super) fn taken_out_of<'a>(&self, text: Cow<'a, str>) -> Cow<'a, str> {
        if self.is_in(&text) {
            Cow::Owned(text.replace(self.token(), PLACEHOLDER))
        } else {
            text
        }
    }

    /// The body of an answer without the token: before anything is read of it, so that no excerpt can hold a part.
    ///
    /// In JSON the token may also stand with escapes (`\u0064op_v1_…`), which whoever reads the body undoes; then it goes
    /// on without them.
    pub(super) fn taken_out_of_body<'a>(&self, body: &'a [u8]) -> Cow<'a, [u8]> {
        match std::str::from_utf8(body) {
            Ok(text) if !self.is_in(text) && !self.is_escaped_in(text) => Cow::Borrowed(body),
            // What is no text is no answer either: it is only shown, in part.
            _ => {
                let mut text = self.taken_out_of(String::from_utf8_lossy(body));
                if self.is_escaped_in(&text) {
                    text = self.taken_out_of(Cow::Owned(without_needless_escapes(&text)));
                }
                Cow::Owned(text.into_owned().into_bytes())
            }
        }
    }

    fn is_escaped_in(&self, text: &str) -> bool {
        text.contains(ESCAPE) && self.is_in(&without_needless_escapes(text))
    }

    fn is_in(&self, text: &str) -> bool {
        let token = self.token();
        // Its end, which is chance, where its beginning is the same for all tokens.
        let needle = token
            .get(token.len().saturating_sub(NEEDLE)..)
            .unwrap_or(token);
        token.len() >= SHORTEST && text.contains(needle) && text.contains(token)
    }

    /// Only what is text can have become a header of this kind.
    fn token(&self) -> &str {
        let text = std::str::from_utf8(self.header.as_bytes()).unwrap_or_default();
        text.get(SCHEME.len()..).unwrap_or_default()
    }
}

/// The same JSON with no escapes where none are needed: of what is printable in ASCII, and of slashes. All others stay,
/// so no text ends where it did not.
fn without_needless_escapes(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(place) = rest.find(ESCAPE) {
        let (before, escape) = rest.split_at(place);
        plain.push_str(before);
        rest = match needless_escape(escape) {
            Some((character, behind)) => {
                plain.push(character);
                behind
            }
            None => {
                // With what it escapes, which may look like the beginning of another.
                let mut characters = escape.chars();
                plain.extend(characters.by_ref().take(2));
                characters.as_str()
            }
        };
    }
    plain.push_str(rest);
    plain
}

/// What the escape that a text begins with stands for, and what comes behind it.
fn needless_escape(text: &str) -> Option<(char, &str)> {
    if let Some(behind) = text.strip_prefix("\\/") {
        return Some(('/', behind));
    }
    let (digits, behind) = text.strip_prefix("\\u00")?.split_at_checked(2)?;
    let code = u8::from_str_radix(digits, 16).ok()?;
    let is_needless = matches!(code, b' '..=b'~') && !matches!(code, b'"' | b'\\');
    is_needless.then_some((char::from(code), behind))
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

    #[test]
    fn the_token_is_taken_out_wherever_it_stands() {
        let bearer = bearer(CANARY);
        for (text, expected) in [
            (format!("you sent {CANARY}."), "you sent [token]."),
            (format!("Bearer {CANARY}{CANARY}"), "Bearer [token][token]"),
            (CANARY.to_owned(), "[token]"),
            ("nothing".to_owned(), "nothing"),
            (String::new(), ""),
        ] {
            assert_eq!(bearer.taken_out_of(Cow::Borrowed(&text)), expected);
            let body = bearer.taken_out_of_body(text.as_bytes());
            assert_eq!(*body, *expected.as_bytes());
        }
        let broken = [b"\xff you sent ", CANARY.as_bytes()].concat();
        let body = bearer.taken_out_of_body(&broken);
        assert_eq!(String::from_utf8_lossy(&body), "\u{fffd} you sent [token]");
    }

    #[test]
    fn the_token_is_taken_out_with_escapes_in_it_and_all_else_means_what_it_meant() {
        let bearer = bearer(CANARY);
        let all: String = CANARY.bytes().map(|it| format!("\\u{it:04x}")).collect();
        let some = CANARY.replace('c', "\\u0063").replace('_', "\\u005F");
        let body = format!(
            r#"{{"{all}": "{some}", "a": "\u0022\u005c\\u0064\/\u00e9\n\ud83d\ude00", "b": "{CANARY}"}}"#
        );
        let clean = bearer.taken_out_of_body(body.as_bytes());
        let read: serde_json::Value = serde_json::from_slice(&clean).unwrap();
        let expected = serde_json::json!(
            {"[token]": "[token]", "a": "\"\\\\u0064/é\n\u{1f600}", "b": "[token]"}
        );
        assert_eq!(read, expected);
        let broken = [b"\xff", some.as_bytes()].concat();
        assert_eq!(
            *bearer.taken_out_of_body(&broken),
            *"\u{fffd}[token]".as_bytes()
        );
        let slashed = self::bearer("a/token/with/slashes")
            .taken_out_of_body(br#""a\/token\/with/slashes""#)
            .into_owned();
        assert_eq!(slashed, br#""[token]""#);
    }

    #[test]
    fn what_does_not_hold_the_token_is_not_copied() {
        let bearer = bearer(CANARY);
        let body = format!("{{\"actions\": [\"{}\"]}}", &CANARY[40..]);
        let clean = bearer.taken_out_of_body(body.as_bytes());
        assert!(matches!(clean, Cow::Borrowed(_)));
        let escaped = bearer.taken_out_of_body(br#"{"x": "a\u0026b\\ \u00"}"#);
        assert!(matches!(escaped, Cow::Borrowed(_)));
    }

    #[test]
    fn a_text_that_is_too_short_to_be_a_token_alters_no_answer() {
        let body = bearer("a")
            .taken_out_of_body(b"{\"actions\": []}")
            .into_owned();
        assert_eq!(body, b"{\"actions\": []}");
    }
}
