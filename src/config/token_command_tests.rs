//! The wait for a command has a limit, and only its output is used.

use super::*;
use crate::core::cancellation::Canceller;
use secrecy::ExposeSecret as _;

/// Longer than anything here may take on the slowest machine.
const LONG: Duration = Duration::from_secs(150);

fn within(command: &str, longest: Duration, patience: &Patience) -> Result<String, String> {
    let command = Hidden::from(command.to_owned());
    let output = output_within(longest, &command, patience);
    output
        .map(|text| text.expose_secret().to_owned())
        .map_err(|error| error.to_string())
}

fn output(command: &str) -> Result<String, String> {
    within(command, LONG, &Patience::default())
}

#[test]
fn what_it_prints_is_read_whole() {
    assert_eq!(output("echo one; echo two").unwrap(), "one\ntwo\n");
    assert_eq!(output("true").unwrap(), "");
    let closed =
        "echo one; exec >&-; count=0; while [ $count -lt 9999 ]; do count=$((count + 1)); done";
    assert_eq!(output(closed).unwrap(), "one\n");
    let watched = Patience {
        is_watched: true,
        ..Patience::default()
    };
    assert_eq!(within("echo one", LONG, &watched).unwrap(), "one\n");
    let most = "head -c 65536 /dev/zero | tr '\\0' x";
    assert_eq!(output(most).unwrap().len(), MOST_BYTES);
}

#[test]
fn a_command_that_fails_or_never_stops_printing_is_refused_without_its_words() {
    for (command, reason) in [
        ("echo canary; exit 3", "3"),
        ("echo canary >&2; exit 3", "3"),
        ("yes canary", "more than 65536 bytes"),
        ("printf 'canary\\377'", "not text"),
        ("kill -9 $$", "signal: 9"),
    ] {
        let error = output(command).unwrap_err();
        assert!(
            error.contains(reason) && !error.contains("canary"),
            "{error}"
        );
    }
}

#[test]
fn a_command_that_does_not_end_in_time_is_refused() {
    let watched = Patience {
        is_watched: true,
        ..Patience::default()
    };
    for patience in [Patience::default(), watched] {
        let error = within("echo canary; exec sleep 500", Duration::ZERO, &patience).unwrap_err();
        assert_eq!(error, "`token_command` failed: it did not end within 0 s");
    }
}

#[test]
fn what_it_leaves_behind_with_its_output_open_is_not_waited_for() {
    let printed = output("sleep 500 & echo $!").unwrap();
    let killed = Command::new("sh")
        .args(["-c", "kill \"$0\"", printed.trim()])
        .status();
    assert!(killed.unwrap().success(), "it was at work still");
}

#[cfg(target_os = "linux")]
#[test]
fn with_a_command_that_is_given_up_all_that_it_started_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("id");
    let id = || {
        let id = std::fs::read_to_string(&path).unwrap_or_default();
        id.ends_with('\n').then(|| id.trim().to_owned())
    };
    let canceller = Canceller::default();
    let patience = Patience {
        is_watched: false,
        cancellation: canceller.cancellation(),
    };
    let command = format!(
        "trap '' TERM; sleep 500 & echo $! >'{}'; wait",
        path.display()
    );
    let error = thread::scope(|scope| {
        let waiting = scope.spawn(|| within(&command, LONG, &patience).unwrap_err());
        while id().is_none() {
            thread::yield_now();
        }
        canceller.cancel();
        waiting.join().unwrap()
    });
    assert!(error.contains("it was stopped"), "{error}");
    let stat = format!("/proc/{}/stat", id().unwrap());
    let started = Instant::now();
    // The process is gone, or is a zombie that its new parent has not reaped yet.
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(started.elapsed() < LONG, "it goes on");
        thread::yield_now();
    }
}

#[test]
fn the_command_itself_is_not_shown() {
    let command = Hidden::from("echo canary".to_owned());
    assert!(!format!("{command:?}").contains("canary"));
}
