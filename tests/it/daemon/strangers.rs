//! Clients that can reach the server of a daemon do no lasting harm.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::{NEVER, end, sandbox, until_said};
use crate::account::settled_cloud;
use crate::process::{Running, until};

/// With this limit on open files, a daemon works but cannot accept all the connections that it allows.
const MOST_FILES: usize = 36;

fn address_of(daemon: &Running) -> String {
    let said = daemon.said();
    let line = said.lines().find_map(|line| line.split_once("http://"));
    let (address, _) = line.and_then(|(_, url)| url.split_once('/')).unwrap();
    address.to_owned()
}

/// The number of open handles below the limit. The daemon may have inherited higher numbers from the parent of the
/// tests.
fn handles_below_the_limit(daemon: &Running) -> usize {
    let files = fs::read_dir(format!("/proc/{}/fd", daemon.id())).unwrap();
    let number = |file: fs::DirEntry| file.file_name().to_str()?.parse::<usize>().ok();
    files
        .filter_map(|file| number(file.ok()?))
        .filter(|number| *number < MOST_FILES)
        .count()
}

#[test]
fn without_a_file_handle_to_spare_it_waits_for_one() {
    let cloud = settled_cloud(3, 200);
    let sandbox = sandbox();
    let script = format!("ulimit -n {MOST_FILES} && exec \"$0\" \"$@\"");
    let daemon = ["-c", &script, env!("CARGO_BIN_EXE_archiver"), "daemon"];
    let flags = ["--cron", NEVER, "--listen", "127.0.0.1:0"];
    let mut command = sandbox.command_of("sh", &[&daemon[..], &flags].concat());
    command
        .env("DIGITALOCEAN_API_URL", cloud.url())
        .env("DIGITALOCEAN_TOKEN", cloud.token());
    let daemon = Running::start(command);
    until_said(&daemon, 1, ": complete: ");
    let address = address_of(&daemon);
    let silent: Vec<_> = (0..MOST_FILES)
        .map(|_| TcpStream::connect(&address).unwrap())
        .collect();
    until("no handle is left", || {
        handles_below_the_limit(&daemon) == MOST_FILES
    });
    drop(silent);
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(stream, "GET /healthz HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
    end(daemon);
}
