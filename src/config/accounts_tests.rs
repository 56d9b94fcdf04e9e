//! The settings of an account, and the choice of accounts.

use std::fmt::Debug;
use std::path::Path;

use super::super::Environment;
use super::*;
use crate::config::Patience;

const TWO: &str = "
token_command = 'echo top'
database = 'top.db'
[sync]
droplets = [1, 2]
audit = '2h'
[limits]
reserve = 5
concurrency = 2
[schedule]
cron = '@hourly'
timezone = 'Europe/Dublin'
[accounts.home]
[accounts.work]
token_file = 'work.token'
database = 'work.db'
[accounts.work.sync]
all = true
[accounts.work.limits]
reserve = 7
[accounts.work.schedule]
cron = '@daily'
";

/// A configuration in a folder of its own.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn load(&self, text: &str, variables: &[(&str, &str)]) -> Result<Config, Error> {
        let path = self.0.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let home = self.0.path().to_str().unwrap();
        Config::load(Some(&path), Environment::of(variables).with("HOME", home))
    }

    fn account(&self, text: &str, name: &str, variables: &[(&str, &str)]) -> Config {
        let config = self.load(text, variables).unwrap();
        config.of_account(name.parse().unwrap()).unwrap()
    }
}

fn selected(config: &Config, by_flag: &[&str], has_archive: bool) -> Result<String, String> {
    let by_flag: Vec<_> = by_flag.iter().map(|it| (*it).to_owned()).collect();
    let accounts = config.select(&by_flag, has_archive);
    let accounts = accounts.map_err(|error| error.to_string())?;
    let names: Vec<_> = accounts
        .iter()
        .map(|it| it.account.unwrap().to_string())
        .collect();
    Ok(names.join(" "))
}

#[test]
fn an_account_has_its_own_settings_and_the_missing_ones_of_the_top_level() {
    let home = Home::new();
    let (own, work) = (
        home.account(TWO, "home", &[]),
        home.account(TWO, "work", &[]),
    );
    let settings = |config: &Config| {
        let file = config.file();
        let cron = file.schedule.cron.clone().unwrap();
        let limits = file.limits;
        (
            cron,
            limits.reserve.unwrap(),
            limits.concurrency.unwrap().get(),
        )
    };
    assert_eq!(settings(&own), ("@hourly".to_owned(), 5, 2));
    assert_eq!(settings(&work), ("@daily".to_owned(), 7, 2));
    let zone = work.file().schedule.timezone.as_ref().unwrap();
    assert_eq!(zone, "Europe/Dublin");
    let error = work.invalid("schedule.timezone", &"x").to_string();
    assert!(error.contains("line 12: "), "{error}");
}

#[test]
fn a_scope_and_the_place_of_a_token_come_from_one_level() {
    let home = Home::new();
    let (own, work) = (
        home.account(TWO, "home", &[]),
        home.account(TWO, "work", &[]),
    );
    assert_eq!(own.file().sync.droplets, [1, 2]);
    assert!(work.file().sync.all && work.file().sync.droplets.is_empty());
    assert_eq!(work.file().sync.audit.as_deref().unwrap(), "2h");
    let text =
        "[sync]\ndroplets = [1]\n[accounts.a.sync]\ntags = []\n[accounts.b.sync]\nall = false";
    let droplets = |name| home.account(text, name, &[]).file().sync.droplets.clone();
    assert_eq!((droplets("a"), droplets("b")), (vec![], vec![1]));
    assert!(own.file().token_command.is_some());
    assert!(work.file().token_command.is_none());
}

#[test]
fn no_account_has_the_archive_of_the_top_level() {
    let home = Home::new();
    let folder = home.0.path();
    let own = home.account(TWO, "home", &[]).database(None).unwrap().value;
    assert_eq!(own, folder.join(".local/share/archiver/home.db"));
    let work = home.account(TWO, "work", &[]);
    assert_eq!(work.database(None).unwrap().value, folder.join("work.db"));
    let flag = Path::new("flag.db");
    assert_eq!(work.database(Some(flag)).unwrap().value, flag);
}

