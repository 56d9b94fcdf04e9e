//! Metrics as text that Prometheus reads: the text format 0.0.4,
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::fmt::Display;

/// The type of a metric.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// It only grows, and may start again from 0.
    Counter,
    /// It may grow or fall.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Writes metrics. The samples of one metric stay together, whatever account they are of.
#[derive(Default)]
pub(super) struct Exposition {
    families: Vec<Family>,
    /// The place of the metric that is being written.
    current: usize,
    /// The account of the next samples, which becomes a label of them.
    account: Option<String>,
}

struct Family {
    head: String,
    samples: String,
}

impl Exposition {
    /// From here on the samples are of this account.
    pub(super) fn of_account(&mut self, account: Option<&str>) {
        self.account = account.map(str::to_owned);
    }

    /// The text of all metrics.
    pub(super) fn into_text(self) -> String {
        let families = self.families.into_iter();
        families
            .map(|family| family.head + &family.samples)
            .collect()
    }

    /// Writes a counter.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(Kind::Counter, name, help, "", [("", value)]);
    }

    /// Writes a gauge, or nothing when the value is unknown.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: Option<impl Display>) {
        let samples = value.into_iter().map(|value| ("", value));
        self.family(Kind::Gauge, name, help, "", samples);
    }

    /// Writes a number for each value of a label, or one number without a label when `label` is empty. Writes nothing
    /// without numbers.
    pub(super) fn family<'v>(
        &mut self,
        kind: Kind,
        name: &str,
        help: &str,
        label: &str,
        samples: impl IntoIterator<Item = (&'v str, impl Display)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        self.head(kind, name, help);
        for (value, number) in samples {
            self.sample(name, (label, value), number);
        }
    }

    /// Writes a histogram of seconds.
    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(Kind::Histogram, name, help);
        for (bound, count) in histogram.cumulative() {
            self.sample(&format!("{name}_bucket"), ("le", &bound.to_string()), count);
        }
        let count = histogram.count();
        self.sample(&format!("{name}_bucket"), ("le", "+Inf"), count);
        self.sample(&format!("{name}_sum"), NO_LABEL, histogram.sum_seconds());
        self.sample(&format!("{name}_count"), NO_LABEL, count);
    }

    fn head(&mut self, kind: Kind, name: &str, help: &str) {
        let (help, kind) = (escaped(help, false), kind.as_str());
        let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        let known = self.families.iter().position(|family| family.head == head);
        self.current = known.unwrap_or_else(|| {
            let samples = String::new();
            self.families.push(Family { head, samples });
            self.families.len() - 1
        });
    }

    /// Writes a sample, with a label unless the name of the label is empty.
    fn sample(&mut self, name: &str, label: (&str, &str), number: impl Display) {
        let account = self.account.as_deref().map(|account| ("account", account));
        let labels = account
            .into_iter()
            .chain([label])
            .filter(|(name, _)| !name.is_empty());
        let labels: Vec<_> = labels
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value, true)))
            .collect();
        let labels = match labels.as_slice() {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        if let Some(family) = self.families.get_mut(self.current) {
            family
                .samples
                .push_str(&format!("{name}{labels} {number}\n"));
        }
    }
}

const NO_LABEL: (&str, &str) = ("", "");

/// Escapes a text, so that it cannot end its line or its quotation marks.
fn escaped(text: &str, is_quoted: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '"' if is_quoted => escaped.push_str("\\\""),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Seconds, counted in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The counts between two bounds. The last one has no upper bound.
    counts: [u64; Self::BOUNDS.len() + 1],
    sum_seconds: u64,
}

impl Histogram {
    /// The upper bound of each bucket but the last one, in seconds.
    pub const BOUNDS: [u64; 12] = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];

    /// Counts one duration.
    pub(super) fn add(&mut self, seconds: u64) {
        let bucket = Self::BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_seconds = self.sum_seconds.saturating_add(seconds);
    }

    /// The number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of the durations, in seconds.
    #[must_use]
    pub fn sum_seconds(&self) -> u64 {
        self.sum_seconds
    }

    /// Each bound, in seconds, and the number of durations up to it.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let bounds = Self::BOUNDS.into_iter();
        bounds.zip(&self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Exposition)) -> String {
        let mut exposition = Exposition::default();
        write(&mut exposition);
        exposition.into_text()
    }

    #[test]
    fn a_number_comes_with_what_it_is() {
        let text = written(|it| it.counter("syncs_total", "Syncs.", 7));
        let expected = "# HELP syncs_total Syncs.\n# TYPE syncs_total counter\nsyncs_total 7\n";
        assert_eq!(text, expected);
        let text = written(|it| it.gauge("ratio", "A part.", Some(0.25)));
        let expected = "# HELP ratio A part.\n# TYPE ratio gauge\nratio 0.25\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_samples_of_several_accounts_stand_together() {
        let text = written(|it| {
            for (account, number) in [("a", 1), ("b", 2)] {
                it.of_account(Some(account));
                it.counter("x_total", "X.", number);
                it.family(Kind::Gauge, "y", "Y.", "is", [("z", number)]);
            }
        });
        let expected = "# HELP x_total X.\n# TYPE x_total counter\nx_total{account=\"a\"} 1\nx_total{account=\"b\"} 2\n\
                        # HELP y Y.\n# TYPE y gauge\ny{account=\"a\",is=\"z\"} 1\ny{account=\"b\",is=\"z\"} 2\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn of_what_is_not_known_not_even_the_name_is_written() {
        assert_eq!(written(|it| it.gauge("age", "Old.", None::<i64>)), "");
        let none: [(&str, u64); 0] = [];
        let text = written(|it| it.family(Kind::Gauge, "state", "Which.", "is", none));
        assert_eq!(text, "");
    }

    #[test]
    fn a_label_cannot_end_its_quotation_nor_a_help_its_line() {
        let text = written(|it| {
            let samples = [("a\"} 1\n# b\\", 2)];
            it.family(
                Kind::Gauge,
                "odd",
                "One \\ \"two\"\nthree.",
                "what",
                samples,
            );
        });
        assert_eq!(
            text,
            "# HELP odd One \\\\ \"two\"\\nthree.\n# TYPE odd gauge\nodd{what=\"a\\\"} 1\\n# b\\\\\"} 2\n"
        );
    }

    #[test]
    fn a_histogram_ends_with_all_there_were() {
        let mut histogram = Histogram::default();
        for seconds in [1, 40, 9_000] {
            histogram.add(seconds);
        }
        let text = written(|it| it.histogram("took_seconds", "How long.", &histogram));
        let lines: Vec<_> = text.lines().collect();
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

    #[test]
    fn a_bucket_counts_what_took_no_longer_than_its_bound() {
        let mut histogram = Histogram::default();
        for seconds in [0, 1, 2, 3, 60, 61, 7_200, 7_201, 1_000_000] {
            histogram.add(seconds);
        }
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(
            cumulative,
            [
                (1, 2),
                (2, 3),
                (5, 4),
                (10, 4),
                (30, 4),
                (60, 5),
                (120, 6),
                (300, 6),
                (600, 6),
                (1_800, 6),
                (3_600, 6),
                (7_200, 7),
            ]
        );
        assert_eq!((histogram.count(), histogram.sum_seconds()), (9, 1_014_528));
    }

    #[test]
    fn an_absurd_length_does_not_overflow() {
        let mut histogram = Histogram::default();
        histogram.add(u64::MAX);
        histogram.add(u64::MAX);
        assert_eq!((histogram.count(), histogram.sum_seconds()), (2, u64::MAX));
    }
}
