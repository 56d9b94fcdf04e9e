//! Every metric with its name and meaning.
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>. Alerts and dashboards depend on them, so the meaning of
//! a name never changes.

use super::exposition::Exposition;
use super::figures::Source;
use super::totals::Ending;
use crate::core::time::Timestamp;

/// All metrics in the text format 0.0.4 of Prometheus.
///
/// A file, which stays the same until the next sync, must not have ages.
#[must_use]
pub fn text(sources: &[Source<'_>], now: Timestamp, has_ages: bool) -> String {
    let mut to = Exposition::new(sources);
    write_freshness(&mut to, now, has_ages);
    write_last_run(&mut to);
    write_runs(&mut to);
    write_counters(&mut to);
    write_holdings(&mut to);
    write_listings(&mut to);
    write_ticks(&mut to);
    write_daemon(&mut to);
    to.text
}

fn write_freshness(to: &mut Exposition<'_>, now: Timestamp, has_ages: bool) {
    to.gauge(
        "archiver_last_success_timestamp_seconds",
        "The start of the last complete sync: everything that the API listed then is archived.",
        |it| {
            let began = it.figures.totals.fresh_at()?;
            // A time in the future, from a wrong clock, would count as fresh for too long.
            began.age_at(now).map(|_| began.epoch_seconds())
        },
    );
    to.gauge(
        "archiver_last_success_age_seconds",
        "The time since the last complete sync began.",
        |it| {
            let began = it.figures.totals.fresh_at()?;
            began.age_at(now).filter(|_| has_ages)
        },
    );
}

fn write_last_run(to: &mut Exposition<'_>) {
    to.gauge(
        "archiver_last_run_timestamp_seconds",
        "The start of the last sync that has ended.",
        |it| {
            let last = it.figures.totals.last_run?;
            last.started_at.map(Timestamp::epoch_seconds)
        },
    );
    to.family(
        "gauge",
        "archiver_last_run_outcome",
        "The outcome of the last sync that has ended: 1 for its outcome, 0 for the others.",
        "outcome",
        |it| {
            let last = it.figures.totals.last_run;
            let is_last = move |each: Ending| Some(u8::from(each == last?.ending));
            let outcomes = Ending::ALL.into_iter();
            outcomes.filter_map(move |each| Some((each.as_str(), is_last(each)?)))
        },
    );
}

fn write_runs(to: &mut Exposition<'_>) {
    to.family(
        "counter",
        "archiver_runs_total",
        "Syncs that have ended, by outcome.",
        "outcome",
        |it| Ending::ALL.map(|ending| (ending.as_str(), it.figures.totals.runs(ending))),
    );
    to.histogram(
        "archiver_run_duration_seconds",
        "The durations of syncs, without killed ones.",
        |it| &it.figures.totals.durations,
    );
    to.gauge(
        "archiver_requests_left",
        "Requests of the hour that the token had left when the last sync ended.",
        |it| it.figures.totals.quota.map(|quota| quota.remaining),
    );
    to.gauge(
        "archiver_requests_left_timestamp_seconds",
        "The time when the token had that many requests left.",
        |it| it.figures.totals.quota?.at.map(Timestamp::epoch_seconds),
    );
}

fn write_counters(to: &mut Exposition<'_>) {
    to.counter(
        "archiver_actions_inserted_total",
        "Actions that were new in the archive, without those of killed syncs.",
        |it| it.inserted,
    );
    to.counter(
        "archiver_actions_updated_total",
        "Updates of archived actions.",
        |it| it.updated,
    );
    to.counter(
        "archiver_rows_rejected_total",
        "Rows of the API that could not be archived.",
        |it| it.rejected,
    );
    to.counter(
        "archiver_requests_total",
        "HTTP requests sent, retries included.",
        |it| it.requests,
    );
    to.counter(
        "archiver_retries_total",
        "HTTP requests that were sent again, after a fault or a 429.",
        |it| it.retries,
    );
    to.counter(
        "archiver_faults_total",
        "HTTP requests that failed because of the network or the server: no or a broken answer, 408, 5xx.",
        |it| it.faults,
    );
}

fn write_holdings(to: &mut Exposition<'_>) {
    to.gauge(
        "archiver_actions",
        "Actions in the archive, as of the last sync that may have added some.",
        |it| Some(it.figures.holdings.as_ref()?.actions),
    );
    to.gauge(
        "archiver_open_actions",
        "Actions that were in progress when last seen.",
        |it| Some(it.figures.holdings.as_ref()?.open_actions),
    );
    to.gauge(
        "archiver_oldest_open_action_timestamp_seconds",
        "The start of the oldest action in progress.",
        |it| {
            Some(
                it.figures
                    .holdings
                    .as_ref()?
                    .oldest_open_at?
                    .epoch_seconds(),
            )
        },
    );
    to.gauge(
        "archiver_archive_bytes",
        "The size of the archive, free pages included.",
        |it| Some(it.figures.holdings.as_ref()?.archive_bytes),
    );
    to.gauge(
        "archiver_schema_version",
        "The number of the last migration that was applied to the archive.",
        |it| Some(it.figures.holdings.as_ref()?.schema_version),
    );
}

fn write_listings(to: &mut Exposition<'_>) {
    to.gauge(
        "archiver_listings",
        "Listings that are kept: the account's, or one for each droplet that is not gone.",
        |it| Some(it.figures.holdings.as_ref()?.listings.listings),
    );
    to.gauge(
        "archiver_listings_incomplete",
        "Listings of which a part is not archived, or may not be.",
        |it| Some(it.figures.holdings.as_ref()?.listings.incomplete),
    );
    to.gauge(
        "archiver_listed_actions",
        "Actions that these listings hold.",
        |it| Some(it.figures.holdings.as_ref()?.listings.listed_actions),
    );
    to.gauge(
        "archiver_missing_actions",
        "Actions that these listings hold and the archive does not.",
        |it| Some(it.figures.holdings.as_ref()?.listings.missing_actions),
    );
    to.gauge(
        "archiver_coverage_ratio",
        "The archived part of the listed actions, from 0 to 1.",
        |it| it.figures.holdings.as_ref()?.listings.coverage_ratio(),
    );
}

fn write_ticks(to: &mut Exposition<'_>) {
    to.gauge(
        "archiver_daemon_started_timestamp_seconds",
        "The start of the daemon.",
        |it| Some(it.daemon?.started_at.epoch_seconds()),
    );
    to.family(
        "counter",
        "archiver_ticks_total",
        "Ticks of the schedule since the daemon started, by result; retry is a sync between ticks.",
        "result",
        |it| {
            it.daemon
                .map(|it| it.ticks.by_result())
                .into_iter()
                .flatten()
        },
    );
    to.gauge(
        "archiver_next_tick_timestamp_seconds",
        "The start of the next sync.",
        |it| it.daemon?.next_tick_at.map(Timestamp::epoch_seconds),
    );
}

fn write_daemon(to: &mut Exposition<'_>) {
    to.gauge(
        "archiver_sync_running",
        "1 while a sync of the daemon is running, else 0.",
        |it| Some(u8::from(it.daemon?.running_since.is_some())),
    );
    to.gauge(
        "archiver_sync_started_timestamp_seconds",
        "The start of the running sync.",
        |it| it.daemon?.running_since.map(Timestamp::epoch_seconds),
    );
    to.gauge(
        "archiver_consecutive_failures",
        "The number of consecutive failed syncs.",
        |it| Some(it.daemon?.consecutive_failures),
    );
    to.family(
        "counter",
        "archiver_pings_failed_total",
        "Pings to the dead man's switch that did not arrive, since the daemon started.",
        "",
        |it| {
            it.daemon
                .and_then(|it| it.pings_failed)
                .map(|count| ("", count))
        },
    );
    to.gauge(
        "archiver_token_refused",
        "1 if the API refused the token the last time, else 0.",
        |it| Some(u8::from(it.daemon?.is_token_refused)),
    );
}
