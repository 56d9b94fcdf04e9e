//! The days of a daemon: some to the minute, and some at random.

use proptest::prelude::*;

use super::*;
use crate::core::time::Zone;

fn at(text: &str) -> Timestamp {
    format!("2026-01-01T{text}Z").parse().unwrap()
}

fn plan(cron: &str) -> Plan {
    delayed_plan(cron, 0).unwrap()
}

fn delayed_plan(cron: &str, jitter_seconds: i64) -> Result<Plan, String> {
    let now = at("00:00:00");
    let schedule = Schedule::new(cron, Zone::utc(), now).unwrap();
    Plan::new(schedule, jitter_seconds, now)
}

/// A planner at midnight, right after a sync.
fn planner(cron: &str) -> Planner {
    Planner::new(plan(cron), at("00:00:00"), Some(at("00:00:00")), 0.0)
}

#[track_caller]
fn starts(planner: &mut Planner, now: &str, reason: Reason) {
    match planner.step(at(now), 0.0) {
        Some(Event::Started { reason: found, .. }) => assert_eq!(found, reason, "{now}"),
        step => panic!("at {now}: {step:?}"),
    }
}

#[track_caller]
fn skips(planner: &mut Planner, now: &str, why: Skip) {
    match planner.step(at(now), 0.0) {
        Some(Event::Skipped { why: found, .. }) => assert_eq!(found, why, "{now}"),
        step => panic!("at {now}: {step:?}"),
    }
}

#[track_caller]
fn waits(planner: &mut Planner, now: &str) {
    assert_eq!(planner.step(at(now), 0.0), None, "{now}");
}

const FAILED: Ending = Ending::Failed { not_before: None };

#[test]
fn a_tick_starts_a_sync_once() {
    let mut planner = planner("@hourly");
    waits(&mut planner, "00:59:59");
    starts(&mut planner, "01:00:00", Reason::Tick);
    waits(&mut planner, "01:00:00");
    planner.ended(Ending::Settled, at("01:00:05"), 0.0);
    waits(&mut planner, "01:59:59");
    assert_eq!(planner.next(), Some(at("02:00:00")));
}

#[test]
fn a_tick_that_finds_a_sync_at_work_is_left_out() {
    let mut planner = planner("* * * * *");
    starts(&mut planner, "00:01:00", Reason::Tick);
    skips(&mut planner, "00:02:00", Skip::Busy);
    skips(&mut planner, "00:03:00", Skip::Busy);
    planner.ended(Ending::Settled, at("00:03:30"), 0.0);
    waits(&mut planner, "00:03:30");
    starts(&mut planner, "00:04:00", Reason::Tick);
}

#[test]
fn ticks_that_were_slept_through_are_made_up_for_once() {
    let mut planner = planner("@hourly");
    let step = planner.step(at("05:20:00"), 0.0);
    let expected = Event::Started {
        reason: Reason::MadeUp,
        due: at("01:00:00"),
        missed: 4,
    };
    assert_eq!(step, Some(expected));
    planner.ended(Ending::Settled, at("05:21:00"), 0.0);
    waits(&mut planner, "05:59:59");
    starts(&mut planner, "06:00:00", Reason::Tick);
}

#[test]
fn a_month_of_seconds_is_not_counted_to_its_end() {
    let mut planner = planner("* * * * * *");
    let Some(Event::Started { missed, .. }) =
        planner.step("2026-02-01T00:00:00Z".parse().unwrap(), 0.0)
    else {
        panic!("nothing was made up for");
    };
    assert_eq!(missed, MOST_COUNTED);
}

#[test]
fn what_was_never_synced_is_synced_at_once() {
    let mut planner = Planner::new(plan("@daily"), at("10:00:00"), None, 0.0);
    starts(&mut planner, "10:00:00", Reason::First);
}

#[test]
fn a_tick_that_was_missed_while_the_daemon_was_away_is_made_up_for() {
    let missed = |last: &str| {
        let last = Some(at(last));
        let mut planner = Planner::new(plan("@hourly"), at("10:30:00"), last, 0.0);
        planner.step(at("10:30:00"), 0.0).is_some()
    };
    assert!(missed("09:30:00"));
    assert!(!missed("10:00:00"));
    assert!(!missed("11:30:00"), "a run in the future says nothing");
}

#[test]
fn a_daily_sync_that_failed_is_tried_again_before_the_next_day() {
    let mut planner = planner("0 3 * * *");
    starts(&mut planner, "03:00:00", Reason::Tick);
    let mut tries = Vec::new();
    let mut now = at("03:01:00");
    for _ in 0..12 {
        planner.ended(FAILED, now, 0.0);
        let next = planner.next().unwrap();
        tries.push(next.epoch_seconds() - now.epoch_seconds());
        assert!(matches!(
            planner.step(next, 0.0),
            Some(Event::Started {
                reason: Reason::Retry,
                ..
            })
        ));
        now = next;
    }
    assert_eq!(
        tries,
        [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]
    );
    assert_eq!(planner.failures, 12);
    planner.ended(Ending::Settled, now, 0.0);
    assert_eq!(planner.failures, 0);
    assert_eq!(
        planner.next(),
        Some("2026-01-02T03:00:00Z".parse().unwrap())
    );
}

