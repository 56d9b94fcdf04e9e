//! The frame of every document: its head, its policy, its style and its script.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest::{SHA256, digest};

/// The stylesheet of every document.
const STYLE: &str = include_str!("assets/style.css");
/// The script of every document. Nothing depends on it.
const SCRIPT: &str = include_str!("assets/script.js");

/// The text before and after an answer in HTML. On a server, which has the answer as JSON too at the address `json`, it
/// begins with links to the other pages.
#[must_use]
pub fn frame(title: &str, json: Option<&str>) -> (String, String) {
    const PLACE: &str = "<!--answer-->";
    let main = html! {
        @if json.is_some() { (navigation()) }
        section .answer {
            h1 { (title) }
            @if let Some(json) = json { p { a href=(json) { "As JSON" } } }
            div .scroll tabindex="0" role="group" aria-label="Answer" { (PreEscaped(PLACE)) }
        }
    };
    let document = document(title, &main).into_string();
    let (head, tail) = document.split_once(PLACE).unwrap_or((&document, ""));
    (head.to_owned(), tail.to_owned())
}

/// Names and values under a heading, such as `droplet 7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The heading.
    pub heading: String,
    /// The names and values. A value without a name continues the one before.
    pub values: Vec<(String, String)>,
}

/// A document with parts. With `is_linked`, the heading of a droplet links to its page.
#[must_use]
pub fn sheet(title: &str, parts: &[Part], is_linked: bool) -> String {
    let main = html! {
        @if is_linked { (navigation()) }
        h1 { (title) }
        @for Part { heading, values } in parts {
            section {
                h2 {
                    @match heading.strip_prefix("droplet ").filter(|_| is_linked) {
                        Some(id) => a href={ "/timeline/" (id) } { (heading) },
                        None => (heading),
                    }
                }
                dl .basis { @for (name, value) in values { dt { (name) } dd { bdi { (value) } } } }
            }
        }
    };
    document(title, &main).into_string()
}

/// Links to the pages of the server.
pub(super) fn navigation() -> Markup {
    const PAGES: [(&str, &str); 5] = [
        ("/", "Overview"),
        ("/query?limit=1000&reverse", "Actions"),
        ("/droplets", "Droplets"),
        ("/report", "Reports"),
        ("/stats?by=month", "Numbers"),
    ];
    html! { nav aria-label="Pages" { @for (address, name) in PAGES { a href=(address) { (name) } " " } } }
}

/// A whole document. It loads nothing, because its policy allows only the style and the script that it holds.
pub(super) fn document(title: &str, main: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (main) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// The Content Security Policy: nothing but the style and the script of the document.
fn policy() -> String {
    // https://www.w3.org/TR/CSP3/#match-element-to-source-list
    let hash = |text: &str| STANDARD.encode(digest(&SHA256, text.as_bytes()));
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; img-src data:; \
         form-action 'self'; base-uri 'none'"
    )
}