#[test]
fn an_own_token_wins_over_the_one_of_the_environment() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let file = home.0.path().join("work.token");
    std::fs::write(&file, "own").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let variables = [("DIGITALOCEAN_TOKEN", "of-all")];
    let token = |name| {
        let config = home.account(TWO, name, &variables);
        let token = config.token(None, Patience::default()).unwrap();
        (token.secret.expose_secret().to_owned(), token.passed_over)
    };
    assert_eq!(
        token("work"),
        ("own".to_owned(), vec!["DIGITALOCEAN_TOKEN"])
    );
    assert_eq!(
        token("home"),
        ("of-all".to_owned(), vec!["`token_command`"])
    );
}

#[test]
fn accounts_with_one_token_are_found() {
    let home = Home::new();
    let shared = "
        [accounts.a]
        token_command = 'echo a'
        [accounts.b]
        [accounts.c]
        token_file = 'x'
        [accounts.d]
        token_file = './x'
        [accounts.e]
        doctl_context = 'x'
        [accounts.f]";
    let sharing = |variables: &[_], names: &[&str]| {
        let config = home.load(shared, variables).unwrap();
        let names: Vec<_> = names.iter().map(|it| (*it).to_owned()).collect();
        let accounts = config.select(&names, false).unwrap();
        format!("{:?}", sharing_a_token(&accounts).unwrap())
    };
    let variables = [("DIGITALOCEAN_TOKEN", "x")];
    assert_eq!(sharing(&variables, &["a", "b", "c", "e"]), "[]");
    assert_eq!(sharing(&variables, &["a", "b", "f"]), "[b, f]");
    assert_eq!(sharing(&[], &["c", "d", "e"]), "[c, d]");
    // Without any token, each of them fails for itself.
    assert_eq!(sharing(&[], &["b", "f"]), "[]");
}

#[test]
fn flags_win_over_the_environment_over_the_default() {
    let home = Home::new();
    let text = "default_account = 'b'\n[accounts.a]\n[accounts.b]\n[accounts.c]";
    let config = |variables: &[_]| home.load(text, variables).unwrap();
    let by_variable = [("ARCHIVER_ACCOUNT", "c, a")];
    assert_eq!(selected(&config(&[]), &[], false).unwrap(), "b");
    assert_eq!(selected(&config(&by_variable), &[], false).unwrap(), "a c");
    for (flags, expected) in [
        (&["b"][..], "b"),
        (&["c", "a", "c"], "a c"),
        (&["all"], "a b c"),
        (&["a", "all"], "a b c"),
    ] {
        let config = config(&by_variable);
        assert_eq!(selected(&config, flags, false).unwrap(), expected);
    }
    let all = home.load(&text.replace("'b'", "'all'"), &[]).unwrap();
    assert_eq!(selected(&all, &[], true).unwrap(), "a b c");
}

#[test]
fn without_a_choice_the_top_level_is_meant_if_it_is_an_account_itself() {
    let home = Home::new();
    let none = |top: &str, has_archive| {
        let text = format!("{top}\n[accounts.a]\n[accounts.b]");
        let config = home.load(&text, &[("DIGITALOCEAN_TOKEN", "x")]).unwrap();
        selected(&config, &[], has_archive).unwrap()
    };
    assert_eq!(none("[limits]\nreserve = 5", false), "a b");
    assert_eq!(none("", true), "");
    for top in [
        "database = 'x'",
        "token_file = 'x'",
        "token_command = 'x'",
        "doctl_context = 'x'",
    ] {
        assert_eq!(none(top, false), "", "{top}");
    }
    let config = home.load("", &[]).unwrap();
    assert_eq!(selected(&config, &[], false).unwrap(), "");
}

