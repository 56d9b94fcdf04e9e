//! The places that can hold a token, and their order of precedence.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::CANARY;
use super::source::{Home, Source};
use crate::account::settled;
use crate::cloud::Cloud;
use crate::process::{Running, until};
use crate::sandbox::Sandbox;

fn cloud() -> Cloud {
    let mut options = settled(2, 20);
    options.token = CANARY.to_owned();
    Cloud::start(options).unwrap()
}

#[test]
fn each_place_gives_the_token_and_verbose_says_which_it_was() {
    let cloud = cloud();
    for source in Source::ALL {
        let home = Home::with(source);
        let run = |arguments: &[&str]| Running::start(home.command(&cloud.url(), arguments)).end();
        run(&["sync", "-v"]).exits(0).says(source.in_words());
        run(&["sync", "--dry-run", "-v"])
            .exits(0)
            .says(source.in_words());
        run(&["auth", "check", "-v"])
            .exits(0)
            .says(source.in_words());
        run(&["sync"]).exits(0).silently();
        let daemon = home.command(&cloud.url(), &["daemon", "--cron", "* * * * * *", "-v"]);
        let daemon = Running::start(daemon);
        until("it has synced", || daemon.said().contains("complete: "));
        daemon.signal("TERM");
        daemon.end().exits(0).says(source.in_words());
    }
}

/// A machine with this configuration of doctl.
fn with_doctl(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let path = sandbox.folder().join("home/.config/doctl/config.yaml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    sandbox
}

#[test]
fn a_flag_wins_over_the_environment_and_a_key_of_the_configuration_gives_way_to_it() {
    let cloud = cloud();
    let doctl = format!("access-token: other_token\nauth-contexts:\n  work: {CANARY}\n");
    let url = cloud.url();
    let sandbox = with_doctl(&doctl).with("DIGITALOCEAN_API_URL", &url);
    let sandbox = sandbox.with("DIGITALOCEAN_TOKEN", "wrong_token");
    sandbox.run(&["sync"]).exits(4);
    sandbox.run(&["sync", "--doctl-context", "work"]).exits(0);
    sandbox.run(&["--doctl-context", "WORK", "sync"]).exits(0);
    let run = sandbox.run(&["sync", "--doctl-context", "default", "-v"]);
    run.exits(4).says("doctl's context `default`");
    let sandbox = sandbox.configured("doctl_context = 'work'\n");
    let run = sandbox.run(&["sync", "-v"]).exits(4);
    run.says("token from DIGITALOCEAN_TOKEN");
    let sandbox = sandbox.with("DIGITALOCEAN_TOKEN", "");
    let run = sandbox.run(&["sync", "-v"]).exits(0);
    run.says("doctl's context `work`");
}

#[test]
fn doctl_is_not_looked_at_unless_somebody_asks_for_it() {
    let sandbox = with_doctl(&format!("access-token: {CANARY}\n"));
    sandbox.run(&["sync"]).exits(4).says("no token");
}

#[test]
fn a_context_that_cannot_be_had_is_refused_before_anything_is_asked_or_written() {
    let doctl = format!("access-token: {CANARY}\nauth-contexts:\n  work: {CANARY}\n");
    let asked = ["sync", "--doctl-context", "home"];
    let sandbox = with_doctl(&doctl).with("DIGITALOCEAN_TOKEN", CANARY);
    for command in [
        &asked[..],
        &["daemon", "--cron", "@hourly", asked[1], asked[2]],
    ] {
        let run = sandbox.run(command).exits(2).never_says(CANARY);
        run.says("no context `home`")
            .says("default, work")
            .says("hint: ");
    }
    let puzzling = with_doctl("access-token: |\n  x\n");
    puzzling.run(&asked).exits(2).says("config.yaml, line 1");
    Sandbox::new().run(&asked).exits(2).says("doctl auth init");
    let path = sandbox.folder().join("home/.config/doctl/config.yaml");
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
    let run = sandbox.run(&["sync", "--doctl-context", "work"]).exits(2);
    run.says("can be read by other users")
        .says("chmod 600")
        .never_says(CANARY);
    assert!(!sandbox.db().exists());
}

#[test]
fn a_token_that_was_written_where_a_name_belongs_is_not_repeated() {
    let sandbox = with_doctl("access-token: x\n");
    let run = sandbox.run(&["sync", "--doctl-context", CANARY]).exits(2);
    run.never_says(CANARY).says("looks like a token");
    let sandbox = sandbox.configured(&format!("doctl_context = '{CANARY}'\n"));
    sandbox.run(&["sync", "-vv"]).exits(2).never_says(CANARY);
}
