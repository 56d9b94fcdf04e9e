//! The account: its droplets, its actions, and the listing that shows each action.

use std::collections::HashMap;

use serde_json::Value;

use super::action::{Action, Entry, HandmadeAction, Record};
use super::clock;
use super::droplet::Machine;
use super::history::{self, History};
use super::kinds::KINDS;
use super::options::Options;
use super::random::Random;
use super::regions::{self, Region};

/// An action in progress that settles by itself.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) place: usize,
    pub(super) requests_left: u32,
}

/// The current account.
#[derive(Debug)]
pub(super) struct State {
    pub(super) regions: Vec<Region>,
    pub(super) machines: Vec<Machine>,
    /// Oldest first, so that a new action changes no index.
    pub(super) entries: Vec<Entry>,
    /// The indexes of the actions in `entries` that the account's listing shows: all except the removed ones.
    pub(super) listed: Vec<u32>,
    /// Per droplet, the indexes of the actions that its own listing shows.
    pub(super) listings: Vec<Vec<u32>>,
    /// The indexes of the removed actions.
    pub(super) removed: Vec<u32>,
    pub(super) kinds: Vec<String>,
    pub(super) open: Vec<Open>,
    pub(super) random: Random,
    droplet_places: HashMap<i64, usize>,
    /// True while ids ascend. A handmade action can end this.
    ascending: bool,
    /// The account's time when it does not follow the real time.
    fixed_now: Option<i64>,
}

impl State {
    /// An account with a generated history.
    pub(super) fn generated(options: &Options) -> Self {
        let regions = regions::all();
        let now = options.now.unwrap_or_else(real_now);
        let History { machines, records } = history::generate(options, &regions, now);
        let mut state = Self::empty(options, regions, machines);
        for record in records {
            state.push(Entry::Generated(record));
        }
        state
    }

    /// An account of handmade droplets, and of actions in the order of the listing, newest first.
    pub(super) fn handmade(
        options: &Options,
        droplets: &[Value],
        actions: Vec<HandmadeAction>,
    ) -> Self {
        let machines = droplets.iter().map(Machine::handmade).collect();
        let mut state = Self::empty(options, regions::all(), machines);
        for action in actions.into_iter().rev() {
            state.push(Entry::Handmade(Box::new(action)));
        }
        state
    }

    fn empty(options: &Options, regions: Vec<Region>, machines: Vec<Machine>) -> Self {
        let droplet_places = machines
            .iter()
            .enumerate()
            .map(|(place, machine)| (machine.droplet.id, place))
            .collect();
        Self {
            regions,
            listed: Vec::new(),
            listings: vec![Vec::new(); machines.len()],
            removed: Vec::new(),
            machines,
            entries: Vec::new(),
            kinds: KINDS.iter().map(|kind| kind.name.to_owned()).collect(),
            open: Vec::new(),
            random: Random::new(options.seed ^ 0x5eed),
            droplet_places,
            ascending: true,
            fixed_now: options.now,
        }
    }

    /// Puts an action at the head of its listings, and returns its index.
    pub(super) fn push(&mut self, entry: Entry) -> usize {
        let place = self.entries.len();
        let number = u32::try_from(place).unwrap_or(u32::MAX);
        let droplet = self.listed_under(&entry);
        if let Some(listing) = droplet.and_then(|droplet| self.listings.get_mut(droplet)) {
            listing.push(number);
        }
        self.listed.push(number);
        self.ascending &=
            entry_id(&entry).is_some_and(|id| self.last_id().is_none_or(|last| last < id));
        self.entries.push(entry);
        place
    }

    /// The droplet whose own listing has the action, if any.
    pub(super) fn listed_under(&self, entry: &Entry) -> Option<usize> {
        match entry {
            Entry::Generated(record) => record.droplet_place(),
            Entry::Handmade(action) => action.droplet().and_then(|id| self.droplet_place(id)),
        }
    }

