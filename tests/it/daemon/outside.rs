//! The daemon from outside: the log, systemd, Prometheus, a dead man's switch.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use super::{EVERY_SECOND, NEVER, end, sandbox, until_said};
use crate::account::settled_cloud;
use crate::cloud::{Fault, FaultRule};
use crate::process::{Running, SOON, until};
use crate::witness::Witness;

/// The head and the body of an answer from the daemon's server.
pub(crate) fn asked(daemon: &Running, path: &str) -> (String, String) {
    let said = daemon.said();
    let address = said
        .lines()
        .find_map(|line| line.split_once("metrics at http://"))
        .and_then(|(_, url)| url.strip_suffix("/metrics"))
        .expect("it says where it listens");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// All series of metrics in Prometheus's text format; a series without labels has only its name.
pub(crate) fn series(text: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

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
    let mut command = sandbox.daemon_command(&cloud, &["--cron", NEVER]);
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
    daemon.end_within(SOON).exits(0);
}

#[test]
fn prometheus_reads_how_it_goes_while_it_goes() {
    let cloud = settled_cloud(3, 450);
    cloud.break_with(FaultRule::new(Fault::Status(500)).times(2));
    let sandbox = sandbox();
    let flags = ["--cron", EVERY_SECOND, "--listen", "127.0.0.1:0"];
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until_said(&daemon, 2, ": complete: ");
    let metrics = || series(&asked(&daemon, "/metrics").1);
    // The log is a moment ahead of the metrics.
    until("two syncs are counted", || {
        metrics()["archiver_runs_total{outcome=\"complete\"}"] >= 2.0
    });
    let found = metrics();
    assert_eq!(found["archiver_actions"], 450.0);
    assert_eq!(found["archiver_actions_inserted_total"], 450.0);
    assert_eq!(found["archiver_faults_total"], 2.0);
    assert_eq!(found["archiver_coverage_ratio"], 1.0);
    assert_eq!(found["archiver_consecutive_failures"], 0.0);
    assert!(found["archiver_last_success_age_seconds"] < 60.0);
    assert!(found["archiver_ticks_total{result=\"run\"}"] >= 1.0);
    let (head, body) = asked(&daemon, "/healthz");
    assert!(
        head.starts_with("HTTP/1.0 200 OK") && body.contains("sync"),
        "{head} {body}"
    );
    let (head, body) = asked(&daemon, "/readyz");
    assert!(head.starts_with("HTTP/1.0 200 OK"), "{head} {body}");
    end(daemon);
}

#[test]
fn an_archive_that_is_not_fresh_is_not_ready() {
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    let flags = [
        "--cron",
        NEVER,
        "--listen",
        "127.0.0.1:0",
        "--max-age",
        "2s",
    ];
    cloud.break_with(FaultRule::new(Fault::Status(401)));
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until_said(&daemon, 1, "error: ");
    let (head, body) = asked(&daemon, "/readyz");
    assert!(head.starts_with("HTTP/1.0 503 "), "{head}");
    assert_eq!(body, "no sync was complete yet\n");
    end(daemon);
    cloud.clear_faults();
    let daemon = sandbox.start_daemon(&cloud, &flags);
    drop(daemon);
    sandbox.sync(&cloud, &[]).exits(0);
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until_said(&daemon, 1, "metrics at ");
    until("the archive has aged", || {
        asked(&daemon, "/readyz").0.starts_with("HTTP/1.0 503 ")
    });
    let (_, body) = asked(&daemon, "/readyz");
    assert!(body.contains("may be at most 2s old"), "{body}");
    end(daemon);
}

#[test]
fn a_sync_from_cron_leaves_its_metrics_in_a_file() {
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    let path = sandbox.folder().join("archiver.prom");
    let flags = ["--metrics-file", path.to_str().unwrap()];
    sandbox.sync(&cloud, &flags).exits(0).silently();
    let found = series(&fs::read_to_string(&path).unwrap());
    assert_eq!(found["archiver_actions"], 450.0);
    assert!(!found.contains_key("archiver_last_success_age_seconds"));
    cloud.break_with(FaultRule::new(Fault::Status(401)));
    sandbox.sync(&cloud, &flags).exits(4);
    let found = series(&fs::read_to_string(&path).unwrap());
    assert_eq!(found["archiver_runs_total{outcome=\"complete\"}"], 1.0);
    assert_eq!(found["archiver_last_run_outcome{outcome=\"failed\"}"], 1.0);
    cloud.clear_faults();
    let nowhere = sandbox.folder().join("nowhere/archiver.prom");
    sandbox
        .sync(&cloud, &["--metrics-file", nowhere.to_str().unwrap()])
        .exits(0)
        .says("warning: no metrics: cannot write ");
}

#[test]
fn a_daemon_leaves_the_metrics_of_a_sync_that_has_ended_in_a_file() {
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    let path = sandbox.folder().join("archiver.prom");
    let flags = ["--cron", NEVER, "--metrics-file", path.to_str().unwrap()];
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until("the file is there", || path.exists());
    let found = series(&fs::read_to_string(&path).unwrap());
    assert_eq!(found["archiver_runs_total{outcome=\"complete\"}"], 1.0);
    assert_eq!(found["archiver_sync_running"], 0.0);
    assert!(!found.contains_key("archiver_sync_started_timestamp_seconds"));
    end(daemon);
}

#[test]
fn a_dead_mans_switch_hears_how_each_sync_goes() {
    let check = Witness::answering(200, "", "OK");
    let url = format!("{}/ping/secret-uuid", check.url());
    let paths = |check: &Witness| -> Vec<String> {
        let heads = check.heads();
        let path = |head: &String| head.split(['?', ' ']).nth(1).unwrap().to_owned();
        heads.iter().map(path).collect()
    };
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    let flags = ["--ping-url", url.as_str()];
    sandbox.sync(&cloud, &flags).exits(0).silently();
    cloud.break_with(FaultRule::new(Fault::Status(401)));
    sandbox
        .sync(&cloud, &flags)
        .exits(4)
        .never_says("secret-uuid");
    assert_eq!(
        paths(&check),
        [
            "/ping/secret-uuid/start",
            "/ping/secret-uuid",
            "/ping/secret-uuid/start",
            "/ping/secret-uuid/fail"
        ]
    );
    assert!(
        check
            .heads()
            .iter()
            .all(|head| !head.contains(&cloud.token()))
    );
    cloud.clear_faults();
    let sandbox = sandbox.with("ARCHIVER_PING_URL", url.as_str());
    let daemon = sandbox.start_daemon(&cloud, &["--cron", EVERY_SECOND]);
    until("the daemon's sync is told of", || paths(&check).len() >= 6);
    end(daemon).never_says("secret-uuid");
    assert_eq!(
        paths(&check)[4..6],
        ["/ping/secret-uuid/start", "/ping/secret-uuid"]
    );
}

#[test]
fn a_ping_that_fails_fails_nothing_else() {
    let check = Witness::answering(404, "", "");
    let url = format!("{}/ping/secret-uuid", check.url());
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    sandbox
        .sync(&cloud, &["--ping-url", &url])
        .exits(0)
        .says("warning: the ping to 127.0.0.1 failed: ")
        .never_says("secret-uuid");
    let flags = [
        "--cron",
        EVERY_SECOND,
        "--ping-url",
        &url,
        "--listen",
        "127.0.0.1:0",
    ];
    let daemon = sandbox.start_daemon(&cloud, &flags);
    until_said(&daemon, 2, ": complete: ");
    until("failed pings are counted", || {
        series(&asked(&daemon, "/metrics").1)["archiver_pings_failed_total"] >= 2.0
    });
    end(daemon).never_says("secret-uuid");
}
