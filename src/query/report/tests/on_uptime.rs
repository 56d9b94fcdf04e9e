//! Uptime: simulated lives, second by second, and short histories.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;

use super::fixture::{Archive, Row};
use super::history::text;
use crate::core::time::{CalendarUnit, Timestamp, Zone};

/// 2018-03-24T00:00:00Z: on the next day the clocks of Europe are set forward, and those of Paraguay back.
const BIRTH: i64 = 1_521_849_600;
const HOUR: i64 = 3_600;
const DAYS: i64 = 3;

const IN_PROGRESS: &str = "in-progress";

/// One action of a life, and when it takes effect.
#[derive(Clone, Debug)]
struct Act {
    kind: &'static str,
    status: &'static str,
    start: i64,
    end: i64,
    /// The seconds when the droplet goes down and comes up, as far as the action does so.
    down: i64,
    up: i64,
    /// False for a shutdown that completes without effect, and for an action in progress that never has one.
    works: bool,
    has_start: bool,
}

fn act() -> impl Strategy<Value = (i64, i64, Act)> {
    let kind = prop_oneof![
        4 => Just("power_off"),
        5 => Just("power_on"),
        3 => Just("shutdown"),
        3 => Just("reboot"),
        2 => Just("power_cycle"),
        1 => Just("rebuild"),
    ];
    let status = prop_oneof![
        40 => Just("completed"),
        4 => Just("errored"),
        1 => Just(IN_PROGRESS),
    ];
    let gap = prop_oneof![3 => 1..20_000_i64, 1 => 0..60_i64];
    // The long ones overlap several later actions.
    let length = prop_oneof![
        12 => 0..120_i64,
        4 => 0..3_000_i64,
        2 => 3_600..9_000_i64,
        1 => 9_000..200_000_i64,
    ];
    let effects = (
        0.0..=1.0,
        0.0..=1.0,
        any::<bool>(),
        weighted(0.98, Just(())),
    );
    (kind, status, gap, length, effects).prop_map(
        |(kind, status, gap, length, (one, other, works, start))| {
            let at = |share: f64| (length as f64 * share) as i64;
            let act = Act {
                kind,
                status,
                start: 0,
                end: 0,
                down: at(f64::min(one, other)),
                up: at(f64::max(one, other)),
                works,
                has_start: start.is_some() || status == IN_PROGRESS,
            };
            (gap, length, act)
        },
    )
}

/// A life: its actions in the order of their starts, the first of which creates the droplet.
fn life() -> impl Strategy<Value = Vec<Act>> {
    let create = (0..90_i64).prop_map(|length| Act {
        kind: "create",
        status: "completed",
        start: BIRTH,
        end: BIRTH + length,
        down: BIRTH,
        up: BIRTH + length,
        works: true,
        has_start: true,
    });
    let ends = prop_oneof![1 => Just("destroy"), 1 => Just("nothing")];
    (create, vec(act(), 0..40), ends).prop_map(|(create, acts, ends)| {
        let mut start = create.end;
        let mut acts: Vec<Act> = acts
            .into_iter()
            .map(|(gap, length, act)| {
                start += gap;
                Act {
                    start,
                    end: start + length,
                    down: start + act.down,
                    up: start + act.up,
                    ..act
                }
            })
            .collect();
        acts.insert(0, create);
        if ends == "destroy" {
            let ended = acts.iter().filter(|act| act.status != IN_PROGRESS);
            let latest = ended.map(|act| act.end).max().unwrap();
            let (start, end) = (latest + 100, latest + 120);
            acts.push(Act {
                kind: "destroy",
                start,
                end,
                down: end,
                up: end,
                ..acts[0].clone()
            });
        }
        acts
    })
}

