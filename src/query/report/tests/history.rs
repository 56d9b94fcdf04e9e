//! Random histories of a few droplets: in any order, and without the values that the API may leave out.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::fixture::{Archive, Row};
use crate::core::time::Timestamp;

/// The start of every history, 2026-01-01T00:00:00Z, and the current time: midnight one month later.
pub(super) const BEGINNING: i64 = 1_767_225_600;
pub(super) const NOW: i64 = BEGINNING + 31 * DAY;
pub(super) const DAY: i64 = 86_400;

/// The droplets that the API may list. One more droplet appears only in actions.
pub(super) const LISTED: i64 = 3;

/// One action. Its id is its position in the history, from 1.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) droplet: i64,
    pub(super) kind: &'static str,
    pub(super) status: &'static str,
    pub(super) started: Option<i64>,
    pub(super) completed: Option<i64>,
    pub(super) belonging: Belonging,
}

/// The way an action belongs to its droplet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belonging {
    /// Its resource is the droplet.
    Resource,
    /// Its resource is the droplet, and the droplet's listing contains it too.
    Both,
    /// The droplet's listing contains it, and it names no resource.
    Listed,
    /// The droplet's listing contains it, and its resource is a volume with the id of a droplet.
    Volume,
    /// The droplet's listing contains it, and its resource is droplet 1.
    Other,
}

/// The API's data of a droplet.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) created: Option<i64>,
    pub(super) gone: Option<i64>,
}

/// A random history.
#[derive(Clone, Debug)]
pub(super) struct History {
    /// The droplets 1, 2 and 3, if the API listed them.
    pub(super) told: Vec<Option<Told>>,
    pub(super) events: Vec<Event>,
}

/// A time of the month in steps of ten minutes, so that some times are equal.
pub(super) fn instant() -> impl Strategy<Value = i64> {
    (0..31 * 144_i64).prop_map(|tens| BEGINNING + tens * 600)
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just("power_off"),
        3 => Just("shutdown"),
        6 => Just("power_on"),
        4 => Just("reboot"),
        3 => Just("power_cycle"),
        6 => Just("backup"),
        3 => Just("snapshot"),
        2 => Just("resize"),
        1 => Just("create"),
        1 => Just("destroy"),
        1 => Just("rebuild"),
        1 => Just("restore"),
        1 => Just("password_reset"),
        1 => Just("rename"),
    ]
}

fn status() -> impl Strategy<Value = &'static str> {
    prop_oneof![12 => Just("completed"), 1 => Just("errored"), 1 => Just("in-progress")]
}

fn belonging() -> impl Strategy<Value = Belonging> {
    prop_oneof![
        20 => Just(Belonging::Resource),
        1 => Just(Belonging::Both),
        1 => Just(Belonging::Listed),
        1 => Just(Belonging::Volume),
        1 => Just(Belonging::Other),
    ]
}

/// The duration: usually minutes, sometimes days, or negative.
fn duration() -> impl Strategy<Value = i64> {
    prop_oneof![20 => 0..20_i64, 1 => 1_000..4_000_i64, 1 => -5..0_i64]
        .prop_map(|minutes| minutes * 60)
}

fn event() -> impl Strategy<Value = Event> {
    let times = (weighted(0.95, instant()), weighted(0.9, duration()));
    (1..=LISTED + 1, kind(), status(), times, belonging()).prop_map(
        |(droplet, kind, status, (started, duration), belonging)| Event {
            droplet,
            kind,
            status,
            started,
            completed: duration.map(|duration| started.unwrap_or(BEGINNING) + duration),
            belonging,
        },
    )
}

fn told() -> impl Strategy<Value = Option<Told>> {
    let gone = (20 * 144..31 * 144_i64).prop_map(|tens| BEGINNING + tens * 600);
    let told = (weighted(0.5, instant()), weighted(0.3, gone));
    weighted(0.8, told.prop_map(|(created, gone)| Told { created, gone }))
}

/// Histories of up to `most` actions.
pub(super) fn history(most: usize) -> impl Strategy<Value = History> {
    (vec(told(), LISTED as usize), vec(event(), 0..most))
        .prop_map(|(told, events)| History { told, events })
}

/// A time as the archive writes it.
pub(super) fn text(seconds: i64) -> String {
    Timestamp::from_epoch_seconds(seconds).unwrap().to_string()
}

/// The name of a droplet that the API listed.
pub(super) fn name(droplet: i64) -> String {
    format!("web-{droplet}")
}

impl History {
    /// Every time of a start, end or observation; the given time if there is none.
    pub(super) fn time_at(&self, index: Index, other: i64) -> i64 {
        let of_events = self.events.iter().flat_map(|it| [it.started, it.completed]);
        let told = self.told.iter().flatten();
        let of_droplets = told.flat_map(|it| [it.created, it.gone]);
        let times: Vec<i64> = of_events.chain(of_droplets).flatten().collect();
        if times.is_empty() {
            return other;
        }
        *index.get(&times)
    }

    /// An archive of the history.
    pub(super) fn archive(&self) -> Archive {
        let archive = Archive::new();
        archive.connection.execute_batch("BEGIN").unwrap();
        for (droplet, told) in (1..).zip(&self.told) {
            if let Some(told) = told {
                let (created, gone) = (told.created.map(text), told.gone.map(text));
                archive.droplet(droplet, &name(droplet), created.as_deref(), gone.as_deref());
            }
        }
        for (id, event) in (1..).zip(&self.events) {
            let (resource_id, resource_type) = event.resource();
            archive.action(&Row {
                id,
                kind: Some(event.kind),
                status: event.status,
                started_at: event.started.map(text).as_deref(),
                completed_at: event.completed.map(text).as_deref(),
                resource_id,
                resource_type,
            });
            if event.belonging != Belonging::Resource {
                archive.listed(event.droplet, id);
            }
        }
        archive.connection.execute_batch("COMMIT").unwrap();
        archive
    }
}

impl Event {
    /// The resource of the action in the API's answer.
    pub(super) fn resource(&self) -> (Option<i64>, Option<&'static str>) {
        match self.belonging {
            Belonging::Resource | Belonging::Both => (Some(self.droplet), Some("droplet")),
            Belonging::Listed => (None, None),
            Belonging::Volume => (Some(LISTED + 1), Some("volume")),
            Belonging::Other => (Some(1), Some("droplet")),
        }
    }
}

/// A fixed archive of many actions.
pub(super) fn filled() -> Archive {
    let mut runner = TestRunner::deterministic();
    let told = vec![
        Some(Told {
            created: Some(BEGINNING - 300 * DAY),
            gone: None,
        }),
        Some(Told {
            created: None,
            gone: Some(NOW - DAY),
        }),
        None,
    ];
    let events = vec(event(), 1_500).new_tree(&mut runner).unwrap().current();
    let archive = History { told, events }.archive();
    archive.droplet(50, "idle", Some("2025-01-01T00:00:00Z"), None);
    for id in 10_000..10_030 {
        archive.completed(1, &[(id, "migrate", "01-20 00:00", "01-20 00:05")]);
    }
    archive.completed(1, &[(10_030, "migrate", "01-20 00:00", "01-20 12:00")]);
    archive.completed(50, &[(10_031, "restore", "01-25 00:00", "01-25 00:10")]);
    // The other droplets are destroyed within days and stay destroyed.
    archive.completed(
        50,
        &[
            (10_032, "power_off", "01-10 00:00", "01-10 00:00"),
            (10_033, "power_on", "01-11 00:00", "01-11 00:00"),
            (10_034, "power_off", "01-24 00:00", "01-24 00:00"),
        ],
    );
    archive
}
