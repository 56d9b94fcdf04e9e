//! Every metric with its name and meaning, as text that Prometheus reads.
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>. Alerts and dashboards depend on them, so the meaning of
//! a name never changes.

use super::totals::ENDINGS;
use super::{DaemonFigures, Holdings, Source, Totals};
use crate::core::account::AccountName;
use crate::core::time::Timestamp;
use std::fmt::Display;

/// Every metric in the order in which they are written: its kind, its name and its meaning.
const METRICS: &str = "\
gauge archiver_last_success_timestamp_seconds The start of the last complete sync: everything that the API listed then is archived.
gauge archiver_last_success_age_seconds The time since the last complete sync began.
gauge archiver_last_run_timestamp_seconds The start of the last sync that has ended.
gauge archiver_last_run_outcome The outcome of the last sync that has ended: 1 for its outcome, 0 for the others.
counter archiver_runs_total Syncs that have ended, by outcome.
histogram archiver_run_duration_seconds The durations of syncs, without killed ones.
gauge archiver_requests_left Requests of the hour that the token had left when the last sync ended.
gauge archiver_requests_left_timestamp_seconds The time when the token had that many requests left.
counter archiver_actions_inserted_total Actions that were new in the archive, without those of killed syncs.
counter archiver_actions_updated_total Updates of archived actions.
counter archiver_rows_rejected_total Rows of the API that could not be archived.
counter archiver_requests_total HTTP requests sent, retries included.
counter archiver_retries_total HTTP requests that were sent again, after a fault or a 429.
counter archiver_faults_total HTTP requests that failed because of the network or the server: no or a broken answer, 408, 5xx.
gauge archiver_actions Actions in the archive, as of the last sync that may have added some.
gauge archiver_open_actions Actions that were in progress when last seen.
gauge archiver_oldest_open_action_timestamp_seconds The start of the oldest action in progress.
gauge archiver_archive_bytes The size of the archive, free pages included.
gauge archiver_schema_version The number of the last migration that was applied to the archive.
gauge archiver_listings Listings that are kept: the account's, or one for each droplet that is not gone.
gauge archiver_listings_incomplete Listings of which a part is not archived, or may not be.
gauge archiver_listed_actions Actions that these listings hold.
gauge archiver_missing_actions Actions that these listings hold and the archive does not.
gauge archiver_coverage_ratio The archived part of the listed actions, from 0 to 1.
gauge archiver_daemon_started_timestamp_seconds The start of the daemon.
counter archiver_ticks_total Ticks of the schedule since the daemon started, by result; retry is a sync between ticks.
gauge archiver_next_tick_timestamp_seconds The start of the next sync.
gauge archiver_sync_running 1 while a sync of the daemon is running, else 0.
gauge archiver_sync_started_timestamp_seconds The start of the running sync.
gauge archiver_consecutive_failures The number of consecutive failed syncs.
counter archiver_pings_failed_total Pings to the dead man's switch that did not arrive, since the daemon started.
gauge archiver_token_refused 1 if the API refused the token the last time, else 0.
";

