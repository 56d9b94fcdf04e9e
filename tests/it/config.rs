//! `archiver config`: a commented file, and the values in force with their sources.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::sandbox::Sandbox;
use crate::terminal::{command_on_a_terminal, has_script};

/// The value and the source of each key.
fn shown(sandbox: &Sandbox, flags: &[&str]) -> impl Fn(&str) -> (String, String) + use<> {
    let arguments = [&["config", "show", "-o", "json"], flags].concat();
    let run = sandbox.run(&arguments).exits(0).never_says("canary");
    assert_eq!(run.stderr, "");
    let json = run.json();
    move |key| {
        let mut rows = json.as_array().unwrap().iter();
        let row = rows
            .find(|row| row["key"] == key)
            .unwrap_or_else(|| panic!("{key}"));
        let text = |name: &str| row[name].as_str().unwrap_or("null").to_owned();
        (text("value"), text("source"))
    }
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_configuration_is_private_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let path = sandbox.config_file();
    assert_eq!(
        sandbox.run(&["config", "path"]).exits(0).stdout,
        format!("{}\n", path.display())
    );
    let before = sandbox
        .run(&["config", "show", "-o", "csv"])
        .exits(0)
        .stdout;
    let run = sandbox.run(&["config", "init"]).exits(0);
    assert_eq!(
        (run.stdout.as_str(), run.stderr),
        ("", format!("wrote {}\n", path.display()))
    );
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(
        sandbox
            .run(&["config", "show", "-o", "csv"])
            .exits(0)
            .stdout,
        before
    );
}

#[test]
fn an_existing_configuration_stays_as_it_is_even_a_broken_one_or_a_link() {
    let sandbox = Sandbox::new().configured("not = [toml");
    let refused = sandbox.run(&["config", "init"]).exits(2);
    refused
        .says("there is a configuration at")
        .says("`archiver config show` prints");
    assert_eq!(
        fs::read_to_string(sandbox.config_file()).unwrap(),
        "not = [toml"
    );
    let link = sandbox.folder().join("link.toml");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    sandbox
        .run(&["config", "init", "--config", "link.toml"])
        .exits(2);
    assert!(!sandbox.folder().join("nowhere").exists());
    sandbox
        .run(&["config", "init", "--config", "new/c.toml"])
        .exits(0);
    sandbox
        .run(&["config", "show", "--config", "new/c.toml"])
        .exits(0);
    sandbox
        .run(&["config", "path", "--config", "link.toml"])
        .exits(0);
    let nowhere = Sandbox::new().with("HOME", "").with("XDG_CONFIG_HOME", "");
    nowhere
        .run(&["config", "init"])
        .exits(2)
        .says("set its path with --config");
}

