//! The server as a process: its start, its end, and its place in a daemon.

use std::net::TcpListener;

use super::{Server, archived, with_endless_report};
use crate::cloud::Cloud;
use crate::process::{SOON, is_alive, until};
use crate::sandbox::Sandbox;

impl Sandbox {
    /// A daemon that listens on this address.
    pub(super) fn daemon_on(&self, cloud: &Cloud, address: &str) -> Server {
        let mut command = self.command(&["daemon", "--cron", "0 0 1 1 *", "--listen", address]);
        command
            .env("DIGITALOCEAN_API_URL", cloud.url())
            .env("DIGITALOCEAN_TOKEN", cloud.token());
        Server::start(command)
    }
}

#[test]
fn a_signal_ends_it_and_all_that_it_does() {
    let (_cloud, sandbox) = archived();
    with_endless_report(&sandbox);
    for signal in ["TERM", "INT"] {
        let server = Server::of(&sandbox);
        let _reader = server.begin("/report/endless.json");
        until("it is at work", || server.children().len() == 1);
        let child = server.children().remove(0);
        server.running.signal(signal);
        let run = server.running.end_within(SOON).exits(0);
        assert!(
            run.stdout.is_empty() && run.stderr.lines().count() == 1,
            "{run}"
        );
        until("the command has ended too", || !is_alive(&child));
    }
}

#[test]
fn a_port_in_use_is_a_failure_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = Sandbox::new()
        .run(&["serve", "--listen", &address])
        .exits(1);
    run.says(&format!("error: cannot listen on {address}: "))
        .says("hint: another program uses this port");
    let run = Sandbox::new().run(&["serve", "--listen", "x"]).exits(2);
    run.says("--listen: `x` is not a valid listen address");
}

#[test]
fn a_daemon_shows_the_archive_that_it_keeps_even_after_it_has_moved() {
    let (cloud, sandbox) = archived();
    let sandbox = sandbox.with("ARCHIVER_DB", "");
    let elsewhere = sandbox.folder().join("elsewhere.db");
    std::fs::copy(sandbox.db(), &elsewhere).unwrap();
    let configure = |path: &std::path::Path| {
        let text = format!("database = '{}'\n", path.display());
        std::fs::write(sandbox.config_file(), text).unwrap();
    };
    configure(&sandbox.db());
    let daemon = sandbox.daemon_on(&cloud, "127.0.0.1:0");
    let shown = || {
        daemon.get("/status.json").has_status(200).json()["path"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(shown(), sandbox.db().display().to_string());
    assert!(
        daemon
            .get("/metrics")
            .has_status(200)
            .body
            .contains("archiver_actions 450")
    );
    configure(&elsewhere);
    daemon.running.signal("HUP");
    until("it follows", || shown() == elsewhere.display().to_string());
    daemon.running.signal("TERM");
    daemon.running.end_within(SOON).exits(0);
}
