//! Servers that repeat a part of the token, in some form: no trace of twenty characters is left.

use std::collections::HashSet;
use std::fs;

use serde_json::json;

use super::CANARY;
use crate::account::settled;
use crate::cloud::{Cloud, HandmadeAction};
use crate::process::{Run, Running};
use crate::sandbox::{Sandbox, files_below};
use crate::witness::Witness;

/// The length of a part of the token that must not be shown.
const PART: usize = 20;
/// The number of base64 digits that twenty characters determine, wherever they begin.
const DIGITS: usize = 26;

/// The same twenty-one characters in each form.
fn parts() -> Vec<String> {
    let part = &CANARY[30..=50];
    let hexadecimal: String = part.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = part.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let escaped: String = part.bytes().map(|byte| format!("\\u{byte:04x}")).collect();
    vec![
        part.to_owned(),
        part.to_uppercase(),
        part.chars().rev().collect(),
        hexadecimal.to_uppercase(),
        hexadecimal,
        percent,
        escaped,
        base64(part.as_bytes()),
        base64(format!("u:{part}").as_bytes()),
        base64(format!("u{part}:").as_bytes()),
    ]
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks(3).map(|group| {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        let digits = (0..=group.len()).map(|it| ALPHABET[(bits >> (18 - 6 * it) & 63) as usize]);
        digits.map(char::from).collect::<String>()
    });
    groups.collect()
}

/// All byte sequences that reveal twenty characters of the token.
struct Traces(HashSet<Vec<u8>>);

impl Traces {
    fn of_parts() -> Self {
        let windows = |text: &str, length| -> Vec<Vec<u8>> {
            text.as_bytes()
                .windows(length)
                .map(<[u8]>::to_vec)
                .collect()
        };
        let mut traces = HashSet::new();
        for part in parts() {
            traces.extend(windows(&part, PART.max(part.len() - PART)));
        }
        for before in ["", "u", "u:"] {
            let digits = base64(format!("{before}{CANARY}").as_bytes());
            traces.extend(windows(&digits[4..digits.len() - 4], DIGITS));
        }
        Self(traces)
    }

