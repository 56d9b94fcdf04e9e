//! Changes of an account while it is served: actions start, settle and arrive, droplets go.

use std::num::NonZeroU32;

use super::action::{Entry, Record, Status, droplet_number, seconds};
use super::clock;
use super::history;
use super::kinds;
use super::state::{Open, State, entry_id};

/// The types of new actions.
const NEWS: &[&str] = &[
    "reboot",
    "snapshot",
    "backup",
    "power_cycle",
    "power_on",
    "password_reset",
];

impl State {
    /// Starts an action of a droplet, in progress. Only the account's listing shows the action of an unknown droplet.
    pub(super) fn start_action(
        &mut self,
        droplet_id: i64,
        kind: &str,
        settles: Option<u32>,
    ) -> i64 {
        let started = self.next_start(self.now());
        let (resource_type, resource_id) = history::resource(kind, droplet_id, &mut self.random);
        let droplet = self.droplet_place(droplet_id);
        let region = droplet
            .and_then(|place| self.machines.get(place))
            .map(|machine| machine.region);
        let record = Record {
            id: self.next_id(),
            resource_id,
            started_at: seconds(started),
            completed_at: None,
            droplet: droplet.and_then(droplet_number),
            region,
            kind: self.kind(kind),
            status: Status::InProgress,
            resource_type,
        };
        let id = record.id;
        let place = self.push(Entry::Generated(record));
        if let Some(requests_left) = settles {
            self.open.push(Open {
                place,
                requests_left,
            });
        }
        id
    }

    /// Adds actions at the head, of this droplet or of any; settled ones, unless they settle by themselves. Returns
    /// their ids.
    pub(super) fn grow(
        &mut self,
        actions: usize,
        only: Option<i64>,
        settles: Option<u32>,
    ) -> Vec<i64> {
        let living: Vec<i64> = match only {
            Some(id) => vec![id],
            None => {
                let droplets = self.machines.iter().map(|machine| &machine.droplet);
                droplets
                    .filter(|droplet| !droplet.destroyed)
                    .map(|droplet| droplet.id)
                    .collect()
            }
        };
        let mut ids = Vec::with_capacity(actions);
        for _ in 0..actions {
            let droplet = living
                .get(self.random.below(living.len()))
                .copied()
                .unwrap_or_default();
            let kind = NEWS[self.random.below(NEWS.len())];
            let id = self.start_action(droplet, kind, settles);
            if settles.is_none() {
                self.backdate(id);
            }
            ids.push(id);
        }
        ids
    }

    /// Makes the newest action complete, as far as its predecessor leaves time for that.
    fn backdate(&mut self, id: i64) {
        let Some(place) = self.action_place(id) else {
            return;
        };
        let now = self.now();
        let before = place
            .checked_sub(1)
            .map_or(0, |before| self.started(before));
        let Some(Entry::Generated(record)) = self.entries.get_mut(place) else {
            return;
        };
        let (least, most) = kinds::seconds(record.kind);
        let lasted = self.random.between(least, most);
        let started = (now - lasted).max(before);
        record.started_at = seconds(started);
        record.completed_at = NonZeroU32::new(seconds((started + lasted).max(1)));
        record.status = Status::Completed;
    }

    /// Ends an action in progress. Returns true when it was in progress.
    pub(super) fn settle(&mut self, place: usize, status: Status) -> bool {
        let now = self.now();
        self.open.retain(|open| open.place != place);
        match self.entries.get_mut(place) {
            Some(Entry::Generated(record)) if record.status == Status::InProgress => {
                record.status = status;
                record.completed_at = NonZeroU32::new(seconds(now).max(record.started_at));
                true
            }
            Some(Entry::Handmade(action)) if action.value()["status"] == "in-progress" => {
                action.settle(status, &clock::text(now));
                true
            }
            _ => false,
        }
    }

    /// Ends every action in progress, and returns their number.
    pub(super) fn settle_all(&mut self) -> usize {
        let places = self.listed.clone().into_iter();
        places
            .filter(|&place| self.settle(place as usize, Status::Completed))
            .count()
    }

    /// Makes all current actions in progress settle after this many requests.
    pub(super) fn settle_after(&mut self, requests_left: u32) {
        let running = |entry: &Entry| match entry {
            Entry::Generated(record) => record.status == Status::InProgress,
            Entry::Handmade(action) => action.value()["status"] == "in-progress",
        };
        let places = self.listed.iter().map(|&place| place as usize);
        let places = places.filter(|&place| self.entries.get(place).is_some_and(running));
        self.open = places
            .map(|place| Open {
                place,
                requests_left,
            })
            .collect();
    }

    /// Counts one request for actions.
    pub(super) fn tick(&mut self) {
        for open in &mut self.open {
            open.requests_left = open.requests_left.saturating_sub(1);
        }
        let due = self.open.iter().filter(|open| open.requests_left == 0);
        let due: Vec<usize> = due.map(|open| open.place).collect();
        for place in due {
            self.settle(place, Status::Completed);
        }
    }

    /// Destroys a droplet. Its actions stay, and one more records the end. Returns `None` for an unknown or gone
    /// droplet.
    pub(super) fn destroy(&mut self, droplet_id: i64) -> Option<i64> {
        let droplet = self.living_droplet(droplet_id)?;
        let id = self.start_action(droplet_id, "destroy", None);
        if let Some(place) = self.action_place(id) {
            self.settle(place, Status::Completed);
        }
        let machine = self.machines.get_mut(droplet)?;
        machine.droplet.destroyed = true;
        Some(id)
    }

    /// Removes an action from the listings permanently: the given one, or any. Returns its id, if it existed.
    pub(super) fn remove(&mut self, id: Option<i64>) -> Option<i64> {
        let id = match id {
            Some(id) => id,
            None => {
                let chosen = self.random.below(self.listed.len());
                let place = *self.listed.get(chosen)?;
                self.entries.get(place as usize).and_then(entry_id)?
            }
        };
        let place = self.action_place(id)?;
        let number = u32::try_from(place).ok()?;
        let droplet = self.entries.get(place).and_then(|it| self.listed_under(it));
        self.open.retain(|open| open.place != place);
        self.listed.retain(|&it| it != number);
        if let Some(listing) = droplet.and_then(|droplet| self.listings.get_mut(droplet)) {
            listing.retain(|&it| it != number);
        }
        self.removed.push(number);
        Some(id)
    }

    /// The start of a new action: never before the newest action, so that ids keep the order of time.
    fn next_start(&self, now: i64) -> i64 {
        let newest = self.entries.len().checked_sub(1);
        newest.map_or(now, |place| now.max(self.started(place)))
    }

    fn started(&self, place: usize) -> i64 {
        match self.entries.get(place) {
            Some(Entry::Generated(record)) => i64::from(record.started_at),
            _ => 0,
        }
    }

    fn next_id(&mut self) -> i64 {
        let gap = self.random.between(1, 40);
        self.last_id()
            .map_or(2_600_000_000, |last| last.saturating_add(gap))
    }
}