#[test]
fn an_unknown_account_is_an_error_that_lists_the_known_ones() {
    let home = Home::new();
    let config = home.load("[accounts.home]\n[accounts.work]", &[]).unwrap();
    let error = selected(&config, &["wrok"], false).unwrap_err();
    assert_eq!(error, "there is no account `wrok`, did you mean work?");
    let error = selected(&config, &["office"], false).unwrap_err();
    let expected = "there is no account `office`; the accounts are home, work";
    assert_eq!(error, expected);
    let many: String = (10..30).map(|it| format!("[accounts.a{it}]\n")).collect();
    let error = selected(&home.load(&many, &[]).unwrap(), &["office"], false).unwrap_err();
    assert!(error.ends_with(", a18, a19 and 10 more"), "{error}");
    let secret = selected(&config, &["dop_v1_canary"], false).unwrap_err();
    assert!(!secret.contains("canary"), "{secret}");
    let none = home.load("", &[]).unwrap();
    let error = selected(&none, &["all"], false).unwrap_err();
    assert!(
        error.starts_with("no account is configured in /"),
        "{error}"
    );
    let text = "\ndefault_account = 'x'\n[accounts.home]";
    let error = selected(&home.load(text, &[]).unwrap(), &[], false).unwrap_err();
    assert!(
        error.contains("line 2: `default_account`: there is no account `x`"),
        "{error}"
    );
}

#[test]
fn two_accounts_with_one_archive_are_refused() {
    let home = Home::new();
    let path = |name: &str| home.0.path().join(name);
    std::fs::create_dir(path("folder")).unwrap();
    std::fs::write(path("one.db"), "").unwrap();
    std::fs::hard_link(path("one.db"), path("other.db")).unwrap();
    for (first, second) in [
        ("database = 'one.db'", "database = 'other.db'"),
        ("database = 'x.db'", "database = './folder/../x.db'"),
        ("", "database = '~/.local/share/archiver/a.db'"),
    ] {
        let text = format!("[accounts.a]\n{first}\n[accounts.b]\n{second}");
        let config = home.load(&text, &[]).unwrap();
        let error = selected(&config, &["a"], false).unwrap_err();
        let expected = "line 3: the accounts `a` and `b` have the same archive: /";
        assert!(error.contains(expected), "{error}");
    }
}

fn refused<T: Debug>(outcome: Result<T, Error>) -> String {
    let error = outcome.unwrap_err();
    format!("{error}; {}; {error:?}", error.hint())
}

#[test]
fn a_wrong_setting_of_an_account_is_refused_with_its_line() {
    let home = Home::new();
    for (text, said) in [
        (
            "[accounts.a]\ntoken = 'canary'",
            "line 2: unknown field `token`",
        ),
        (
            "[accounts.a.sink]\nall = true",
            "line 1: unknown field `sink`",
        ),
        (
            "[accounts.a]\n[accounts.a.limits]\nconcurrency = 0",
            "line 3: `concurrency` must be",
        ),
        ("accounts = 'canary'", "line 1: `accounts` must be"),
        ("[accounts]\na = 'canary'", "line 2: `a` must be a table"),
        (
            "\n[accounts.all]",
            "line 2: the name of an account has 1 to 64",
        ),
        (
            "\n[accounts.'a b']",
            "line 2: the name of an account has 1 to 64",
        ),
        (
            "[accounts.a]\n[accounts.a.accounts.b]",
            "line 2: `accounts` does not belong",
        ),
        (
            "[accounts.a]\ndefault_account = 'a'",
            "line 2: `default_account` does not belong",
        ),
        (
            "token_file = 'x'\n[accounts.a]\n[accounts.b]\ntoken_file = 'y'\ntoken_command = 'canary'",
            "line 5: `token_file` and `token_command`",
        ),
        (
            "[accounts.a.sync]\nall = true\n[accounts.b.sync]\ntags = ['x']\nall = true",
            "line 5: `all` already",
        ),
        (
            "[accounts.a]\ndatabase = 'dop_v1_canary'",
            "line 2: `database` holds",
        ),
        (
            "[accounts.dop_v1_canary]",
            "line 1: the name of an account is a value that looks like a token",
        ),
    ] {
        let words = refused(home.load(text, &[]));
        assert!(words.contains(said), "{text}: {words}");
        assert!(!words.contains("canary"), "{text}: {words}");
    }
}

#[test]
fn a_command_of_an_account_that_another_user_could_write_is_not_run() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let path = home.0.path().join("config.toml");
    let text = "[accounts.a]\ntoken_command = 'pass show do'";
    home.load(text, &[]).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let words = refused(home.load(text, &[]));
    assert!(words.contains("and another user can change it"), "{words}");
}
