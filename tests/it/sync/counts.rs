//! The request counts of a sync: all requests, retries, and failures of the network or the server.

use std::sync::Arc;
use std::time::Duration;

use archiver::api::{Client, ClientSettings, Origin, Pace, RetryPolicy, SharedPacer};
use archiver::archive::Store;
use archiver::core::cancellation::Cancellation;
use archiver::core::time::Timestamp;
use archiver::sync::{self, Report, Scope, Settings};
use tokio::runtime::Runtime;

use crate::account::{cloud, settled_cloud};
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::sandbox::Sandbox;

/// Requests, retries and faults in the archive, one tuple per sync run.
fn counted(sandbox: &Sandbox) -> Vec<(i64, i64, i64)> {
    let archive = sandbox.archive();
    let runs: i64 = archive.value("SELECT max(id) FROM sync_runs");
    let count = |column: &str, run: i64| {
        archive.value(&format!("SELECT {column} FROM sync_runs WHERE id = {run}"))
    };
    let counts = |run| {
        (
            count("requests", run),
            count("retries", run),
            count("faults", run),
        )
    };
    (1..=runs).map(counts).collect()
}

#[test]
fn what_the_network_or_the_server_breaks_is_a_fault_and_a_limit_is_none() {
    let cloud = cloud(4, 900);
    let limited = Fault::TooManyRequests {
        retry_after: Some("0".to_owned()),
        reset: None,
    };
    for (page, fault) in [
        (2, Fault::Status(503)),
        (3, Fault::Reset),
        (4, Fault::CutJson),
        (5, limited),
    ] {
        cloud.break_with(FaultRule::new(fault).page(page).times(1));
    }
    let sandbox = Sandbox::new();
    let flags = ["--all", "-o", "json"];
    let summary = sandbox.sync(&cloud, &flags).exits(0).json();
    assert_eq!(
        (&summary["retries"], &summary["faults"]),
        (&4.into(), &3.into())
    );
    let requests = summary["requests"].as_i64().unwrap();
    assert_eq!(counted(&sandbox), [(requests, 4, 3)]);
}

#[test]
fn a_refusal_is_an_answer_and_no_fault() {
    for fault in [
        Fault::Status(401),
        Fault::Status(403),
        Fault::HtmlError(404),
    ] {
        let cloud = cloud(4, 900);
        cloud.break_with(FaultRule::new(fault.clone()).page(3));
        let sandbox = Sandbox::new();
        let summary = sandbox.sync(&cloud, &["--all", "-o", "json"]).json();
        assert_ne!(summary["outcome"], "complete", "{fault:?}");
        let [(_, retries, faults)] = counted(&sandbox)[..] else {
            panic!("one sync, one row");
        };
        assert_eq!((retries, faults), (0, 0), "{fault:?}");
    }
}

/// A client that sends a request at most twice, with a short wait in between.
fn client(cloud: &Cloud) -> Arc<Client> {
    let settings = ClientSettings {
        origin: Origin::parse(&cloud.url()).unwrap(),
        token: cloud.token().into(),
        pacer: SharedPacer::new(Pace::default()),
        retry: RetryPolicy {
            attempts: 2,
            first_wait: Duration::from_millis(1),
            ..RetryPolicy::default()
        },
        clock: Timestamp::now,
        on_event: Arc::new(|_| {}),
    };
    Arc::new(Client::new(settings).unwrap())
}

fn sync(client: &Arc<Client>, store: &mut Store) -> Report {
    let settings = Settings {
        scope: Scope::Account,
        full: false,
        concurrency: 4,
        recheck_seconds: 86_400,
        audit_seconds: None,
        clock: Timestamp::now,
    };
    let never = Cancellation::never();
    let run = sync::run(Arc::clone(client), store, &settings, &(), &never);
    Runtime::new().unwrap().block_on(run).unwrap()
}

#[test]
fn the_last_try_is_a_fault_as_well_though_it_is_not_repeated() {
    let cloud = settled_cloud(4, 900);
    cloud.break_with(FaultRule::new(Fault::Status(500)).page(3));
    let sandbox = Sandbox::new();
    let mut store = Store::open(&sandbox.db()).unwrap();
    let report = sync(&client(&cloud), &mut store);
    assert_eq!((report.retries, report.faults), (1, 2));
    assert!(report.requests > report.faults);
}

#[test]
fn each_sync_counts_its_own_requests_though_one_client_serves_them_all() {
    let cloud = settled_cloud(4, 900);
    cloud.break_with(FaultRule::new(Fault::CloseEarly).page(2).times(1));
    let sandbox = Sandbox::new();
    let mut store = Store::open(&sandbox.db()).unwrap();
    let client = client(&cloud);
    let first = sync(&client, &mut store);
    let second = sync(&client, &mut store);
    store.close().unwrap();
    assert_eq!((first.retries, first.faults), (1, 1));
    assert_eq!((second.requests, second.retries, second.faults), (2, 0, 0));
    let expected = [(first.requests, 1, 1), (2, 0, 0)];
    let expected = expected
        .map(|(requests, retries, faults)| (i64::try_from(requests).unwrap(), retries, faults));
    assert_eq!(counted(&sandbox), expected);
    assert_eq!(client.requests(), first.requests + second.requests);
}