#[test]
fn every_value_is_shown_with_the_place_that_sets_it() {
    let text = "\
token_command = \"echo canary\"
api_url = \"http://127.0.0.1:1\"
schedule = { cron = \"@hourly\" }

[sync]
tags = [\"production\", \"staging\"]
[limits]
reserve = 500
[monitoring]
ping_url = \"https://hc-ping.com/canary\"
";
    let sandbox = Sandbox::new().configured(text).with("HTTPS_PROXY", "");
    let line = |line: usize| format!("{}:{line}", sandbox.config_file().display());
    let value = shown(&sandbox, &[]);
    let db = sandbox.db().display().to_string();
    for (key, expected, source) in [
        (
            "configuration",
            sandbox.config_file().display().to_string(),
            "default".to_owned(),
        ),
        ("token", "(set, not shown)".to_owned(), line(1)),
        ("token_command", "(not shown)".to_owned(), line(1)),
        ("api_url", "http://127.0.0.1:1".to_owned(), line(2)),
        ("schedule.cron", "@hourly".to_owned(), line(3)),
        ("sync.tags", "production, staging".to_owned(), line(6)),
        ("sync.all", "false".to_owned(), "default".to_owned()),
        ("sync.recheck", "1d".to_owned(), "default".to_owned()),
        ("limits.reserve", "500".to_owned(), line(8)),
        (
            "limits.requests_per_hour",
            "5000".to_owned(),
            "default".to_owned(),
        ),
        ("monitoring.ping_url", "(not shown)".to_owned(), line(10)),
        ("monitoring.listen", "null".to_owned(), "default".to_owned()),
        ("database", db, "$ARCHIVER_DB".to_owned()),
    ] {
        assert_eq!(value(key), (expected, source), "{key}");
    }
    let value = shown(
        &sandbox,
        &[
            "--db",
            "x.db",
            "--doctl-context",
            "work",
            "--api-url",
            "https://a.example",
        ],
    );
    assert_eq!(value("database"), ("x.db".to_owned(), "--db".to_owned()));
    assert_eq!(value("api_url").1, "--api-url");
    assert_eq!(value("token").1, "--doctl-context");
    let sandbox = sandbox
        .with("DIGITALOCEAN_TOKEN", "canary")
        .with("ARCHIVER_PING_URL", "https://hc-ping.com/canary");
    let value = shown(&sandbox, &[]);
    assert_eq!(
        value("token"),
        (
            "(set, not shown)".to_owned(),
            "$DIGITALOCEAN_TOKEN".to_owned()
        )
    );
    assert_eq!(value("monitoring.ping_url").1, "$ARCHIVER_PING_URL");
}

#[test]
fn a_command_that_prints_the_token_is_not_run() {
    let sandbox = Sandbox::new().configured("token_command = 'touch ran'");
    assert_eq!(shown(&sandbox, &[])("token").0, "(set, not shown)");
    assert!(!sandbox.folder().join("ran").exists());
}

#[test]
fn an_account_is_shown_with_its_own_lines_and_those_of_the_top_level() {
    let text = "\
[limits]
reserve = 5
[accounts.home]
[accounts.work]
token_file = 'work.token'
[accounts.work.sync]
droplets = [1, 2]
";
    let sandbox = Sandbox::new().with("ARCHIVER_DB", "").configured(text);
    let file = sandbox.config_file();
    let line = |line: usize| format!("{}:{line}", file.display());
    let value = shown(&sandbox, &["--account", "work"]);
    assert_eq!(value("limits.reserve"), ("5".to_owned(), line(2)));
    assert_eq!(value("token"), ("(set, not shown)".to_owned(), line(5)));
    assert_eq!(value("sync.droplets"), ("1, 2".to_owned(), line(7)));
    assert!(value("database").0.ends_with("/work.db"));
    let default = |sandbox: &Sandbox, flags: &[&str]| shown(sandbox, flags)("default_account");
    let by_flag = default(&sandbox, &["--account", "work"]);
    assert_eq!(by_flag, ("work".to_owned(), "--account".to_owned()));
    let both = sandbox
        .run(&["config", "show", "-o", "csv"])
        .exits(0)
        .stdout;
    assert!(
        both.starts_with("account,key,value,source\nhome,configuration,"),
        "{both}"
    );
    assert!(both.contains("\nwork,sync.droplets,\"1, 2\","), "{both}");
    let sandbox = sandbox.configured(&format!("default_account = 'all'\n{text}"));
    assert_eq!(default(&sandbox, &[]), ("all".to_owned(), line(1)));
    let sandbox = sandbox.with("ARCHIVER_ACCOUNT", "home");
    let by_variable = default(&sandbox, &[]);
    assert_eq!(
        by_variable,
        ("home".to_owned(), "$ARCHIVER_ACCOUNT".to_owned())
    );
}

#[test]
fn without_a_home_the_values_are_shown_as_they_are_used() {
    let nowhere = Sandbox::new().with("HOME", "").with("XDG_CONFIG_HOME", "");
    let value = shown(&nowhere, &["--db", "x.db"]);
    assert_eq!(value("configuration").0, "null");
    assert_eq!(value("database").0, "x.db");
}

#[test]
fn a_token_in_place_of_the_path_of_the_configuration_is_refused_and_not_repeated() {
    let sandbox = Sandbox::new();
    for command in [&["config", "init"][..], &["config", "path"], &["status"]] {
        let run = sandbox.run(&[command, &["--config", "dop_v1_canary"]].concat());
        run.exits(2).never_says("canary");
    }
    assert!(!sandbox.folder().join("dop_v1_canary").exists());
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn a_user_at_a_terminal_is_asked_until_the_answers_are_valid() {
    let sandbox = Sandbox::new();
    if !has_script(&sandbox) {
        eprintln!("skipped: there is no script(1)");
        return;
    }
    let answered = |path: &str, answers: &str| {
        let mut command = command_on_a_terminal(&sandbox, &["config", "init", "--config", path]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.env("TERM", "xterm").spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(answers.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read_to_string(sandbox.folder().join(path)).unwrap()
    };
    let text = answered(
        "c.toml",
        "dop_v1_canary\n/srv/a.db\nweb,3164444\never\n@hourly\n",
    );
    for line in [
        "database = \"/srv/a.db\"",
        "droplets = [3164444]",
        "tags = [\"web\"]",
        "cron = \"@hourly\"",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "{line}\n{text}");
    }
    assert!(!text.contains("canary"), "{text}");
    // The words for the defaults are no tag and no schedule.
    let usual = answered("usual.toml", "\n\n\n");
    assert_eq!(answered("words.toml", "\nALL\nNone\n"), usual);
}
