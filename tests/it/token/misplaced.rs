//! A token in the place of another value is refused and not repeated, by any command or log.

use super::CANARY;
use crate::sandbox::Sandbox;

#[track_caller]
fn refused(sandbox: &Sandbox, flags: &[&str]) -> crate::process::Run {
    for command in [&["daemon", "-vv"][..], &["daemon", "--log-format", "json"]] {
        let run = sandbox.run(&[command, flags].concat()).exits(2);
        run.never_says(CANARY).never_says("canary");
    }
    sandbox.run(&[&["daemon"], flags].concat())
}

fn sandbox() -> Sandbox {
    Sandbox::new().with("DIGITALOCEAN_TOKEN", "token")
}

#[test]
fn in_the_configuration() {
    for text in [
        &format!("[limits]\nconcurrency = '{CANARY}'"),
        &format!("[limits]\n{CANARY} = 4"),
        &format!("[{CANARY}]\nx = 1"),
        &format!("token_file = '{CANARY}'"),
        &format!("api_url = 'https://host/{CANARY}'"),
        &format!("api_url = '{CANARY}'"),
        &format!("[schedule]\ncron = '{CANARY}'"),
        &format!("[sync]\nrecheck = '{CANARY}'"),
        &format!("[sync]\naudit = '{CANARY}'"),
        "monitoring = 'https://hc-ping.com/canary'",
        "schedule = { cron = '@hourly' }\n[monitoring]\nlisten = 'https://hc-ping.com/canary'",
        "schedule = { cron = '@hourly' }\n[monitoring]\nmax_age = 'https://hc-ping.com/canary'",
        "[schedule]\ncron = 'https://hc-ping.com/canary'",
    ] {
        let flags: &[&str] = if text.contains("cron") {
            &[]
        } else {
            &["--cron", "@hourly"]
        };
        refused(&sandbox().configured(text), flags).says("hint: ");
    }
}

#[test]
fn in_flags_and_variables() {
    let cron = ["--cron", "@hourly"];
    let address = format!("https://user:{CANARY}@host:notaport");
    for flags in [
        ["--cron", CANARY],
        ["--timezone", CANARY],
        ["--jitter", CANARY],
        ["--listen", CANARY],
        ["--max-age", CANARY],
        ["--api-url", &address],
        ["--api-url", CANARY],
        ["--db", CANARY],
        ["--config", CANARY],
    ] {
        let flags = match flags {
            ["--cron", _] => flags.to_vec(),
            _ => [&cron[..], &flags[..]].concat(),
        };
        refused(&sandbox(), &flags);
    }
    for name in ["DIGITALOCEAN_API_URL", "ARCHIVER_DB", "ARCHIVER_CONFIG"] {
        refused(&sandbox().with(name, CANARY), &cron);
    }
}
