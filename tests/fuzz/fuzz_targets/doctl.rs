#![no_main]

#[allow(dead_code)]
#[path = "../targets.rs"]
mod targets;

use std::borrow::Cow;

use saphyr_parser::{Event, Parser};
use targets::doctl::{CONTEXTS, token};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    targets::doctl(data);
    if let Ok(text) = std::str::from_utf8(data) {
        agrees_with_yaml(text);
    }
});

/// A token that doctl's reader finds is the token that another YAML parser finds at the same place.
fn agrees_with_yaml(text: &str) {
    // doctl does not read invalid YAML either.
    let Some(Node::Map(root)) = parsed(text) else {
        return;
    };
    for context in CONTEXTS {
        if let Ok(read) = token(text, context) {
            assert_eq!(Some(read.as_str()), expected(&root, context).map(str::trim));
        }
    }
}

/// The reader ignores the case of keys, so a name that occurs twice counts as missing.
fn entry<'a>(map: &'a [(Node, Node)], name: &str) -> Option<&'a Node> {
    let is_named = |key: &Node| matches!(key, Node::Text(key) if key.to_lowercase() == name);
    let mut found = map.iter().filter(|(key, _)| is_named(key));
    let (_, value) = found.next()?;
    found.next().is_none().then_some(value)
}

fn expected<'a>(root: &'a [(Node, Node)], context: &str) -> Option<&'a str> {
    let value = match (context, entry(root, "auth-contexts")) {
        ("default", _) => entry(root, "access-token"),
        (name, Some(Node::Map(contexts))) => entry(contexts, name),
        _ => None,
    };
    match value? {
        Node::Text(text) => Some(text),
        _ => None,
    }
}

enum Node {
    Text(String),
    Map(Vec<(Node, Node)>),
    /// A list, or a value that needs a lookup.
    Other,
}

/// The first document.
fn parsed(text: &str) -> Option<Node> {
    let mut events = Vec::new();
    for event in Parser::new_from_str(text) {
        events.push(event.ok()?.0);
    }
    let is_prelude =
        |event: &Event<'_>| matches!(event, Event::StreamStart | Event::DocumentStart(..));
    let mut events = events.into_iter().skip_while(is_prelude);
    node(&events.next()?, &mut events)
}

fn node<'a>(first: &Event<'a>, events: &mut impl Iterator<Item = Event<'a>>) -> Option<Node> {
    match first {
        Event::Scalar(text, ..) => Some(Node::Text(Cow::clone(text).into_owned())),
        Event::MappingStart(..) => {
            let mut entries = Vec::new();
            loop {
                let key = events.next()?;
                if matches!(key, Event::MappingEnd) {
                    return Some(Node::Map(entries));
                }
                let key = node(&key, events)?;
                let value = events.next()?;
                entries.push((key, node(&value, events)?));
            }
        }
        Event::SequenceStart(..) => loop {
            let item = events.next()?;
            if matches!(item, Event::SequenceEnd) {
                return Some(Node::Other);
            }
            node(&item, events)?;
        },
        _ => Some(Node::Other),
    }
}
