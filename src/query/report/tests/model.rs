//! A second model of the life and power of a droplet: plain loops, without SQL and without the views.

use std::collections::BTreeSet;

use super::history::{Belonging, Event, History, NOW, name, text};

/// The action with its id.
pub(super) type Numbered<'a> = (i64, &'a Event);

/// An action that turned a droplet on or off, or ended it.
#[derive(Clone, Copy)]
struct Turn<'a> {
    at: i64,
    id: i64,
    kind: &'a str,
}

impl Turn<'_> {
    fn power(&self) -> &'static str {
        match self.kind {
            "power_off" | "shutdown" => "off",
            "destroy" => "gone",
            _ => "on",
        }
    }

    fn is_certain(&self) -> bool {
        !["shutdown", "reboot", "password_reset", "rebuild", "restore"].contains(&self.kind)
    }

    fn certainty(&self) -> &'static str {
        certainty(self.is_certain())
    }
}

fn certainty(is_certain: bool) -> &'static str {
    if is_certain { "certain" } else { "estimate" }
}

/// The known life span of a droplet.
pub(super) struct Life {
    pub(super) created: Option<(i64, &'static str)>,
    pub(super) gone: Option<(i64, &'static str)>,
    pub(super) state: &'static str,
    last_action: Option<i64>,
}

pub(super) fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

impl History {
    /// Every known droplet.
    pub(super) fn droplets(&self) -> BTreeSet<i64> {
        let told = (1..).zip(&self.told).filter(|(_, told)| told.is_some());
        let of_resources = self
            .events
            .iter()
            .filter_map(|event| match event.resource() {
                (id, Some("droplet")) => id,
                _ => None,
            });
        let of_listings = self.events.iter().map(|event| event.droplet);
        told.map(|(id, _)| id)
            .chain(of_resources)
            .chain(of_listings)
            .collect()
    }

    pub(super) fn name(&self, droplet: i64) -> String {
        or_dash(self.is_listed(droplet).then(|| name(droplet)))
    }

    fn is_listed(&self, droplet: i64) -> bool {
        let index = usize::try_from(droplet - 1).unwrap();
        self.told.get(index).is_some_and(Option::is_some)
    }

    fn told_gone(&self, droplet: i64) -> Option<i64> {
        let index = usize::try_from(droplet - 1).unwrap();
        self.told.get(index)?.as_ref()?.gone
    }

    /// The actions whose resource is the droplet itself, in no order.
    pub(super) fn of(&self, droplet: i64) -> Vec<Numbered<'_>> {
        let mut found = Vec::new();
        for (id, event) in (1..).zip(&self.events) {
            let is_own = event.droplet == droplet && event.belonging != Belonging::Volume;
            let is_resource = event.belonging == Belonging::Other && droplet == 1;
            if is_own || is_resource {
                found.push((id, event));
            }
        }
        found
    }

    pub(super) fn life(&self, droplet: i64) -> Life {
        let own = self.of(droplet);
        let completed = |kind: &'static str| {
            own.iter()
                .map(|(_, event)| *event)
                .filter(move |event| event.kind == kind && event.status == "completed")
        };
        let named: Vec<i64> = self
            .events
            .iter()
            .filter(|event| event.resource() == (Some(droplet), Some("droplet")))
            .filter_map(|event| event.started)
            .collect();
        let index = usize::try_from(droplet - 1).unwrap();
        let told = self.told.get(index).cloned().flatten();
        let born = completed("create").filter_map(|event| event.started.or(event.completed));
        let died = completed("destroy").filter_map(|event| event.completed.or(event.started));
        let created = None
            .or(told
                .as_ref()
                .and_then(|told| Some((told.created?, "droplet"))))
            .or(born.min().map(|at| (at, "create")))
            .or(named.iter().min().map(|at| (*at, "first action")));
        let gone = died.max().map(|at| (at, "destroy"));
        let gone = gone.or(told.as_ref().and_then(|told| Some((told.gone?, "sync"))));
        let state = match (&gone, &told) {
            (Some(_), _) => "gone",
            (None, Some(_)) => "exists",
            (None, None) if self.told.iter().any(Option::is_some) => "unlisted",
            (None, None) => "unknown",
        };
        Life {
            created,
            gone,
            state,
            last_action: named.into_iter().max(),
        }
    }

