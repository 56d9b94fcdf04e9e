//! Every metric with its name and meaning, as text that Prometheus reads.
//!
//! Names follow <https://prometheus.io/docs/practices/naming/>. Alerts and dashboards depend on them, so the meaning of
//! a name never changes.

use super::Source;
use super::totals::{ENDINGS, Histogram};
use crate::core::time::Timestamp;
use crate::query::status::RunState;
use std::fmt::Display;

/// All metrics in the text format 0.0.4 of Prometheus.
///
/// A file, which stays the same until the next sync, must not have ages.
#[must_use]
pub fn text(sources: &[Source<'_>], now: Timestamp, has_ages: bool) -> String {
    let mut to = Exposition::new(sources);
    write_freshness(&mut to, now, has_ages);
    write_runs(&mut to);
    write_counters(&mut to);
    write_holdings(&mut to);
    write_listings(&mut to);
    write_ticks(&mut to);
    write_daemon(&mut to);
    to.text
}

fn write_freshness(to: &mut Exposition<'_>, now: Timestamp, has_ages: bool) {
    to.number(
        "archiver_last_success_timestamp_seconds",
        "The start of the last complete sync: everything that the API listed then is archived.",
        |it| {
            let began = it.figures.totals.fresh_at()?;
            // A time in the future, from a wrong clock, would count as fresh for too long.
            began.age_at(now).map(|_| began.epoch_seconds())
        },
    );
    to.number(
        "archiver_last_success_age_seconds",
        "The time since the last complete sync began.",
        |it| {
            let began = it.figures.totals.fresh_at()?;
            began.age_at(now).filter(|_| has_ages)
        },
    );
    to.number(
        "archiver_last_run_timestamp_seconds",
        "The start of the last sync that has ended.",
        |it| {
            let last = it.figures.totals.last_run?;
            last.started_at.map(Timestamp::epoch_seconds)
        },
    );
    to.family(
        "archiver_last_run_outcome",
        "The outcome of the last sync that has ended: 1 for its outcome, 0 for the others.",
        "outcome",
        |it| {
            let last = it.figures.totals.last_run;
            let is_last = move |each: RunState| Some(u8::from(each == last?.ending));
            let outcomes = ENDINGS.into_iter();
            outcomes.filter_map(move |each| Some((each.as_str(), is_last(each)?)))
        },
    );
}

fn write_runs(to: &mut Exposition<'_>) {
    to.family(
        "archiver_runs_total",
        "Syncs that have ended, by outcome.",
        "outcome",
        |it| ENDINGS.map(|ending| (ending.as_str(), it.figures.totals.runs(ending))),
    );
    to.histogram(
        "archiver_run_duration_seconds",
        "The durations of syncs, without killed ones.",
        |it| &it.figures.totals.durations,
    );
    to.number(
        "archiver_requests_left",
        "Requests of the hour that the token had left when the last sync ended.",
        |it| it.figures.totals.quota.map(|quota| quota.remaining),
    );
    to.number(
        "archiver_requests_left_timestamp_seconds",
        "The time when the token had that many requests left.",
        |it| it.figures.totals.quota?.at.map(Timestamp::epoch_seconds),
    );
}

fn write_counters(to: &mut Exposition<'_>) {
    to.number(
        "archiver_actions_inserted_total",
        "Actions that were new in the archive, without those of killed syncs.",
        |it| Some(it.figures.totals.inserted),
    );
    to.number(
        "archiver_actions_updated_total",
        "Updates of archived actions.",
        |it| Some(it.figures.totals.updated),
    );
    to.number(
        "archiver_rows_rejected_total",
        "Rows of the API that could not be archived.",
        |it| Some(it.figures.totals.rejected),
    );
    to.number(
        "archiver_requests_total",
        "HTTP requests sent, retries included.",
        |it| Some(it.figures.totals.requests),
    );
    to.number(
        "archiver_retries_total",
        "HTTP requests that were sent again, after a fault or a 429.",
        |it| Some(it.figures.totals.retries),
    );
    to.number(
        "archiver_faults_total",
        "HTTP requests that failed because of the network or the server: no or a broken answer, 408, 5xx.",
        |it| Some(it.figures.totals.faults),
    );
}

fn write_holdings(to: &mut Exposition<'_>) {
    to.number(
        "archiver_actions",
        "Actions in the archive, as of the last sync that may have added some.",
        |it| Some(it.figures.holdings.as_ref()?.actions),
    );
    to.number(
        "archiver_open_actions",
        "Actions that were in progress when last seen.",
        |it| Some(it.figures.holdings.as_ref()?.open_actions),
    );
    to.number(
        "archiver_oldest_open_action_timestamp_seconds",
        "The start of the oldest action in progress.",
        |it| {
            let holdings = it.figures.holdings.as_ref()?;
            holdings.oldest_open_at.map(Timestamp::epoch_seconds)
        },
    );
    to.number(
        "archiver_archive_bytes",
        "The size of the archive, free pages included.",
        |it| Some(it.figures.holdings.as_ref()?.archive_bytes),
    );
    to.number(
        "archiver_schema_version",
        "The number of the last migration that was applied to the archive.",
        |it| Some(it.figures.holdings.as_ref()?.schema_version),
    );
}

fn write_listings(to: &mut Exposition<'_>) {
    to.number(
        "archiver_listings",
        "Listings that are kept: the account's, or one for each droplet that is not gone.",
        |it| Some(it.figures.holdings.as_ref()?.listings.listings),
    );
    to.number(
        "archiver_listings_incomplete",
        "Listings of which a part is not archived, or may not be.",
        |it| Some(it.figures.holdings.as_ref()?.listings.incomplete),
    );
    to.number(
        "archiver_listed_actions",
        "Actions that these listings hold.",
        |it| Some(it.figures.holdings.as_ref()?.listings.listed_actions),
    );
    to.number(
        "archiver_missing_actions",
        "Actions that these listings hold and the archive does not.",
        |it| Some(it.figures.holdings.as_ref()?.listings.missing_actions),
    );
    to.number(
        "archiver_coverage_ratio",
        "The archived part of the listed actions, from 0 to 1.",
        |it| it.figures.holdings.as_ref()?.listings.coverage_ratio(),
    );
}

fn write_ticks(to: &mut Exposition<'_>) {
    to.number(
        "archiver_daemon_started_timestamp_seconds",
        "The start of the daemon.",
        |it| Some(it.daemon?.started_at.epoch_seconds()),
    );
    to.family(
        "archiver_ticks_total",
        "Ticks of the schedule since the daemon started, by result; retry is a sync between ticks.",
        "result",
        |it| {
            let ticks = it.daemon.map(|it| it.ticks.by_result());
            ticks.into_iter().flatten()
        },
    );
    to.number(
        "archiver_next_tick_timestamp_seconds",
        "The start of the next sync.",
        |it| it.daemon?.next_tick_at.map(Timestamp::epoch_seconds),
    );
}

fn write_daemon(to: &mut Exposition<'_>) {
    to.number(
        "archiver_sync_running",
        "1 while a sync of the daemon is running, else 0.",
        |it| Some(u8::from(it.daemon?.running_since.is_some())),
    );
    to.number(
        "archiver_sync_started_timestamp_seconds",
        "The start of the running sync.",
        |it| it.daemon?.running_since.map(Timestamp::epoch_seconds),
    );
    to.number(
        "archiver_consecutive_failures",
        "The number of consecutive failed syncs.",
        |it| Some(it.daemon?.consecutive_failures),
    );
    to.number(
        "archiver_pings_failed_total",
        "Pings to the dead man's switch that did not arrive, since the daemon started.",
        |it| it.daemon?.pings_failed,
    );
    to.number(
        "archiver_token_refused",
        "1 if the API refused the token the last time, else 0.",
        |it| Some(u8::from(it.daemon?.is_token_refused)),
    );
}

/// Writes metrics in the text format 0.0.4 of Prometheus,
/// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>. The samples of one metric stay
/// together, whatever account they are of. As is the custom, the names of counters alone end in `_total`.
///
/// No text needs an escape: the values of labels are words of archiver and names of accounts.
struct Exposition<'a> {
    sources: &'a [Source<'a>],
    /// The metrics that are written.
    text: String,
}

