//! A second model of backups, restarts, changes and durations: plain loops.

use std::collections::{BTreeMap, BTreeSet};

use super::history::{History, NOW, text};
use super::model::or_dash;

/// Consecutive restarts of one droplet: time of the first, droplet, and the types.
type Loop<'a> = (i64, i64, Vec<(i64, &'a str)>);

impl History {
    /// Completed backups of a droplet as time, id and type, in this order.
    fn backups(&self, droplet: i64, kinds: &[&str]) -> BTreeSet<(i64, i64, &'static str)> {
        let mut backups = BTreeSet::new();
        for (id, event) in self.of(droplet) {
            let at = event.completed.or(event.started);
            if let Some(at) = at.filter(|_| event.status == "completed")
                && kinds.contains(&event.kind)
            {
                backups.insert((at, id, event.kind));
            }
        }
        backups
    }

    /// The expected answer of `stale-backups` when only backups count.
    pub(super) fn stale_backups(&self, older_than: i64) -> Vec<String> {
        let cut = NOW - older_than;
        let mut rows = Vec::new();
        for droplet in self.droplets() {
            let life = self.life(droplet);
            let last = self.backups(droplet, &["backup"]).pop_last();
            let is_new =
                matches!(life.created, Some((at, by)) if at >= cut && by != "first action");
            let is_recent = last.is_some_and(|(at, ..)| at >= cut);
            if ["exists", "unknown"].contains(&life.state) && !is_new && !is_recent {
                rows.push((last.map(|(at, ..)| at), droplet, life));
            }
        }
        rows.sort_by_key(|(last, droplet, _)| (*last, *droplet));
        let line = |(last, droplet, life): (Option<i64>, i64, super::model::Life)| {
            format!(
                "{droplet} {} {} {} {} {}",
                self.name(droplet),
                or_dash(life.created.map(|(at, _)| text(at))),
                or_dash(last.map(text)),
                last.map_or("none", |_| "backup"),
                or_dash(last.map(|at| NOW - at)),
            )
        };
        rows.into_iter().map(line).collect()
    }

    /// The expected answer of `backup-gaps`.
    pub(super) fn backup_gaps(&self, longer_than: i64, since: i64, until: i64) -> Vec<String> {
        let mut rows = Vec::new();
        for droplet in self.droplets() {
            let life = self.life(droplet);
            let mut before = life.created.filter(|(_, by)| *by != "first action");
            before = before.map(|(at, _)| (at, "create"));
            let backups = self.backups(droplet, &["backup", "snapshot"]);
            for (at, _, kind) in &backups {
                if let Some((from, event)) = before {
                    rows.push((from, droplet, event, Some(*at), *kind));
                }
                before = Some((*at, kind));
            }
            if let Some((from, event)) = before.filter(|_| !backups.is_empty()) {
                match life.gone {
                    Some((at, by)) => rows.push((from, droplet, event, Some(at), by)),
                    None if life.state != "unlisted" => {
                        rows.push((from, droplet, event, None, "now"));
                    }
                    None => {}
                }
            }
        }
        rows.retain(|(from, _, _, to, _)| {
            let is_in = *from < until && to.is_none_or(|to| to >= since);
            is_in && to.unwrap_or(NOW) - from > longer_than
        });
        rows.sort_by_key(|(from, droplet, ..)| (*from, *droplet));
        let line = |(from, droplet, event, to, to_event): (i64, i64, &str, Option<i64>, &str)| {
            format!(
                "{droplet} {} {} {event} {} {to_event} {}",
                self.name(droplet),
                text(from),
                or_dash(to.map(text)),
                to.unwrap_or(NOW) - from,
            )
        };
        rows.into_iter().map(line).collect()
    }

