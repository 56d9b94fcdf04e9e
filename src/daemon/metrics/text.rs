//! Every metric by its name, with what it means.
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>. They are what alerts and dashboards are built on, so none
//! changes its meaning.

use super::exposition::{Exposition, Kind};
use super::figures::DaemonFigures;
use super::figures::{Figures, Holdings};
use super::totals::Ending;
use super::totals::Totals;
use crate::core::time::Timestamp;

/// What Prometheus is told, in its text format 0.0.4.
///
/// A file that lies there until the next sync must not have ages: they would stand still.
#[must_use]
pub fn text(
    figures: &Figures,
    daemon: Option<&DaemonFigures>,
    now: Timestamp,
    has_ages: bool,
) -> String {
    let mut exposition = Exposition::default();
    write_program(&mut exposition);
    write_freshness(&mut exposition, &figures.totals, now, has_ages);
    write_last_run(&mut exposition, &figures.totals);
    write_runs(&mut exposition, &figures.totals);
    write_counters(&mut exposition, &figures.totals);
    if let Some(holdings) = &figures.holdings {
        write_holdings(&mut exposition, holdings);
        write_listings(&mut exposition, holdings);
    }
    if let Some(daemon) = daemon {
        write_ticks(&mut exposition, daemon);
        write_daemon(&mut exposition, daemon);
    }
    exposition.into_text()
}

fn write_program(to: &mut Exposition) {
    to.family(
        Kind::Gauge,
        "archiver_build_info",
        "The program that tells this, by its version; always 1.",
        "version",
        [(env!("CARGO_PKG_VERSION"), 1)],
    );
}

fn write_freshness(to: &mut Exposition, totals: &Totals, now: Timestamp, has_ages: bool) {
    let fresh_at = totals.fresh_at();
    let age = fresh_at.and_then(|began| began.age_at(now));
    to.gauge(
        "archiver_last_success_timestamp_seconds",
        "When the last complete sync began: what the API listed then is archived.",
        // What lies ahead, by a clock that was wrong, would count as fresh for as long.
        fresh_at
            .filter(|_| age.is_some())
            .map(Timestamp::epoch_seconds),
    );
    to.gauge(
        "archiver_last_success_age_seconds",
        "How long ago the last complete sync began.",
        age.filter(|_| has_ages),
    );
}

fn write_last_run(to: &mut Exposition, totals: &Totals) {
    let Some(last) = totals.last_run else {
        return;
    };
    to.gauge(
        "archiver_last_run_timestamp_seconds",
        "When the last sync that has ended began.",
        last.started_at.map(Timestamp::epoch_seconds),
    );
    to.family(
        Kind::Gauge,
        "archiver_last_run_outcome",
        "How the last sync that has ended did: 1 for its outcome, 0 for the others.",
        "outcome",
        Ending::ALL.map(|ending| (ending.as_str(), u8::from(ending == last.ending))),
    );
}

fn write_runs(to: &mut Exposition, totals: &Totals) {
    to.family(
        Kind::Counter,
        "archiver_runs_total",
        "Syncs that have ended, by outcome.",
        "outcome",
        Ending::ALL.map(|ending| (ending.as_str(), totals.runs(ending))),
    );
    to.histogram(
        "archiver_run_duration_seconds",
        "How long syncs took, killed ones left out.",
        &totals.durations,
    );
    to.gauge(
        "archiver_requests_left",
        "Requests that the token had left of the hour's when the last sync ended.",
        totals.quota.map(|quota| quota.remaining),
    );
    to.gauge(
        "archiver_requests_left_timestamp_seconds",
        "When the token had that many requests left.",
        totals
            .quota
            .and_then(|quota| quota.at)
            .map(Timestamp::epoch_seconds),
    );
}