/// What a metric without labels has instead of one.
const NO_LABEL: (&str, &str) = ("", "");

impl<'a> Exposition<'a> {
    /// Begins with the version of the program.
    fn new(sources: &'a [Source<'a>]) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let text = format!(
            "# HELP archiver_build_info The version of archiver; always 1.\n\
             # TYPE archiver_build_info gauge\n\
             archiver_build_info{{version=\"{version}\"}} 1\n"
        );
        Self { sources, text }
    }

    /// Writes a number, or nothing when it is unknown.
    fn number<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&Source<'_>) -> Option<V>,
    ) {
        let samples = |source: &Source<'_>| value(source).map(|number| ("", number));
        self.family(name, help, "", samples);
    }

    /// Writes a number for each value of a label, or one number without a label when `label` is empty. Writes nothing
    /// without numbers.
    fn family<V: Display, S: IntoIterator<Item = (&'static str, V)>>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        samples: impl Fn(&Source<'_>) -> S,
    ) {
        let mut lines = String::new();
        for source in self.sources {
            for (value, number) in samples(source) {
                sample(&mut lines, source, name, (label, value), number);
            }
        }
        if !lines.is_empty() {
            let is_counter = name.ends_with("_total");
            let kind = if is_counter { "counter" } else { "gauge" };
            head(&mut self.text, kind, name, help);
            self.text.push_str(&lines);
        }
    }

    /// Writes a histogram of seconds.
    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        histogram: for<'s> fn(&'s Source<'_>) -> &'s Histogram,
    ) {
        let (bucket, text) = (format!("{name}_bucket"), &mut self.text);
        head(text, "histogram", name, help);
        for source in self.sources {
            let histogram = histogram(source);
            for (bound, count) in histogram.cumulative() {
                sample(text, source, &bucket, ("le", &bound.to_string()), count);
            }
            let count = histogram.count();
            sample(text, source, &bucket, ("le", "+Inf"), count);
            let sum = histogram.sum_seconds();
            sample(text, source, &format!("{name}_sum"), NO_LABEL, sum);
            sample(text, source, &format!("{name}_count"), NO_LABEL, count);
        }
    }
}

