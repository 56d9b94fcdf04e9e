//! The errors for an invalid file name the place and the reason, and nothing that may be secret.

use super::*;

fn refused(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, text).unwrap();
    let error = read(&path).unwrap_err();
    format!("{error}; {}; {error:?}", error.hint())
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated_but_its_line_is_said() {
    for text in [
        "\n[limits]\nconcurrency = 'dop_v1_canary'",
        "\n[limits]\nreserve = 'canary, expected canary'",
        "\n[sync]\ndroplets = ['dop_v1_canary']",
        "\n[sync]\nall = 'canary'",
        "\n[sync]\ntags = ['dop_v1_canary']",
        "\n\nmonitoring = 'https://hc-ping.com/canary'",
        "\n\nschedule = 'canary\"`'",
        "\n\ndop_v1_canary = 'x'",
        "\n\n\"canary`, expected canary\" = 'x'",
        "\n\n[dop_v1_canary]\nx = 1",
        "\n\ntoken_file = 'dop_v1_canary'",
        "\n\ndatabase = '/etc/dop_v1_canary'",
        "\n\ndoctl_context = 'dop_v1_canary'",
        "\n[schedule]\ncron = 'dop_v1_canary'",
        "\n[schedule]\ntimezone = 'dop_v1_canary'",
        "\n[schedule]\njitter = 'dop_v1_canary'",
        "\n[monitoring]\nlisten = 'dop_v1_canary'",
        "\n[monitoring]\nmax_age = 'dop_v1_canary'",
        "\n[monitoring]\nmetrics_file = 'dop_v1_canary'",
        "\n\ndop_v1_canary",
        "\n\ntoken_command = 'canary",
        "\n\ndatabase = canary",
    ] {
        let words = refused(text);
        assert!(words.contains("line 3: "), "{text}: {words}");
        assert!(!words.contains("canary"), "{text}: {words}");
    }
}

#[test]
fn what_was_found_and_what_was_expected_are_said() {
    for (text, said) in [
        (
            "[limits]\nconcurrency = 'x'",
            "`concurrency` must be a whole number from 1 to 4,294,967,295;",
        ),
        (
            "[limits]\nconcurrency = 0",
            "line 2: `concurrency` must be a whole number from 1 to 4,294,967,295;",
        ),
        (
            "limits = { reserve = 1, concurrency = 0 }",
            "line 1: `concurrency` must be a whole number from 1 to 4,294,967,295;",
        ),
        ("accounts = 3", "`accounts` must be a table;"),
        (
            "[limits]\nreserve = -1",
            "line 2: `reserve` must be a whole number from 0 to 4,294,967,295;",
        ),
        (
            "[sync]\ndroplets = ['web-01']",
            "`droplets` must be a list of ids, such as [3164444];",
        ),
        (
            "[sync]\ntags = 'prod'",
            "`tags` must be a list in brackets;",
        ),
        (
            "[sync]\nall = 1",
            "`all` must be true or false, without quotes;",
        ),
        ("sync = 'x'", "`sync` must be a table, such as [sync];"),
        (
            "[limits]\nrates = 5",
            "unknown field `rates`, expected one of `requests_per_minute`",
        ),
        ("max-age = 5", "unknown field `max-age`"),
        (
            "DOP = 5",
            "a field that is not shown is unknown, expected one of `database`",
        ),
    ] {
        let words = refused(text);
        assert!(words.contains(said), "{words}");
    }
}

#[test]
fn a_token_for_a_path_is_told_where_it_belongs() {
    let words = refused("token_file = 'dop_v1_canary'");
    assert!(
        words.contains("`token_file` holds a value that looks like a token"),
        "{words}"
    );
    assert!(words.contains("use DIGITALOCEAN_TOKEN"), "{words}");
}

#[test]
fn two_places_for_the_token_are_refused() {
    let words = refused("token_file = 'token'\n\ntoken_command = 'echo canary'");
    assert!(
        words.contains("line 3: `token_file` and `token_command`"),
        "{words}"
    );
    assert!(!words.contains("canary"), "{words}");
}
