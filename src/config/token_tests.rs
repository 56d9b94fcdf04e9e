//! The order of the sources of the token, and the values that are refused.

use std::path::Path;

use super::*;

/// A user's home, in which every source can be.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self { folder };
        home.write("token", "from-file\n", 0o600);
        home.write("credentials/digitalocean-token", "from-credential\n", 0o640);
        let doctl = "access-token: from-default\nauth-contexts:\n  work: from-work\n";
        home.write("config/doctl/config.yaml", doctl, 0o600);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    }

    fn environment(&self) -> Environment {
        let config = self.path("config");
        Environment::default()
            .with("XDG_CONFIG_HOME", &config)
            .with("HOME", self.folder.path())
    }

    fn with_credentials(&self) -> Environment {
        let directory = self.path("credentials");
        self.environment().with("CREDENTIALS_DIRECTORY", directory)
    }
}

fn sources(environment: &Environment) -> Sources<'_> {
    Sources {
        flag: None,
        environment,
        file: None,
        command: None,
        context: None,
        is_own: false,
    }
}

fn found(sources: &Sources<'_>) -> (String, String) {
    let token = find(sources, &Patience::default()).unwrap();
    assert!(!format!("{token:?}").contains(token.secret.expose_secret()));
    (token.secret.expose_secret().to_owned(), token.source)
}

#[cfg(not(target_os = "macos"))]
#[test]
fn the_first_source_that_is_set_is_used() {
    let home = Home::new();
    let path = home.path("token");
    let command = Hidden::from("echo from-command".to_owned());
    let none = home.environment();
    let credential = home.with_credentials();
    let second = credential
        .clone()
        .with("DIGITALOCEAN_ACCESS_TOKEN", "second");
    let empty = credential.clone().with("DIGITALOCEAN_TOKEN", "");
    let both = second.clone().with("DIGITALOCEAN_TOKEN", "first");
    let all = |environment| Sources {
        flag: None,
        environment,
        file: Some(path.clone()),
        command: Some(&command),
        context: Some("default"),
        is_own: false,
    };
    let mut less = all(&both);
    less.flag = Some("work");
    assert_eq!(found(&less).0, "from-work");
    for (environment, expected) in [(&both, "first"), (&second, "second"), (&empty, "from-file")] {
        assert_eq!(found(&all(environment)).0, expected);
    }
    let mut less = all(&credential);
    less.file = None;
    assert_eq!(found(&less).0, "from-command");
    less.command = None;
    assert_eq!(found(&less).0, "from-credential");
    less.environment = &none;
    assert_eq!(found(&less).0, "from-default");
    assert!(matches!(
        find(&sources(&none), &Patience::default()),
        Err(Error::NoToken)
    ));
}

#[cfg(not(target_os = "macos"))]
#[test]
fn where_it_came_from_is_said_without_the_token() {
    let home = Home::new();
    let environment = home.environment();
    let by_flag = Sources {
        flag: Some("Work"),
        ..sources(&environment)
    };
    let (token, source) = found(&by_flag);
    assert!(source.starts_with("doctl's context `Work` in "), "{source}");
    assert!(source.ends_with("/config/doctl/config.yaml"), "{source}");
    assert!(!source.contains(&token));
}

#[cfg(not(target_os = "macos"))]
#[test]
fn a_context_that_a_flag_asks_for_and_that_is_not_there_falls_back_to_nothing() {
    let home = Home::new();
    let environment = home.environment().with("DIGITALOCEAN_TOKEN", "first");
    let asked = Sources {
        flag: Some("home"),
        ..sources(&environment)
    };
    let error = find(&asked, &Patience::default()).unwrap_err().to_string();
    assert!(
        error.starts_with("doctl knows no context `home`"),
        "{error}"
    );
}

#[test]
fn a_token_file_that_others_can_read_is_refused() {
    let home = Home::new();
    let path = home.path("token");
    let environment = home.environment();
    let by_file = Sources {
        file: Some(path.clone()),
        ..sources(&environment)
    };
    assert_eq!(found(&by_file).0, "from-file");
    home.write("token", "secret", 0o640);
    let error = find(&by_file, &Patience::default())
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("can be read by other users"), "{error}");
}

#[test]
fn a_credential_that_is_not_passed_is_no_source() {
    let home = Home::new();
    std::fs::remove_file(home.path("credentials/digitalocean-token")).unwrap();
    let environment = home.with_credentials();
    let error = find(&sources(&environment), &Patience::default()).unwrap_err();
    assert!(matches!(error, Error::NoToken), "{error}");
}

