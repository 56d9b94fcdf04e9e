//! `archiver auth check`: the owner of a token, its permissions, and whether they are sufficient.

use super::CANARY;
use crate::account::settled;
use crate::asked::requests;
use crate::cloud::{Cloud, Fault, FaultRule, SCOPES};
use crate::process::{Run, Running};
use crate::sandbox::Sandbox;
use crate::witness::Witness;

fn cloud() -> Cloud {
    let mut options = settled(3, 60);
    options.token = CANARY.to_owned();
    Cloud::start(options).unwrap()
}

fn check_at(url: &str, sandbox: &Sandbox, flags: &[&str]) -> Run {
    let mut command = sandbox.command(&[&["auth", "check"], flags].concat());
    command
        .env("DIGITALOCEAN_API_URL", url)
        .env("DIGITALOCEAN_TOKEN", CANARY);
    Running::start(command).end().never_says(CANARY)
}

fn check(cloud: &Cloud, flags: &[&str]) -> Run {
    check_at(&cloud.url(), &Sandbox::new(), flags)
}

/// The state of each tried scope, by name.
fn states(run: &Run) -> Vec<(String, String)> {
    let answer = run.json();
    let scopes = answer["scopes"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    scopes
        .map(|it| (text(&it["scope"]), text(&it["state"])))
        .collect()
}

#[test]
fn it_says_whose_token_it_is_and_what_is_left_of_the_quota() {
    let cloud = cloud();
    cloud.change(|options| options.hourly.requests = Some(5_000));
    let answer = check(&cloud, &["-o", "json"]).exits(0).json();
    assert_eq!(answer["account"]["email"], "sammy@example.com");
    assert_eq!(answer["account"]["status"], "active");
    assert_eq!(answer["account"]["team"]["name"], "My Team");
    assert!(
        answer["account"]["uuid"]
            .as_str()
            .unwrap()
            .starts_with("b6fr")
    );
    assert_eq!(answer["is_accepted"], true);
    assert_eq!(answer["is_enough"], true);
    assert_eq!(answer["token_source"], "DIGITALOCEAN_TOKEN");
    assert_eq!(answer["quota"]["remaining"], 4_996);
    assert_eq!(answer["quota"]["limit"], 5_000);
    let run = check(&cloud, &[]).exits(0);
    for text in [
        "sammy@example.com",
        "My Team",
        "active",
        "4,992 of 5,000",
        "accepted",
    ] {
        assert!(run.stdout.contains(text), "{text}: {run}");
    }
    assert_eq!(run.stderr, "");
}

#[test]
fn each_scope_is_tried_once_and_by_the_smallest_request() {
    let cloud = cloud();
    check(&cloud, &["--tag", "web"]).exits(0);
    let asked: Vec<_> = cloud.requests().iter().map(|it| it.path.clone()).collect();
    assert_eq!(asked.len(), 5, "{asked:?}");
    for path in asked.iter().filter(|path| !path.starts_with("/v2/account")) {
        assert!(path.contains("page=1&per_page=1"), "{path}");
    }
}

#[test]
fn a_scope_that_a_sync_needs_fails_the_check_and_any_other_does_not() {
    let cloud = cloud();
    let droplet = cloud.droplets()[0].id.to_string();
    let account: &[&str] = &["--all"];
    let droplets: &[&str] = &["--droplet", &droplet];
    let tagged: &[&str] = &["--tag", "web"];
    for (flags, needed) in [
        (account, &["actions:read"][..]),
        (droplets, &["droplet:read"]),
        (tagged, &["droplet:read", "tag:read"]),
    ] {
        for scope in SCOPES.iter().filter(|scope| **scope != "regions:read") {
            cloud.set_scopes(SCOPES);
            cloud.remove_scope(scope);
            let run = check(&cloud, &[flags, &["-o", "json"]].concat());
            let run = run.exits(if needed.contains(scope) { 4 } else { 0 });
            let states = states(&run);
            for (name, state) in &states {
                // The simulator lists the droplets of a tag to every token that may list droplets, as the API does.
                let is_missing = name == scope || (*scope == "droplet:read" && name == "tag:read");
                let expected = if is_missing { "missing" } else { "granted" };
                assert_eq!(state, expected, "{name} without {scope}");
            }
            if needed.contains(scope) {
                run.says(scope).says("hint: make one with ");
            }
        }
    }
}

#[test]
fn the_smallest_set_of_scopes_is_enough_to_pass_the_check_and_to_sync() {
    let cloud = cloud();
    let droplet = cloud.droplets()[0].id.to_string();
    for flags in [&["--all"][..], &["--droplet", &droplet], &["--tag", "web"]] {
        cloud.set_scopes(SCOPES);
        let answer = check(&cloud, &[flags, &["-o", "json"]].concat()).json();
        let ask_for = answer["ask_for"].as_array().unwrap().iter();
        let smallest: Vec<_> = ask_for.map(|it| it.as_str().unwrap()).collect();
        cloud.set_scopes(&smallest);
        check(&cloud, flags).exits(0);
        Sandbox::new().sync(&cloud, flags).exits(0);
    }
}

#[test]
fn the_scope_of_the_configuration_is_what_is_checked() {
    let cloud = cloud();
    cloud.set_scopes(&["droplet:read"]);
    let sandbox = Sandbox::new().configured("[sync]\ndroplets = [3164444]\n");
    check_at(&cloud.url(), &sandbox, &[]).exits(0);
    check_at(&cloud.url(), &sandbox, &["--all"]).exits(4);
}

#[test]
fn a_token_that_is_not_accepted_is_told_by_the_first_answer() {
    let cloud = cloud();
    cloud.change(|options| options.token = "another_token".to_owned());
    let run = check(&cloud, &["-o", "json"]).exits(4);
    assert_eq!(requests(&cloud), 1);
    assert_eq!(run.json()["is_accepted"], false);
    assert_eq!(run.json()["is_enough"], false);
    assert!(states(&run).iter().all(|(_, state)| state == "unknown"));
    run.says("401")
        .says("hint: the token is wrong, revoked or expired");
}

#[test]
fn an_api_that_cannot_be_asked_is_no_missing_scope() {
    let (cloud, stranger) = (cloud(), Witness::answering(200, "", "{}"));
    for (fault, text) in [
        (Fault::Reset, "the connection broke"),
        (Fault::Status(500), "run `archiver auth check` again later"),
        (
            Fault::TooManyRequests {
                retry_after: Some("3600".to_owned()),
                reset: None,
            },
            "run `archiver auth check` again then",
        ),
        (
            Fault::Body(
                r#"{"actions": 7, "droplets": "x", "sizes": false, "account": []}"#.to_owned(),
            ),
            "its `actions` is not a list",
        ),
        (Fault::HtmlError(403), "another server refused, not the API"),
        (Fault::HtmlError(404), "the API was not found"),
        (Fault::HtmlBody200, "cannot be read"),
        (
            Fault::Redirect(stranger.url().to_owned()),
            "with a redirect",
        ),
    ] {
        cloud.clear_faults();
        cloud.break_with(FaultRule::new(fault));
        let run = check(&cloud, &["-o", "json"]).exits(1).says(text);
        assert!(states(&run).iter().all(|(_, state)| state == "unknown"));
    }
    assert_eq!(stranger.heads(), [""; 0]);
    // No program listens on the port of the discard protocol, and no test gets it.
    let nowhere = check(&cloud, &["--api-url", "http://127.0.0.1:9"]);
    nowhere.exits(1).says("hint: check the network");
}

#[test]
fn a_fault_in_what_a_sync_can_do_without_is_a_warning() {
    let cloud = cloud();
    cloud.break_with(FaultRule::new(Fault::HtmlError(404)).path("/v2/sizes"));
    let run = check(&cloud, &[]).exits(0);
    run.says("warning: cannot tell whether the token has sizes:read");
}

#[test]
fn a_token_of_another_account_than_the_archive_is_not_enough() {
    let own = cloud();
    let sandbox = Sandbox::new();
    sandbox.sync(&own, &["--all"]).exits(0);
    check_at(&own.url(), &sandbox, &[]).exits(0);
    let mut options = settled(3, 60);
    (options.token, options.seed) = (CANARY.to_owned(), 2);
    let other = Cloud::start(options).unwrap();
    let before = sandbox.archive().contents();
    let run = check_at(&other.url(), &sandbox, &[]).exits(4);
    run.says("belongs to the team").says("hint: ");
    sandbox.archive().is_unchanged_since(&before);
}

#[test]
fn nothing_is_written() {
    let cloud = cloud();
    let sandbox = Sandbox::new();
    check_at(&cloud.url(), &sandbox, &[]).exits(0);
    assert_eq!(std::fs::read_dir(sandbox.folder()).unwrap().count(), 0);
}

#[test]
fn without_a_token_nothing_is_asked() {
    let cloud = cloud();
    let sandbox = Sandbox::new().with("DIGITALOCEAN_API_URL", cloud.url());
    sandbox.run(&["auth", "check"]).exits(4).says("no token");
    assert_eq!(requests(&cloud), 0);
    sandbox.run(&["auth"]).exits(2);
}
