//! Each answer is the one of the command line.

use super::{Server, archived, served};

const OWN: &str = "\
-- title: Counts
-- summary: How many actions of a type there are.
-- parameter old_type (text) = reboot: of these types

SELECT type, count(*) AS actions
  FROM actions
 WHERE type IN (SELECT value FROM json_each(:old_type))
 GROUP BY type
 ORDER BY type;
";

#[test]
fn every_answer_in_json_is_the_one_of_the_command_line() {
    let (cloud, sandbox, server) = served();
    let folder = sandbox.config_file().parent().unwrap().to_owned();
    // The server has started before this report was written.
    std::fs::write(folder.join("counts.sql"), OWN).unwrap();
    let action = cloud.actions()[7].id.to_string();
    let droplet = sandbox
        .archive()
        .number("SELECT max(id) FROM droplets")
        .to_string();
    let name: String = sandbox
        .archive()
        .texts("SELECT name FROM droplets WHERE name IS NOT NULL ORDER BY id")
        .remove(0);
    for (path, words) in [
        ("/query.json", "query"),
        (
            "/query.json?type=reboot,snapshot&limit=3&reverse",
            "query --type reboot,snapshot --limit 3 --reverse",
        ),
        (
            "/query.json?type=reboot&type=%73napshot&since=&gone=&status",
            "query --type reboot --type snapshot --gone",
        ),
        (
            "/query.json?after=2020-07&columns=id,type",
            "query --since 2020-07 --columns id,type",
        ),
        (
            "/query.json?at=2026-07-25+00:30&around=30d",
            "query --at 2026-07-25T00:30 --around 30d",
        ),
        ("/query.json?count", "query --count"),
        ("/query.json?limit=0&limit=", "query --limit 0"),
        ("/query.json?reverse=yes", "query --reverse=yes"),
        (
            "/last/@power.json?columns=droplet_id,type",
            "last @power --columns droplet_id,type",
        ),
        (
            "/droplets.json?columns=id,name",
            "droplets --columns id,name",
        ),
        ("/stats.json?by=type", "stats --by type"),
        ("/report.json", "report"),
        (
            "/report/lifetimes.json?columns=droplet_id",
            "report lifetimes --columns droplet_id",
        ),
        (
            "/report/counts.json?old-type=reboot",
            "report counts --old-type reboot",
        ),
        ("/timeline/DROPLET.json", "timeline DROPLET"),
        (
            "/timeline/%4EAME.json?tz=Europe/Berlin",
            "timeline NAME --tz Europe/Berlin",
        ),
        ("/timeline/nobody.json", "timeline nobody"),
        ("/show/ACTION.json?sizes", "show ACTION --sizes"),
        ("/show.json", "show"),
    ] {
        let real = |text: &str| {
            let text = text.replace("ACTION", &action).replace("DROPLET", &droplet);
            text.replace("%4EAME", &name).replace("NAME", &name)
        };
        let mut words: Vec<_> = words.split(' ').map(real).collect();
        words.extend(["-o".to_owned(), "json".to_owned()]);
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let run = sandbox.run(&words);
        let answer = server.get(&real(path));
        assert!(answer.head.contains("content-type: application/json"));
        if run.status.code() == Some(0) {
            assert_eq!(answer.has_status(200).body, run.stdout, "{path}");
        } else {
            let error = answer.has_status(400).json()["error"]
                .as_str()
                .unwrap()
                .to_owned();
            run.exits(2).says(&format!("error: {error}\n"));
        }
    }
}

#[test]
fn a_status_says_as_much_as_on_the_command_line() {
    let (_cloud, sandbox, server) = served();
    let told = server.get("/status.json").has_status(200).json();
    let run = sandbox.run(&["status", "-o", "json"]).exits(0).json();
    assert_eq!(told["path"], run["path"]);
    assert_eq!(told["listings"], run["listings"]);
}

#[test]
fn what_the_command_line_calls_a_mistake_is_one_in_a_browser_too_with_its_hint() {
    let (_cloud, _sandbox, server) = served();
    let answer = server.get("/query?type=rebot&since=never").has_status(400);
    assert!(
        answer.body.starts_with("<!DOCTYPE html>"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("Content-Security-Policy"));
    let answer = server.get("/report/downtme.json").has_status(404);
    assert!(answer.json()["hint"].as_str().unwrap().contains("/report"));
    let answer = server.get("/query.json?since=never").has_status(400).json();
    assert!(
        answer["error"].as_str().unwrap().contains("never"),
        "{answer}"
    );
    // Markup in a URL is text in the answer.
    let answer = server
        .get("/query?%3Cscript%3Ealert(1)%3C/script%3E")
        .has_status(400);
    assert!(
        answer.body.contains("&lt;script&gt;alert"),
        "{}",
        answer.body
    );
}

#[test]
fn a_head_is_all_of_the_answer_but_its_body_and_a_range_is_the_whole() {
    let (_cloud, _sandbox, server) = served();
    let ask = |method: &str, more: &str| {
        let host = &server.address;
        let text = format!(
            "{method} /report.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"
        );
        server.hears(text.as_bytes()).has_status(200)
    };
    let without_date = |head: &str| {
        let lines = head.lines().filter(|line| !line.starts_with("date: "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let (whole, head) = (ask("GET", ""), ask("HEAD", ""));
    assert_eq!(without_date(&head.head), without_date(&whole.head));
    assert!(head.body.is_empty() && !whole.body.is_empty());
    assert_eq!(ask("GET", "Range: bytes=0-1\r\n").body, whole.body);
}

#[test]
fn a_browser_is_told_to_keep_every_answer_to_itself() {
    let (_cloud, _sandbox, server) = served();
    for path in [
        "/report.json",
        "/nowhere",
        "/query.json?db=x",
        "/query?since=never",
    ] {
        let answer = server.get(path);
        for header in [
            "content-security-policy: ",
            "frame-ancestors 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "x-frame-options: deny",
            "cache-control: no-store",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(answer.head.contains(header), "{path}: {}", answer.head);
        }
    }
}

#[test]
fn there_is_an_answer_before_the_first_sync_and_after_it_without_a_restart() {
    let (cloud, other) = archived();
    drop(other);
    let sandbox = crate::sandbox::Sandbox::new();
    let server = Server::of(&sandbox);
    let answer = server.get("/query.json").has_status(503).json();
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("there is no archive at")
    );
    assert!(answer["hint"].as_str().unwrap().contains("archiver sync"));
    assert!(
        server
            .running
            .said()
            .contains("warning: there is nothing to show yet")
    );
    sandbox.sync(&cloud, &[]).exits(0);
    server.get("/query.json").has_status(200);
}
