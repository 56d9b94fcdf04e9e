//! The head of the page: what it is based on, the key figures, and the answer of each report.

use maud::{Markup, html};

/// A key figure.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The name for programs: `actions`, `failures` …
    pub name: &'static str,
    /// The label.
    pub label: &'static str,
    /// The figure.
    pub value: String,
    /// A note about it.
    pub note: Option<String>,
}

pub(super) fn basis(basis: &[(&'static str, String)], is_complete: bool) -> Markup {
    html! {
        dl class=(if is_complete { "basis" } else { "basis incomplete" }) {
            @for (name, text) in basis { dt { (name) } dd { bdi { (text) } } }
        }
    }
}

pub(super) fn figures(figures: &[Figure], reports: &[(String, String)], is_linked: bool) -> Markup {
    html! {
        dl .figures {
            @for figure in figures {
                div data-figure=(figure.name) {
                    dt { (figure.label) }
                    dd { strong { (figure.value) } @if let Some(note) = &figure.note { " " small { (note) } } }
                }
            }
        }
        @if !reports.is_empty() {
            h3 { "Reports" }
            ul #reports {
                @for (name, found) in reports {
                    li data-report=(name) {
                        @if is_linked { a href={ "/report/" (name) } { (name) } } @else { (name) }
                        ": " (found)
                    }
                }
            }
        }
    }
}

/// The fields of the form: the name of the flag, and an example.
const FIELDS: [(&str, &str); 8] = [
    ("droplet", "web-*"),
    ("tag", "prod"),
    ("type", "@power"),
    ("status", "errored"),
    ("region", "nyc3"),
    ("since", "90d"),
    ("until", "2026-07"),
    ("tz", "Europe/Berlin"),
];

/// The filters, with the names of the flags.
pub(super) fn form(chosen: &[(String, String)]) -> Markup {
    let value = |field: &str| {
        let chosen = chosen.iter().filter(|(name, _)| name == field);
        let values: Vec<_> = chosen.map(|(_, value)| value.as_str()).collect();
        values.join(",")
    };
    // The form keeps a filter that has no field.
    let is_hidden = |name: &str| FIELDS.iter().all(|(field, _)| *field != name);
    html! {
        form .controls method="get" action="" role="search" aria-label="Filters" {
            @for (name, example) in FIELDS {
                label { (name) " " input name=(name) value=(value(name)) placeholder=(example) autocomplete="off"; }
            }
            @for (name, value) in chosen.iter().filter(|(name, _)| is_hidden(name)) {
                input type="hidden" name=(name) value=(value);
            }
            button { "Show" }
        }
    }
}
