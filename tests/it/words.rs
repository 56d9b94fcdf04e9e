//! The words of help and of mistakes: plain, about what was written, and as wide as the terminal.

use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use crate::account::cloud;
use crate::process::Running;
use crate::sandbox::Sandbox;

const COMMANDS: [&str; 21] = [
    "sync",
    "daemon",
    "import",
    "query",
    "last",
    "show",
    "stats",
    "timeline",
    "droplets",
    "report",
    "sql",
    "schema",
    "status",
    "verify",
    "backup",
    "export",
    "accounts",
    "auth",
    "completions",
    "man",
    "config",
];

#[test]
fn a_word_without_a_flag_is_answered_with_the_flag() {
    let sandbox = Sandbox::new();
    for (arguments, meant) in [
        (&["query", "web-005.dev"][..], "`--droplet web-005.dev`?"),
        (&["query", "web-*"], "`--droplet 'web-*'`?"),
        (&["query", "reboot"], "`--type reboot`?"),
        (&["query", "@power"], "`--type @power`?"),
        (&["query", "errored"], "`--status errored`?"),
        (&["stats", "errored"], "`--errored`?"),
        (&["query", "nyc3"], "`--region nyc3`?"),
        (&["query", "yesterday"], "`--during yesterday`?"),
        (&["query", "-3d"], "`--during -3d`?"),
        (&["query", "type", "reboot"], "`--type reboot`?"),
        (&["query", "csv"], "`-o csv`?"),
        (&["query", "31"], "`--droplet 31` or `--id 31`?"),
        (&["sync", "web-01"], "`--droplet web-01` or `--tag web-01`?"),
        (&["report", "failures", "web-01"], "`--droplet web-01`?"),
        (&["query", "env:prod"], "`--tag env:prod`?"),
        (&["query", "reboot,snapshot"], "`--type reboot,snapshot`?"),
        (&["stats", "week"], "`--by week`?"),
        (&["stats", "type,month"], "`--by type,month`?"),
        (&["stats", "droplet", "web-01"], "`--droplet web-01`?"),
        (&["reboot"], "`archiver query --type reboot`?"),
    ] {
        let run = sandbox.run(arguments).exits(2);
        assert_eq!(run.stdout, "");
        run.says(&format!("hint: did you mean {meant}"));
    }
}

#[test]
fn a_name_that_another_program_has_is_answered_with_the_one_here() {
    let sandbox = Sandbox::new();
    for (arguments, meant) in [
        (&["query", "--to", "2026"][..], "`--until 2026`?"),
        (&["query", "--from=2026"], "`--since 2026`?"),
        (&["query", "-t", "reboot"], "`--type reboot`?"),
        (&["query", "--name", "web 1"], "`--droplet 'web 1'`?"),
        (&["query", "-s", "errored"], "`--status` or `--since`?"),
        (&["sync", "--format", "json"], "`-o json`?"),
        (&["query", "--format", "json"], "`-o json`?"),
        (&["query", "--sort", "-id"], "`--sort id --reverse`?"),
        (&["--type", "reboot"], "`archiver query --type`?"),
        (&["report", "--sort", "x"], "`archiver report NAME --sort`?"),
        (&["report", "all"], "`archiver report --all`?"),
        (&["version"], "`archiver --version`?"),
        (&["uptime", "--by", "day"], "`archiver report uptime`?"),
        (&["downtme"], "`archiver report downtime`?"),
        (&["history", "web-01"], "`archiver timeline`?"),
        (&["show", "web-01"], "`archiver timeline web-01`?"),
    ] {
        let run = sandbox.run(arguments).exits(2);
        run.says(&format!("hint: did you mean {meant}"));
    }
}

#[test]
fn no_command_at_all_is_answered_with_the_commands() {
    let sandbox = Sandbox::new();
    for arguments in [&[][..], &["-q"], &["--color", "never"]] {
        let run = sandbox.run(arguments).exits(2);
        run.says("Usage: archiver")
            .says("  sync ")
            .says("`archiver --help` shows more")
            .never_says("subcommand")
            .never_says("--db");
    }
    let run = sandbox.run(&["auth", "-q"]).exits(2);
    run.says("Usage: archiver auth").says("  check ");
}