#[test]
fn a_frequent_schedule_backs_off_and_keeps_to_its_ticks() {
    let mut planner = planner("*/2 * * * * *");
    starts(&mut planner, "00:00:02", Reason::Tick);
    planner.ended(FAILED, at("00:00:03"), 0.0);
    // Five seconds after 00:00:03, and then the next even second.
    skips(&mut planner, "00:00:04", Skip::BackingOff);
    skips(&mut planner, "00:00:06", Skip::BackingOff);
    waits(&mut planner, "00:00:07");
    starts(&mut planner, "00:00:08", Reason::Retry);
    waits(&mut planner, "00:00:08");
    planner.ended(Ending::Settled, at("00:00:09"), 0.0);
    starts(&mut planner, "00:00:10", Reason::Tick);
}

#[test]
fn a_rate_limit_is_waited_for() {
    let mut planner = planner("*/10 * * * *");
    starts(&mut planner, "00:10:00", Reason::Tick);
    let limited = Ending::Failed {
        not_before: Some(at("00:45:30")),
    };
    planner.ended(limited, at("00:10:05"), 0.0);
    assert_eq!(planner.next_start(), Some(at("00:45:30")));
    skips(&mut planner, "00:20:00", Skip::BackingOff);
    starts(&mut planner, "00:45:30", Reason::Retry);
}

#[test]
fn what_somebody_has_to_mend_is_tried_at_the_next_tick() {
    let mut planner = planner("*/10 * * * *");
    starts(&mut planner, "00:10:00", Reason::Tick);
    planner.ended(Ending::Hopeless, at("00:10:01"), 0.0);
    assert_eq!(planner.failures, 1);
    waits(&mut planner, "00:19:59");
    starts(&mut planner, "00:20:00", Reason::Tick);
}

#[test]
fn a_clock_that_is_set_back_holds_nothing_up() {
    let mut planner = planner("*/10 * * * *");
    starts(&mut planner, "06:10:00", Reason::MadeUp);
    planner.ended(Ending::Settled, at("06:10:05"), 0.0);
    waits(&mut planner, "06:10:05");
    let anew = Event::PlannedAnew {
        seconds: 3 * 3_600 + 5 * 60 + 5,
    };
    assert_eq!(planner.step(at("03:05:00"), 0.0), Some(anew));
    waits(&mut planner, "03:05:00");
    assert_eq!(planner.next(), Some(at("03:10:00")));
    starts(&mut planner, "03:10:00", Reason::Tick);
}

#[test]
fn a_small_step_back_brings_no_tick_twice() {
    let mut planner = planner("*/10 * * * *");
    starts(&mut planner, "00:10:00", Reason::Tick);
    planner.ended(Ending::Settled, at("00:10:01"), 0.0);
    waits(&mut planner, "00:09:58");
    waits(&mut planner, "00:10:00");
    starts(&mut planner, "00:20:00", Reason::Tick);
}

#[test]
fn jitter_delays_a_tick_and_moves_no_other() {
    let plan = delayed_plan("@hourly", 600).unwrap();
    let mut planner = Planner::new(plan, at("00:30:00"), Some(at("00:00:00")), 0.5);
    assert_eq!(planner.next(), Some(at("01:05:00")));
    waits(&mut planner, "01:00:00");
    starts(&mut planner, "01:05:00", Reason::Tick);
    planner.ended(Ending::Settled, at("01:06:00"), 0.0);
    assert_eq!(planner.next(), Some(at("02:00:00")));
}

#[test]
fn jitter_that_does_not_fit_between_ticks_is_refused() {
    let error = delayed_plan("0,5 * * * *", 300).unwrap_err().to_string();
    assert!(error.contains("300 s apart"), "{error}");
    assert!(delayed_plan("0,5 * * * *", 299).is_ok());
}

#[test]
fn another_plan_takes_effect_at_once_and_forgets_no_retry() {
    let mut planner = planner("@hourly");
    planner.follow(plan("*/5 * * * *"), at("00:01:00"), 0.0);
    assert_eq!(planner.next(), Some(at("00:05:00")));
    starts(&mut planner, "00:05:00", Reason::Tick);
    planner.ended(FAILED, at("00:05:01"), 0.0);
    planner.follow(plan("@hourly"), at("00:05:02"), 0.0);
    assert_eq!(planner.next_start(), Some(at("00:05:06")));
}

