//! What is seen from outside: the log, systemd.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::{EVERY_SECOND, end, sandbox, until_said};
use crate::account::settled_cloud;
use crate::cloud::{Fault, FaultRule};

#[test]
fn a_program_reads_each_line_of_the_log_and_finds_no_token_in_it() {
    let cloud = settled_cloud(3, 450);
    cloud.break_with(FaultRule::new(Fault::Status(500)).times(2));
    let sandbox = sandbox();
    let flags = ["--cron", EVERY_SECOND, "--log-format", "json", "-vv"];
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until_said(&daemon, 3, ": complete: ".trim_start_matches(": "));
    let run = end(daemon).never_says(&cloud.token());
    assert_eq!(run.stdout, "");
    let mut runs = Vec::new();
    for line in run.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("time").len(), 20, "{line}");
        assert!(
            ["info", "detail", "warning"].contains(&text("level").as_str()),
            "{line}"
        );
        if text("message").starts_with("complete: ") {
            runs.push(line["run"].as_i64().unwrap());
        }
    }
    assert!(runs.len() >= 3 && runs.is_sorted(), "{runs:?}");
}

#[test]
fn systemd_hears_that_it_is_ready_alive_what_it_does_and_that_it_ends() {
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    let path = sandbox.folder().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut command = sandbox.daemon_command(&cloud, &["--cron", "0 0 1 1 *"]);
    command
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "1000000");
    let daemon = crate::process::Running::start(command);
    let hear = |text: &str| {
        let mut heard = String::new();
        let mut buffer = [0; 4096];
        while !heard.contains(text) {
            let length = socket
                .recv(&mut buffer)
                .unwrap_or_else(|_| panic!("{text}: {heard}"));
            heard.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        heard
    };
    hear("READY=1\n");
    hear("STATUS=next sync at ");
    hear("WATCHDOG=1\n");
    hear("WATCHDOG=1\n");
    daemon.signal("HUP");
    let heard = hear("READY=1\n");
    assert!(heard.contains("RELOADING=1\nMONOTONIC_USEC="), "{heard}");
    daemon.signal("TERM");
    hear("STOPPING=1\n");
    daemon.end_within(super::told::WITHIN).exits(0);
}
