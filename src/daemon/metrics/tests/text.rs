//! The text of the metrics.

use std::collections::BTreeSet;

use super::shape::{Family, read, series};
use super::*;

/// The metrics of one archive without an account.
pub(super) fn text(
    figures: &Figures,
    daemon: Option<&DaemonFigures>,
    now: Timestamp,
    has_ages: bool,
) -> String {
    let source = Source {
        account: None,
        figures: figures.clone(),
        daemon: daemon.copied(),
    };
    super::super::text(&[source], now, has_ages)
}

pub(super) fn daemon() -> DaemonFigures {
    DaemonFigures {
        started_at: at(-60),
        ticks: Ticks {
            run: 5,
            skipped: 2,
            made_up: 1,
            retry: 3,
        },
        running_since: Some(at(90)),
        next_tick_at: Some(at(3_600)),
        consecutive_failures: 4,
        pings_failed: Some(6),
        is_token_refused: true,
    }
}

/// An archive with a value for every metric.
pub(super) fn busy() -> Connection {
    let connection = archive::empty();
    sync(&connection, 0, "complete");
    begin(&connection, "account", 40);
    let end = End {
        outcome: "partial",
        seconds: 43,
        inserted: 2,
        updated: 3,
        rejected: 4,
        requests: 50,
        retries: 6,
        faults: 7,
        left: Some(4_321),
    };
    finish(&connection, &end);
    execute(
        &connection,
        "INSERT INTO actions (id, status, started_at, first_seen_run)
         VALUES (1, 'completed', '2020-01-01T00:00:00Z', 2), (2, 'in-progress', '2026-01-01T00:00:00Z', 2);
         INSERT INTO listings (path, total) VALUES ('/v2/actions', 8);
         INSERT INTO coverage VALUES (1, 0, 2);",
    );
    connection
}

/// The value of a metric without labels.
fn value(text: &str, name: &str) -> Option<f64> {
    read(text)
        .remove(name)
        .and_then(|family| family.samples.get(name).copied())
}

/// The values of a metric's label whose number is not 0.
fn chosen(family: &Family) -> Vec<&str> {
    let chosen = family.samples.iter().filter(|(_, value)| **value > 0.0);
    chosen
        .map(|(series, _)| series.split('"').nth(1).unwrap())
        .collect()
}

/// The numbers of a busy archive and its daemon. Times are counted from the beginning.
fn numbers() -> Vec<(&'static str, f64)> {
    #[expect(clippy::cast_precision_loss, reason = "seconds of this century fit")]
    let time = |seconds: i64| (BEGINNING + seconds) as f64;
    vec![
        ("archiver_last_success_timestamp_seconds", time(0)),
        ("archiver_last_success_age_seconds", 100.0),
        ("archiver_last_run_timestamp_seconds", time(40)),
        ("archiver_actions_inserted_total", 2.0),
        ("archiver_actions_updated_total", 3.0),
        ("archiver_rows_rejected_total", 4.0),
        ("archiver_requests_total", 50.0),
        ("archiver_retries_total", 6.0),
        ("archiver_faults_total", 7.0),
        ("archiver_requests_left", 4_321.0),
        ("archiver_requests_left_timestamp_seconds", time(43)),
        ("archiver_actions", 2.0),
        ("archiver_open_actions", 1.0),
        ("archiver_oldest_open_action_timestamp_seconds", time(0)),
        ("archiver_listings", 1.0),
        ("archiver_listings_incomplete", 1.0),
        ("archiver_listed_actions", 8.0),
        ("archiver_missing_actions", 6.0),
        ("archiver_coverage_ratio", 0.25),
        (
            "archiver_schema_version",
            f64::from(i32::try_from(archive::LATEST_VERSION).unwrap()),
        ),
        ("archiver_daemon_started_timestamp_seconds", time(-60)),
        ("archiver_sync_running", 1.0),
        ("archiver_sync_started_timestamp_seconds", time(90)),
        ("archiver_next_tick_timestamp_seconds", time(3_600)),
        ("archiver_consecutive_failures", 4.0),
        ("archiver_pings_failed_total", 6.0),
        ("archiver_token_refused", 1.0),
    ]
}

#[test]
fn everything_that_is_known_is_told() {
    let text = text(&figures(&busy()), Some(&daemon()), at(100), true);
    for (name, expected) in numbers() {
        assert_eq!(value(&text, name), Some(expected), "{name}");
    }
    assert!(value(&text, "archiver_archive_bytes").unwrap() > 0.0);
}

