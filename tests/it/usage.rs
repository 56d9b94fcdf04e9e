//! Wrong flags, wrong configuration, wrong token: each gets a message that says what to do, and no secret is shown. The
//! tests in `token` check that nothing leaves a trace of a token.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::account::cloud;
use crate::cloud::Cloud;
use crate::process::Running;
use crate::sandbox::Sandbox;

#[test]
fn help_and_version_are_answers() {
    let sandbox = Sandbox::new();
    for flags in [
        &["--help"][..],
        &["sync", "--help"],
        &["query", "-h"],
        &["stats", "--help"],
        &["timeline", "--help"],
    ] {
        let run = sandbox.run(flags).exits(0);
        assert!(
            run.stdout.contains("Usage: archiver") && run.stderr.is_empty(),
            "{run}"
        );
    }
    let run = sandbox.run(&["--version"]).exits(0);
    assert!(run.stdout.starts_with("archiver "), "{run}");
}

#[test]
fn what_is_no_flag_command_or_value_is_a_usage_error_that_repeats_it() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["sync", "--dorplet", "1"][..],
        &["snyc"],
        &["sync", "--droplet", "web-01"],
        &["sync", "--all", "--droplet", "1"],
        &["sync", "-o", "xml"],
        &["query", "-o", "xml"],
        &["query", "--columns", "colour"],
        &["query", "--limit", "few"],
        &["query", "--color", "mauve"],
        &["sync", "--wait", "soon"],
        &["-q", "-v", "sync"],
    ] {
        let run = sandbox.run(arguments).exits(2);
        assert_eq!(run.stdout, "");
        let is_named = arguments
            .iter()
            .any(|argument| run.stderr.contains(argument));
        assert!(is_named && run.stderr.starts_with("error: "), "{run}");
    }
    sandbox.run(&[]).exits(2).says("Usage: archiver");
    assert!(!sandbox.db().exists(), "no archive is made of a mistake");
}

#[test]
fn an_unknown_key_of_the_configuration_is_named_with_its_line() {
    for (text, key, line) in [
        ("databse = \"x\"\n", "databse", "line 1"),
        ("\n[sync]\n\ndroplet = [1]\n", "droplet", "line 4"),
        ("[limits]\nconcurrency = 4\nrate = 5\n", "rate", "line 3"),
        ("[sinc]\nall = true\n", "sinc", "line 1"),
    ] {
        let sandbox = Sandbox::new().configured(text);
        for command in ["sync", "query"] {
            let run = sandbox.run(&[command]).exits(2);
            run.says(&format!("`{key}`"))
                .says(line)
                .says("config.toml")
                .says("hint: ");
        }
    }
}

#[test]
fn a_configuration_that_was_asked_for_must_be_there() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["sync", "--config", "missing.toml"]).exits(2);
    run.says("missing.toml").says("hint: ");
    let sandbox = sandbox.with("ARCHIVER_CONFIG", "/nowhere/else.toml");
    sandbox.run(&["query"]).exits(2).says("/nowhere/else.toml");
}

#[test]
fn a_token_in_the_configuration_is_refused_and_not_repeated() {
    let sandbox = Sandbox::new().configured("token = \"dop_v1_canary\"\n");
    let run = sandbox.run(&["sync"]).exits(2).says("`token`");
    run.says("hint: a token does not belong in the configuration")
        .never_says("canary");
}

#[test]
fn the_token_is_never_sent_in_clear_text_across_a_network() {
    let sandbox = Sandbox::new().with("DIGITALOCEAN_TOKEN", "dop_v1_canary");
    for url in ["foo", "api.digitalocean.com", "localhost:8080", ""] {
        let run = sandbox.run(&["sync", "--api-url", url]).exits(2);
        run.says("needs https:// in front, as in https://api.digitalocean.com");
    }
    for url in [
        "http://api.digitalocean.com",
        "http://192.0.2.7:8080",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
        "https://user:secret@api.digitalocean.com",
        "https://api.digitalocean.com/?page=1",
    ] {
        let run = sandbox.run(&["sync", "--api-url", url]).exits(2);
        run.says("the API address")
            .says("hint: check --api-url")
            .never_says("secret");
    }
    assert!(!sandbox.db().exists());
}

#[test]
fn no_token_is_said_with_where_to_get_one_and_where_to_put_it() {
    for sandbox in [
        Sandbox::new(),
        Sandbox::new().with("DIGITALOCEAN_TOKEN", ""),
        Sandbox::new().with("DIGITALOCEAN_TOKEN", " \n"),
        Sandbox::new().with("DIGITALOCEAN_TOKEN", "two words"),
    ] {
        let run = sandbox.run(&["sync"]).exits(4).says("token");
        run.says("hint: ")
            .says("DIGITALOCEAN_TOKEN")
            .says("cloud.digitalocean.com");
        assert!(!sandbox.db().exists());
    }
}

#[test]
fn a_query_needs_no_token_and_no_network() {
    let cloud = cloud(2, 20);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    cloud.stop();
    assert_eq!(sandbox.query(&["--count"]).exits(0).stdout, "20\n");
}

/// Runs a sync whose token comes only from the configuration.
fn sync_with_configured_token(cloud: &Cloud, sandbox: &Sandbox) -> crate::process::Run {
    let mut command = sandbox.sync_command(cloud, &["--all"]);
    command.env_remove("DIGITALOCEAN_TOKEN");
    Running::start(command).end()
}

#[test]
fn the_token_comes_from_any_of_its_places() {
    let cloud = cloud(2, 20);
    let command = format!("token_command = \"echo {}\"\n", cloud.token());
    let by_command = Sandbox::new().configured(&command);
    let by_file = Sandbox::new().configured("token_file = \"token\"\n");
    let file = by_file.config_file().with_file_name("token");
    fs::write(&file, format!("{}\n", cloud.token())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let by_variable = Sandbox::new().with("DIGITALOCEAN_ACCESS_TOKEN", cloud.token());
    for sandbox in [&by_command, &by_file, &by_variable] {
        sync_with_configured_token(&cloud, sandbox)
            .exits(0)
            .silently();
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let run = sync_with_configured_token(&cloud, &by_file).exits(2);
    run.says("can be read by other users").says("chmod 600");
}

#[test]
fn flags_win_over_the_environment_over_the_configuration() {
    let cloud = cloud(2, 20);
    let sandbox = Sandbox::new().configured("database = \"/nowhere/at/all.db\"\n");
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert!(sandbox.db().exists());
    sandbox.sync(&cloud, &["--all", "--db", "mine.db"]).exits(0);
    assert!(sandbox.folder().join("mine.db").exists());
}
