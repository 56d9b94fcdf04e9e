//! Histories: the actions of an account over the years, generated from a seed.

use std::num::NonZeroU32;

use super::action::{Record, ResourceType, Status, droplet_number, seconds};
use super::droplet::Machine;
use super::kinds::{self, EPISODES, VOLUME_EPISODES};
use super::options::Options;
use super::random::Random;
use super::regions::Region;
use super::{fleet, kinds::number};

const WEEK: i64 = 7 * 86_400;
/// The share of actions on volumes, images and addresses that no droplet lists.
const ELSEWHERE: f64 = 0.04;
const ERRORED: f64 = 0.015;
const WITHOUT_REGION: f64 = 0.004;
/// The first id, and the growth of ids until now: beyond 2^31, like real ids.
const FIRST_ID: i64 = 900_000_000;
const ID_RANGE: f64 = 1_700_000_000.0;

/// Droplets, oldest first, and their actions, oldest first.
pub(super) struct History {
    pub(super) machines: Vec<Machine>,
    pub(super) records: Vec<Record>,
}

/// A history with exactly the droplets and actions of the options.
pub(super) fn generate(options: &Options, regions: &[Region], now: i64) -> History {
    let mut random = Random::new(options.seed);
    let mut machines = fleet::droplets(options, regions, now, &mut random);
    let elsewhere = match machines.len() {
        0 => options.actions,
        _ => (options.actions as f64 * ELSEWHERE) as usize,
    };
    let mut writer = Writer {
        now,
        records: Vec::with_capacity(options.actions),
    };
    let budgets = budgets(&machines, options.actions - elsewhere, now, &mut random);
    for ((place, machine), budget) in machines.iter_mut().enumerate().zip(budgets) {
        writer.life(
            place,
            machine,
            budget,
            options.volumes_on_droplets,
            &mut random,
        );
    }
    for _ in 0..elsewhere {
        writer.elsewhere(options.from, regions.len(), &mut random);
    }
    let mut records = writer.records;
    records.sort_by_key(|record| record.started_at);
    let in_progress = options.in_progress.min(records.len() / 20);
    leave_in_progress(&mut records, &machines, in_progress, now, &mut random);
    assign_ids(&mut records, options.from, now);
    History { machines, records }
}

/// The number of actions of each droplet: a birth and a death first, then more for an older and busier droplet.
fn budgets(machines: &[Machine], actions: usize, now: i64, random: &mut Random) -> Vec<usize> {
    let mut left = actions;
    let mut weights = Vec::with_capacity(machines.len());
    let mut budgets = Vec::with_capacity(machines.len());
    for machine in machines {
        let least = (1 + usize::from(machine.destroyed.is_some())).min(left);
        left -= least;
        budgets.push(least);
        let busy = random.fraction();
        let life = (machine.destroyed.unwrap_or(now) - machine.created).max(1) as f64;
        weights.push(life * (0.2 + 2.0 * busy * busy));
    }
    let sum: f64 = weights.iter().sum();
    let shared = left as f64;
    for (budget, weight) in budgets.iter_mut().zip(weights) {
        let share = ((shared * weight / sum) as usize).min(left);
        *budget += share;
        left -= share;
    }
    let droplets = budgets.len().max(1);
    for place in 0..left {
        if let Some(budget) = budgets.get_mut(place % droplets) {
            *budget += 1;
        }
    }
    budgets
}

/// Collects records, not yet in order and without ids.
struct Writer {
    now: i64,
    records: Vec<Record>,
}

impl Writer {
    /// The whole life of one droplet.
    fn life(
        &mut self,
        place: usize,
        machine: &mut Machine,
        budget: usize,
        volumes: bool,
        random: &mut Random,
    ) {
        // Actions in progress use the last minutes.
        let end = machine
            .destroyed
            .unwrap_or(self.now - 900)
            .max(machine.created + 1);
        let mut left = budget;
        if left > 0 {
            self.push(place, machine, "create", machine.created, random);
            left -= 1;
        }
        if left > 0 && machine.destroyed.is_some() {
            self.push(place, machine, "destroy", end, random);
            left -= 1;
        }
        let weeks = ((end - machine.created) / WEEK).max(0) as usize;
        let backups = weeks.min(left * 45 / 100);
        self.backups(place, machine, end, backups, random);
        let episodes = episodes(left - backups, volumes, random);
        self.episodes(place, machine, end, &episodes, random);
        if machine.destroyed.is_none() && random.chance(0.08) {
            self.switch_off(place, machine);
        }
    }

    fn backups(
        &mut self,
        place: usize,
        machine: &Machine,
        end: i64,
        backups: usize,
        random: &mut Random,
    ) {
        let hour = random.between(1, WEEK - 7200);
        for week in 1..=backups as i64 {
            let started = end - week * WEEK + hour + random.between(0, 3600);
            let started = started.clamp(machine.created + 1, end - 1);
            self.push(place, machine, "backup", started, random);
        }
    }

    /// Spreads the episodes over the droplet's life, one after the other, so that the actions of an episode stay
    /// together.
    fn episodes(
        &mut self,
        place: usize,
        machine: &Machine,
        end: i64,
        episodes: &[&[&str]],
        random: &mut Random,
    ) {
        let begin = machine.created + 120.min((end - machine.created) / 2);
        let life = (end - begin) as f64;
        let slot = life / episodes.len().max(1) as f64;
        for (number, steps) in episodes.iter().enumerate() {
            let mut started = begin + ((number as f64 + 0.5 * random.fraction()) * slot) as i64;
            for kind in *steps {
                let started_now = started.min(end - 1);
                self.push(place, machine, kind, started_now, random);
                let pause = random.between(30, 7200).min((slot * 0.15) as i64);
                started += pause.max(1);
            }
        }
    }

