//! No URL reaches more than the answers of the archive, and no other site reaches any.

use super::{Answer, Server, archived, served, with_endless_report};
use crate::process::until;

const COMMANDS: [&str; 8] = [
    "/query.json",
    "/last.json",
    "/droplets.json",
    "/stats.json",
    "/status.json",
    "/report.json",
    "/timeline/1.json",
    "/show/1.json",
];

#[test]
fn no_flag_leads_elsewhere() {
    let (_cloud, sandbox, server) = served();
    let before = sandbox.archive().contents();
    let secret = sandbox.folder().join("secret.toml");
    std::fs::write(&secret, "canary = true").unwrap();
    let secret = secret.display();
    for command in COMMANDS {
        for flag in [
            format!("db={secret}"),
            format!("config={secret}"),
            format!("%63onfig={secret}"),
            format!("type=reboot&db={secret}"),
            format!("tz=UTC+--db={secret}&--db={secret}"),
            "api-url=http://127.0.0.1:1".to_owned(),
            "doctl-context=x".to_owned(),
            "output=table".to_owned(),
            "o=table".to_owned(),
            "-o=table".to_owned(),
            "exit-code".to_owned(),
            "show-sql".to_owned(),
            "linked".to_owned(),
            "format=id".to_owned(),
            "no-headers".to_owned(),
            "verbose".to_owned(),
            "v".to_owned(),
            "quiet".to_owned(),
            "color=always".to_owned(),
            "log-format=json".to_owned(),
            "no-pager".to_owned(),
            "help".to_owned(),
            "h".to_owned(),
            "version".to_owned(),
            "=x".to_owned(),
            "-".to_owned(),
            "--".to_owned(),
            "Columns=id".to_owned(),
        ] {
            let answer = server.get(&format!("{command}?{flag}"));
            assert_eq!(answer.status, 400, "{command}?{flag}: {}", answer.body);
            assert!(!answer.body.contains("canary"), "{command}?{flag}");
        }
    }
    sandbox.archive().is_unchanged_since(&before);
}

#[test]
fn no_other_command_has_a_page() {
    let (_cloud, sandbox, server) = served();
    let before = sandbox.archive().contents();
    for path in [
        "/sync",
        "/sql",
        "/sql/SELECT%201",
        "/verify",
        "/backup",
        "/backup/copy.db",
        "/auth",
        "/auth/check",
        "/schema",
        "/daemon",
        "/serve",
        "/help",
        "/help/query",
        "/page",
        "/Query",
        "/quer",
        "/query/",
        "//query",
        "/query//",
        "/query/../sync",
        "/./query",
        "/..",
        "/../../etc/passwd",
        "/query%2f",
        "/%2fquery",
        "/query.json/x",
        "/query/x",
        "/.json",
        "/query/.json",
        "/report/",
        "/report/help",
        "/report/nope",
        "/report/downtime/x",
        "/report/../sync",
        "/last/@power/x",
        "/timeline/1/2",
        "/show/1/--db=x",
        "/droplets/x",
        "/status/x",
        "/stats/x",
        "/-h",
        "/--db=x",
        "/favicon.ico",
        "/query;x",
        "/query%20",
        "/query%0a",
    ] {
        for format in ["", ".json"] {
            let answer = server.get(&format!("{path}{format}"));
            assert_eq!(answer.status, 404, "{path}{format}: {}", answer.body);
        }
    }
    sandbox.archive().is_unchanged_since(&before);
    let left = sandbox.files_at_rest();
    assert_eq!(left, ["archive.db"]);
}

