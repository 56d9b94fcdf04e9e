//! The text of `metadata.yaml`: the content of `tables.yaml`, and the built-in reports as queries.
//!
//! A query has the SQL of its report, letter for letter. Only its parameters are written in another way than on the
//! command line: SQLite understands `30 days` and `2026-07-01`, but not `30d` or `yesterday`.

use std::fmt::Write;

use archiver::core::time::Timestamp;
use archiver::query::report::{Kind, Library, Parameter, Report};

const TABLES: &str = include_str!("tables.yaml");

/// The whole file.
pub(crate) fn text() -> String {
    let queries: String = Library::load(None).reports.iter().map(query).collect();
    format!(
        "# Made by `cargo run --example datasette`; change tables.yaml or the reports instead.\n\
         {TABLES}    queries:\n{queries}"
    )
}

fn query(report: &Report) -> String {
    let names = report.parameters.iter().map(|it| it.name.as_str());
    // Every report may use `now`; an empty value means the current time.
    let names: Vec<_> = names.chain(["now"]).collect();
    let mut sql = String::new();
    for line in report.sql.lines() {
        let indent = if line.is_empty() { "" } else { "          " };
        sql.push_str(&format!("{indent}{line}\n"));
    }
    format!(
        "      {}:\n        title: {}\n        description_html: {}\n        hide_sql: true\n        params: [{}]\n        \
         sql: |\n{sql}",
        report.name,
        scalar(&report.title),
        scalar(&description(report)),
        names.join(", "),
    )
}

fn description(report: &Report) -> String {
    let mut html = format!("<p>{}</p>", escaped(&report.summary));
    if let Some(estimate) = &report.estimate {
        let _ = write!(html, "<p><em>An estimate.</em> {}</p>", escaped(estimate));
    }
    html.push_str("<ul>");
    for parameter in &report.parameters {
        let _ = write!(
            html,
            "<li><strong>{}</strong>: {}. {}",
            parameter.name,
            escaped(&parameter.description),
            escaped(hint(&parameter.kind))
        );
        if let Some(default) = written_for_sqlite(parameter) {
            let _ = write!(html, " Empty: <code>{}</code>.", escaped(&default));
        }
        html.push_str("</li>");
    }
    html.push_str("<li><strong>now</strong>: what is taken as the current time. Empty: the current time.</li></ul>");
    html
}

/// The accepted form of a value in Datasette.
fn hint(kind: &Kind) -> &'static str {
    match kind {
        Kind::Droplets => "Ids, names or patterns such as web-*, comma-separated.",
        Kind::Time | Kind::End => {
            "A time in UTC such as 2026-07-01 19:37, or how long ago: 30 days."
        }
        Kind::Duration => "A length of time such as 90 minutes or 8 days.",
        Kind::Number(_) => "A number.",
        Kind::Types | Kind::Text(_) => "Comma-separated.",
        Kind::Periods => "One of these words.",
    }
}

/// The default of a parameter in a form that the SQL itself understands.
pub(crate) fn written_for_sqlite(parameter: &Parameter) -> Option<String> {
    let default = parameter.default.as_deref().filter(|it| !it.is_empty())?;
    if !matches!(parameter.kind, Kind::Time | Kind::End | Kind::Duration) {
        return Some(default.to_owned());
    }
    if let Some(seconds) = default.strip_prefix('@') {
        let time = Timestamp::from_epoch_seconds(seconds.parse().ok()?).ok()?;
        return Some(time.to_string());
    }
    let unit = match default.chars().last() {
        Some('d') => " days",
        Some('h') => " hours",
        Some('m') => " minutes",
        Some('s') => " seconds",
        _ => return Some(default.to_owned()),
    };
    Some(default[..default.len() - 1].to_owned() + unit)
}

/// A double-quoted scalar of YAML, which is a string of JSON.
fn scalar(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
