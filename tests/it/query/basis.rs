//! What answers are based on: an archive that is incomplete, droplets that are not archived, values that cannot match.

use crate::account::{cloud, settled_cloud};
use crate::asked::requests;
use crate::cloud::{Cloud, Fault, FaultRule};
use crate::process::{Run, until};
use crate::sandbox::Sandbox;

use super::archived;

const INCOMPLETE: &str = "archive incomplete: ";

/// Questions in every form. None of them finds a row in the years before all histories.
const QUESTIONS: [&[&str]; 8] = [
    &["query", "--until", "1999"],
    &["query", "--until", "1999", "--count"],
    &["last", "reboot", "--until", "1999"],
    &["stats", "--until", "1999"],
    &["report", "failures", "--since", "1998", "--until", "1999"],
    &["report", "stale-backups", "--older-than", "36500d"],
    &["sql", "SELECT id FROM actions WHERE started_at < '1999'"],
    &["sql", "SELECT id FROM actions WHERE 0", "-o", "json"],
];

/// The archive of a first sync of 900 actions that was killed while this page was on its way, and all others had
/// arrived.
fn killed_at_page(page: u64) -> (Cloud, Sandbox) {
    let cloud = settled_cloud(3, 900);
    cloud.break_with(FaultRule::new(Fault::Stall).page(page).times(u64::MAX));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--all"]);
    let archived = match page {
        1 => 0,
        5 => 800,
        _ => 700,
    };
    until("the other pages are archived", || {
        let is_asked = requests(&cloud) > 0 && sandbox.db().exists();
        is_asked && sandbox.query(&["--count"]).stdout == format!("{archived}\n")
    });
    assert!(sandbox.query(&[]).stderr.contains(INCOMPLETE));
    sync.kill();
    cloud.clear_faults();
    (cloud, sandbox)
}

/// The lines of stderr about an incomplete archive.
fn incomplete(run: &Run) -> Vec<&str> {
    let lines = run.stderr.lines();
    lines.filter(|line| line.contains(INCOMPLETE)).collect()
}

#[test]
fn every_answer_from_an_interrupted_first_sync_says_so_and_none_is_a_passed_check() {
    for (page, part) in [
        (1, "nothing is archived yet"),
        (2, "700 of 900 actions of the account"),
        (4, "700 of 900 actions of the account"),
        (5, "800 of 900 actions of the account"),
    ] {
        let (cloud, sandbox) = killed_at_page(page);
        let said = format!("warning: {INCOMPLETE}{part}, run `archiver sync`");
        for question in QUESTIONS {
            let run = sandbox.run(question).exits(0);
            assert_eq!(incomplete(&run), [&said], "{question:?}");
            let check = [question, &["--exit-code"]].concat();
            let run = sandbox.run(&check).exits(3);
            assert_eq!(incomplete(&run), [&said], "{question:?}");
            let quiet = [&check[..], &["-q"]].concat();
            assert_eq!(sandbox.run(&quiet).exits(3).stderr, "");
        }
        sandbox.run(&["show", "1"]).exits(1).says(&said);
        for (flag, name) in [("--droplet", "web-9999"), ("--tag", "blue")] {
            for command in ["query", "last", "stats", "droplets"] {
                sandbox.run(&[command, flag, name]).exits(2).says(&said);
                let check = [command, flag, name, "--exit-code"];
                sandbox.run(&check).exits(3).says(&said).says(name);
            }
        }
        // Rows are found, but they say that nothing ended the droplets.
        let lives = ["report", "lifetimes", "--exit-code"];
        sandbox.run(&lives).exits(3).says(&said);
        let all = ["report", "--all", "--exit-code"];
        sandbox.run(&all).exits(3).says(&said);
        if page > 1 {
            let one = cloud.droplets()[0].id.to_string();
            let life = sandbox.run(&["timeline", &one]).exits(0);
            assert_eq!(incomplete(&life), [&said]);
            life.never_says("not archived");
            let found = ["query", "--exit-code"];
            sandbox.run(&found).exits(10).says(&said);
        }
        for other in [&["status"][..], &["report"], &["verify"]] {
            sandbox.run(other).exits(0).never_says(INCOMPLETE);
        }
        sandbox.sync(&cloud, &["--all"]).exits(0);
        for question in QUESTIONS {
            let check = [question, &["--exit-code"]].concat();
            let run = sandbox.run(&check).exits(0);
            assert_eq!(run.stderr, "", "{question:?}");
        }
        sandbox.run(&lives).exits(10);
    }
}

