//! The traces of a token: the whole token, a part of it, or either in base64.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::CANARY;
use crate::process::{Run, Running, until};
use crate::sandbox::files_below;

/// A match of this length is not a coincidence.
const PART: usize = 12;
/// The common prefix of all tokens.
const PREFIX: &str = "dop_v1_";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The texts that reveal the canary.
pub(super) struct Traces {
    parts: HashSet<Vec<u8>>,
}

impl Traces {
    pub(super) fn of_canary() -> Self {
        let mut texts = vec![CANARY.strip_prefix(PREFIX).unwrap().to_owned()];
        // In a longer text, such as `Bearer …` or `user:…`, the token may begin at any of three places of a base64
        // group.
        texts.extend((0..3).map(|skipped| base64(&CANARY.as_bytes()[skipped..])));
        let parts = texts.iter().flat_map(|text| text.as_bytes().windows(PART));
        Self {
            parts: parts.map(<[u8]>::to_vec).collect(),
        }
    }

    #[track_caller]
    pub(super) fn are_not_in(&self, what: &str, bytes: &[u8]) {
        let mut windows = bytes.windows(PART);
        if let Some(part) = windows.find(|part| self.parts.contains(*part)) {
            let part = String::from_utf8_lossy(part);
            let text = String::from_utf8_lossy(bytes);
            panic!("`{part}` of the token is in {what}:\n{text:.2000}");
        }
    }

    #[track_caller]
    pub(super) fn are_not_said_by(&self, what: &str, run: &Run) {
        self.are_not_in(&format!("stdout of {what}"), run.stdout.as_bytes());
        self.are_not_in(&format!("stderr of {what}"), run.stderr.as_bytes());
    }

    /// Checks the name and the content of every file, even while another process writes it.
    #[track_caller]
    pub(super) fn are_not_below(&self, folder: &Path) {
        for path in files_below(folder) {
            let name = path.display().to_string();
            self.are_not_in("the name of a file", name.as_bytes());
            // A journal may be gone already.
            let bytes = fs::read(&path).unwrap_or_default();
            self.are_not_in(&name, &bytes);
        }
    }

    /// Checks the data of a process that every user of the machine can see. Only its owner can see its environment,
    /// which may hold the token.
    #[track_caller]
    pub(super) fn are_not_in_the_command_line_of(&self, process: &mut Running) {
        let path = format!("/proc/{}/cmdline", process.id());
        if !Path::new("/proc/self/cmdline").exists() {
            return;
        }
        let mut bytes = Vec::new();
        until("it has a command line, or has ended", || {
            bytes = fs::read(&path).unwrap_or_default();
            !bytes.is_empty() || process.has_ended()
        });
        self.are_not_in("the command line", &bytes);
    }
}

/// Encodes whole groups of three bytes and leaves out the rest.
fn base64(bytes: &[u8]) -> String {
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift & 63) as usize]))
    });
    groups.collect()
}

#[test]
fn traces_are_seen_where_there_are_some() {
    let traces = Traces::of_canary();
    let is_seen = |bytes: &[u8]| {
        let bytes = bytes.to_vec();
        let looked = std::panic::catch_unwind(move || Traces::of_canary().are_not_in("it", &bytes));
        looked.is_err()
    };
    for text in [
        CANARY.to_owned(),
        format!("a{CANARY}b"),
        CANARY[20..40].to_owned(),
        base64(format!("Bearer {CANARY}").as_bytes()),
        base64(format!("us:{CANARY}").as_bytes()),
        base64(format!("a:{CANARY}").as_bytes()),
    ] {
        assert!(is_seen(text.as_bytes()), "{text}");
    }
    traces.are_not_in("it", b"dop_v1_ and the rest is another's");
    assert_eq!(base64(b"Man Ma"), "TWFuIE1h");
}
