//! A missing archive: the daemon starts no empty one in its place, and reports it until the user acts.

use std::fs;

use super::outside::{asked, series};
use super::{EVERY_SECOND, end, lines, sandbox, until_said};
use crate::account::settled_cloud;
use crate::cloud::Cloud;
use crate::process::{Running, until};
use crate::sandbox::Sandbox;
use crate::witness::Witness;

const GONE: &str = "is missing or empty";

fn cloud() -> Cloud {
    settled_cloud(3, 450)
}

fn start(sandbox: &Sandbox, cloud: &Cloud) -> Running {
    let flags = ["--cron", EVERY_SECOND, "--listen", "127.0.0.1:0"];
    let daemon = sandbox.start_daemon(cloud, &flags);
    until_said(&daemon, 1, ": complete: 450 new");
    daemon
}

/// Two more syncs fail for that reason, and every interface reports it.
#[track_caller]
fn is_said_to_be_gone(daemon: &Running) {
    let before = lines(&daemon.said(), GONE);
    until_said(daemon, before + 2, GONE);
    until("it is not ready", || {
        asked(daemon, "/readyz").0.starts_with("HTTP/1.0 503 ")
    });
    assert_eq!(asked(daemon, "/readyz").1, "the archive is gone\n");
    // A supervisor that restarts an unhealthy daemon would make it start a new archive.
    let (head, body) = asked(daemon, "/healthz");
    assert!(head.starts_with("HTTP/1.0 200 OK"), "{head}");
    assert!(body.contains("failed"), "{body}");
    // The log is a moment ahead of the metrics.
    until("failures are counted", || {
        series(&asked(daemon, "/metrics").1)["archiver_consecutive_failures"] >= 2.0
    });
}

#[track_caller]
fn goes_on(daemon: &Running) {
    let complete = lines(&daemon.said(), ": complete: ");
    until_said(daemon, complete + 1, ": complete: ");
    until("it is ready", || {
        asked(daemon, "/readyz").0.starts_with("HTTP/1.0 200 OK")
    });
}

#[test]
fn a_file_that_is_taken_away_is_missed_until_it_is_put_back() {
    let cloud = cloud();
    let sandbox = sandbox();
    let daemon = start(&sandbox, &cloud);
    let aside = sandbox.folder().join("aside.db");
    fs::rename(sandbox.db(), &aside).unwrap();
    is_said_to_be_gone(&daemon);
    assert!(!sandbox.db().exists());
    fs::rename(&aside, sandbox.db()).unwrap();
    goes_on(&daemon);
    end(daemon);
    sandbox.archive().equals(&cloud);
}

#[test]
fn an_empty_file_or_folder_in_its_place_is_no_archive_to_begin() {
    let cloud = cloud();
    let sandbox = sandbox();
    let daemon = start(&sandbox, &cloud);
    let (aside, empty) = (
        sandbox.folder().join("aside"),
        sandbox.folder().join("empty"),
    );
    let data = sandbox.db().parent().unwrap().to_owned();
    // As after an unmount of a volume, with and without the mount point.
    fs::rename(&data, &aside).unwrap();
    is_said_to_be_gone(&daemon);
    assert!(!data.exists());
    fs::create_dir(&data).unwrap();
    is_said_to_be_gone(&daemon);
    assert!(sandbox.files_at_rest().is_empty());
    fs::write(&empty, "").unwrap();
    fs::rename(&empty, sandbox.db()).unwrap();
    is_said_to_be_gone(&daemon);
    assert_eq!(fs::metadata(sandbox.db()).unwrap().len(), 0);
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&aside, &data).unwrap();
    goes_on(&daemon);
    end(daemon);
    sandbox.archive().equals(&cloud);
}

#[test]
fn a_dead_mans_switch_hears_of_it_and_a_restart_starts_a_new_archive_and_says_so() {
    let check = Witness::answering(200, "", "OK");
    let cloud = cloud();
    let sandbox = sandbox().with("ARCHIVER_PING_URL", format!("{}/ping", check.url()));
    let daemon = start(&sandbox, &cloud);
    fs::remove_file(sandbox.db()).unwrap();
    is_said_to_be_gone(&daemon);
    until("the failure is told of", || {
        check.heads().iter().any(|head| head.contains("/ping/fail"))
    });
    end(daemon);
    let daemon = start(&sandbox, &cloud);
    end(daemon).says("there is no archive at ").says("yet");
    sandbox.archive().equals(&cloud);
    end(start_again(&sandbox, &cloud)).never_says("there is no archive at");
}

fn start_again(sandbox: &Sandbox, cloud: &Cloud) -> Running {
    let daemon = sandbox.start_daemon(cloud, &["--cron", EVERY_SECOND]);
    until_said(&daemon, 1, ": complete: ");
    daemon
}
