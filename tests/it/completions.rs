//! `archiver completions`: the three shells complete command lines, with values of the archive.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use rusqlite::Connection;

use crate::account::cloud;
use crate::process::Run;
use crate::sandbox::Sandbox;
use crate::terminal::has_script;

/// A line as far as it is typed, and as the shell completes it.
const LINES: [(&str, &str); 11] = [
    ("archiver qu", "archiver query"),
    ("archiver help timel", "archiver help timeline"),
    ("archiver query --si", "archiver query --since"),
    (
        "archiver query --type reboot,snaps",
        "archiver query --type reboot,snapshot",
    ),
    ("archiver last @ba", "archiver last @backup"),
    (
        "archiver query --region=nyc9",
        "archiver query --region=nyc99",
    ),
    (
        "archiver query --tag team:p",
        "archiver query --tag team:production",
    ),
    ("archiver timeline uniq", "archiver timeline unique.example"),
    ("archiver report upti", "archiver report uptime"),
    (
        "archiver stats --by week,ty",
        "archiver stats --by week,type",
    ),
    (
        "archiver report uptime --columns period,droplet_n",
        "archiver report uptime --columns period,droplet_name",
    ),
];

/// A machine whose PATH has the program, and whose archive has values that nobody guesses.
fn prepared() -> Sandbox {
    let cloud = cloud(3, 60);
    let binary = Path::new(env!("CARGO_BIN_EXE_archiver")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display());
    let sandbox = Sandbox::new().with("PATH", path).with("TERM", "dumb");
    sandbox.sync(&cloud, &["--all"]).exits(0);
    let archive = Connection::open(sandbox.db()).unwrap();
    archive
        .execute_batch(
            "INSERT INTO regions (slug, first_seen_at, last_seen_at) VALUES ('nyc99', '2026', '2026');
             INSERT INTO droplets (id, name, first_seen_at) VALUES (5, 'unique.example', '2026');
             INSERT INTO droplet_names (droplet_id, name, first_seen_at) VALUES (5, 'unique.example', '2026');
             INSERT INTO droplet_tags (droplet_id, tag, first_seen_at) VALUES (5, 'team:production', '2026');
             INSERT INTO droplet_names (droplet_id, name, first_seen_at) VALUES
                (5, 'bad!touch', '2026'), (5, 'bad$(touch x)', '2026'), (5, 'bad;touch x', '2026'), (5, 'bad' || char(10, 27) || 'x', '2026');",
        )
        .unwrap();
    sandbox
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn has_shell(shell: &str) -> bool {
    let is_there = Path::new("/usr/bin").join(shell).exists();
    if !is_there {
        eprintln!("skipped: there is no {shell}");
    }
    is_there
}

/// Runs a shell on a script that it reads from a file.
fn shell(sandbox: &Sandbox, shell: &str, flags: &[&str], script: &str) -> String {
    let path = sandbox.folder().join("script");
    std::fs::write(&path, script).unwrap();
    let path = path.to_str().unwrap();
    let mut command = sandbox.command_of(shell, &[flags, &[path]].concat());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{script}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn fish_completes_a_line() {
    if !has_shell("fish") {
        return;
    }
    let sandbox = prepared();
    let mut script = "archiver completions fish | source\n".to_owned();
    for (typed, _) in LINES {
        script.push_str(&format!("complete -C '{typed}'\n"));
    }
    let home = sandbox.folder().join("home");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("tilde.db"), "").unwrap();
    script.push_str("complete -C 'archiver query --db=scr'\ncomplete -C 'archiver timeline bad'\n");
    script.push_str("complete -C 'archiver backup ~/til'\ncomplete -C 'archiver backup \"scr'\n");
    let printed = shell(&sandbox, "fish", &["--no-config"], &script);
    let candidates: Vec<&str> = printed
        .lines()
        .map(|line| line.split('\t').next().unwrap())
        .collect();
    let mut expected: Vec<&str> = LINES
        .iter()
        .map(|(_, whole)| whole.rsplit(' ').next().unwrap())
        .collect();
    expected.extend(["--db=script", "~/tilde.db", "script"]);
    assert_eq!(candidates, expected, "{printed}");
}

#[test]
fn zsh_completes_a_line() {
    if !has_shell("zsh") {
        return;
    }
    let sandbox = prepared();
    // A second zsh on a terminal of its own, whose tab key completes the line, prints it and forgets it.
    let mut script = "\
zmodload zsh/zpty
zpty inner 'zsh -f -i'
zpty -w inner 'PROMPT=; autoload -Uz compinit; compinit -u -D; source <(archiver completions zsh)
tab() { zle complete-word; print -r -- \"<${BUFFER%% }>\"; zle kill-buffer }; zle -N tab; bindkey \"^I\" tab; print READ\"\"Y'
zpty -r inner said '*READY*'
"
    .to_owned();
    for (typed, _) in LINES.iter().chain(&[
        ("archiver query --db=scr", ""),
        ("archiver timeline bad", ""),
    ]) {
        script.push_str(&format!(
            "zpty -w -n inner '{typed}'$'\\t'\nzpty -r inner said '*<*>*'\nprint -r -- \"${{${{said##*<}}%>*}}\"\n"
        ));
    }
    let printed = shell(&sandbox, "zsh", &["-f"], &script);
    let lines: Vec<&str> = printed.lines().map(|line| line.trim_end()).collect();
    let mut expected: Vec<&str> = LINES.iter().map(|(_, whole)| *whole).collect();
    expected.extend(["archiver query --db=script", "archiver timeline bad"]);
    assert_eq!(lines, expected);
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn bash_completes_a_line() {
    let sandbox = prepared();
    if !has_shell("bash") || !has_script(&sandbox) {
        eprintln!("skipped: there is no terminal for bash, which script(1) makes");
        return;
    }
    let start = "PS1=\nsource <(archiver completions bash)\narchiver() { printf '<%s>\\n' \"archiver $*\"; }\n";
    std::fs::write(sandbox.folder().join("script"), start).unwrap();
    let mut typed = String::new();
    for (line, _) in LINES.iter().chain(&[
        ("archiver query --db=scr", ""),
        ("archiver timeline bad", ""),
    ]) {
        typed.push_str(&format!("{line}\t\n"));
    }
    typed.push_str("exit\n");
    let inner = "bash --noprofile --rcfile script -i";
    let mut command = sandbox.command_of("script", &["-qec", inner, "/dev/null"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(typed.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines = printed
        .lines()
        .filter_map(|line| line.trim_end().strip_prefix('<')?.strip_suffix('>'));
    let lines: Vec<&str> = lines.collect();
    let mut expected: Vec<&str> = LINES.iter().map(|(_, whole)| *whole).collect();
    expected.extend(["archiver query --db=script", "archiver timeline bad"]);
    assert_eq!(lines, expected, "{printed}");
}

fn answer(sandbox: &Sandbox, words: &[&str]) -> Run {
    sandbox.run(&[&["completions", "fish", "--", "archiver"], words].concat())
}

#[test]
fn what_is_asked_of_a_broken_machine_is_answered_without_an_error() {
    let sandbox = Sandbox::new()
        .configured("no toml")
        .with("DIGITALOCEAN_TOKEN", "dop_v1_canary");
    std::fs::write(sandbox.folder().join("foreign.db"), "no archive").unwrap();
    for words in [
        &["query", "--droplet", ""][..],
        &["--config", "missing.toml", "query", "--tag", ""],
        &["--db", "foreign.db", "show", "1"],
        &["--db=foreign.db", "report", "uptime", "--columns", ""],
        &["nonsense", ""],
        &["query", "--nonsense", ""],
        &["timeline", "a", "b"],
    ] {
        answer(&sandbox, words).exits(0).silently();
    }
    let commands = answer(&sandbox, &["he"]).exits(0).stdout;
    assert_eq!(commands, "help\tShow the help of a command\n");
    let types = answer(&sandbox, &["query", "--type", "po"]).exits(0);
    assert!(types.stdout.contains("power_off\t"), "{types}");
    assert_eq!(types.stderr, "");
    let zsh = ["completions", "zsh", "--", "archiver", "query", "--status"];
    let statuses = sandbox.run(&[&zsh[..], &["comp"]].concat()).exits(0);
    assert_eq!(statuses.stdout, "completed\n");
    let script = sandbox.run(&["completions", "bash"]).exits(0);
    assert!(script.stdout.contains("complete -F"), "{script}");
    sandbox
        .run(&["completions", "csh"])
        .exits(2)
        .says("`csh` is not one of bash, zsh, fish");
}

#[test]
fn a_locked_archive_gives_no_values_and_is_not_waited_for() {
    let sandbox = prepared();
    let named = || answer(&sandbox, &["timeline", "uniq"]).exits(0);
    assert_eq!(named().stdout, "unique.example\tdroplet 5\n");
    let archive = Connection::open(sandbox.db()).unwrap();
    archive
        .execute_batch("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE")
        .unwrap();
    named().silently();
}

#[test]
fn accounts_are_named_and_the_values_are_those_of_the_selected_ones() {
    let cloud = cloud(3, 60);
    let sandbox = Sandbox::new()
        .with("ARCHIVER_DB", "")
        .configured("[accounts.home]\n[accounts.work]");
    let name = |account: &str, name: &str| {
        sandbox.sync(&cloud, &["--account", account]).exits(0);
        let path = format!("home/.local/share/archiver/{account}.db");
        let archive = Connection::open(sandbox.folder().join(path)).unwrap();
        archive
            .execute(
                "INSERT INTO droplet_names (droplet_id, name, first_seen_at)
                 SELECT id, ?1, '2026' FROM droplets LIMIT 1",
                [name],
            )
            .unwrap();
    };
    name("home", "unique-home");
    name("work", "unique-work");
    let found = |words: &[&str]| {
        let printed = answer(&sandbox, words).exits(0).stdout;
        let values = printed.lines().filter_map(|line| line.split('\t').next());
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        found(&["query", "--account", "home,"]),
        ["home,home", "home,work", "home,all"]
    );
    assert_eq!(found(&["timeline", "uniq"]), ["unique-home", "unique-work"]);
    assert_eq!(
        found(&["--account", "work", "timeline", "uniq"]),
        ["unique-work"]
    );
    assert_eq!(
        found(&["--account=home", "timeline", "uniq"]),
        ["unique-home"]
    );
}
