//! What `docs/stability.md` promises, as it was when it was promised. A change of a file in `golden/` is a change of the
//! promise: names may be added to it, and none may go.
//!
//! `cargo test --lib --test it the_goldens_are_written -- --ignored` writes the files anew.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rusqlite::Connection;
use serde_json::Value;

use crate::account::cloud;
use crate::cloud::Cloud;
use crate::man::commands;
use crate::sandbox::Sandbox;

fn path(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    folder.join("tests/it/golden").join(name)
}

/// Each file with the text that it should have.
fn goldens() -> [(&'static str, String); 4] {
    let cloud = cloud(20, 2_000);
    let sandbox = Sandbox::new();
    let summary = sandbox.sync(&cloud, &["--all", "-o", "json"]).exits(0);
    [
        ("help.txt", help()),
        ("schema.txt", schema(&sandbox)),
        ("columns.txt", columns(&sandbox)),
        ("json.txt", json(&sandbox, &cloud, &summary.json())),
    ]
}

#[test]
fn nothing_that_is_promised_has_changed() {
    for (name, text) in goldens() {
        let golden = std::fs::read_to_string(path(name)).unwrap_or_default();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        let (before, now) = (lines(&golden), lines(&text));
        assert!(
            text == golden,
            "{name} has changed; if nothing is lost, write it anew as golden.rs says\nlost: {:#?}\nnew: {:#?}",
            before.difference(&now),
            now.difference(&before)
        );
    }
}

#[test]
#[ignore = "writes the files that the other test compares with"]
fn the_goldens_are_written() {
    for (name, text) in goldens() {
        std::fs::write(path(name), text).unwrap();
    }
}

/// The help of every command.
fn help() -> String {
    let sandbox = Sandbox::new().with("COLUMNS", "100");
    let mut text = String::new();
    for command in every_command(&sandbox) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = sandbox
            .run(&[&words[..], &["--help"]].concat())
            .exits(0)
            .stdout;
        text.push_str(&format!(
            "== archiver {}--help\n{help}\n",
            words
                .iter()
                .map(|word| format!("{word} "))
                .collect::<String>()
        ));
    }
    text
}

/// The words of each command, those of the program itself first.
fn every_command(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for name in commands(sandbox, &[]) {
        all.push(vec![name.clone()]);
        if ["auth", "config", "report"].contains(&name.as_str()) {
            let below = commands(sandbox, &[&name]).into_iter();
            all.extend(below.map(|below| vec![name.clone(), below]));
        }
    }
    all
}

/// Tables and views with their columns, and indexes with their definition.
fn schema(sandbox: &Sandbox) -> String {
    let archive = Connection::open(sandbox.db()).unwrap();
    let mut statement = archive
        .prepare(
            "SELECT schema.type, schema.name, schema.sql,
                    (SELECT group_concat(name || ' ' || type || iif(pk, ' key', '') || iif(\"notnull\", ' not null', ''), ', ')
                       FROM pragma_table_info(schema.name))
               FROM sqlite_schema AS schema
              WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
              ORDER BY type, name",
        )
        .unwrap();
    let lines = statement.query_map([], |row| {
        let (kind, name): (String, String) = (row.get(0)?, row.get(1)?);
        let columns: Option<String> = row.get(3)?;
        let definition: String = row.get(2)?;
        let definition = definition.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(match columns {
            Some(columns) if kind != "index" => format!("{kind} {name}: {columns}\n"),
            _ => format!("{definition}\n"),
        })
    });
    lines.unwrap().map(Result::unwrap).collect()
}

/// The columns that --columns takes, and the header of each answer in CSV.
fn columns(sandbox: &Sandbox) -> String {
    let mut text = String::new();
    for command in every_command(sandbox) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = sandbox.run(&[&words[..], &["--help"]].concat());
        if !help.stdout.contains("--columns <COLUMN>") {
            continue;
        }
        let asked = [
            &["completions", "fish", "--", "archiver"],
            &words[..],
            &["--columns", ""],
        ]
        .concat();
        let known = sandbox.run(&asked).exits(0).stdout;
        let known: Vec<&str> = known.lines().map(|line| line.trim_end()).collect();
        if !known.is_empty() {
            text.push_str(&format!("{}: {}\n", words.join(" "), known.join(" ")));
        }
    }
    for words in rows() {
        let run = sandbox.run(&[&words[..], &["-o", "csv"]].concat()).exits(0);
        let header = run.stdout.lines().next().unwrap_or_default().to_owned();
        text.push_str(&format!("{} -o csv: {header}\n", words.join(" ")));
    }
    text
}

/// Questions whose answers are rows.
fn rows() -> Vec<Vec<&'static str>> {
    let questions = [
        "query",
        "last",
        "droplets",
        "stats",
        "stats --by droplet,week --durations",
        "stats --compare --during 2025-05",
        "timeline web-01",
        "status",
        "report",
        "report --all",
        "accounts",
        "config show",
    ];
    questions
        .iter()
        .map(|words| words.split(' ').collect())
        .collect()
}

/// The keys of each answer in JSON.
fn json(sandbox: &Sandbox, cloud: &Cloud, summary: &Value) -> String {
    let mut answers = vec![("sync", summary.clone())];
    let dump = sandbox.folder().join("dump.json");
    std::fs::write(
        &dump,
        sandbox.query(&["-o", "json", "-n", "3"]).exits(0).stdout,
    )
    .unwrap();
    let every = "query -n 3 --columns id,status,type,started_at,completed_at,duration_seconds,resource,resource_id,\
                 resource_type,region_slug,droplet_name,region,first_seen_at";
    let action = format!(
        "show {} --sizes",
        sandbox
            .archive()
            .number("SELECT max(id) FROM actions WHERE resource_type = 'droplet'")
    );
    for words in [
        "query -n 3",
        every,
        "last",
        "droplets",
        "show",
        "stats",
        "stats --durations",
        "stats --compare --during 2025-05",
        "report",
        "report --all",
        "report downtime --since 2015",
        "report uptime --during 2025-05",
        "timeline web-01",
        "status",
        "verify",
        "config show",
        "import dump.json",
        "backup copy.db",
        "sync --dry-run",
        "auth check",
    ] {
        let asked = if words == "show" { &action } else { words };
        let arguments: Vec<&str> = asked.split(' ').chain(["-o", "json"]).collect();
        let mut command = sandbox.command(&arguments);
        command
            .env("DIGITALOCEAN_API_URL", cloud.url())
            .env("DIGITALOCEAN_TOKEN", cloud.token());
        let run = crate::process::Running::start(command).end();
        answers.push((words, run.json()));
    }
    let several = Sandbox::new().with("ARCHIVER_DB", "");
    let several = several.configured("[accounts.home]\n[accounts.work]");
    answers.push(("accounts", several.run(&["accounts", "-o", "json"]).json()));
    let lines = answers.iter().flat_map(|(words, answer)| {
        let mut keys = BTreeSet::new();
        add_keys(answer, "", &mut keys);
        let words = words.split(" --columns").next().unwrap();
        assert!(!keys.is_empty(), "{words}: {answer}");
        keys.into_iter().map(move |key| format!("{words}: {key}\n"))
    });
    lines.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The keys of all objects, with those above them.
fn add_keys(value: &Value, above: &str, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let key = format!("{above}{name}");
                keys.insert(key.clone());
                add_keys(value, &format!("{key}."), keys);
            }
        }
        Value::Array(values) => {
            for value in values {
                add_keys(value, &format!("{above}[]."), keys);
            }
        }
        _ => {}
    }
}
