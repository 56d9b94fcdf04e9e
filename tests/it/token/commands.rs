//! Every command with a token, against every server that tries to make it visible: no trace of the token is left.
//!
//! The test checks both streams, the command line, all messages of a daemon to Prometheus and to a dead man's switch,
//! and all requests to other origins. It also checks every file in the sandbox, during the command and after it (the
//! archive, its log or journal, the lock, the metrics). It does not check the environment of a process: its owner may
//! read the variables that the process was given.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;

use super::CANARY;
use super::servers::Server;
use super::source::{Home, Source};
use super::traces::Traces;
use crate::process::{Run, Running, until};
use crate::witness::Witness;

/// The commands that run against each server.
const COMMANDS: [&[&str]; 6] = [
    &["sync", "--all", "--metrics-file", "archiver.prom"],
    &["sync", "--droplet", "31", "-o", "json"],
    &["sync", "--tag", "web", "--dry-run"],
    &["auth", "check"],
    &["auth", "check", "-o", "json", "--droplet", "31"],
    &[
        "daemon",
        "--cron",
        "0 0 1 1 *",
        "--listen",
        "127.0.0.1:0",
        "--metrics-file",
        "archiver.prom",
    ],
];

/// One command against one server.
struct Case {
    server: Server,
    source: Source,
    command: &'static [&'static str],
    log_format: &'static str,
}

/// Each command against each server; across all servers, each source with each command, in both log formats.
fn cases() -> VecDeque<Case> {
    let mut cases = VecDeque::new();
    for (round, command) in COMMANDS.into_iter().enumerate() {
        for (number, server) in Server::all().into_iter().enumerate() {
            cases.push_back(Case {
                server,
                source: Source::ALL[(number + round) % Source::ALL.len()],
                command,
                log_format: ["text", "json"][(number / Source::ALL.len() + round) % 2],
            });
        }
    }
    cases
}

/// Cases that run at once. Most of the time they wait for the third or sixth try.
const AT_ONCE: usize = 24;

#[test]
fn no_command_leaves_a_trace_of_the_token_whatever_a_server_does() {
    let cases = Mutex::new(cases());
    let next = || cases.lock().unwrap().pop_front();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = next() {
                    case.leaves_no_trace();
                }
            });
        }
    });
}

impl Case {
    fn leaves_no_trace(self) {
        let Self {
            server, command, ..
        } = &self;
        let what = format!("{command:?} against {}, {:?}", server.name, self.source);
        let traces = Traces::of_canary();
        let home = Home::with(self.source);
        let check = Witness::answering(200, "", "OK");
        let words = [command, &["-vv", "--log-format", self.log_format][..]].concat();
        let mut process = home.command(&server.url(), &words);
        if command[0] != "auth" {
            let address = format!("{}/ping", check.url());
            process.env("ARCHIVER_PING_URL", address);
        }
        let mut running = Running::start(process);
        traces.are_not_in_the_command_line_of(&mut running);
        let run = match command[0] {
            "daemon" => daemon(running, server, &traces),
            _ => once(running, server, &traces, &home),
        };
        assert!(
            run.stderr.contains("GET /v2/"),
            "it asked for something: {run}"
        );
        traces.are_not_said_by(&what, &run);
        traces.are_not_below(home.sandbox.folder());
        for told in check.heads().iter().chain(&check.bodies()) {
            traces.are_not_in("a ping", told.as_bytes());
        }
        assert_eq!(server.stranger.heads(), [""; 0], "{what}");
    }
}

/// Runs until the command ends. When the server never answers, a signal ends the command.
fn once(mut running: Running, server: &Server, traces: &Traces, home: &Home) -> Run {
    if server.is_silent() {
        server.is_asked(&running);
        until("it has said what it asks for", || {
            running.said().contains("GET /v2/")
        });
        traces.are_not_below(home.sandbox.folder());
        running.signal("TERM");
    }
    while !running.has_ended() {
        traces.are_not_below(home.sandbox.folder());
        thread::sleep(std::time::Duration::from_millis(50));
    }
    running.end()
}

/// Runs until the first sync has ended and the test has checked all output.
fn daemon(daemon: Running, server: &Server, traces: &Traces) -> Run {
    server.is_asked(&daemon);
    let has_ended = |said: &str| {
        ["complete: ", "error", "is incomplete", "not complete"]
            .iter()
            .any(|text| said.contains(text))
    };
    until("it syncs", || daemon.said().contains("GET /v2/"));
    until("its sync has ended", || {
        server.is_silent() || has_ended(&daemon.said())
    });
    let said = daemon.said();
    let address = said
        .split_once("metrics at http://")
        .and_then(|(_, rest)| rest.split_once("/metrics"))
        .expect("it says where it listens")
        .0;
    for path in ["/metrics", "/healthz", "/readyz", "/", "/metrics?x=y"] {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nauthorization: Bearer x\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 "), "{answer}");
        traces.are_not_in(path, answer.as_bytes());
    }
    daemon.signal("TERM");
    daemon.end().exits(0)
}

#[test]
fn what_is_committed_while_a_sync_runs_holds_no_trace() {
    let mut options = crate::account::settled(3, 900);
    options.token = CANARY.to_owned();
    let cloud = crate::cloud::Cloud::start(options).unwrap();
    let stall = crate::cloud::FaultRule::new(crate::cloud::Fault::Stall);
    cloud.break_with(stall.page(4));
    let traces = Traces::of_canary();
    let home = Home::with(Source::Variable);
    let mut sync = Running::start(home.command(&cloud.url(), &["sync", "--all", "-vv"]));
    let log = home.sandbox.db().with_extension("db-wal");
    until("pages are committed", || {
        std::fs::metadata(&log).is_ok_and(|log| log.len() > 100_000)
    });
    traces.are_not_in_the_command_line_of(&mut sync);
    traces.are_not_below(home.sandbox.folder());
    // A copy of the files, made at this moment, has the same content as the files that a killed sync leaves.
    let run = sync.kill();
    traces.are_not_said_by("a killed sync", &run);
    assert!(log.exists());
    traces.are_not_below(home.sandbox.folder());
}
