//! Hides tokens in the input of a user: a token may be in a wrong place, and then no message, log or ping may repeat
//! it.
//!
//! This file recognises any token. `mask` removes one token and its parts from the text of a server.

mod mask;

pub use mask::Mask;

use std::borrow::Cow;
use std::path::Path;

/// Replaces a text that is not shown.
const HIDDEN: &str = "(not shown: it looks like a token)";
/// Tokens before 2022 had no prefix and consisted of this many hexadecimal digits.
const DIGITS: usize = 64;

/// True when a text contains something like a token of DigitalOcean: `dop_v1_…`, `doo_v1_…`, `dor_v1_…`, or the form
/// before 2022 (<https://docs.digitalocean.com/reference/api/create-personal-access-token/>).
#[must_use]
pub fn looks_like_token(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let has_prefix = lower.match_indices("_v1_").any(|(at, _)| {
        matches!(&lower.as_bytes()[..at], [.., b'd', b'o', kind] if kind.is_ascii_lowercase())
    });
    has_prefix
        || lower
            .split(|character: char| !character.is_ascii_hexdigit())
            .any(|digits| digits.len() >= DIGITS)
}

/// True when a text contains a token or a URL where no URL belongs: the URLs of dead man's switches and proxies are
/// secrets.
#[must_use]
pub fn looks_like_secret(text: &str) -> bool {
    looks_like_token(text) || text.contains("://")
}

/// The text to show.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if looks_like_token(text) {
        Cow::Borrowed(HIDDEN)
    } else {
        Cow::Borrowed(text)
    }
}

/// The path to show.
#[must_use]
pub fn shown_path(path: &Path) -> String {
    shown(&path.to_string_lossy()).into_owned()
}

/// True when the last name of a path seems to be a token: the user may have given a token instead of a path. Folders
/// may have long hashes as names.
#[must_use]
pub fn is_token_for_path(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| looks_like_token(&name.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognised_wherever_it_stands_and_whatever_its_case() {
        let digits = "0123456789abcdef".repeat(4);
        for text in [
            "dop_v1_x",
            "DOO_V1_X",
            "https://host/dor_v1_x/y",
            &digits,
            &digits.to_uppercase(),
            &format!("/run/{digits}"),
        ] {
            assert!(looks_like_token(text), "{text}");
            assert_eq!(shown(text), HIDDEN);
        }
    }

    #[test]
    fn what_people_write_is_no_token() {
        let digest = "0123456789abcdef".repeat(2);
        for text in [
            "",
            "work",
            "*/15 * * * *",
            "backup_v1_of_the_archive.db",
            "_v1_",
            &digest,
        ] {
            assert!(!looks_like_token(text), "{text}");
            assert_eq!(shown(text), text);
        }
        assert!(looks_like_secret("https://hc-ping.com/id"));
        assert!(!looks_like_secret("127.0.0.1:9184"));
    }

    #[test]
    fn a_path_is_a_token_by_its_last_name_alone() {
        let digest = "0123456789abcdef".repeat(4);
        let folder = format!("/var/lib/{digest}/archive.db");
        assert!(!is_token_for_path(Path::new(&folder)));
        assert!(is_token_for_path(Path::new("/etc/archiver/dop_v1_x")));
        assert!(is_token_for_path(Path::new(&digest)));
    }
}