#[test]
fn a_first_sync_of_droplets_that_was_interrupted_says_how_many_are_whole() {
    let cloud = cloud(4, 600);
    let ids: Vec<_> = cloud.droplets().iter().map(|it| it.id).collect();
    let failing = format!("/v2/droplets/{}/", ids[1]);
    cloud.break_with(
        FaultRule::new(Fault::HtmlError(500))
            .path(&failing)
            .times(u64::MAX),
    );
    let sandbox = Sandbox::new();
    let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
    sandbox.sync(&cloud, &["--droplet", &list]).exits(3);
    let none = ["query", "--until", "1999", "--exit-code"];
    let run = sandbox.run(&none).exits(3);
    run.says(&format!(
        "{INCOMPLETE}3 of 4 droplets, `archiver status` says more"
    ));
    let of = |id: i64| sandbox.run(&[&none[..], &["--droplet", &id.to_string()]].concat());
    of(ids[1])
        .exits(3)
        .says(&format!("droplet {} is not archived", ids[1]));
    of(ids[0]).exits(3).never_says("not archived");
    cloud.clear_faults();
    sandbox.sync(&cloud, &["--droplet", &list]).exits(0);
    assert_eq!(of(ids[1]).exits(0).stderr, "");
}

#[test]
fn a_first_sync_of_a_tag_that_was_killed_says_how_many_droplets_are_whole() {
    let cloud = cloud(12, 1_500);
    let droplets = cloud.droplets();
    let tag = droplets[0].tags[0].clone();
    let tagged = droplets.iter().filter(|it| it.tags.contains(&tag)).count();
    let own = format!("/v2/droplets/{}/", droplets[0].id);
    let stall = FaultRule::new(Fault::Stall).path(&own);
    cloud.break_with(stall.times(u64::MAX));
    let sandbox = Sandbox::new();
    let sync = sandbox.start_sync(&cloud, &["--tag", &tag]);
    let part = format!("{INCOMPLETE}{} of {tagged} droplets, ", tagged - 1);
    let none = ["query", "--until", "1999", "--exit-code"];
    until("the other droplets are archived", || {
        sandbox.run(&none).stderr.contains(&part)
    });
    sync.kill();
    let run = sandbox.run(&none).exits(3);
    run.says(&format!("{part}run `archiver sync`"));
    cloud.clear_faults();
    sandbox.sync(&cloud, &["--tag", &tag]).exits(0);
    assert_eq!(sandbox.run(&none).exits(0).stderr, "");
}