/// The events of a daemon whose syncs take this long and end like this, until it has started `most` syncs.
fn simulated(
    zone: &Zone,
    cron: &str,
    start: Timestamp,
    (seconds, ending): (i64, Ending),
    most: usize,
) -> Vec<Event> {
    let plan = Plan::new(Schedule::new(cron, zone.clone(), start).unwrap(), 0, start).unwrap();
    let mut planner = Planner::new(plan, start, Some(start), 0.0);
    let (mut events, mut now, mut end) = (Vec::new(), start, None);
    while started(&events) < most {
        while let Some(event) = planner.step(now, 0.0) {
            events.push(event);
            if let Event::Started { .. } = event {
                assert_eq!(end, None, "two syncs at once");
                end = Some(now.saturating_add_seconds(seconds));
            }
        }
        now = end.into_iter().chain(planner.next()).min().unwrap();
        if end.take_if(|end| *end == now).is_some() {
            planner.ended(ending, now, 0.0);
        }
    }
    events
}

fn started(events: &[Event]) -> usize {
    let starts = events
        .iter()
        .filter(|it| matches!(it, Event::Started { .. }));
    starts.count()
}

#[test]
fn each_tick_is_one_sync() {
    let quick = (5, Ending::Settled);
    let events = simulated(&Zone::utc(), "* * * * *", at("00:00:00"), quick, 100);
    assert_eq!((started(&events), events.len()), (100, 100));
}

#[test]
fn a_daily_sync_is_one_a_day_in_spring_and_in_autumn() {
    for (zone, cron, morning) in [
        ("Europe/Dublin", "30 1 * * *", "2026-03-26T12:00:00Z"),
        ("Europe/Dublin", "30 1 * * *", "2026-10-22T12:00:00Z"),
        ("America/New_York", "30 2 * * *", "2026-03-05T17:00:00Z"),
        ("America/New_York", "30 1 * * *", "2026-10-29T17:00:00Z"),
    ] {
        let zone: Zone = zone.parse().unwrap();
        let start: Timestamp = morning.parse().unwrap();
        let events = simulated(&zone, cron, start, (60, Ending::Settled), 7);
        let days: Vec<_> = events
            .iter()
            .map(|event| match event {
                Event::Started { reason, due, .. } => {
                    assert_eq!(*reason, Reason::Tick);
                    due.in_zone(&zone).to_string()[..10].to_owned()
                }
                event => panic!("{event:?}"),
            })
            .collect();
        let expected: Vec<_> = (1..=7)
            .map(|day| start.saturating_add_seconds(day * 86_400).to_string()[..10].to_owned())
            .collect();
        assert_eq!(days, expected, "{zone}");
    }
}

#[test]
fn a_slow_sync_is_not_doubled_and_each_tick_it_costs_is_told() {
    let slow = (150, Ending::Settled);
    let events = simulated(&Zone::utc(), "* * * * *", at("00:00:00"), slow, 10);
    let skipped = events.iter().filter(|event| match event {
        Event::Skipped { why, .. } => *why == Skip::Busy,
        _ => false,
    });
    // Two of three ticks find the sync still running.
    assert_eq!((skipped.count(), events.len()), (18, 28));
}

#[test]
fn failing_again_and_again_ends_nothing() {
    let failing = (1, FAILED);
    let events = simulated(&Zone::utc(), "*/2 * * * * *", at("00:00:00"), failing, 50);
    let retries = events.iter().filter(|event| match event {
        Event::Started { reason, .. } => *reason == Reason::Retry,
        _ => false,
    });
    assert_eq!(retries.count(), 49);
    assert!(events.len() - started(&events) > 1_000);
}

/// An event in the life of a daemon.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// The clock moves by these seconds, forward or back.
    Pass(i64),
    /// The running sync ends.
    End(Ending),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (1_i64..400).prop_map(Happening::Pass),
        1 => (-20_000_i64..20_000).prop_map(Happening::Pass),
        2 => Just(Happening::End(Ending::Settled)),
        2 => Just(Happening::End(FAILED)),
        1 => Just(Happening::End(Ending::Hopeless)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_no_two_syncs_are_at_work_and_there_is_always_a_next(
        cron in prop::sample::select(vec!["*/2 * * * * *", "*/5 * * * *", "@hourly", "0 3 * * *"]),
        jitter_seconds in prop::sample::select(vec![0_i64, 1]),
        happenings in prop::collection::vec((happening(), 0.0_f64..1.0), 1..120),
    ) {
        let mut now = at("12:00:00");
        let mut planner = Planner::new(delayed_plan(cron, jitter_seconds).unwrap(), now, Some(now), 0.0);
        let mut is_at_work = false;
        for (happening, chance) in happenings {
            match happening {
                Happening::Pass(seconds) => now = now.saturating_add_seconds(seconds),
                Happening::End(ending) if is_at_work => {
                    planner.ended(ending, now, chance);
                    is_at_work = false;
                }
                Happening::End(_) => {}
            }
            let mut steps = 0;
            while let Some(event) = planner.step(now, chance) {
                if let Event::Started { .. } = event {
                    prop_assert!(!is_at_work);
                    is_at_work = true;
                }
                steps += 1;
                prop_assert!(steps < 5, "it does not come to rest");
            }
            let next = planner.next().unwrap();
            let latest = now.saturating_add_seconds(86_400 + 1);
            prop_assert!(is_at_work || next > now);
            prop_assert!(next <= latest, "{next} is too far from {now}");
        }
    }
}
