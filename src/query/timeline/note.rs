//! What else is to be said of an action of a timeline, in words.

use super::event::Event;
use super::{Life, Power, State};
use crate::core::time::{Timestamp, duration_text};

impl Life<'_> {
    /// What is to be said of an action that came upon a droplet in the state `before`, and left it as it is now.
    pub(super) fn note(&self, event: &Event, before: State) -> String {
        let notes = [
            self.beginning(event),
            self.resource(event),
            self.progress(event),
            self.change(before),
            self.name(event),
        ];
        notes.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }

    fn beginning(&self, event: &Event) -> Option<String> {
        let is_first = self.previous.is_none() && event.begun_at().is_some();
        (is_first && event.kind.as_deref() != Some("create"))
            .then(|| "nothing before it is archived".to_owned())
    }

    fn resource(&self, event: &Event) -> Option<String> {
        if event.is_on(self.droplet.id) {
            return None;
        }
        let kind = event.resource_type.as_deref().unwrap_or("resource");
        Some(match event.resource_id {
            Some(id) => format!("done to {kind} {id}"),
            None => format!("done to a {kind}"),
        })
    }

    fn progress(&self, event: &Event) -> Option<String> {
        let started_at = event.started_at.filter(|_| event.is_open())?;
        Some(format!("in progress for {}", between(started_at, self.now)))
    }

    fn change(&self, before: State) -> Option<String> {
        if before.power == Power::Gone {
            return Some("after it was destroyed".to_owned());
        }
        if self.state.power == before.power {
            return None;
        }
        let now = self.state;
        let mut notes = Vec::new();
        if let (Power::Off, Some((from, to))) = (before.power, before.since.zip(now.since)) {
            let doubt = if before.is_estimate {
                ", if the shutdown worked"
            } else {
                ""
            };
            notes.push(format!("off for {}{doubt}", between(from, to)));
        }
        if now.is_estimate && now.power == Power::Off {
            notes.push("an estimate: a shutdown only asks".to_owned());
        }
        if let (Power::Gone, Some(created_at)) = (now.power, self.droplet.created_at) {
            let lived = now.since.map(|gone_at| between(created_at, gone_at));
            notes.extend(lived.map(|lived| format!("it existed for {lived}")));
        }
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    fn name(&self, event: &Event) -> Option<String> {
        self.new_names
            .get(&event.id)
            .map(|name| format!("renamed to {name}"))
    }
}

fn between(from: Timestamp, to: Timestamp) -> String {
    duration_text((to.epoch_seconds() - from.epoch_seconds()).max(0))
}