    /// Turns the droplet's last action into a power-off, from which it stays off.
    fn switch_off(&mut self, place: usize, machine: &mut Machine) {
        let number_of_place = droplet_number(place);
        let power_off = number("power_off");
        let own = self
            .records
            .iter_mut()
            .rev()
            .take_while(|record| record.droplet == number_of_place);
        let last = own
            .filter(|record| Some(record.kind) != number("create"))
            .max_by_key(|record| record.started_at);
        if let (Some(last), Some(kind)) = (last, power_off) {
            last.kind = kind;
            last.resource_type = ResourceType::Droplet;
            last.resource_id = machine.droplet.id;
            last.status = Status::Completed;
            last.completed_at = last.completed_at.or(NonZeroU32::new(last.started_at));
            machine.droplet.status = "off".to_owned();
        }
    }

    fn push(
        &mut self,
        place: usize,
        machine: &Machine,
        kind: &str,
        started: i64,
        random: &mut Random,
    ) {
        let region = (!random.chance(WITHOUT_REGION)).then_some(machine.region);
        let (resource_type, resource_id) = resource(kind, machine.droplet.id, random);
        let record = self.record(kind, started, region, random);
        self.records.push(Record {
            droplet: droplet_number(place),
            resource_type,
            resource_id,
            ..record
        });
    }

    /// An action of a volume, an image or an address.
    fn elsewhere(&mut self, from: i64, regions: usize, random: &mut Random) {
        let kind = kinds::ELSEWHERE[random.below(kinds::ELSEWHERE.len())];
        let started = random.between(from, self.now - 900);
        let region = (!random.chance(0.05)).then(|| random.below(regions) as u8);
        let record = self.record(kind, started, region, random);
        // Floating IPs were renamed in the middle of 2022.
        let address = if started < 1_655_000_000 {
            ResourceType::FloatingIp
        } else {
            ResourceType::ReservedIp
        };
        let (resource_type, resource_id) = match kind {
            kind if kind.ends_with("_ip") => (address, random.between(758_000_000, 3_500_000_000)),
            "transfer" | "convert" | "image_destroy" => {
                (ResourceType::Image, random.between(40_000_000, 190_000_000))
            }
            kind => resource(kind, 0, random),
        };
        self.records.push(Record {
            resource_type,
            resource_id,
            ..record
        });
    }

    fn record(&self, kind: &str, started: i64, region: Option<u8>, random: &mut Random) -> Record {
        let kind = number(kind).unwrap_or_default();
        let (least, most) = kinds::seconds(kind);
        let completed = (started + random.between(least, most)).min(self.now.max(started));
        let errored = random.chance(ERRORED)
            && Some(kind) != number("create")
            && Some(kind) != number("destroy");
        let never_ended = errored && random.chance(0.2);
        Record {
            id: 0,
            resource_id: 0,
            started_at: seconds(started),
            completed_at: NonZeroU32::new(seconds(completed)).filter(|_| !never_ended),
            droplet: None,
            kind,
            region,
            status: if errored {
                Status::Errored
            } else {
                Status::Completed
            },
            resource_type: ResourceType::Droplet,
        }
    }
}

/// The resource of an action. Volumes have no integer ids, so their ids are mostly null.
pub(super) fn resource(kind: &str, droplet_id: i64, random: &mut Random) -> (ResourceType, i64) {
    if !kind.ends_with("_volume") {
        return (ResourceType::Droplet, droplet_id);
    }
    match random.below(10) {
        0 => (ResourceType::Backend, 0),
        1 => (ResourceType::Volume, random.between(1_000_000, 9_000_000)),
        _ => (ResourceType::Volume, 0),
    }
}

/// Episodes with exactly this many actions in total.
fn episodes(actions: usize, volumes: bool, random: &mut Random) -> Vec<&'static [&'static str]> {
    let mut episodes: Vec<&[&str]> = Vec::new();
    let mut left = actions;
    while left > 0 {
        let of_volume = volumes && random.chance(0.03);
        let choices = if of_volume { VOLUME_EPISODES } else { EPISODES };
        let episode = random
            .weighted(choices)
            .copied()
            .filter(|steps| steps.len() <= left);
        let episode = episode.unwrap_or(&["reboot"]);
        left -= episode.len();
        episodes.push(episode);
    }
    episodes
}

/// Makes some of the newest actions start in the last minutes, and leaves them in progress.
fn leave_in_progress(
    records: &mut [Record],
    machines: &[Machine],
    mut wanted: usize,
    now: i64,
    random: &mut Random,
) {
    let lasting = [
        "reboot",
        "snapshot",
        "backup",
        "power_cycle",
        "password_reset",
    ]
    .map(number);
    for record in records.iter_mut().rev() {
        if wanted == 0 {
            break;
        }
        let machine = record.droplet_place().and_then(|place| machines.get(place));
        let exists = machine.is_some_and(|machine| machine.destroyed.is_none());
        if exists && lasting.contains(&Some(record.kind)) {
            record.started_at = seconds(now - random.between(5, 600));
            record.completed_at = None;
            record.status = Status::InProgress;
            wanted -= 1;
        }
    }
    records.sort_by_key(|record| record.started_at);
}

/// Ids that ascend strictly, with gaps for the actions of other accounts.
fn assign_ids(records: &mut [Record], from: i64, now: i64) {
    let span = (now - from).max(1) as f64;
    let mut last = FIRST_ID;
    for record in records {
        let share = (f64::from(record.started_at) - from as f64) / span;
        last = (last + 1).max(FIRST_ID + (share * ID_RANGE) as i64);
        record.id = last;
    }
}
