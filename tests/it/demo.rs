//! The first command of the README, and its output.

use std::path::Path;
use std::process::Command;

/// The demo beside the binary, where `cargo test` puts examples.
fn demo() -> Option<Command> {
    let binary = Path::new(env!("CARGO_BIN_EXE_archiver"));
    let demo = binary.with_file_name("examples").join("demo");
    demo.exists().then(|| Command::new(demo))
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn the_demo_archives_a_history_and_answers_the_questions_of_the_readme() {
    let Some(mut demo) = demo() else {
        eprintln!("skipped: the demo is not built; `cargo test` without --test builds it");
        return;
    };
    let output = demo.output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stderr.contains("complete: 40,000 new actions"), "{stderr}");
    assert!(stderr.contains("did you mean reboot?"), "{stderr}");
    let readme = include_str!("../../README.md");
    let answer = readme
        .split("```console\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    for line in answer.expect("the README shows an answer").lines() {
        assert!(stdout.contains(line), "{line}\n{stdout}");
    }
}