#[test]
fn what_is_no_token_is_refused_without_being_shown() {
    for bad in ["two words", "line\nbreak", "zero\u{200b}width", "   "] {
        let environment = Environment::of(&[("DIGITALOCEAN_TOKEN", bad)]);
        let error = find(&sources(&environment), &Patience::default()).unwrap_err();
        assert!(!error.to_string().contains(bad), "{error}");
    }
}

#[test]
fn a_token_that_is_no_text_is_refused_and_not_passed_over_for_the_next() {
    use std::os::unix::ffi::OsStringExt;
    let broken = std::ffi::OsString::from_vec(b"canary\xff".to_vec());
    let environment = Environment::of(&[("DIGITALOCEAN_ACCESS_TOKEN", "second")]);
    let environment = environment.with("DIGITALOCEAN_TOKEN", broken);
    let error = find(&sources(&environment), &Patience::default()).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, Error::BadToken { .. }), "{message}");
    assert!(
        message.contains("DIGITALOCEAN_TOKEN") && !message.contains("canary"),
        "{message}"
    );
}

#[test]
fn a_token_that_is_written_as_in_a_file_of_variables_is_refused_with_the_reason() {
    let refused = |text: &str| {
        let environment = Environment::of(&[("DIGITALOCEAN_TOKEN", text)]);
        let message = find(&sources(&environment), &Patience::default())
            .unwrap_err()
            .to_string();
        assert!(!message.contains("canary"), "{message}");
        message
    };
    for text in [
        "DIGITALOCEAN_TOKEN=dop_v1_canary",
        "export DIGITALOCEAN_TOKEN=dop_v1_canary",
        "TOKEN = canary",
        "token=dop_v1_canary",
    ] {
        assert!(refused(text).contains("NAME=VALUE"), "{text}");
    }
    for text in ["\"dop_v1_canary\"", "'canary'", "canary'"] {
        assert!(refused(text).contains("quotes"), "{text}");
    }
    for good in ["dop_v1_x", "Zm9v=", "Zm9vYg==", "FOO==", "a=b.c-d_e"] {
        let environment = Environment::of(&[("DIGITALOCEAN_TOKEN", good)]);
        assert_eq!(found(&sources(&environment)).0, good);
    }
}

#[test]
fn a_credential_that_is_there_and_cannot_be_read_is_not_passed_over() {
    use std::os::unix::fs::symlink;
    let home = Home::new();
    let environment = home.with_credentials();
    let path = home.path("credentials/digitalocean-token");
    let refused = || {
        let with_less = Sources {
            context: Some("default"),
            ..sources(&environment)
        };
        let error = find(&with_less, &Patience::default()).unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{error}");
    };
    for target in [Path::new("/nowhere"), Path::new("digitalocean-token")] {
        std::fs::remove_file(&path).unwrap();
        symlink(target, &path).unwrap();
        refused();
    }
    // An unreadable entry is not an absent one.
    std::fs::remove_dir_all(home.path("credentials")).unwrap();
    home.write("credentials", "no folder", 0o600);
    refused();
}

#[cfg(not(target_os = "macos"))]
#[test]
fn sources_that_are_set_and_not_looked_at_are_named() {
    let home = Home::new();
    let environment = home.with_credentials();
    let environment = environment
        .with("DIGITALOCEAN_TOKEN", "first")
        .with("DIGITALOCEAN_ACCESS_TOKEN", "second");
    let command = Hidden::from("exit 1".to_owned());
    let all = Sources {
        flag: Some("work"),
        environment: &environment,
        file: Some(PathBuf::from("/nowhere")),
        command: Some(&command),
        context: Some("default"),
        is_own: false,
    };
    let everything = [
        "DIGITALOCEAN_TOKEN",
        "DIGITALOCEAN_ACCESS_TOKEN",
        "`token_file`",
        "`token_command`",
        "the credential `digitalocean-token`",
        "`doctl_context`",
    ];
    assert_eq!(
        find(&all, &Patience::default()).unwrap().passed_over,
        everything
    );
    let less = Sources { flag: None, ..all };
    assert_eq!(
        find(&less, &Patience::default()).unwrap().passed_over,
        everything[1..]
    );
    let only = Environment::of(&[("DIGITALOCEAN_TOKEN", "first")]);
    let token = find(&sources(&only), &Patience::default()).unwrap();
    assert_eq!(token.passed_over, [""; 0]);
}