fn head(text: &mut String, kind: &str, name: &str, help: &str) {
    text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
}

/// Writes a sample, with a label unless the name of the label is empty.
fn sample(
    text: &mut String,
    source: &Source<'_>,
    name: &str,
    label: (&str, &str),
    number: impl Display,
) {
    let account = source.account.as_ref().map(|it| ("account", it.as_str()));
    let labels = account.into_iter().chain([label]);
    let labels = labels.filter(|(name, _)| !name.is_empty());
    let labels: Vec<_> = labels
        .map(|(name, value)| format!("{name}=\"{value}\""))
        .collect();
    let labels = match labels.as_slice() {
        [] => String::new(),
        labels => format!("{{{}}}", labels.join(",")),
    };
    text.push_str(&format!("{name}{labels} {number}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::metrics::Figures;

    fn written(accounts: &[Option<&str>], write: impl FnOnce(&mut Exposition<'_>)) -> String {
        let figures = Figures::default();
        let sources = accounts.iter().map(|account| Source {
            account: account.map(|name| name.parse().unwrap()),
            figures: &figures,
            daemon: None,
        });
        let sources: Vec<_> = sources.collect();
        let mut exposition = Exposition::new(&sources);
        exposition.text.clear();
        write(&mut exposition);
        exposition.text
    }

    #[test]
    fn a_number_comes_with_what_it_is() {
        let text = written(&[None], |it| it.number("ratio", "A part.", |_| Some(0.25)));
        let expected = "# HELP ratio A part.\n# TYPE ratio gauge\nratio 0.25\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_samples_of_several_accounts_stand_together() {
        let number = |it: &Source<'_>| u8::from(it.account.unwrap().as_str() == "b");
        let text = written(&[Some("a"), Some("b")], |it| {
            it.family("x_total", "X.", "", |it| [("", number(it))]);
            it.family("y", "Y.", "is", |it| [("z", number(it))]);
        });
        let expected = "# HELP x_total X.\n# TYPE x_total counter\nx_total{account=\"a\"} 0\nx_total{account=\"b\"} 1\n\
                        # HELP y Y.\n# TYPE y gauge\ny{account=\"a\",is=\"z\"} 0\ny{account=\"b\",is=\"z\"} 1\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn of_what_is_not_known_not_even_the_name_is_written() {
        let text = written(&[None], |it| it.number("age", "Old.", |_| None::<i64>));
        assert_eq!(text, "");
        let none: [(&str, u64); 0] = [];
        let text = written(&[None], |it| {
            it.family("state", "Which.", "is", |_| none);
        });
        assert_eq!(text, "");
    }

    #[test]
    fn a_histogram_ends_with_all_there_were() {
        let mut figures = Figures::default();
        for seconds in [1, 40, 9_000] {
            figures.totals.durations.add(seconds);
        }
        let source = Source {
            account: None,
            figures: &figures,
            daemon: None,
        };
        let sources = [source];
        let mut exposition = Exposition::new(&sources);
        exposition.text.clear();
        exposition.histogram("took_seconds", "How long.", |it| {
            &it.figures.totals.durations
        });
        let lines: Vec<_> = exposition.text.lines().collect();
        assert_eq!(lines[1], "# TYPE took_seconds histogram");
        assert_eq!(lines[2], "took_seconds_bucket{le=\"1\"} 1");
        assert_eq!(lines[7], "took_seconds_bucket{le=\"60\"} 2");
        assert_eq!(
            lines[13..],
            [
                "took_seconds_bucket{le=\"7200\"} 2",
                "took_seconds_bucket{le=\"+Inf\"} 3",
                "took_seconds_sum 9041",
                "took_seconds_count 3",
            ]
        );
    }
}
