//! The droplets of a history: their times of creation and destruction, their regions, their names.

use super::clock;
use super::droplet::{Droplet, Machine};
use super::options::Options;
use super::random::Random;
use super::regions::Region;

const ROLES: &[&str] = &[
    "web", "db", "cache", "worker", "build", "mail", "proxy", "backup", "staging", "monitor",
];

const SIZES: &[&str] = &[
    "s-1vcpu-1gb",
    "s-1vcpu-2gb",
    "s-2vcpu-4gb",
    "s-4vcpu-8gb",
    "c-2vcpu-4gb",
    "g-2vcpu-8gb",
];

const DAY: i64 = 86_400;

/// The droplets, oldest first, with ids that ascend with their age.
pub(super) fn droplets(
    options: &Options,
    regions: &[Region],
    now: i64,
    random: &mut Random,
) -> Vec<Machine> {
    let mut births: Vec<i64> = (0..options.droplets)
        .map(|_| birth(options.from, now, random))
        .collect();
    births.sort_unstable();
    let mut gone_left =
        (options.droplets as f64 * options.destroyed.clamp(0.0, 1.0)).round() as usize;
    let mut machines: Vec<Machine> = Vec::with_capacity(births.len());
    for (place, &created) in births.iter().enumerate() {
        let others_left = options.droplets - place;
        let gone = random.below(others_left) < gone_left;
        gone_left -= usize::from(gone);
        let destroyed = gone.then(|| created + (now - created) * random.between(10, 95) / 100);
        let id = droplet_id(options.from, now, created, machines.last());
        let region = random.below(regions.len());
        let slug = regions[region].slug;
        let droplet = Droplet {
            destroyed: gone,
            ..droplet(id, created, slug, &machines, random)
        };
        let region = u8::try_from(region).unwrap_or_default();
        machines.push(Machine {
            droplet,
            region,
            created,
            destroyed,
            handmade: None,
        });
    }
    let living = machines.iter_mut().rev().filter(|it| !it.droplet.destroyed);
    for machine in living.take(options.gpus) {
        machine.droplet.size_slug = "gpu-h100x1-80gb".to_owned();
    }
    machines
}

/// A moment between the beginning and yesterday, more often early than late.
fn birth(from: i64, now: i64, random: &mut Random) -> i64 {
    let latest = (now - DAY).max(from);
    let fraction = random.fraction();
    from + ((latest - from) as f64 * fraction * fraction) as i64
}

fn droplet_id(from: i64, now: i64, created: i64, before: Option<&Machine>) -> i64 {
    let share = (created - from) as f64 / (now - from).max(1) as f64;
    let id = 120_000_000 + (share * 430_000_000.0) as i64;
    before.map_or(id, |machine| id.max(machine.droplet.id + 1))
}

fn droplet(
    id: i64,
    created: i64,
    region_slug: &str,
    before: &[Machine],
    random: &mut Random,
) -> Droplet {
    let role = ROLES[random.below(ROLES.len())];
    let number = 1 + before
        .iter()
        .filter(|machine| machine.droplet.tags[0] == role)
        .count();
    let name = match before.get(random.below(before.len())) {
        // In practice, two droplets can have the same name.
        Some(machine) if random.chance(0.06) => machine.droplet.name.clone(),
        _ => format!("{role}-{number:02}"),
    };
    let environment = if random.chance(0.7) {
        "env:prod"
    } else {
        "env:test"
    };
    Droplet {
        id,
        name,
        region_slug: region_slug.to_owned(),
        size_slug: SIZES[random.below(SIZES.len())].to_owned(),
        status: "active".to_owned(),
        tags: vec![role.to_owned(), environment.to_owned()],
        created_at: clock::text(created),
        destroyed: false,
    }
}