/// All metrics in the text format 0.0.4 of Prometheus,
/// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>. The samples of one metric stay
/// together, whatever account they are of.
///
/// A file, which stays the same until the next sync, must not have ages.
#[must_use]
pub fn text(sources: &[Source], now: Timestamp, has_ages: bool) -> String {
    let mut all = Samples::default();
    for source in sources {
        all.account = source.account;
        all.add_totals(&source.figures.totals, now, has_ages);
        if let Some(holdings) = &source.figures.holdings {
            all.add_holdings(holdings);
        }
        if let Some(daemon) = &source.daemon {
            all.add_daemon(daemon);
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    let mut text = format!(
        "# HELP archiver_build_info The version of archiver; always 1.\n\
         # TYPE archiver_build_info gauge\n\
         archiver_build_info{{version=\"{version}\"}} 1\n"
    );
    for line in METRICS.lines() {
        let mut words = line.splitn(3, ' ');
        let [kind, name, help] = std::array::from_fn(|_| words.next().unwrap_or_default());
        let samples = all.lines.iter().filter(|(metric, _)| *metric == name);
        let samples: String = samples.map(|(_, line)| line.as_str()).collect();
        if !samples.is_empty() {
            text.push_str(&format!(
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}"
            ));
        }
    }
    text
}

/// The samples of metrics. No text needs an escape: the values of labels are words of archiver and names of accounts.
#[derive(Default)]
struct Samples {
    /// The account of the next samples.
    account: Option<AccountName>,
    /// The name of a metric, and the line of a sample of it.
    lines: Vec<(&'static str, String)>,
}

impl Samples {
    fn add_totals(&mut self, totals: &Totals, now: Timestamp, has_ages: bool) {
        let fresh_at = totals.fresh_at();
        // A time in the future, from a wrong clock, would count as fresh for too long.
        let age = fresh_at.and_then(|at| at.age_at(now));
        let fresh_at = fresh_at.filter(|_| age.is_some());
        self.time("archiver_last_success_timestamp_seconds", fresh_at);
        let age = age.filter(|_| has_ages);
        self.number("archiver_last_success_age_seconds", age);
        let started_at = totals.last_run.and_then(|last| last.started_at);
        self.time("archiver_last_run_timestamp_seconds", started_at);
        for ending in ENDINGS {
            let label = &[("outcome", ending.as_str())];
            if let Some(last) = totals.last_run {
                let is_last = u8::from(last.ending == ending);
                self.add("archiver_last_run_outcome", "", label, is_last);
            }
            self.add("archiver_runs_total", "", label, totals.runs(ending));
        }
        let (durations, name) = (&totals.durations, "archiver_run_duration_seconds");
        for (bound, count) in durations.cumulative() {
            self.add(name, "_bucket", &[("le", &bound.to_string())], count);
        }
        self.add(name, "_bucket", &[("le", "+Inf")], durations.count);
        self.add(name, "_sum", &[], durations.sum_seconds);
        self.add(name, "_count", &[], durations.count);
        let remaining = totals.quota.map(|quota| quota.remaining);
        self.number("archiver_requests_left", remaining);
        let quota_at = totals.quota.and_then(|quota| quota.at);
        self.time("archiver_requests_left_timestamp_seconds", quota_at);
        for (name, count) in [
            ("archiver_actions_inserted_total", totals.inserted),
            ("archiver_actions_updated_total", totals.updated),
            ("archiver_rows_rejected_total", totals.rejected),
            ("archiver_requests_total", totals.requests),
            ("archiver_retries_total", totals.retries),
            ("archiver_faults_total", totals.faults),
        ] {
            self.number(name, Some(count));
        }
    }

    fn add_holdings(&mut self, holdings: &Holdings) {
        let listings = &holdings.listings;
        for (name, count) in [
            ("archiver_actions", holdings.actions),
            ("archiver_open_actions", holdings.open_actions),
            ("archiver_archive_bytes", holdings.archive_bytes),
            ("archiver_listings", listings.listings),
            ("archiver_listings_incomplete", listings.incomplete),
            ("archiver_listed_actions", listings.listed_actions),
            ("archiver_missing_actions", listings.missing_actions),
        ] {
            self.number(name, Some(count));
        }
        let name = "archiver_oldest_open_action_timestamp_seconds";
        self.time(name, holdings.oldest_open_at);
        self.number("archiver_schema_version", Some(holdings.schema_version));
        self.number("archiver_coverage_ratio", listings.coverage_ratio());
    }

    fn add_daemon(&mut self, daemon: &DaemonFigures) {
        let name = "archiver_daemon_started_timestamp_seconds";
        self.time(name, Some(daemon.started_at));
        let ticks = &daemon.ticks;
        for (result, count) in [
            ("run", ticks.run),
            ("skipped", ticks.skipped),
            ("made_up", ticks.made_up),
            ("retry", ticks.retry),
        ] {
            self.add("archiver_ticks_total", "", &[("result", result)], count);
        }
        self.time("archiver_next_tick_timestamp_seconds", daemon.next_tick_at);
        let running_since = daemon.running_since;
        let is_running = u8::from(running_since.is_some());
        self.number("archiver_sync_running", Some(is_running));
        self.time("archiver_sync_started_timestamp_seconds", running_since);
        let failures = daemon.consecutive_failures;
        self.number("archiver_consecutive_failures", Some(failures));
        self.number("archiver_pings_failed_total", daemon.pings_failed);
        let is_refused = u8::from(daemon.is_token_refused);
        self.number("archiver_token_refused", Some(is_refused));
    }

    /// Adds a number, or nothing when it is unknown.
    fn number(&mut self, metric: &'static str, number: Option<impl Display>) {
        if let Some(number) = number {
            self.add(metric, "", &[], number);
        }
    }

    fn time(&mut self, metric: &'static str, time: Option<Timestamp>) {
        self.number(metric, time.map(Timestamp::epoch_seconds));
    }

    /// Adds a sample of the part of a metric with this suffix.
    fn add(
        &mut self,
        metric: &'static str,
        suffix: &str,
        labels: &[(&str, &str)],
        number: impl Display,
    ) {
        let account = self.account.as_ref().map(|it| ("account", it.as_str()));
        let labels: Vec<_> = (account.iter())
            .chain(labels)
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        let line = format!("{metric}{suffix}{labels} {number}\n");
        self.lines.push((metric, line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::metrics::Figures;

    fn written(figures: &Figures, accounts: &[Option<&str>]) -> String {
        let sources = accounts.iter().map(|account| Source {
            account: account.map(|name| name.parse().unwrap()),
            figures: figures.clone(),
            daemon: None,
        });
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        text(&sources.collect::<Vec<_>>(), now, true)
    }

    #[test]
    fn a_number_comes_with_what_it_is() {
        let text = written(&Figures::default(), &[None]);
        let expected = "# HELP archiver_actions_updated_total Updates of archived actions.\n\
                        # TYPE archiver_actions_updated_total counter\n\
                        archiver_actions_updated_total 0\n";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn the_samples_of_several_accounts_stand_together() {
        let text = written(&Figures::default(), &[Some("a"), Some("b")]);
        let requests = "# HELP archiver_requests_total HTTP requests sent, retries included.\n\
                        # TYPE archiver_requests_total counter\n\
                        archiver_requests_total{account=\"a\"} 0\narchiver_requests_total{account=\"b\"} 0\n# HELP";
        assert!(text.contains(requests), "{text}");
        let killed = "archiver_runs_total{account=\"a\",outcome=\"killed\"} 0\n\
                      archiver_runs_total{account=\"b\",outcome=\"complete\"} 0\n";
        assert!(text.contains(killed), "{text}");
    }

    #[test]
    fn of_what_is_not_known_not_even_the_name_is_written() {
        let text = written(&Figures::default(), &[None]);
        assert!(!text.contains("archiver_requests_left"), "{text}");
        assert!(!text.contains("archiver_last_run_outcome"), "{text}");
    }

    #[test]
    fn a_histogram_ends_with_all_there_were() {
        let mut figures = Figures::default();
        for seconds in [1, 40, 9_000] {
            figures.totals.durations.add(seconds);
        }
        let text = written(&figures, &[None]);
        let lines = text.lines().filter(|line| line.contains("_duration_"));
        let lines: Vec<_> = lines.collect();
        assert_eq!(lines[1], "# TYPE archiver_run_duration_seconds histogram");
        let ends = [
            (2, "_bucket{le=\"1\"} 1"),
            (7, "_bucket{le=\"60\"} 2"),
            (13, "_bucket{le=\"7200\"} 2"),
            (14, "_bucket{le=\"+Inf\"} 3"),
            (15, "_sum 9041"),
            (16, "_count 3"),
        ];
        for (place, end) in ends {
            assert_eq!(lines[place], format!("archiver_run_duration_seconds{end}"));
        }
        assert_eq!(lines.len(), 17);
    }
}