    /// The indexes in the listing of a droplet, or of the account, as it was `lag` actions of the account ago.
    pub(super) fn listing(&self, droplet: Option<usize>, lag: usize) -> &[u32] {
        let places = match droplet {
            Some(droplet) => self.listings.get(droplet),
            None => Some(&self.listed),
        };
        let places = places.map_or(&[][..], Vec::as_slice);
        let known = self.listed.len().saturating_sub(lag);
        let end = self.listed.get(known).map_or(places.len(), |unknown| {
            places.partition_point(|place| place < unknown)
        });
        places.get(..end).unwrap_or_default()
    }

    /// The index of a droplet in `machines`, gone or not.
    pub(super) fn droplet_place(&self, id: i64) -> Option<usize> {
        self.droplet_places.get(&id).copied()
    }

    /// The index of a droplet whose endpoints still answer.
    pub(super) fn living_droplet(&self, id: i64) -> Option<usize> {
        let place = self.droplet_place(id)?;
        self.machines
            .get(place)
            .filter(|machine| !machine.droplet.destroyed)
            .map(|_| place)
    }

    /// The index of the action with this id, unless it was removed.
    pub(super) fn action_place(&self, id: i64) -> Option<usize> {
        let place = if self.ascending {
            self.entries.binary_search_by_key(&Some(id), entry_id).ok()
        } else {
            self.entries
                .iter()
                .rposition(|entry| entry_id(entry) == Some(id))
        };
        let is_removed = |place: &usize| self.removed.iter().any(|&it| it as usize == *place);
        place.filter(|place| !is_removed(place))
    }

    /// The actions at these indexes, except those whose id is not an integer.
    pub(super) fn actions_at<'a>(
        &'a self,
        places: impl Iterator<Item = &'a u32>,
    ) -> impl Iterator<Item = Action> {
        let entries = places.filter_map(|&place| self.entries.get(place as usize));
        entries.filter_map(|entry| self.action(entry))
    }

    /// The newest integer id of an action.
    pub(super) fn last_id(&self) -> Option<i64> {
        if self.ascending {
            return self.entries.last().and_then(entry_id);
        }
        self.entries.iter().filter_map(entry_id).max()
    }

    /// The account's time.
    pub(super) fn now(&self) -> i64 {
        self.fixed_now.unwrap_or_else(real_now)
    }

    /// Moves the account's time, which then stands still.
    pub(super) fn advance(&mut self, seconds: i64) {
        self.fixed_now = Some(self.now() + seconds);
    }

    /// The number of a type; a new type gets a new number.
    pub(super) fn kind(&mut self, name: &str) -> u16 {
        let place = self
            .kinds
            .iter()
            .position(|kind| kind == name)
            .unwrap_or_else(|| {
                self.kinds.push(name.to_owned());
                self.kinds.len() - 1
            });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    /// The values of an action, as in its JSON.
    pub(super) fn action(&self, entry: &Entry) -> Option<Action> {
        match entry {
            Entry::Generated(record) => Some(self.values(record)),
            Entry::Handmade(action) => Action::read(action.value()),
        }
    }

    fn values(&self, record: &Record) -> Action {
        let region = record
            .region
            .and_then(|place| self.regions.get(usize::from(place)));
        Action {
            id: record.id,
            status: Some(record.status.text().to_owned()),
            kind: self.kinds.get(usize::from(record.kind)).cloned(),
            started_at: Some(clock::text(i64::from(record.started_at))),
            completed_at: record
                .completed_at
                .map(|time| clock::text(i64::from(time.get()))),
            resource_id: Some(record.resource_id).filter(|&id| id != 0),
            resource_type: Some(record.resource_type.text().to_owned()),
            region_slug: region.map(|region| region.slug.to_owned()),
        }
    }
}

/// The id of a row, if it is an integer.
pub(super) fn entry_id(entry: &Entry) -> Option<i64> {
    match entry {
        Entry::Generated(record) => Some(record.id),
        Entry::Handmade(action) => action.value().get("id").and_then(Value::as_i64),
    }
}

fn real_now() -> i64 {
    i64::try_from(clock::since_epoch().as_secs()).unwrap_or(i64::MAX)
}
