//! A mistake that stops every sync is reported at the start, with its place, and not at the first tick.

use super::sandbox;
use crate::sandbox::Sandbox;

#[track_caller]
fn refused(flags: &[&str], status: i32, said: &[&str]) {
    let sandbox = sandbox().with("DIGITALOCEAN_TOKEN", "token");
    let run = sandbox.run(&[&["daemon"], flags].concat()).exits(status);
    said.iter().fold(run, |run, text| run.says(text));
}

#[test]
fn a_schedule_that_is_not_understood_is_refused_with_its_place() {
    refused(
        &["--cron", "0,75 * * * *"],
        2,
        &["--cron", "`75`, character 3 of `0,75 * * * *`", "hint: "],
    );
    refused(&["--cron", "* * * *"], 2, &["has 4 fields"]);
    refused(&["--cron", "0 0 31 2 *"], 2, &["never matches"]);
    refused(
        &["--cron", "@hourly", "--timezone", "Europe/Dublim"],
        2,
        &["--timezone"],
    );
    refused(
        &["--cron", "* * * * *", "--jitter", "90s"],
        2,
        &["--jitter", "60 s apart"],
    );
    refused(
        &["--cron", "@hourly", "--listen", "nonsense"],
        2,
        &["--listen"],
    );
    refused(
        &["--cron", "@hourly", "--ping-url", "http://example.com/x"],
        2,
        &["--ping-url"],
    );
    refused(&[], 2, &["no schedule is configured", "hint: "]);
}

#[test]
fn a_mistake_in_the_configuration_is_refused_with_its_line() {
    for (text, line, said) in [
        (
            "[schedule]\ncron = '* * * * 9'\n",
            2,
            "`cron`: `9`, character 9",
        ),
        (
            "\n[schedule]\ncron = '@hourly'\n\ntimezone = 'Nowhere/City'\n",
            5,
            "`timezone`",
        ),
        (
            "[schedule]\ncron = '@hourly'\njitter = 'soon'",
            3,
            "`jitter`",
        ),
        (
            "schedule = { cron = '@hourly' }\n[monitoring]\nlisten = '127.0.0.1:99999'",
            3,
            "`listen`",
        ),
        (
            "schedule = { cron = '@hourly' }\n[monitoring]\nping_url = 'ftp://h/secret-path'",
            3,
            "`ping_url`",
        ),
    ] {
        let sandbox = Sandbox::new()
            .with("DIGITALOCEAN_TOKEN", "token")
            .configured(text);
        sandbox
            .run(&["daemon"])
            .exits(2)
            .says(&format!("config.toml, line {line}: {said}"))
            .never_says("secret-path");
    }
}

#[test]
fn what_no_sync_could_do_without_is_asked_for_at_the_start() {
    let sandbox = sandbox();
    sandbox
        .run(&["daemon", "--cron", "@hourly"])
        .exits(4)
        .says("no token");
    std::fs::create_dir_all(sandbox.db().parent().unwrap()).unwrap();
    std::fs::write(sandbox.db(), "not a database, but longer than nothing").unwrap();
    let mut command = sandbox.command(&["daemon", "--cron", "@hourly"]);
    command.env("DIGITALOCEAN_TOKEN", "token");
    crate::process::Running::start(command).end().exits(6);
}