#[test]
fn what_has_kinds_is_told_by_kind() {
    let text = text(&figures(&busy()), Some(&daemon()), at(100), true);
    let families = read(&text);
    assert_eq!(chosen(&families["archiver_last_run_outcome"]), ["partial"]);
    assert_eq!(families["archiver_last_run_outcome"].samples.len(), 5);
    assert_eq!(
        chosen(&families["archiver_runs_total"]),
        ["complete", "partial"]
    );
    assert_eq!(
        chosen(&families["archiver_build_info"]),
        [env!("CARGO_PKG_VERSION")]
    );
    let ticks = &families["archiver_ticks_total"].samples;
    assert_eq!(ticks[r#"archiver_ticks_total{result="made_up"}"#], 1.0);
    assert_eq!(ticks.len(), 4);
    let durations = &families["archiver_run_duration_seconds"].samples;
    assert_eq!(
        durations[r#"archiver_run_duration_seconds_bucket{le="5"}"#],
        1.0
    );
    assert_eq!(durations["archiver_run_duration_seconds_count"], 2.0);
}

#[test]
fn what_is_not_known_is_left_out() {
    let nothing = text(&Figures::default(), None, at(0), true);
    let names: BTreeSet<_> = read(&nothing).into_keys().collect();
    let counters = [
        "archiver_actions_inserted_total",
        "archiver_actions_updated_total",
        "archiver_build_info",
        "archiver_faults_total",
        "archiver_requests_total",
        "archiver_retries_total",
        "archiver_rows_rejected_total",
        "archiver_run_duration_seconds",
        "archiver_runs_total",
    ];
    assert!(names.iter().eq(counters), "{names:?}");

    let empty = text(&figures(&archive::empty()), None, at(100), false);
    assert_eq!(value(&empty, "archiver_actions"), Some(0.0));
    for name in [
        "archiver_coverage_ratio",
        "archiver_last_run_outcome",
        "archiver_last_success_timestamp_seconds",
        "archiver_oldest_open_action_timestamp_seconds",
        "archiver_requests_left",
    ] {
        assert!(!read(&empty).contains_key(name), "{name}");
    }
}

#[test]
fn an_idle_daemon_tells_no_times_that_there_are_not() {
    let idle = DaemonFigures {
        running_since: None,
        next_tick_at: None,
        pings_failed: None,
        ..daemon()
    };
    let idle = text(&Figures::default(), Some(&idle), at(100), false);
    assert_eq!(value(&idle, "archiver_sync_running"), Some(0.0));
    for name in [
        "archiver_next_tick_timestamp_seconds",
        "archiver_pings_failed_total",
        "archiver_sync_started_timestamp_seconds",
    ] {
        assert!(!read(&idle).contains_key(name), "{name}");
    }
}

#[test]
fn an_age_is_told_to_those_who_ask_now_and_never_put_into_a_file() {
    let figures = figures(&busy());
    let lasting = text(&figures, None, at(100), false);
    assert!(!lasting.contains("_age_"), "{lasting}");
    assert_eq!(lasting, text(&figures, None, at(100), false));
    let asked = text(&figures, None, at(7), true);
    assert_eq!(
        value(&asked, "archiver_last_success_age_seconds"),
        Some(7.0)
    );
    let by_a_wrong_clock = text(&figures, None, at(-7), true);
    assert_eq!(
        value(&by_a_wrong_clock, "archiver_last_success_age_seconds"),
        Some(0.0)
    );
    for has_ages in [true, false] {
        let by_years = text(&figures, None, at(-100_000_000), has_ages);
        assert!(!by_years.contains("archiver_last_success_"), "{by_years}");
    }
}

#[test]
fn a_large_account_has_as_many_series_as_a_small_one() {
    let connection = busy();
    let few = series(&text(
        &figures(&connection),
        Some(&daemon()),
        at(100),
        false,
    ));
    for run in 0..50 {
        let scope = format!(r#"{{"droplets":[{run}],"tags":["tag-{run}"]}}"#);
        sync_of(&connection, &scope, 100 + run, "complete");
    }
    execute(
        &connection,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
         INSERT INTO listings (path, droplet_id, total)
         SELECT '/v2/droplets/' || i || '/actions', i, i FROM n",
    );
    let figures = figures(&connection);
    assert_eq!(figures.holdings.as_ref().unwrap().listings.listings, 500);
    let many = series(&text(&figures, Some(&daemon()), at(100), false));
    assert_eq!(many, few);
}

#[test]
fn counters_never_fall_while_an_archive_grows() {
    let connection = archive::empty();
    let mut figures = Figures::default();
    let mut before = std::collections::BTreeMap::new();
    for run in 0..20 {
        begin(&connection, "account", run * 60);
        if run % 4 > 0 {
            let end = End {
                outcome: "complete",
                seconds: run * 60 + run,
                inserted: run % 3,
                requests: 2,
                ..End::default()
            };
            finish(&connection, &end);
        }
        figures.update(&connection).unwrap();
        for (name, family) in read(&text(&figures, None, at(100), false)) {
            for (series, value) in family.samples {
                let earlier = before.insert(series.clone(), value).unwrap_or(0.0);
                assert!(
                    family.kind == "gauge" || value >= earlier,
                    "{name} {series}"
                );
            }
        }
    }
    assert_eq!(before["archiver_runs_total{outcome=\"killed\"}"], 5.0);
}