fn write_counters(to: &mut Exposition, totals: &Totals) {
    for (name, help, value) in [
        (
            "archiver_actions_inserted_total",
            "Actions that were new in the archive, those of killed syncs left out.",
            totals.inserted,
        ),
        (
            "archiver_actions_updated_total",
            "Times that something more became known of an action.",
            totals.updated,
        ),
        (
            "archiver_rows_rejected_total",
            "Rows of the API that could not be archived.",
            totals.rejected,
        ),
        (
            "archiver_requests_total",
            "HTTP requests sent, retries included.",
            totals.requests,
        ),
        (
            "archiver_retries_total",
            "HTTP requests that were sent again, after a fault or a 429.",
            totals.retries,
        ),
        (
            "archiver_faults_total",
            "HTTP requests that came to nothing through the network or the server: no or a broken answer, 408, 5xx.",
            totals.faults,
        ),
    ] {
        to.counter(name, help, value);
    }
}

fn write_holdings(to: &mut Exposition, holdings: &Holdings) {
    to.gauge(
        "archiver_actions",
        "Actions in the archive, as of the last sync that may have added some.",
        Some(holdings.actions),
    );
    to.gauge(
        "archiver_open_actions",
        "Actions that were in progress when last seen.",
        Some(holdings.open_actions),
    );
    to.gauge(
        "archiver_oldest_open_action_timestamp_seconds",
        "When the first of the actions in progress started.",
        holdings.oldest_open_at.map(Timestamp::epoch_seconds),
    );
    to.gauge(
        "archiver_archive_bytes",
        "The size of the archive, free pages included.",
        Some(holdings.archive_bytes),
    );
    to.gauge(
        "archiver_schema_version",
        "The number of the last migration that was applied to the archive.",
        Some(holdings.schema_version),
    );
}

fn write_listings(to: &mut Exposition, holdings: &Holdings) {
    let listings = &holdings.listings;
    for (name, help, value) in [
        (
            "archiver_listings",
            "Listings that are kept: the account's, or one for each droplet that is not gone.",
            listings.listings,
        ),
        (
            "archiver_listings_incomplete",
            "Listings of which something is not archived, or may not be.",
            listings.incomplete,
        ),
        (
            "archiver_listed_actions",
            "Actions that these listings hold.",
            listings.listed_actions,
        ),
        (
            "archiver_missing_actions",
            "Actions that these listings hold and the archive does not.",
            listings.missing_actions,
        ),
    ] {
        to.gauge(name, help, Some(value));
    }
    to.gauge(
        "archiver_coverage_ratio",
        "Which part of the listed actions is archived, from 0 to 1.",
        listings.coverage_ratio(),
    );
}

fn write_ticks(to: &mut Exposition, daemon: &DaemonFigures) {
    to.gauge(
        "archiver_daemon_started_timestamp_seconds",
        "When the daemon started.",
        Some(daemon.started_at.epoch_seconds()),
    );
    to.family(
        Kind::Counter,
        "archiver_ticks_total",
        "Ticks of the schedule since the daemon started, by what became of them; retry is a sync between ticks.",
        "result",
        daemon.ticks.by_result(),
    );
    to.gauge(
        "archiver_next_tick_timestamp_seconds",
        "When the next sync starts.",
        daemon.next_tick_at.map(Timestamp::epoch_seconds),
    );
}

fn write_daemon(to: &mut Exposition, daemon: &DaemonFigures) {
    to.gauge(
        "archiver_sync_running",
        "Whether a sync of the daemon is at work: 1 or 0.",
        Some(u8::from(daemon.running_since.is_some())),
    );
    to.gauge(
        "archiver_sync_started_timestamp_seconds",
        "When the sync that is at work began.",
        daemon.running_since.map(Timestamp::epoch_seconds),
    );
    to.gauge(
        "archiver_consecutive_failures",
        "How many syncs in a row have failed.",
        Some(daemon.consecutive_failures),
    );
    let pings_failed = daemon.pings_failed.map(|count| ("", count));
    to.family(
        Kind::Counter,
        "archiver_pings_failed_total",
        "Messages to the dead man's switch that did not arrive, since the daemon started.",
        "",
        pings_failed,
    );
    to.gauge(
        "archiver_token_refused",
        "Whether the API refused the token when it was last asked: 1 or 0.",
        Some(u8::from(daemon.is_token_refused)),
    );
}