    /// The expected answer of `unprotected-changes`.
    pub(super) fn unprotected_changes(&self, within: i64, since: i64, until: i64) -> Vec<String> {
        let mut rows = Vec::new();
        for droplet in self.droplets() {
            for (id, event) in self.of(droplet) {
                let is_risky = ["destroy", "rebuild", "resize", "restore"].contains(&event.kind);
                let started = event
                    .started
                    .filter(|at| (since..until).contains(at) && is_risky);
                let Some(started) = started.filter(|_| event.status != "errored") else {
                    continue;
                };
                let backups = self.backups(droplet, &["backup", "snapshot"]);
                let last = backups.into_iter().rfind(|(at, ..)| *at <= started);
                let last = last.map(|(at, ..)| at);
                if last.is_none_or(|at| started - at > within) {
                    rows.push((started, id, droplet, event, last));
                }
            }
        }
        rows.sort_by_key(|(started, id, droplet, ..)| (*started, *id, *droplet));
        let mut lines = Vec::new();
        for (started, id, droplet, event, last) in rows {
            lines.push(format!(
                "{droplet} {} {id} {} {} {} {} {}",
                self.name(droplet),
                event.kind,
                event.status,
                text(started),
                or_dash(last.map(text)),
                or_dash(last.map(|at| started - at)),
            ));
        }
        lines
    }

    /// The expected answer of `reboot-loops`.
    pub(super) fn reboot_loops(
        &self,
        within: i64,
        times: usize,
        since: i64,
        until: i64,
    ) -> Vec<String> {
        let mut loops: Vec<Loop<'_>> = Vec::new();
        for droplet in self.droplets() {
            let mut restarts = BTreeSet::new();
            // An action in a droplet's listing counts too, with any resource: only droplets are rebooted.
            for (id, event) in (1..).zip(&self.events) {
                let is_listed = event.droplet == droplet;
                let is_resource = event.resource() == (Some(droplet), Some("droplet"));
                let is_restart = ["reboot", "power_cycle"].contains(&event.kind);
                if let Some(at) = event.started
                    && (is_listed || is_resource)
                    && is_restart
                    && event.status != "errored"
                {
                    restarts.insert((at, id, event.kind));
                }
            }
            let mut last: Option<i64> = None;
            for (at, _, kind) in restarts {
                match last.filter(|last| at - last <= within) {
                    Some(_) => loops.last_mut().unwrap().2.push((at, kind)),
                    None => loops.push((at, droplet, vec![(at, kind)])),
                }
                last = Some(at);
            }
        }
        loops.retain(|(began, _, restarts)| {
            let is_in = *began < until && restarts.last().unwrap().0 >= since;
            is_in && restarts.len() >= times
        });
        loops.sort_by_key(|(began, droplet, _)| (*began, *droplet));
        let line = |(began, droplet, restarts): Loop<'_>| {
            let last = restarts.last().unwrap().0;
            let reboots = restarts
                .iter()
                .filter(|(_, kind)| *kind == "reboot")
                .count();
            format!(
                "{droplet} {} {} {} {} {reboots} {} {}",
                self.name(droplet),
                text(began),
                text(last),
                restarts.len(),
                restarts.len() - reboots,
                last - began,
            )
        };
        loops.into_iter().map(line).collect()
    }

    /// The expected answer of `slow`.
    pub(super) fn slow(&self, factor: i64, samples: usize, since: i64, until: i64) -> Vec<String> {
        let mut usual: BTreeMap<_, Vec<i64>> = BTreeMap::new();
        let mut measured = Vec::new();
        for (id, event) in (1..).zip(&self.events) {
            if let (Some(started), Some(completed)) = (event.started, event.completed)
                && event.status == "completed"
                && completed >= started
            {
                let group = (event.kind, event.resource().1);
                usual.entry(group).or_default().push(completed - started);
                measured.push((started, id, group, completed - started, event));
            }
        }
        measured.sort_by_key(|(started, id, ..)| (*started, *id));
        let mut lines = Vec::new();
        for (started, id, group, seconds, event) in measured {
            let durations = usual.get_mut(&group).unwrap();
            durations.sort_unstable();
            let rank = |percent: usize| durations[(durations.len() * percent).div_ceil(100) - 1];
            let is_slow = seconds > factor * rank(95).max(1);
            if durations.len() >= samples && (since..until).contains(&started) && is_slow {
                let (resource_id, resource_type) = event.resource();
                let name = resource_id
                    .filter(|_| resource_type == Some("droplet"))
                    .map_or_else(|| "-".to_owned(), |droplet| self.name(droplet));
                lines.push(format!(
                    "{id} {} {} {} {name} {} {seconds} {} {}",
                    event.kind,
                    or_dash(resource_type),
                    or_dash(resource_id),
                    text(started),
                    rank(50),
                    rank(95),
                ));
            }
        }
        lines
    }
}
