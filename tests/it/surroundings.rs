//! A machine that lacks something common: threads, certificates, a shell, a correct clock.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rusqlite::Connection;
use rustix::process::{Resource, geteuid, getrlimit};

use crate::account::{cloud, settled_cloud};
use crate::asked::requests;
use crate::cloud::Cloud;
use crate::process::{Running, until};
use crate::sandbox::{Sandbox, files_below};

/// A user to whom the limit on processes applies. It does not apply to root.
const NOBODY: u32 = 54_321;

/// Runs the program against this cloud, as a user to whom limits apply.
fn held_by_limits(sandbox: &Sandbox, cloud: &Cloud, script: &str, arguments: &[&str]) -> Command {
    let mut program = env!("CARGO_BIN_EXE_archiver").to_owned();
    let is_root = geteuid().is_root();
    if is_root {
        let copy = sandbox.folder().join("archiver");
        if !copy.exists() {
            fs::copy(&program, &copy).unwrap();
        }
        program = copy.to_str().unwrap().to_owned();
        chown(sandbox.folder(), Some(NOBODY), None).unwrap();
    }
    let script = format!("{script} exec \"$0\" \"$@\"");
    let words = [&["-c", &script, &program][..], arguments].concat();
    let mut command = sandbox.command_of("sh", &words);
    command
        .env("DIGITALOCEAN_API_URL", cloud.url())
        .env("DIGITALOCEAN_TOKEN", cloud.token());
    if is_root {
        command.uid(NOBODY);
    }
    command
}

#[test]
fn where_no_thread_is_to_be_had_a_command_fails_with_words() {
    let cloud = cloud(3, 200);
    let sandbox = Sandbox::new();
    let run = |script, arguments: &[&str]| {
        let command = held_by_limits(&sandbox, &cloud, script, arguments);
        Running::start(command).end()
    };
    run("", &["sync"]).exits(0).silently();
    // dash and busybox use one letter, bash another.
    let no_threads = "ulimit -p 1 2>/dev/null || ulimit -u 1;";
    for arguments in [
        &["sync"][..],
        &["daemon", "--cron", "@hourly"],
        &["backup", "copy.db"],
        &["sql", "--timeout", "9s", "SELECT 1"],
    ] {
        run(no_threads, arguments)
            .exits(1)
            .says("cannot start a thread: ")
            .says("hint: allow it more processes and threads")
            .never_says("panicked");
    }
    assert!(!sandbox.folder().join("copy.db").exists());
    // It sends one request after the other, and needs no threads.
    run(no_threads, &["auth", "check"]).exits(0);
}

#[test]
fn a_daemon_that_gets_no_thread_has_a_failed_sync_and_goes_on() {
    let cloud = cloud(3, 200);
    let sandbox = Sandbox::new();
    let arguments = ["daemon", "--cron", "* * * * * *"];
    let daemon = Running::start(held_by_limits(&sandbox, &cloud, "", &arguments));
    let complete = || daemon.said().matches(": complete: ").count();
    until("it syncs", || complete() > 0);
    let limit = |processes: &str| {
        let mut prlimit = Command::new("prlimit");
        let id = daemon.id().to_string();
        prlimit.args(["--pid", &id, &format!("--nproc={processes}:")]);
        if geteuid().is_root() {
            // Root may lack the right to limit other users.
            prlimit.uid(NOBODY);
        }
        assert!(prlimit.status().unwrap().success());
    };
    limit("1");
    until("it has no thread", || {
        daemon
            .said()
            .contains("error: cannot start: cannot start a thread")
    });
    let before = complete();
    let usual = getrlimit(Resource::Nproc).current;
    limit(&usual.map_or("unlimited".to_owned(), |most| most.to_string()));
    until("it syncs again", || complete() > before);
    daemon.signal("TERM");
    daemon.end().exits(0).never_says("panicked");
}

#[test]
fn without_ca_certificates_http_to_this_machine_works_and_the_hint_names_what_is_missing() {
    let cloud = cloud(3, 200);
    let sandbox = Sandbox::new()
        .with("SSL_CERT_FILE", "/nonexistent")
        .with("SSL_CERT_DIR", "/nonexistent");
    sandbox.sync(&cloud, &["--all"]).exits(0).silently();
    let to_ping = ["--all", "--ping-url", "https://ping.example/1"];
    for run in [
        sandbox
            .sync(&cloud, &["--all", "--api-url", "https://api.example"])
            .exits(1),
        sandbox.sync(&cloud, &to_ping).exits(2),
    ] {
        run.says("No CA certificates")
            .says("the package ca-certificates")
            .says("SSL_CERT_FILE");
    }
}

#[test]
fn a_tilde_that_no_shell_has_seen_is_the_home() {
    let cloud = cloud(3, 200);
    let sandbox = Sandbox::new().with("ARCHIVER_DB", "~/a.db");
    let home = sandbox.folder().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("question.sql"), "SELECT 42").unwrap();
    sandbox
        .sync(&cloud, &["--all", "--metrics-file=~/m.prom"])
        .exits(0)
        .silently();
    sandbox.run(&["backup", "~/copy.db"]).exits(0).silently();
    let answer = sandbox.run(&["sql", "--file=~/question.sql", "-o", "csv", "--no-header"]);
    assert_eq!(answer.exits(0).stdout, "42\n");
    for name in ["a.db", "m.prom", "copy.db"] {
        assert!(home.join(name).exists(), "{name}");
    }
    let elsewhere = files_below(sandbox.folder())
        .into_iter()
        .find(|path| !path.starts_with(&home));
    assert_eq!(elsewhere, None);
    sandbox
        .run(&["status", "--db=~web/a.db"])
        .exits(2)
        .says("the home of another user");
    let mut homeless = sandbox.command(&["status"]);
    homeless.env_remove("HOME");
    Running::start(homeless)
        .end()
        .exits(2)
        .says("HOME is not set");
}

#[test]
fn a_clock_that_was_wrong_once_makes_nothing_fresh() {
    let cloud = settled_cloud(5, 1_000);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let archive = Connection::open(sandbox.db()).unwrap();
    archive
        .execute_batch(
            "UPDATE sync_runs SET started_at = '2999-01-01T00:00:00Z', finished_at = '2999-01-01T00:00:01Z';
             UPDATE listings SET proven_since = '2999-01-01T00:00:00Z', audited_at = '2999-01-01T00:00:00Z';",
        )
        .unwrap();
    drop(archive);
    let check = ["status", "--exit-code", "--max-age", "100000d"];
    let run = sandbox.run(&check).exits(10);
    let verdict = run.stdout.lines().next().unwrap();
    assert!(verdict.starts_with("stale: "), "{verdict}");
    assert!(
        verdict.ends_with("in the future, by a clock that was wrong"),
        "{verdict}"
    );
    // The sync reads the archived page again, besides the newest page and the names of the droplets.
    let before = requests(&cloud);
    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(requests(&cloud), before + 3);
    sandbox.run(&check).exits(0);
}
