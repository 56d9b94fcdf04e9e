//! A source that never delivers a token blocks nothing, and the output of a token command is not passed on.

use std::fs;

use super::CANARY;
use crate::account::settled;
use crate::cloud::Cloud;
use crate::process::{Running, SOON, is_alive, until};
use crate::sandbox::Sandbox;

fn cloud() -> Cloud {
    let mut options = settled(2, 20);
    options.token = CANARY.to_owned();
    Cloud::start(options).unwrap()
}

#[test]
fn a_command_may_leave_something_behind_that_holds_its_output() {
    let cloud = cloud();
    let command = format!("token_command = 'echo {CANARY}; sleep 500 & echo $! >id'\n");
    let sandbox = Sandbox::new()
        .configured(&command)
        .with("DIGITALOCEAN_API_URL", cloud.url());
    sandbox.run(&["sync"]).exits(0).silently();
    let id = fs::read_to_string(sandbox.folder().join("id")).unwrap();
    assert!(is_alive(id.trim()), "it was at work still");
    let killed = sandbox.command_of("sh", &["-c", "kill $(cat id)"]).status();
    assert!(killed.unwrap().success());
}

#[test]
fn what_a_command_says_on_stderr_reaches_no_log() {
    let cloud = cloud();
    for (ending, status) in [("", 0), ("; exit 3", 2)] {
        let command = format!("token_command = 'echo {CANARY} >&2; echo {CANARY}{ending}'\n");
        let sandbox = Sandbox::new()
            .configured(&command)
            .with("DIGITALOCEAN_API_URL", cloud.url());
        for format in ["text", "json"] {
            let run = sandbox.run(&["sync", "-vv", "--log-format", format]);
            run.exits(status).never_says(CANARY);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_daemon_that_waits_for_a_command_ends_when_told_to_and_leaves_nothing_of_it() {
    let cloud = cloud();
    let command = format!(
        "token_command = 'if test -e hang; then sleep 500 & echo $! >id; wait; fi; echo {CANARY}'\n"
    );
    let sandbox = Sandbox::new()
        .configured(&command)
        .with("DIGITALOCEAN_API_URL", cloud.url());
    let daemon = Running::start(sandbox.command(&["daemon", "--cron", "* * * * * *"]));
    until("it has synced", || daemon.said().contains("complete: "));
    fs::write(sandbox.folder().join("hang"), "").unwrap();
    let id = || fs::read_to_string(sandbox.folder().join("id")).unwrap_or_default();
    until("it waits for the command", || id().ends_with('\n'));
    daemon.signal("TERM");
    let run = daemon.end_within(SOON).exits(0);
    run.says("stopped before the sync began")
        .never_says("did not end in time");
    until("the command has ended", || !is_alive(id().trim()));
}

#[test]
fn a_fifo_in_the_place_of_a_token_file_is_refused_at_once() {
    let sandbox = Sandbox::new().configured("token_file = 'token'\n");
    let path = sandbox.config_file().with_file_name("token");
    let made = sandbox
        .command_of("mkfifo", &["-m", "600", path.to_str().unwrap()])
        .status();
    assert!(made.unwrap().success());
    let run = sandbox.run(&["sync"]).exits(2);
    run.says("token is a FIFO, not a file")
        .says("`token_command`");
}