#[test]
fn a_suggestion_is_about_what_was_written_or_there_is_none() {
    let sandbox = Sandbox::new();
    for (arguments, meant) in [
        (&["query", "--follow"][..], "`archiver query --help`"),
        (&["daemon", "--interval", "5"], "`archiver daemon --help`"),
        (&["query", "--max-age", "2h"], "`archiver query --help`"),
        (&["status", "web-01"], "`archiver status --help`"),
        (&["nonsense"], "`archiver --help`"),
        (&["upload"], "`archiver --help`"),
        (&["export"], "needs <DIR>"),
        (&["query", "--typ", "reboot"], "did you mean `--type`?"),
        (&["query", "--json"], "did you mean `-o json`?"),
        (&["sync", "-n"], "did you mean `--no-pager`?"),
        (&["qery"], "did you mean `archiver query`?"),
        (
            &["report", "downtme"],
            "did you mean `archiver report downtime`?",
        ),
        (&["timeline"], "needs <DROPLET>"),
        (&["query", "--since"], "--since needs a value"),
        (&["sync", "--tag", ""], "a tag is not empty"),
        (&["query", "--db", "a", "--db", "b"], "--db is given twice"),
        (
            &["sync", "--all", "--tag", "a"],
            "--all and --tag exclude each other",
        ),
    ] {
        sandbox.run(arguments).exits(2).says(meant);
    }
}

#[test]
fn a_number_that_is_none_is_refused_in_plain_words() {
    let sandbox = Sandbox::new();
    for (arguments, said) in [
        (
            &["query", "--limit", "abc"][..],
            "--limit: `abc` is not a whole number",
        ),
        (&["query", "-n", "-3"], "--limit: `-3` is negative"),
        (&["query", "--id", "1,x"], "--id: `x` is not a whole number"),
        (&["show", "1.5"], "ID: `1.5` is not a whole number"),
        (&["stats", "--top", "0"], "--top: 0 is too small"),
        (
            &["last", "-n", "99999999999999999999"],
            "is too large a number",
        ),
        (
            &["sync", "--droplet", "99999999999999999999"],
            "is too large",
        ),
    ] {
        let run = sandbox.run(arguments).exits(2).says(said);
        run.never_says("digit").never_says("invalid");
    }
}

#[test]
fn a_token_in_the_wrong_place_is_not_repeated() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["sync", "dop_v1_canary"][..],
        &["dop_v1_canary"],
        &["query", "--dop_v1_canary"],
        &["query", "--id", "dop_v1_canary"],
    ] {
        sandbox
            .run(arguments)
            .exits(2)
            .says("a token does not belong in the command line")
            .never_says("canary");
    }
}

#[test]
fn a_minus_sign_means_ago() {
    let cloud = cloud(2, 40);
    let sandbox = Sandbox::new();
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let count = |flags: &[&str]| {
        sandbox
            .query(&[flags, &["--count"]].concat())
            .exits(0)
            .stdout
    };
    for flag in ["--since", "--until", "--during", "--at"] {
        let signed = count(&[flag, "-9000d"]);
        assert_eq!(signed, count(&[flag, "9000d"]), "{flag}");
        assert_eq!(signed, count(&[&format!("{flag}=-9000d")]), "{flag}");
    }
    assert_eq!(count(&["--since", "-9000d", "--tz", "-05:00"]), "40\n");
    let report = [
        "report",
        "busiest",
        "--since",
        "-9000d",
        "-o",
        "csv",
        "--no-header",
    ];
    assert!(!sandbox.run(&report).exits(0).stdout.is_empty());
    sandbox
        .query(&["--since", "--until", "3d"])
        .exits(2)
        .says("--since needs a value");
}

