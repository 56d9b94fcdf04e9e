//! Signals to a running daemon: end, and read the configuration again.

use std::fs;
use std::net::{TcpListener, TcpStream};

use super::outside::{asked, series};
use super::{EVERY_SECOND, NEVER, end, lines, sandbox, until_said};
use crate::account::settled_cloud;
use crate::asked::{hold_after, requests, until_held};
use crate::cloud::{Fault, FaultRule};
use crate::process::{Running, SOON, until};
use crate::sandbox::{Sandbox, UNPACED};

const TOO_SLOW: &str = "did not end in time";

#[test]
fn told_to_end_in_the_middle_of_a_sync_it_keeps_what_it_has_and_exits_with_0() {
    for signal in ["TERM", "INT"] {
        let cloud = settled_cloud(5, 3_000);
        hold_after(&cloud, 4);
        let sandbox = sandbox();
        let daemon = sandbox.start_daemon(&cloud, &["--cron", NEVER]);
        until_held(&cloud, 4);
        daemon.signal(signal);
        cloud.release();
        let run = daemon.end_within(SOON).exits(0).says("told to end");
        let archive = sandbox.archive();
        // The daemon ends within its time, even when the machine is too slow to close everything in that time.
        if !run.stderr.contains(TOO_SLOW) {
            let last = archive.last_run();
            assert_eq!(last.outcome.as_deref(), Some("interrupted"));
            assert!(last.is_finished && last.inserted >= 400, "{last:?}");
            assert_eq!(sandbox.files_at_rest(), ["archive.db"]);
        }
        cloud.clear_faults();
        sandbox.sync(&cloud, &["--all"]).exits(0).silently();
        sandbox.archive().equals(&cloud);
    }
}

#[test]
fn told_to_end_between_two_syncs_it_ends() {
    let cloud = settled_cloud(3, 200);
    let sandbox = sandbox();
    let daemon = sandbox.start_daemon(&cloud, &["--cron", NEVER]);
    until_said(&daemon, 1, ": complete: ");
    end(daemon).says("told to end").says("ended");
}

/// Waits until the metrics count this many complete syncs.
fn until_counted(daemon: &Running, complete: f64) {
    until_said(daemon, 1, "metrics at ");
    until("the complete syncs are counted", || {
        let metrics = series(&asked(daemon, "/metrics").1);
        metrics["archiver_runs_total{outcome=\"complete\"}"] == complete
    });
}

#[test]
fn told_to_end_while_only_a_ping_is_under_way_it_speaks_of_no_sync() {
    let cloud = settled_cloud(3, 200);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/ping", silent.local_addr().unwrap());
    let sandbox = sandbox();
    let metrics = sandbox.folder().join("archiver.prom");
    let flags = ["--cron", NEVER, "--ping-url", &url, "--metrics-file"];
    let daemon = sandbox.start_daemon(&cloud, &[&flags[..], &[metrics.to_str().unwrap()]].concat());
    until("the metrics do not wait for the ping", || metrics.exists());
    assert!(
        fs::read_to_string(&metrics)
            .unwrap()
            .contains("archiver_sync_running 0")
    );
    end(daemon)
        .says("told to end")
        .never_says("the running sync");
}

#[test]
fn a_server_that_never_answers_does_not_keep_it_from_ending() {
    let cloud = settled_cloud(3, 200);
    cloud.break_with(FaultRule::new(Fault::Stall));
    let sandbox = sandbox();
    let daemon = sandbox.start_daemon(&cloud, &["--cron", NEVER]);
    until("it asks", || requests(&cloud) >= 1);
    end(daemon);
}

#[test]
fn a_configuration_is_read_again_and_a_broken_one_is_not_followed() {
    let cloud = settled_cloud(3, 450);
    let write = |sandbox: &Sandbox, text: &str| {
        fs::write(sandbox.config_file(), format!("{UNPACED}{text}")).unwrap();
    };
    let sandbox = sandbox();
    write(&sandbox, &format!("[schedule]\ncron = '{NEVER}'\n"));
    let daemon = sandbox.start_daemon(&cloud, &[]);
    until_said(&daemon, 1, ": complete: ");
    for (number, broken) in [
        "[schedule]\ncron = '* * * 13 *'\n",
        "[schedule]\n",
        "not TOML",
        "[schedule]\ncron = '* * * * *'\nunknown = 1\n",
    ]
    .into_iter()
    .enumerate()
    {
        write(&sandbox, broken);
        daemon.signal("HUP");
        until_said(&daemon, number + 1, "the configuration stays as it was: ");
    }
    assert_eq!(lines(&daemon.said(), ": complete: "), 1);
    write(&sandbox, &format!("[schedule]\ncron = '{EVERY_SECOND}'\n"));
    daemon.signal("HUP");
    until_said(
        &daemon,
        1,
        "the configuration was read again; next sync at ",
    );
    until_said(&daemon, 3, ": complete: ");
    end(daemon);
}

#[test]
fn another_archive_in_the_configuration_is_measured_at_once() {
    let cloud = settled_cloud(3, 450);
    let sandbox = sandbox();
    let write = |database: &str| {
        let text = format!(
            "database = '{database}'\n{UNPACED}[schedule]\ncron = '{NEVER}'\n[monitoring]\nlisten = '127.0.0.1:0'\n"
        );
        fs::write(sandbox.config_file(), text).unwrap();
    };
    write("one.db");
    let mut command = sandbox.daemon_command(&cloud, &[]);
    command.env_remove("ARCHIVER_DB");
    let daemon = Running::start(command);
    until_counted(&daemon, 1.0);
    write("other.db");
    daemon.signal("HUP");
    until_counted(&daemon, 0.0);
    end(daemon);
}

#[test]
fn the_server_moves_with_the_configuration_and_stays_where_it_cannot() {
    let cloud = settled_cloud(3, 450);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let sandbox = sandbox();
    let write = |listen: &str| {
        let text =
            format!("{UNPACED}[schedule]\ncron = '{NEVER}'\n[monitoring]\nlisten = '{listen}'\n");
        fs::write(sandbox.config_file(), text).unwrap();
    };
    write(&free.to_string());
    let daemon = sandbox.start_daemon(&cloud, &[]);
    until_said(&daemon, 1, ": complete: ");
    let answers = || TcpStream::connect(free).is_ok();
    assert!(answers());
    write(&taken.local_addr().unwrap().to_string());
    daemon.signal("HUP");
    until_said(
        &daemon,
        1,
        "the configuration stays as it was: cannot listen on ",
    );
    assert!(answers());
    // The same address in another spelling.
    write(&free.to_string().replace("127.0.0.1", "localhost"));
    daemon.signal("HUP");
    until_said(&daemon, 1, "the configuration was read again");
    assert!(TcpStream::connect(("localhost", free.port())).is_ok());
    write("127.0.0.1:0");
    daemon.signal("HUP");
    until_said(&daemon, 2, "the configuration was read again");
    assert!(!answers());
    end(daemon);
}
