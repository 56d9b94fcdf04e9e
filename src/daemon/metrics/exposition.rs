//! Metrics as text that Prometheus reads: the text format 0.0.4,
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::fmt::Display;

use super::figures::Source;
use super::totals::{Histogram, Totals};

/// Writes metrics. The samples of one metric stay together, whatever account they are of.
///
/// No text needs an escape: the values of labels are words of archiver and names of accounts.
pub(super) struct Exposition<'a> {
    sources: &'a [Source<'a>],
    /// The metrics that are written.
    pub(super) text: String,
}

/// What a metric without labels has instead of one.
const NO_LABEL: (&str, &str) = ("", "");

impl<'a> Exposition<'a> {
    /// Begins with the version of the program.
    pub(super) fn new(sources: &'a [Source<'a>]) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let mut text = String::new();
        head(
            &mut text,
            "gauge",
            "archiver_build_info",
            "The version of archiver; always 1.",
        );
        text.push_str(&format!("archiver_build_info{{version=\"{version}\"}} 1\n"));
        Self { sources, text }
    }

    /// Writes a gauge, or nothing when the value is unknown.
    pub(super) fn gauge<V: Display>(
        &mut self,
        name: &str,
        help: &str,
        value: impl Fn(&Source<'_>) -> Option<V>,
    ) {
        let samples = |source: &Source<'_>| value(source).map(|number| ("", number));
        self.family("gauge", name, help, "", samples);
    }

    /// Writes a counter of the log of syncs.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: fn(&Totals) -> u64) {
        let samples = |source: &Source<'_>| [("", value(&source.figures.totals))];
        self.family("counter", name, help, "", samples);
    }

    /// Writes a number for each value of a label, or one number without a label when `label` is empty. Writes nothing
    /// without numbers.
    pub(super) fn family<V: Display, S: IntoIterator<Item = (&'static str, V)>>(
        &mut self,
        kind: &str,
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
            head(&mut self.text, kind, name, help);
            self.text.push_str(&lines);
        }
    }

    /// Writes a histogram of seconds.
    pub(super) fn histogram(
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
        let text = written(&[None], |it| it.gauge("ratio", "A part.", |_| Some(0.25)));
        let expected = "# HELP ratio A part.\n# TYPE ratio gauge\nratio 0.25\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_samples_of_several_accounts_stand_together() {
        let number = |it: &Source<'_>| u8::from(it.account.unwrap().as_str() == "b");
        let text = written(&[Some("a"), Some("b")], |it| {
            it.family("counter", "x_total", "X.", "", |it| [("", number(it))]);
            it.family("gauge", "y", "Y.", "is", |it| [("z", number(it))]);
        });
        let expected = "# HELP x_total X.\n# TYPE x_total counter\nx_total{account=\"a\"} 0\nx_total{account=\"b\"} 1\n\
                        # HELP y Y.\n# TYPE y gauge\ny{account=\"a\",is=\"z\"} 0\ny{account=\"b\",is=\"z\"} 1\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn of_what_is_not_known_not_even_the_name_is_written() {
        let text = written(&[None], |it| it.gauge("age", "Old.", |_| None::<i64>));
        assert_eq!(text, "");
        let none: [(&str, u64); 0] = [];
        let text = written(&[None], |it| {
            it.family("gauge", "state", "Which.", "is", |_| none);
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