#[test]
fn an_archive_of_a_tag_says_nothing_of_the_droplets_without_it() {
    let cloud = cloud(12, 1_500);
    let droplets = cloud.droplets();
    let tag = droplets[0].tags[0].clone();
    let (with, without): (Vec<_>, Vec<_>) = droplets.iter().partition(|it| it.tags.contains(&tag));
    assert!(with.len() > 1 && without.len() > 5);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--tag", &tag]).exits(0);
    let said = format!("warning: {} droplets are not archived\n", without.len());

    let last = [
        "last",
        "reboot",
        "--existing",
        "--columns",
        "droplet_id",
        "-o",
        "csv",
        "--no-header",
    ];
    let run = sandbox.run(&last).exits(0);
    let mut shown: Vec<i64> = run.stdout.lines().map(|id| id.parse().unwrap()).collect();
    shown.sort_unstable();
    let mut expected: Vec<i64> = with.iter().map(|it| it.id).collect();
    expected.sort_unstable();
    assert_eq!((shown, run.stderr.as_str()), (expected, said.as_str()));
    for report in [
        "stale-backups",
        "backup-gaps",
        "unprotected-changes",
        "lifetimes",
    ] {
        let run = sandbox.run(&["report", report, "-o", "csv"]).exits(0);
        assert_eq!(run.stderr, said, "{report}");
    }
    let check = [
        "report",
        "stale-backups",
        "--older-than",
        "36500d",
        "--exit-code",
    ];
    sandbox.run(&check).exits(0);

    // A question about one of them has no answer.
    let stranger = without[0];
    let said = format!("warning: droplet {} is not archived\n", stranger.id);
    let asked = |question: &[&str], name: &str| {
        let flag = if question[0] == "timeline" {
            vec![name]
        } else {
            vec!["--droplet", name]
        };
        sandbox.run(&[question, &flag, &["--exit-code"]].concat())
    };
    for question in [
        &["query"][..],
        &["query", "--count"],
        &["last", "reboot"],
        &["stats"],
        &["timeline"],
        &["report", "failures"],
    ] {
        let run = asked(question, &stranger.name).exits(3);
        assert!(run.stderr.ends_with(&said), "{question:?}: {run}");
        let nobody = asked(question, "987654321").exits(3);
        nobody.says("droplet 987654321 is not archived");
        asked(question, &with[0].name).never_says("not archived");
    }
    asked(&["query"], &format!("{},{}", stranger.id, with[0].id))
        .exits(10)
        .says(&said);

    sandbox.sync(&cloud, &["--all"]).exits(0);
    assert_eq!(sandbox.run(&last).exits(0).stderr, "");
    assert_eq!(
        sandbox.run(&["report", "stale-backups"]).exits(0).stderr,
        ""
    );
    asked(&["query", "--until", "1999"], &stranger.name).exits(0);
}

#[test]
fn a_check_of_a_value_that_no_action_can_have_never_passes() {
    let (_cloud, sandbox) = archived(8, 1_500);
    for (flags, words) in [
        (["--type", "rebot"], "did you mean reboot?"),
        (["--type", "reboot,rebot"], "the type `rebot`"),
        (["--status", "complete"], "did you mean completed?"),
        (["--region", "nyc9"], "the region `nyc9`"),
        (["--resource-type", "drolpet"], "did you mean droplet?"),
    ] {
        for question in [&["query"][..], &["query", "--count"], &["last"], &["stats"]] {
            let run = sandbox
                .run(&[question, &flags, &["--exit-code"]].concat())
                .exits(2);
            assert_eq!(run.stdout, "");
            run.says(words);
            sandbox.run(&[question, &flags].concat()).exits(0);
        }
    }
    // These may happen.
    for flags in [
        ["--type", "change_kernel"],
        ["--type", "@network"],
        ["--region", "ric1"],
        ["--resource-type", "reserved_ipv6"],
        ["--status", "errored"],
    ] {
        let flags = [&flags[..], &["--until", "1999", "--exit-code"]].concat();
        sandbox.query(&flags).exits(0);
    }
    for (arguments, words) in [
        (
            ["lifetimes", "--state", "bogus"],
            "use exists, gone, unlisted, unknown",
        ),
        (["lifetimes", "--state", "gone,"], "``"),
        (["reboot-loops", "--times", "0"], "use 1 or more"),
        (["reboot-loops", "--times", "-3"], "use 1 or more"),
        (["busiest", "--top", "0"], "use 1 or more"),
        (["slow", "--factor", "0.5"], "use 1 or more"),
        (["slow", "--samples", "0"], "use 1 or more"),
    ] {
        let run = sandbox
            .run(&[&["report"], &arguments[..]].concat())
            .exits(2);
        assert_eq!(run.stdout, "");
        run.says(words);
    }
    sandbox
        .run(&["report", "lifetimes", "--state", "gone, exists"])
        .exits(0);
}
