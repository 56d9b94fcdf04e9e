//! Every metric with its name and meaning.
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>. Alerts and dashboards depend on them, so the meaning of
//! a name never changes.

use super::exposition::{Exposition, Kind};
use super::figures::DaemonFigures;
use super::figures::{Figures, Holdings};
use super::totals::Ending;
use super::totals::Totals;
use crate::core::time::Timestamp;

/// An archive, and the daemon that keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The account, which becomes a label of each metric.
    pub account: Option<&'a str>,
    /// The numbers of the archive.
    pub figures: &'a Figures,
    /// The state of the daemon, if there is one.
    pub daemon: Option<&'a DaemonFigures>,
}

/// All metrics in the text format 0.0.4 of Prometheus.
///
/// A file, which stays the same until the next sync, must not have ages.
#[must_use]
pub fn text(sources: &[Source<'_>], now: Timestamp, has_ages: bool) -> String {
    let mut exposition = Exposition::default();
    write_program(&mut exposition);
    for source in sources {
        exposition.of_account(source.account);
        write_source(&mut exposition, source, now, has_ages);
    }
    exposition.into_text()
}

fn write_source(to: &mut Exposition, source: &Source<'_>, now: Timestamp, has_ages: bool) {
    let Source {
        figures, daemon, ..
    } = source;
    write_freshness(to, &figures.totals, now, has_ages);
    write_last_run(to, &figures.totals);
    write_runs(to, &figures.totals);
    write_counters(to, &figures.totals);
    if let Some(holdings) = &figures.holdings {
        write_holdings(to, holdings);
        write_listings(to, holdings);
    }
    if let Some(daemon) = daemon {
        write_ticks(to, daemon);
        write_daemon(to, daemon);
    }
}

fn write_program(to: &mut Exposition) {
    to.family(
        Kind::Gauge,
        "archiver_build_info",
        "The version of archiver; always 1.",
        "version",
        [(env!("CARGO_PKG_VERSION"), 1)],
    );
}

fn write_freshness(to: &mut Exposition, totals: &Totals, now: Timestamp, has_ages: bool) {
    let fresh_at = totals.fresh_at();
    let age = fresh_at.and_then(|began| began.age_at(now));
    to.gauge(
        "archiver_last_success_timestamp_seconds",
        "The start of the last complete sync: everything that the API listed then is archived.",
        // A time in the future, from a wrong clock, would count as fresh for too long.
        fresh_at
            .filter(|_| age.is_some())
            .map(Timestamp::epoch_seconds),
    );
    to.gauge(
        "archiver_last_success_age_seconds",
        "The time since the last complete sync began.",
        age.filter(|_| has_ages),
    );
}

fn write_last_run(to: &mut Exposition, totals: &Totals) {
    let Some(last) = totals.last_run else {
        return;
    };
    to.gauge(
        "archiver_last_run_timestamp_seconds",
        "The start of the last sync that has ended.",
        last.started_at.map(Timestamp::epoch_seconds),
    );
    to.family(
        Kind::Gauge,
        "archiver_last_run_outcome",
        "The outcome of the last sync that has ended: 1 for its outcome, 0 for the others.",
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
        "The durations of syncs, without killed ones.",
        &totals.durations,
    );
    to.gauge(
        "archiver_requests_left",
        "Requests of the hour that the token had left when the last sync ended.",
        totals.quota.map(|quota| quota.remaining),
    );
    to.gauge(
        "archiver_requests_left_timestamp_seconds",
        "The time when the token had that many requests left.",
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
            "Actions that were new in the archive, without those of killed syncs.",
            totals.inserted,
        ),
        (
            "archiver_actions_updated_total",
            "Updates of archived actions.",
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
            "HTTP requests that failed because of the network or the server: no or a broken answer, 408, 5xx.",
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
        "The start of the oldest action in progress.",
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
            "Listings of which a part is not archived, or may not be.",
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
        "The archived part of the listed actions, from 0 to 1.",
        listings.coverage_ratio(),
    );
}

fn write_ticks(to: &mut Exposition, daemon: &DaemonFigures) {
    to.gauge(
        "archiver_daemon_started_timestamp_seconds",
        "The start of the daemon.",
        Some(daemon.started_at.epoch_seconds()),
    );
    to.family(
        Kind::Counter,
        "archiver_ticks_total",
        "Ticks of the schedule since the daemon started, by result; retry is a sync between ticks.",
        "result",
        daemon.ticks.by_result(),
    );
    to.gauge(
        "archiver_next_tick_timestamp_seconds",
        "The start of the next sync.",
        daemon.next_tick_at.map(Timestamp::epoch_seconds),
    );
}

fn write_daemon(to: &mut Exposition, daemon: &DaemonFigures) {
    to.gauge(
        "archiver_sync_running",
        "1 while a sync of the daemon is running, else 0.",
        Some(u8::from(daemon.running_since.is_some())),
    );
    to.gauge(
        "archiver_sync_started_timestamp_seconds",
        "The start of the running sync.",
        daemon.running_since.map(Timestamp::epoch_seconds),
    );
    to.gauge(
        "archiver_consecutive_failures",
        "The number of consecutive failed syncs.",
        Some(daemon.consecutive_failures),
    );
    let pings_failed = daemon.pings_failed.map(|count| ("", count));
    to.family(
        Kind::Counter,
        "archiver_pings_failed_total",
        "Pings to the dead man's switch that did not arrive, since the daemon started.",
        "",
        pings_failed,
    );
    to.gauge(
        "archiver_token_refused",
        "1 if the API refused the token the last time, else 0.",
        Some(u8::from(daemon.is_token_refused)),
    );
}