/// For each second since birth, whether the droplet was on; and the second when it was gone, if it was.
fn truth(acts: &[Act]) -> (Vec<bool>, Option<i64>) {
    // What an action does, as the second, the number of the action, and whether it is the second half.
    let mut effects = Vec::new();
    for (number, act) in acts.iter().enumerate() {
        if act.status == "completed" || act.status == IN_PROGRESS && act.works {
            effects.push((act.down, number, false));
            effects.push((act.up, number, true));
        }
    }
    effects.sort_unstable();
    let mut effects = effects.into_iter().peekable();
    let mut is_on = false;
    let mut brought_down = vec![false; acts.len()];
    let gone = acts
        .iter()
        .find(|act| act.kind == "destroy")
        .map(|it| it.end);
    let seconds = (BIRTH..BIRTH + DAYS * 24 * HOUR).map(|second| {
        while let Some((_, number, is_second)) = effects.next_if(|(at, ..)| *at <= second) {
            match (acts[number].kind, is_second) {
                ("create" | "power_on", true) | ("power_cycle", true) => is_on = true,
                ("power_off", true) | ("power_cycle", false) => is_on = false,
                ("shutdown", true) => is_on = is_on && !acts[number].works,
                ("reboot" | "rebuild", false) => {
                    brought_down[number] = is_on;
                    is_on = false;
                }
                ("reboot" | "rebuild", true) => is_on = is_on || brought_down[number],
                _ => {}
            }
        }
        is_on
    });
    (seconds.collect(), gone)
}

fn archive(acts: &[Act]) -> Archive {
    let archive = Archive::new();
    archive.droplet(1, "web-1", Some(&text(BIRTH)), None);
    for (id, act) in (1..).zip(acts) {
        archive.action(&Row {
            id,
            kind: Some(act.kind),
            status: act.status,
            started_at: Some(text(act.start)).filter(|_| act.has_start).as_deref(),
            completed_at: Some(text(act.end))
                .filter(|_| act.status != IN_PROGRESS)
                .as_deref(),
            ..Row::default()
        });
    }
    archive
}

/// Seconds, and seconds on, of each period by its name. Clocks change at whole hours.
fn expected(
    acts: &[Act],
    (since, until): (i64, i64),
    unit: CalendarUnit,
    zone: &Zone,
) -> BTreeMap<String, (i64, i64)> {
    let (is_on, gone) = truth(acts);
    let mut periods: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    let end = until.min(gone.unwrap_or(until));
    for second in since.max(BIRTH)..end {
        let hour = Timestamp::from_epoch_seconds(second - second % HOUR).unwrap();
        let is_new = second % HOUR == 0 || second == since.max(BIRTH);
        let name = if is_new {
            unit.text(unit.at(hour, zone))
        } else {
            periods.keys().next_back().unwrap().clone()
        };
        let sums = periods.entry(name).or_default();
        sums.0 += 1;
        let index = usize::try_from(second - BIRTH).unwrap();
        sums.1 += i64::from(is_on[index]);
    }
    periods
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn the_truth_lies_within_the_bounds(
        acts in life(),
        since in -5 * HOUR..DAYS * 24 * HOUR,
        length in 1..DAYS * 24 * HOUR,
        (word, unit) in prop_oneof![
            Just(("day", CalendarUnit::Day)),
            Just(("week", CalendarUnit::Week)),
            Just(("month", CalendarUnit::Month)),
        ],
        zone in prop_oneof![Just("UTC"), Just("Europe/Berlin"), Just("America/Asuncion")],
    ) {
        let zone: Zone = zone.parse().unwrap();
        let window = (BIRTH + since, (BIRTH + since + length).min(BIRTH + DAYS * 24 * HOUR));
        let rows = archive(&acts).try_answer_in(&zone, "uptime", &[
            ("since", &text(window.0)),
            ("until", &text(window.1)),
            ("by", word),
        ]);
        let expected = expected(&acts, window, unit, &zone);
        let rows = rows.unwrap();
        prop_assert_eq!(rows.len(), expected.len(), "{:?} {:?}", rows, expected);
        for (row, (period, (seconds, on))) in rows.iter().zip(&expected) {
            let cells: Vec<&str> = row.split(' ').collect();
            prop_assert_eq!(&cells[..4], &["1", "web-1", period, &seconds.to_string()]);
            let [least, most] = [4, 5].map(|cell| cells[cell].parse::<i64>().unwrap());
            prop_assert!(least <= *on && *on <= most, "{} {}", row, on);
            let [least, most] = [6, 7].map(|cell| cells[cell].parse::<f64>().unwrap());
            let percent = 100.0 * *on as f64 / *seconds as f64;
            prop_assert!(least <= percent + 1e-9 && percent <= most + 1e-9, "{} {}", row, percent);
        }
    }
}

fn droplet() -> Archive {
    let archive = Archive::new();
    archive.droplet(1, "web-1", Some("01-01 00:00"), None);
    archive.completed(1, &[(10, "create", "01-01 00:00", "01-01 00:01")]);
    archive
}