    fn turns(&self, droplet: i64) -> Vec<Turn<'_>> {
        const KINDS: [&str; 10] = [
            "create",
            "destroy",
            "power_on",
            "power_off",
            "power_cycle",
            "shutdown",
            "reboot",
            "password_reset",
            "rebuild",
            "restore",
        ];
        let mut turns = Vec::new();
        for (id, event) in self.of(droplet) {
            let is_one = event.status == "completed" && KINDS.contains(&event.kind);
            if let Some(at) = event.completed.or(event.started).filter(|_| is_one) {
                let kind = event.kind;
                turns.push(Turn { at, id, kind });
            }
        }
        turns.sort_by_key(|turn| (turn.at, turn.id));
        turns
    }

    /// The expected answer of `downtime`.
    pub(super) fn downtime(&self, since: i64, until: i64, least: i64) -> Vec<String> {
        let mut rows = Vec::new();
        for droplet in self.droplets() {
            let mut off: Option<Turn<'_>> = None;
            for turn in self.turns(droplet) {
                match (off, turn.power()) {
                    (None, "off") => off = Some(turn),
                    (Some(start), "on" | "gone") => {
                        rows.push((droplet, start, Some(turn.at), turn.kind, turn.is_certain()));
                        off = None;
                    }
                    _ => {}
                }
                if turn.power() == "gone" {
                    break;
                }
            }
            match (off, self.told_gone(droplet)) {
                (Some(start), Some(gone)) => {
                    rows.push((droplet, start, Some(gone.max(start.at)), "gone", false));
                }
                (Some(start), None) => {
                    rows.push((droplet, start, None, "still off", self.is_listed(droplet)));
                }
                (None, _) => {}
            }
        }
        rows.sort_by_key(|(droplet, start, ..)| (start.at, *droplet, start.id));
        let in_window = |start: i64, end: Option<i64>| {
            (end.unwrap_or(NOW).min(until) - start.max(since)).max(0)
        };
        let rows = rows.into_iter().filter(|(_, start, end, ..)| {
            let is_in = start.at < until && end.is_none_or(|end| end > since);
            is_in && in_window(start.at, *end) >= least
        });
        let line =
            |(droplet, start, end, by, is_certain): (i64, Turn<'_>, Option<i64>, &str, bool)| {
                format!(
                    "{droplet} {} {} {} {} {by} {} {}",
                    self.name(droplet),
                    text(start.at),
                    start.kind,
                    or_dash(end.map(text)),
                    in_window(start.at, end),
                    certainty(start.is_certain() && is_certain),
                )
            };
        rows.map(line).collect()
    }

    /// The expected answer of `power-state` for a single droplet.
    pub(super) fn power_state(&self, droplet: i64, at: i64) -> String {
        let life = self.life(droplet);
        let turns = self.turns(droplet);
        let last = turns.iter().rfind(|turn| turn.at <= at);
        let is_born_later =
            matches!(life.created, Some((created, by)) if created > at && by != "first action");
        let power = if life.gone.is_some_and(|(gone, _)| gone <= at) {
            "gone"
        } else if last.is_none() && is_born_later {
            "not created"
        } else if life.state == "unlisted" && life.last_action.is_some_and(|last| last < at) {
            "unknown"
        } else {
            last.map_or("unknown", Turn::power)
        };
        format!(
            "{droplet} {} {power} {} {} {} {}",
            self.name(droplet),
            or_dash(last.map(|turn| text(turn.at))),
            or_dash(last.map(|turn| turn.kind)),
            or_dash(last.map(|turn| turn.id)),
            or_dash(
                last.filter(|_| ["on", "off"].contains(&power))
                    .map(Turn::certainty)
            ),
        )
    }

    /// The expected answer of `lifetimes`.
    pub(super) fn lifetimes(&self) -> Vec<String> {
        let mut rows: Vec<_> = self
            .droplets()
            .into_iter()
            .map(|droplet| (droplet, self.life(droplet)))
            .collect();
        rows.sort_by_key(|(droplet, life)| (life.created.map(|(at, _)| at), *droplet));
        let line = |(droplet, life): (i64, Life)| {
            let end = life.gone.map_or(NOW, |(at, _)| at);
            let lived = life.created.map(|(at, _)| (end - at).max(0));
            format!(
                "{droplet} {} {} {} {} {} {} {}",
                self.name(droplet),
                life.state,
                or_dash(life.created.map(|(at, _)| text(at))),
                or_dash(life.created.map(|(_, by)| by)),
                or_dash(life.gone.map(|(at, _)| text(at))),
                or_dash(life.gone.map(|(_, by)| by)),
                or_dash(lived.filter(|_| life.state != "unlisted")),
            )
        };
        rows.into_iter().map(line).collect()
    }
}
