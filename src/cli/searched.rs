//! The search of an answer in words: for people whose answer is empty, or covers only the usual time.

use std::collections::BTreeMap;

use archiver::core::time::{duration_text, parse_duration};
use archiver::query::report::Report;
use archiver::query::status::counted;
use archiver::query::{Choice, DropletSelector, Filter, TypeSelector};

/// The parameters that are the window of a report.
const WINDOW: [&str; 2] = ["since", "until"];

/// `no reboot loops in the last 90 days (--within 1h, --times 2)`
pub(super) fn nothing(report: &Report, written: &BTreeMap<String, String>) -> String {
    let others = report.parameters.iter().filter_map(|parameter| {
        let value = value(report, written, &parameter.name)?;
        let is_told = !WINDOW.contains(&parameter.name.as_str()) && value != "*";
        is_told.then(|| format!("--{} {value}", parameter.name.replace('_', "-")))
    });
    let others = others.collect::<Vec<_>>().join(", ");
    let window = window(report, written).map(|window| format!(" {window}"));
    let others = Some(others).filter(|it| !it.is_empty());
    let others = others.map(|others| format!(" ({others})"));
    let second = report.title.chars().next().map_or(0, char::len_utf8);
    let (first, rest) = report.title.split_at(second);
    format!(
        "no {}{rest}{}{}",
        first.to_lowercase(),
        window.unwrap_or_default(),
        others.unwrap_or_default()
    )
}

/// `in the last 90 days`, if that is a choice of the report and not of the user.
pub(super) fn usual_window(report: &Report, written: &BTreeMap<String, String>) -> Option<String> {
    let is_usual = !WINDOW.iter().any(|name| written.contains_key(*name));
    is_usual.then(|| window(report, written)).flatten()
}

/// The window of a report; `None` for one that has none, or searches everything.
fn window(report: &Report, written: &BTreeMap<String, String>) -> Option<String> {
    let since = value(report, written, "since").filter(|since| *since != "@0");
    let until = written.get("until").map(|until| format!("until {until}"));
    let since = since.map(|since| match parse_duration(since) {
        Ok(seconds) => format!("in the last {}", length(seconds)),
        Err(_) => format!("since {since}"),
    });
    let parts: Vec<_> = [since, until].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// The text of a parameter, or its default.
pub(super) fn value<'a>(
    report: &'a Report,
    written: &'a BTreeMap<String, String>,
    name: &str,
) -> Option<&'a str> {
    let default = report.parameter(name)?.default.as_ref();
    let value = written.get(name).or(default)?;
    Some(value.as_str()).filter(|value| !value.is_empty())
}

/// `90 days`, `12 hours`
fn length(seconds: i64) -> String {
    let whole = seconds.unsigned_abs();
    match (whole % 86_400, whole % 3_600) {
        (0, _) => counted(whole / 86_400, "day"),
        (_, 0) => counted(whole / 3_600, "hour"),
        _ => duration_text(seconds),
    }
}

/// `no action matches: type reboot; droplet web-1; since 2020-07-01T00:00:00Z`
pub(super) fn no_action(filter: &Filter) -> String {
    let mut parts: Vec<String> = [
        chosen("type", &filter.types, |it| match it {
            TypeSelector::Type(name) => name.clone(),
            TypeSelector::Group(group) => group.to_string(),
        }),
        chosen("status", &filter.statuses, String::clone),
        chosen("droplet", &filter.droplets, |it| match it {
            DropletSelector::Id(id) => id.to_string(),
            DropletSelector::Name(name) | DropletSelector::Pattern(name) => name.clone(),
        }),
        chosen("region", &filter.regions, String::clone),
        chosen("resource type", &filter.resource_types, String::clone),
        chosen("tag", &filter.tags, String::clone),
    ]
    .into_iter()
    .flatten()
    .collect();
    parts.extend(filter.gone.map(|is_gone| match is_gone {
        true => "gone droplets".to_owned(),
        false => "existing droplets".to_owned(),
    }));
    parts.extend(filter.since.map(|since| format!("since {since}")));
    parts.extend(filter.until.map(|until| format!("before {until}")));
    let ids: Vec<_> = filter.ids.iter().map(ToString::to_string).collect();
    parts.extend((!ids.is_empty()).then(|| format!("id {}", ids.join(", "))));
    let lasted = |seconds: u64| duration_text(i64::try_from(seconds).unwrap_or(i64::MAX));
    let (least, most) = (filter.min_duration_seconds, filter.max_duration_seconds);
    parts.extend(least.map(|least| format!("{} or longer", lasted(least))));
    parts.extend(most.map(|most| format!("{} or shorter", lasted(most))));
    parts.extend((filter.seen_since.as_ref()).map(|_| "seen since that sync".to_owned()));
    let overlap = filter.overlap;
    parts.extend(overlap.map(|(from, to)| format!("under way from {from} to {to}")));
    if parts.is_empty() {
        return "no action matches in the whole archive".to_owned();
    }
    format!("no action matches: {}", parts.join("; "))
}

fn chosen<T>(name: &str, choice: &Choice<T>, text: impl Fn(&T) -> String) -> Option<String> {
    let wanted = choice.any_of.iter().map(&text);
    let unwanted = choice.none_of.iter().map(|it| format!("not {}", text(it)));
    let all: Vec<_> = wanted.chain(unwanted).collect();
    (!all.is_empty()).then(|| format!("{name} {}", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use archiver::query::report::Library;

    use super::*;

    fn nothing_found(name: &str, written: &[(&str, &str)]) -> String {
        let library = Library::load(None);
        let written = written
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        nothing(library.get(name).unwrap(), &written.collect())
    }

    #[test]
    fn an_empty_report_says_what_it_searched() {
        for (name, written, expected) in [
            (
                "reboot-loops",
                &[][..],
                "no reboot loops in the last 90 days (--within 1h, --times 2)",
            ),
            (
                "failures",
                &[
                    ("since", "2020-07-01"),
                    ("until", "2020-08"),
                    ("droplet", "web-*"),
                ],
                "no failures since 2020-07-01 until 2020-08 (--droplet web-*)",
            ),
            ("no-end", &[], "no actions without an end"),
        ] {
            assert_eq!(nothing_found(name, written), expected);
        }
    }

    #[test]
    fn lengths_are_told_in_whole_units() {
        let texts = [90 * 86_400, 86_400, 36 * 3_600, 90].map(length);
        assert_eq!(texts, ["90 days", "1 day", "36 hours", "1m 30s"]);
    }

    #[test]
    fn an_empty_answer_says_what_was_asked_for() {
        let filter = Filter {
            types: Choice::any_of([TypeSelector::Type("reboot".to_owned())]),
            statuses: Choice {
                any_of: Vec::new(),
                none_of: vec!["errored".to_owned()],
            },
            since: Some("2020-07-01T00:00:00Z".parse().unwrap()),
            ..Filter::default()
        };
        assert_eq!(
            no_action(&filter),
            "no action matches: type reboot; status not errored; since 2020-07-01T00:00:00Z"
        );
        assert!(no_action(&Filter::default()).ends_with("in the whole archive"));
    }
}
