//! `archiver serve`, and the pages of a daemon: a URL is a command, for those who may ask it.

mod commands;
mod doors;
mod patience;
mod service;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::account::settled_cloud;
use crate::cloud::Cloud;
use crate::process::{Running, until};
use crate::sandbox::Sandbox;

/// An account, its archive, and a server of it.
fn served() -> (Cloud, Sandbox, Server) {
    let (cloud, sandbox) = archived();
    let server = Server::of(&sandbox);
    (cloud, sandbox, server)
}

fn archived() -> (Cloud, Sandbox) {
    let cloud = settled_cloud(5, 450);
    let sandbox = Sandbox::new().configured("");
    sandbox.sync(&cloud, &["--all"]).exits(0);
    (cloud, sandbox)
}

pub(crate) struct Server {
    running: Running,
    address: String,
}

impl Server {
    pub(crate) fn of(sandbox: &Sandbox) -> Self {
        Self::start(sandbox.command(&["serve", "--listen", "127.0.0.1:0"]))
    }

    fn start(command: std::process::Command) -> Self {
        let running = Running::start(command);
        let mut address = None;
        until("it says where it listens", || {
            let said = running.said();
            let mut urls = said
                .lines()
                .filter_map(|line| line.split_once("pages at http://"));
            address = urls
                .next()
                .and_then(|(_, url)| url.strip_suffix('/'))
                .map(str::to_owned);
            address.is_some()
        });
        Self {
            running,
            address: address.unwrap(),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        stream
    }

    /// A connection on which this path was asked for, with an answer yet to come.
    fn begin(&self, path: &str) -> TcpStream {
        let mut stream = self.connect();
        let host = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        Answer::on(self.begin(path))
    }

    /// Sends these bytes as they are.
    fn hears(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.connect();
        // The server may refuse before it has read everything.
        let _ = stream.write_all(bytes);
        Answer::on(stream)
    }

    /// The processes that answer.
    fn children(&self) -> Vec<String> {
        let id = self.running.id();
        let path = format!("/proc/{id}/task/{id}/children");
        let children = std::fs::read_to_string(path).unwrap();
        children.split_whitespace().map(str::to_owned).collect()
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    head: String,
    pub(crate) body: String,
}

impl Answer {
    /// Reads until the connection ends.
    fn on(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // The server resets a connection whose request it has not read to its end.
        let _ = stream.read_to_end(&mut bytes);
        let answer = String::from_utf8(bytes).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        Self {
            status: status.unwrap_or(0),
            body: if head.contains("transfer-encoding: chunked") {
                joined(body)
            } else {
                body.to_owned()
            },
            head,
        }
    }

    #[track_caller]
    pub(crate) fn has_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        self
    }

    /// The value of a header, whose name and value are in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// The chunks of a whole body, joined.
fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    loop {
        let (length, rest) = chunks.split_once("\r\n").expect("a body that is whole");
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        body.push_str(&rest[..length]);
        chunks = &rest[length + 2..];
    }
}

/// A report that takes as long as its reader waits.
const ENDLESS: &str = "\
-- title: Endless
-- summary: It has no end.

WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers)
SELECT count(*) AS actions FROM numbers;
";

/// Makes the report `endless`.
fn with_endless_report(sandbox: &Sandbox) {
    let folder = sandbox.config_file();
    std::fs::write(folder.parent().unwrap().join("endless.sql"), ENDLESS).unwrap();
}
