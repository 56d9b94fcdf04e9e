//! Random histories: each report gives the same rows as plain loops over the same actions.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseResult;

use super::fixture::Archive;
use super::history::{DAY, History, NOW, history, instant, text};

/// The bounds of a question.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    since: i64,
    until: i64,
    /// Seconds.
    length: i64,
    number: i64,
}

/// A history, and bounds for questions about it. Half of the bounds are the time of an event.
fn question(most: usize) -> impl Strategy<Value = (History, Bounds)> {
    let bound = || (any::<bool>(), any::<Index>(), instant());
    let length = prop_oneof![Just(0), 1..400_i64].prop_map(|tens| tens * 600);
    (history(most), bound(), bound(), length, 1..5_i64).prop_map(
        |(history, one, other, length, number)| {
            let [one, other] = [one, other].map(|(is_sharp, index, free)| match is_sharp {
                true => history.time_at(index, free),
                false => free,
            });
            let bounds = Bounds {
                since: one.min(other),
                until: one.max(other),
                length,
                number,
            };
            (history, bounds)
        },
    )
}

fn check(
    archive: &Archive,
    report: &str,
    chosen: &[(&str, &str)],
    expected: &[String],
) -> TestCaseResult {
    let found = archive.answer(report, chosen);
    prop_assert_eq!(&found[..], expected, "{} {:?}", report, chosen);
    Ok(())
}

fn check_power(history: &History, archive: &Archive, bounds: Bounds) -> TestCaseResult {
    let Bounds {
        since,
        until,
        length,
        ..
    } = bounds;
    let seconds = format!("{length}s");
    check(
        archive,
        "downtime",
        &[
            ("since", &text(since)),
            ("until", &text(until)),
            ("min_duration", &seconds),
        ],
        &history.downtime(since, until, length),
    )?;
    check(
        archive,
        "downtime",
        &[("since", "@0")],
        &history.downtime(0, NOW, 0),
    )?;
    for droplet in history.droplets() {
        let chosen = [("at", text(since)), ("droplet", droplet.to_string())];
        let chosen = chosen.each_ref().map(|(name, text)| (*name, text.as_str()));
        check(
            archive,
            "power-state",
            &chosen,
            &[history.power_state(droplet, since)],
        )?;
    }
    check(archive, "lifetimes", &[], &history.lifetimes())
}

fn check_backups(history: &History, archive: &Archive, bounds: Bounds) -> TestCaseResult {
    let Bounds {
        since,
        until,
        length,
        number,
    } = bounds;
    let seconds = format!("{length}s");
    check(
        archive,
        "stale-backups",
        &[("older_than", &seconds), ("type", "backup")],
        &history.stale_backups(length),
    )?;
    check(
        archive,
        "backup-gaps",
        &[
            ("longer_than", &seconds),
            ("since", &text(since)),
            ("until", &text(until)),
        ],
        &history.backup_gaps(length, since, until),
    )?;
    check(
        archive,
        "unprotected-changes",
        &[
            ("within", &seconds),
            ("since", &text(since)),
            ("until", &text(until)),
        ],
        &history.unprotected_changes(length, since, until),
    )?;
    let times = usize::try_from(number).unwrap();
    check(
        archive,
        "reboot-loops",
        &[
            ("within", &seconds),
            ("times", &number.to_string()),
            ("since", &text(since)),
            ("until", &text(until)),
        ],
        &history.reboot_loops(length, times, since, until),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn reports_on_power_and_lives_agree_with_plain_loops((history, bounds) in question(60)) {
        check_power(&history, &history.archive(), bounds)?;
    }

    #[test]
    fn reports_on_backups_and_restarts_agree_with_plain_loops((history, bounds) in question(60)) {
        check_backups(&history, &history.archive(), bounds)?;
    }

    #[test]
    fn the_report_on_slow_actions_agrees_with_plain_loops((history, bounds) in question(120)) {
        let Bounds { since, until, number, .. } = bounds;
        let samples = usize::try_from(4 * number).unwrap();
        let factor = (number - 1).max(1);
        check(
            &history.archive(),
            "slow",
            &[
                ("factor", &factor.to_string()),
                ("samples", &samples.to_string()),
                ("since", &text(since - 20 * DAY)),
                ("until", &text(until)),
            ],
            &history.slow(factor, samples, since - 20 * DAY, until),
        )?;
    }
}