#[test]
fn a_value_is_a_value_whatever_it_looks_like() {
    let (_cloud, _sandbox, server) = served();
    for (path, status) in [
        ("/timeline/--db=x.json", 400),
        ("/timeline/-h.json", 400),
        ("/timeline/--.json", 400),
        ("/timeline/...json", 400),
        ("/timeline/a%2F..%2Fb.json", 400),
        ("/timeline/%00.json", 400),
        ("/timeline/%ff.json", 400),
        ("/timeline/%c3%28.json", 400),
        ("/show/--help.json", 400),
        ("/show/1.json", 400),
        ("/show/1", 400),
        ("/last/--help.json", 200),
        ("/query.json?droplet=--db%3Dx", 400),
        ("/query.json?droplet=%00", 400),
        ("/query.json?%ff=1", 400),
        ("/query.json?droplet=%ff", 400),
        ("/query.json?since=-3d", 200),
        ("/query.json?&&&", 200),
        ("/query.json?type=%zz", 200),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
}

#[test]
fn whatever_is_sent_the_server_lives_on() {
    let (_cloud, sandbox, server) = served();
    let before = sandbox.archive().contents();
    let host = server.address.clone();
    let with = |line: &str, head: &str, body: &str| {
        format!("{line}\r\n{head}connection: close\r\n\r\n{body}").into_bytes()
    };
    let own = format!("host: {host}\r\n");
    let long = "x".repeat(100_000);
    let many = "type=reboot&".repeat(100_000);
    let some = "type=reboot&".repeat(1_000);
    for (status, request) in [
        (
            431,
            with(
                &format!("GET /query.json?droplet={long} HTTP/1.1"),
                &own,
                "",
            ),
        ),
        (
            431,
            with(&format!("GET /query.json?{many} HTTP/1.1"), &own, ""),
        ),
        (
            200,
            with(&format!("GET /query.json?{some} HTTP/1.1"), &own, ""),
        ),
        (
            405,
            with(
                "POST /query.json HTTP/1.1",
                &format!("{own}content-length: 9\r\n"),
                "db=x&a=b\n",
            ),
        ),
        (
            405,
            with(
                "PUT /query.json HTTP/1.1",
                &format!("{own}transfer-encoding: chunked\r\n"),
                "1\r\nx\r\n0\r\n\r\n",
            ),
        ),
        (405, with("DELETE / HTTP/1.1", &own, "")),
        (405, with("OPTIONS * HTTP/1.1", &own, "")),
        (405, with("TRACE /query HTTP/1.1", &own, "")),
        (404, with("GET * HTTP/1.1", &own, "")),
        (
            200,
            with(
                "GET /query.json HTTP/1.1",
                &format!("{own}content-length: 3\r\n"),
                "abc",
            ),
        ),
        (
            200,
            with(&format!("GET http://{host}/query.json HTTP/1.1"), &own, ""),
        ),
        (
            421,
            with("GET http://evil.example/query.json HTTP/1.1", &own, ""),
        ),
        (400, with("GET /query.json HTTP/1.1", "", "")),
        (
            400,
            with("GET /query.json HTTP/1.1", &format!("{own}{own}"), ""),
        ),
        (
            400,
            with(
                "GET /query.json HTTP/1.1",
                &format!("{own}host: evil.example\r\n"),
                "",
            ),
        ),
        (200, with("GET /query.json HTTP/1.0", "", "")),
        (
            421,
            with("GET /query.json HTTP/1.0", "host: evil.example\r\n", ""),
        ),
        (400, b"GET /query\x00.json HTTP/1.1\r\n\r\n".to_vec()),
        (
            400,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        ),
    ] {
        let answer = server.hears(&request);
        let start = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        assert_eq!(answer.status, status, "{start}: {answer:?}");
    }
    server.get("/query.json").has_status(200);
    sandbox.archive().is_unchanged_since(&before);
}

fn asked_as(server: &Server, host: &str, path: &str) -> Answer {
    let text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    server.hears(text.as_bytes())
}

#[test]
fn a_page_of_another_site_cannot_read_the_archive_through_its_own_name() {
    let (cloud, sandbox) = archived();
    let server = Server::of(&sandbox);
    for host in [
        "localhost",
        "LOCALHOST:9185",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.8.9.10",
        "[::1]",
        "[::1]:9185",
    ] {
        asked_as(&server, host, "/report.json").has_status(200);
    }
    let foreign = [
        "evil.example",
        "evil.example:9185",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil@x",
        "",
        "192.0.2.1",
        "[2001:db8::1]:80",
        "0x7f.1",
        "\u{e9}",
        "a b",
    ];
    for host in foreign {
        asked_as(&server, host, "/report.json").has_status(421);
    }
    let daemon = sandbox.daemon_on(&cloud, "127.0.0.1:0");
    asked_as(&daemon, "evil.example", "/query.json").has_status(421);
    asked_as(&daemon, "localhost", "/query.json").has_status(200);
    // Prometheus asks by the name of a service, and reads numbers alone.
    for path in ["/metrics", "/healthz"] {
        asked_as(&daemon, "archiver.monitoring.svc", path).has_status(200);
    }
}

#[test]
fn an_address_that_others_reach_is_warned_of_and_known_by_its_number() {
    let (_cloud, sandbox) = archived();
    let server = Server::start(sandbox.command(&["serve", "--listen", "0.0.0.0:0"]));
    let said = server.running.said();
    until("it warns", || {
        server
            .running
            .said()
            .contains("warning: everyone who can reach")
    });
    let port = said
        .lines()
        .next()
        .unwrap()
        .rsplit_once(':')
        .unwrap()
        .1
        .trim_end_matches('/')
        .to_owned();
    let server = Server {
        address: format!("127.0.0.1:{port}"),
        ..server
    };
    for (host, status) in [
        ("192.0.2.1", 200),
        ("evil.example", 421),
        ("localhost", 200),
    ] {
        asked_as(&server, host, "/report.json").has_status(status);
    }
}

#[test]
fn a_command_that_answers_knows_no_token() {
    let (cloud, sandbox) = archived();
    with_endless_report(&sandbox);
    let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0"]);
    command
        .env("DIGITALOCEAN_TOKEN", cloud.token())
        .env("DIGITALOCEAN_ACCESS_TOKEN", cloud.token());
    let server = Server::start(command);
    let reader = server.begin("/report/endless.json");
    let environ =
        |id: &String| std::fs::read_to_string(format!("/proc/{id}/environ")).unwrap_or_default();
    // Right after its start, a process still has the environment of its parent.
    let mut seen = String::new();
    until("it runs", || {
        seen = server.children().first().map(environ).unwrap_or_default();
        seen.contains("HOME=") && !seen.contains("TOKEN")
    });
    assert!(!seen.contains(&cloud.token()), "{seen}");
    // A server that is killed at once would leave the endless command behind.
    drop(reader);
    until("it has ended", || server.children().is_empty());
}
