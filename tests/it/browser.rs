//! The overview in a real browser: the scripts of `tests/browser/` look at pages that the binary wrote.
//!
//! A machine without Chromium, Node.js or the packages of `tests/browser/` skips these tests, and says so. CI must not.

use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::Connection;

use crate::account::account;
use crate::cloud::{Cloud, Options};
use crate::process::{Running, until};
use crate::sandbox::Sandbox;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser");

/// The version of Node.js that the scripts need.
const OLDEST_NODE: u32 = 20;
/// The day after the newest action of the accounts of the tests.
const UNTIL: &[&str] = &["--until", "2025-06-02"];

/// The browser of this machine; `None` when a part of the equipment is missing.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
#[expect(
    clippy::disallowed_methods,
    reason = "only a test asks whether it runs in CI"
)]
fn browser() -> Option<PathBuf> {
    let found = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(PathBuf::from);
    let browser = found.into_iter().find(|path| path.exists());
    let node = Command::new("node").arg("--version").output();
    let version = node.map(|node| String::from_utf8_lossy(&node.stdout).into_owned());
    let version = version.unwrap_or_default();
    let major = version.trim_start_matches('v').split('.').next();
    let missing = if browser.is_none() {
        "there is no chromium on this machine"
    } else if major.and_then(|major| major.parse().ok()) < Some(OLDEST_NODE) {
        "there is no node on this machine, or one before version 20"
    } else if !Path::new(SCRIPTS).join("node_modules/axe-core").exists() {
        "`npm ci` has not run in tests/browser"
    } else {
        return browser;
    };
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!is_ci || browser.is_none(), "CI must not skip: {missing}");
    eprintln!("skipped: {missing}");
    None
}

/// The archive of this account.
fn history(account: Options) -> Sandbox {
    let cloud = Cloud::start(account).unwrap();
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    sandbox
}

/// All checks of a script hold for this file or address. Screenshots go to `target/browser/SCRIPT/`.
#[track_caller]
#[expect(
    clippy::print_stdout,
    reason = "the checks by name, and what they took"
)]
fn holds(script: &str, sandbox: &Sandbox, browser: &Path, page: &str) {
    let target = Path::new(env!("CARGO_BIN_EXE_archiver")).ancestors().nth(2);
    let screenshots = target.unwrap().join("browser").join(script);
    std::fs::create_dir_all(&screenshots).unwrap();
    let file = format!("{SCRIPTS}/{script}.mjs");
    let mut node = sandbox.command_of("node", &[&file, page]);
    node.env("CHROMIUM", browser)
        .env("ARCHIVER", env!("CARGO_BIN_EXE_archiver"))
        .env("SCREENSHOTS", screenshots);
    let run = Running::start(node).end();
    assert!(run.status.success(), "{run}");
    println!("{}", run.stdout);
}

/// Writes the overview of an archive, and runs a script on it. `flags` end the window, so that the page is the same
/// every day.
#[track_caller]
fn page_holds(script: &str, archive: impl FnOnce() -> Sandbox, flags: &[&str]) {
    let Some(browser) = browser() else { return };
    let sandbox = archive();
    let page = ["page", "-o", "history.html"];
    sandbox.run(&[&page, flags].concat()).exits(0);
    let page = sandbox.folder().join("history.html");
    holds(script, &sandbox, &browser, page.to_str().unwrap());
}

#[test]
fn a_page_opens_from_disk_in_every_width_and_mode_and_loads_nothing() {
    page_holds("opens", || history(account(20, 3_000)), UNTIL);
}

#[test]
fn the_figures_of_a_page_are_those_of_sql_and_of_the_reports() {
    page_holds("figures", || history(Options::unlimited(20, 3_000)), &[]);
}

#[test]
fn the_table_of_a_page_is_the_answer_of_query_and_needs_only_a_keyboard() {
    page_holds("table", || history(account(20, 3_000)), UNTIL);
}

#[test]
fn a_page_is_whole_without_its_script_and_its_calendar_has_three_views() {
    page_holds("still", || history(account(20, 3_000)), UNTIL);
}

#[test]
fn the_lanes_of_a_page_are_the_droplets_and_can_be_looked_at_closely() {
    page_holds("fleet", || history(account(20, 3_000)), UNTIL);
}

#[test]
fn a_page_is_accessible_before_and_after_it_is_used() {
    page_holds("accessible", || history(account(20, 3_000)), UNTIL);
}

#[test]
fn a_page_can_be_printed() {
    page_holds("printed", || history(account(20, 3_000)), UNTIL);
}

#[test]
fn a_page_of_50_000_actions_is_small_and_shows_them_all() {
    page_holds("large", || history(account(60, 50_000)), UNTIL);
}

#[test]
fn hostile_texts_in_every_field_of_a_page_stay_texts() {
    let archive = || {
        let sandbox = history(account(6, 600));
        let archive = Connection::open(sandbox.db()).unwrap();
        let texts = [
            "</script><script>window.x=1</script>",
            "\"'`<img src=x onerror=window.x=1>-->",
            "<!--<script>]]></title></style>{{x}}&lt;b&gt;&amp;",
            "\u{202e}evil\u{2066}\u{200f}\u{2028}\u{2029}\u{7}",
            &"W".repeat(10_000),
            "=HYPERLINK(\"http://192.0.2.1/\")\r\n,;\t\\",
        ];
        for (number, text) in texts.iter().enumerate() {
            let number = number.to_string();
            let one_of = |sql: &str| {
                let changed = archive.execute(sql, [*text, &number]).unwrap();
                assert!(changed > 0, "{sql}");
            };
            one_of(
                "INSERT INTO regions (slug, name, first_seen_at, last_seen_at) VALUES (?1, ?1 || ?2, '', '')",
            );
            one_of(
                "UPDATE droplets SET name = ?1, region_slug = ?1, extra = json_object('tags', json_array(?1))
                 WHERE id = (SELECT id FROM droplets ORDER BY id LIMIT 1 OFFSET ?2)",
            );
            for column in ["type", "status", "region_slug", "resource_type"] {
                one_of(&format!(
                    "UPDATE actions SET {column} = ?1 WHERE id % 31 = ?2 * 5 + length('{column}') % 5"
                ));
            }
        }
        sandbox
    };
    page_holds("hostile", archive, UNTIL);
}

#[test]
fn the_live_page_is_the_same_and_leads_to_every_answer() {
    let Some(browser) = browser() else { return };
    let sandbox = history(account(20, 3_000));
    let server = Running::start(sandbox.command(&["serve", "--listen", "127.0.0.1:0"]));
    until("it says its address", || {
        server.said().contains("http://127")
    });
    let said = server.said();
    let (_, rest) = said.split_once("http://").unwrap();
    let end = rest.find(|it: char| it.is_whitespace() || it == '/');
    let address = format!("http://{}/", &rest[..end.unwrap_or(rest.len())]);
    holds("served", &sandbox, &browser, &address);
}