    #[track_caller]
    fn are_not_in(&self, what: &str, bytes: &[u8]) {
        let lengths: HashSet<usize> = self.0.iter().map(Vec::len).collect();
        let mut windows = lengths.iter().flat_map(|length| bytes.windows(*length));
        if let Some(part) = windows.find(|part| self.0.contains(*part)) {
            let part = String::from_utf8_lossy(part);
            panic!(
                "`{part}` is in {what}:\n{:.2000}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[track_caller]
    fn are_in_nothing_of(&self, what: &str, run: &Run, sandbox: &Sandbox) {
        self.are_not_in(&format!("stdout of {what}"), run.stdout.as_bytes());
        self.are_not_in(&format!("stderr of {what}"), run.stderr.as_bytes());
        for path in files_below(sandbox.folder()) {
            self.are_not_in(&path.display().to_string(), &fs::read(&path).unwrap());
        }
    }
}

fn run(sandbox: &Sandbox, url: &str, words: &[&str]) -> Run {
    let mut command = sandbox.command(words);
    command
        .env("DIGITALOCEAN_API_URL", url)
        .env("DIGITALOCEAN_TOKEN", CANARY);
    Running::start(command).end()
}

/// An account with all parts in every free-text field.
fn talkative() -> Cloud {
    let mut options = settled(0, 0);
    options.token = CANARY.to_owned();
    let droplet = |(id, part): (usize, String)| {
        json!({"id": id + 1, "name": format!("web-{part}"), "tags": [part], "size_slug": part,
            "region": {"slug": "nyc3", "name": part}, "created_at": "2020-01-01T00:00:00Z"})
    };
    let droplets: Vec<_> = parts().into_iter().enumerate().map(droplet).collect();
    let action = |(id, part): (usize, String)| {
        HandmadeAction::from(json!({"id": id + 1, "type": part, "status": "completed",
            "resource_id": id + 1, "resource_type": "droplet", "started_at": "2020-01-01T00:00:00Z",
            "completed_at": format!("it was {part}"), "note": {"deep": [part]}, part.clone(): 1,
            "region": {"slug": format!("nyc{id}"), "name": part, "features": [part], "sizes": [part]}}))
    };
    let actions = parts().into_iter().enumerate().map(action).rev().collect();
    Cloud::start_handmade(options, &droplets, actions).unwrap()
}

#[test]
fn no_part_of_the_token_reaches_the_archive_and_no_action_is_lost() {
    let traces = Traces::of_parts();
    let cloud = talkative();
    let sandbox = Sandbox::new();
    let count = parts().len();
    for words in [
        &["sync", "--all", "-vv"][..],
        &["sync", "--full", "-vv", "--droplet", "1,2,3"],
    ] {
        let run = run(&sandbox, &cloud.url(), words).exits(0);
        traces.are_in_nothing_of(&format!("{words:?}"), &run, &sandbox);
    }
    // The base64 digits that remain come from the characters around the part.
    for question in [
        "SELECT count(*) FROM actions WHERE type LIKE '%[token]%'",
        "SELECT count(*) FROM actions WHERE extra LIKE '%\"deep\":[\"%[token]%\"]%'",
        "SELECT count(*) FROM droplets WHERE name LIKE '%[token]%'",
        "SELECT count(DISTINCT id) FROM actions",
    ] {
        let run = sandbox
            .run(&["sql", "-o", "csv", "--no-header", question])
            .exits(0);
        assert_eq!(run.stdout, format!("{count}\n"), "{question}");
    }
}

#[test]
fn no_part_of_the_token_reaches_a_message_or_the_log_of_syncs() {
    let traces = Traces::of_parts();
    for (number, part) in parts().into_iter().enumerate() {
        let status = [401, 403, 404][number % 3];
        let body = if number % 2 == 0 {
            json!({"id": part, "message": format!("you sent {part}."), "request_id": part})
                .to_string()
        } else {
            format!("<html><body>{}{part}</body></html>", "x".repeat(number))
        };
        let server = Witness::answering(status, &format!("x-request-id: {part}\r\n"), &body);
        for words in [&["sync", "--all", "-vv"][..], &["auth", "check", "-vv"]] {
            let sandbox = Sandbox::new();
            let run = run(&sandbox, server.url(), words);
            let is_repeated = words[0] == "sync" || status == 401;
            assert!(!is_repeated || run.stderr.contains("[token]"), "{run}");
            traces.are_in_nothing_of(&format!("{words:?} of {part}"), &run, &sandbox);
        }
    }
}

#[test]
fn whose_token_it_is_is_said_without_a_part_of_it() {
    let traces = Traces::of_parts();
    for part in parts() {
        let body = json!({
            "account": {"uuid": "b6fr", "email": format!("{part}@example.com"), "name": part,
                "team": {"name": part}},
            "actions": [], "droplets": [], "sizes": [], "meta": {"total": 0},
        });
        let server = Witness::answering(200, "", body.to_string());
        for words in [&["auth", "check"][..], &["auth", "check", "-o", "json"]] {
            let sandbox = Sandbox::new();
            let run = run(&sandbox, server.url(), words).exits(0);
            assert!(run.stdout.contains("[token]"), "{part}: {run}");
            traces.are_in_nothing_of(&format!("{words:?} of {part}"), &run, &sandbox);
        }
    }
}

#[test]
fn a_body_that_is_not_text_is_refused_also_where_it_repeats_the_token() {
    let traces = Traces::of_parts();
    for part in parts().into_iter().take(2) {
        let text = format!(r#"{{"actions": [{{"id": 1, "type": "{part}", "x": "#);
        let body = [text.as_bytes(), b"\"\xff\"}], \"meta\": {\"total\": 1}}"].concat();
        let server = Witness::answering(200, "", &body);
        let sandbox = Sandbox::new();
        let run = run(&sandbox, server.url(), &["sync", "--all"]);
        assert!(run.stderr.contains("it is not UTF-8"), "{run}");
        traces.are_in_nothing_of(&part, &run, &sandbox);
    }
}