const JANUARY: [(&str, &str); 2] = [("since", "2026-01-01"), ("by", "all")];

#[test]
fn what_is_certain_has_one_bound_and_an_action_under_way_two() {
    let archive = droplet();
    archive.completed(
        1,
        &[
            (11, "power_off", "01-11 00:00", "01-11 00:01"),
            (12, "power_on", "01-12 00:00", "01-12 00:02"),
        ],
    );
    // 31 days; off for a day, and in doubt for the minutes of three actions.
    let (all, off) = (31 * 86_400, 86_400);
    assert_eq!(
        archive.answer("uptime", &JANUARY),
        [format!(
            "1 web-1 all {all} {} {} 96.767 96.777",
            all - off - 60 - 120,
            all - off + 60
        )]
    );
}

#[test]
fn a_shutdown_leaves_doubt_until_the_power_is_certain_again() {
    let archive = droplet();
    archive.completed(1, &[(11, "shutdown", "01-11 00:00", "01-11 00:01")]);
    archive.completed(1, &[(12, "power_off", "01-16 00:00", "01-16 00:00")]);
    let row = &archive.answer("uptime", &JANUARY)[0];
    let (least, most) = (10 * 86_400 - 60, 15 * 86_400);
    assert!(
        row.starts_with(&format!("1 web-1 all 2678400 {least} {most} ")),
        "{row}"
    );
}

#[test]
fn an_action_in_progress_leaves_doubt_from_its_start_on_whatever_overlaps_it() {
    let archive = droplet();
    archive.action(&Row {
        id: 11,
        kind: Some("power_off"),
        status: IN_PROGRESS,
        started_at: Some("01-11 00:00"),
        ..Row::default()
    });
    archive.completed(1, &[(12, "power_on", "01-11 01:00", "01-11 01:01")]);
    let row = &archive.answer("uptime", &JANUARY)[0];
    let least = 10 * 86_400 - 60;
    assert!(
        row.starts_with(&format!("1 web-1 all 2678400 {least} 2678400 ")),
        "{row}"
    );
    // It began before what decides how a later window begins.
    let later = [("since", "2026-01-20"), ("by", "all")];
    let rows = archive.answer("uptime", &later);
    assert_eq!(rows, ["1 web-1 all 1036800 0 1036800 0 100"]);
}

#[test]
fn a_failure_changes_nothing_and_a_restart_counts_for_its_minutes() {
    let archive = droplet();
    archive.action(&Row {
        id: 11,
        kind: Some("power_off"),
        status: "errored",
        started_at: Some("01-05 00:00"),
        completed_at: Some("01-05 00:01"),
        ..Row::default()
    });
    archive.completed(1, &[(12, "reboot", "01-11 00:00", "01-11 00:01")]);
    let row = &archive.answer("uptime", &JANUARY)[0];
    assert!(
        row.starts_with("1 web-1 all 2678400 2678220 2678400 "),
        "{row}"
    );
}

#[test]
fn nothing_is_certain_where_actions_may_be_missing() {
    let archive = droplet();
    let synced = |at: &str| {
        let sql = format!("UPDATE listings SET complete_at = {at}");
        archive.connection.execute_batch(&sql).unwrap();
        archive.answer("uptime", &JANUARY)
    };
    let row = &synced("'2026-01-11T00:00:00Z'")[0];
    assert!(
        row.starts_with("1 web-1 all 2678400 863940 2678400 "),
        "{row}"
    );
    assert_eq!(synced("NULL"), ["1 web-1 all 2678400 0 2678400 0 100"]);
}

#[test]
fn periods_are_those_of_the_zone() {
    let archive = droplet();
    let zone: Zone = "Asia/Tokyo".parse().unwrap();
    let chosen = [
        ("since", "2026-01-30"),
        ("until", "2026-02-01"),
        ("by", "month"),
    ];
    let rows = archive.try_answer_in(&zone, "uptime", &chosen).unwrap();
    // Until now, which is 9 o'clock there on the last of these days.
    assert_eq!(
        rows,
        [
            "1 web-1 2026-01 172800 172800 172800 100 100",
            "1 web-1 2026-02 86400 32400 86400 37.5 100",
        ]
    );
    let error = archive
        .try_answer("uptime", &[("by", "fortnight")])
        .unwrap_err();
    assert!(
        error.to_string().contains("use month, week, day or all"),
        "{error}"
    );
}