#[test]
fn thousands_of_words_are_understood_at_once() {
    let files: Vec<String> = (0..20_000).map(|it| format!("missing-{it}")).collect();
    let words = ["import"]
        .into_iter()
        .chain(files.iter().map(String::as_str));
    let sandbox = Sandbox::new();
    let running = Running::start(sandbox.command(&words.collect::<Vec<_>>()));
    running.end_within(Duration::from_secs(60)).exits(2);
}

#[test]
fn every_command_is_in_a_group_and_flags_of_every_command_come_last() {
    let sandbox = Sandbox::new();
    let help = sandbox.run(&["--help"]).exits(0).stdout;
    let (listed, _) = help.split_once("Global options:").unwrap();
    for command in COMMANDS {
        let lines = listed
            .lines()
            .filter(|line| line.starts_with(&format!("  {command} ")));
        assert_eq!(lines.count(), 1, "{command}: {help}");
    }
    let place =
        |help: &str, text: &str| help.find(text).unwrap_or_else(|| panic!("{text}: {help}"));
    assert!(place(&help, "Archive:") < place(&help, "Ask:"));
    assert!(place(&help, "Ask:") < place(&help, "Maintain:"));
    assert!(place(&help, "Maintain:") < place(&help, "--db"));
    for (command, own) in [
        (&["sync"][..], "--full"),
        (&["query"], "--exit-code"),
        (&["report", "slow"], "--factor"),
        (&["auth", "check"], "--output"),
    ] {
        let help = sandbox.run(&[command, &["-h"]].concat()).exits(0).stdout;
        assert!(
            place(&help, own) < place(&help, "Global options:"),
            "{help}"
        );
        assert!(
            place(&help, "Global options:") < place(&help, "--db"),
            "{help}"
        );
        let long = sandbox.run(&[command, &["--help"]].concat()).exits(0);
        assert_eq!(long.stdout, help, "there is one help");
    }
}

#[test]
fn help_wraps_once_at_the_width_of_the_terminal() {
    for width in [40, 60, 80, 120, 200] {
        let sandbox = Sandbox::new().with("COLUMNS", width.to_string());
        let width = width.min(100);
        let of_reports =
            ["stale-backups", "power-state", "backup-gaps"].map(|name| vec!["report", name]);
        let commands = COMMANDS.map(|command| vec![command]).into_iter();
        for mut arguments in commands
            .chain(of_reports)
            .chain([vec![], vec!["auth", "check"]])
        {
            arguments.push("--help");
            let help = sandbox.run(&arguments).exits(0).stdout;
            let lines: Vec<_> = help.lines().collect();
            for pair in lines.windows(2) {
                let is_example = pair[0].starts_with("  ") || pair[0].starts_with("Usage");
                let words = pair[0].split_whitespace().count();
                assert!(
                    pair[0].width() <= width || is_example && words < 12,
                    "{arguments:?} at {width}: {}",
                    pair[0]
                );
                let is_continued = pair[1].starts_with(|first: char| first.is_lowercase());
                let next = pair[1].split(' ').next().unwrap_or_default();
                assert!(
                    !is_continued || is_example || pair[0].width() + 1 + next.width() > width,
                    "{arguments:?} at {width} breaks too early: {}",
                    pair[0]
                );
            }
        }
    }
}

#[test]
fn every_report_has_a_sentence_and_its_help_has_the_defaults() {
    let sandbox = Sandbox::new().with("COLUMNS", "100");
    let list = sandbox.run(&["report"]).exits(0).stdout;
    let help = sandbox.run(&["report", "-h"]).exits(0).stdout;
    for line in list.lines() {
        assert!(line.len() < 160 && line.starts_with("  "), "{line}");
        let name = line.split_whitespace().next().unwrap();
        assert!(help.contains(&format!("\n  {name} ")), "{name}");
    }
    let help = sandbox
        .run(&["report", "stale-backups", "-h"])
        .exits(0)
        .stdout;
    assert!(
        help.starts_with("Droplets without a recent backup or snapshot\n"),
        "{help}"
    );
    for said in ["[default: 30d]", "[default: all]", "--sort", "-n, --limit"] {
        assert!(help.contains(said), "{said}: {help}");
    }
}
