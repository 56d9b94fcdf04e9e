//! Every command that answers questions, on an archive of an account with the token in its texts: no trace of it is
//! left.

use super::servers::talkative;
use super::source::{Home, Source};
use super::traces::Traces;
use crate::process::{Run, Running};

/// Each command with a part of its answer.
const QUESTIONS: [(&[&str], &str); 28] = [
    (&["query"], "reboot"),
    (&["query", "--count"], "3"),
    (&["query", "-o", "json"], "[token]"),
    (&["query", "-o", "csv", "--csv-safe"], "[token]"),
    (&["query", "--droplet", "*token*", "-o", "jsonl"], "[token]"),
    (&["query", "--type", "rebot"], ""),
    (&["last"], "[token]"),
    (&["droplets"], "[token]"),
    (&["show", "2"], "[token]"),
    (&["show", "2", "-o", "json"], "[token]"),
    (&["stats", "--by", "type"], "[token]"),
    (&["report"], "downtime"),
    (&["report", "lifetimes"], "[token]"),
    (&["report", "busiest", "--show-sql"], "SELECT"),
    (&["timeline", "31"], "[token]"),
    (&["sql", "SELECT * FROM actions"], "[token]"),
    (
        &["sql", "SELECT * FROM regions", "-o", "markdown"],
        "\\[token\\]",
    ),
    (&["sql", "SELECT * FROM sync_runs"], "account"),
    (&["page", "-o", "-"], "[token]"),
    (&["query", "-o", "html"], "[token]"),
    (&["schema"], "CREATE TABLE"),
    (&["status"], "complete"),
    (&["status", "-o", "json"], "/v2/actions"),
    (&["accounts", "--exit-code"], "ACCOUNT"),
    (&["verify"], "sound"),
    (&["verify", "-o", "json"], "true"),
    (&["config", "show"], "(set, not shown)"),
    (&["config", "path"], "config.toml"),
];

/// The commands that other tests cover.
const OTHERS: [&str; 10] = [
    "sync",
    "daemon",
    "import",
    "serve",
    "auth",
    "backup",
    "export",
    "completions",
    "man",
    "help",
];

/// The names of the commands, as the help lists them.
fn commands(help: &Run) -> Vec<String> {
    let lines = help
        .stdout
        .lines()
        .take_while(|line| *line != "Global options:");
    let entries = lines.filter_map(|line| line.strip_prefix("  "));
    let entries = entries.filter(|entry| !entry.starts_with(' '));
    let names = entries.filter_map(|entry| entry.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn no_answer_holds_a_trace_of_the_token_that_a_server_repeated() {
    let cloud = talkative(Vec::new());
    let traces = Traces::of_canary();
    for source in Source::ALL {
        let home = Home::with(source);
        let run = |words: &[&str]| {
            let run = Running::start(home.command(&cloud.url(), words)).end();
            traces.are_not_said_by(&format!("{words:?}"), &run);
            run
        };
        run(&["sync", "-vv"]).exits(0);
        for (question, expected) in QUESTIONS {
            for log_format in ["text", "json"] {
                let words = [question, &["-vv", "--log-format", log_format]].concat();
                let run = run(&words).exits(0);
                assert!(run.stdout.contains(expected), "`{expected}`: {run}");
            }
        }
        let copy = home.sandbox.folder().join("copy.db");
        run(&["backup", copy.to_str().unwrap(), "-vv"]).exits(0);
        assert!(copy.exists());
        let lake = home.sandbox.folder().join("lake");
        run(&["export", lake.to_str().unwrap(), "-vv"]).exits(0);
        traces.are_not_below(home.sandbox.folder());
    }
}

#[test]
fn no_command_explains_itself_with_the_token_and_none_is_forgotten_here() {
    let traces = Traces::of_canary();
    for source in Source::ALL {
        let home = Home::with(source);
        let run = |words: &[&str]| {
            let run = Running::start(home.command("http://127.0.0.1:1", words)).end();
            traces.are_not_said_by(&format!("{words:?}"), &run);
            run
        };
        let names = commands(&run(&["--help"]).exits(0));
        for name in &names {
            let is_asked = QUESTIONS.iter().any(|(question, _)| question[0] == name);
            assert!(
                is_asked || OTHERS.contains(&name.as_str()),
                "{name} is not tried here"
            );
            if name != "help" {
                run(&[name, "--help", "-vv", "--log-format", "json"]).exits(0);
                run(&[name, "-h"]).exits(0);
            }
            run(&[name, "--no-such-flag", "-vv"]).exits(2);
        }
        assert_eq!(names.len(), 24, "{names:?}");
        run(&["auth", "check", "--help"]).exits(0);
        run(&["--version"]).exits(0);
    }
}
