//! Several accounts in one configuration: apart where they are stored, and side by side where they are synced.

mod daemon;
mod exported;
mod listed;
mod synced;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::account::settled;
use crate::archive::Archive;
use crate::cloud::{Cloud, Fault, FaultRule, Options};
use crate::process::{Run, Running};
use crate::sandbox::{Sandbox, UNPACED};

/// A user with several accounts, each with an API, a team, a token and a history of its own.
struct Agency {
    sandbox: Sandbox,
    clouds: BTreeMap<&'static str, Cloud>,
}

impl Agency {
    fn new(names: &[&'static str]) -> Self {
        Self::with(names, UNPACED)
    }

    /// `top` is the top level of the configuration.
    fn with(names: &[&'static str], top: &str) -> Self {
        let start = |(seed, name): (u64, &&'static str)| {
            let cloud = Cloud::start(Options {
                seed,
                token: format!("dop_v1_of_{name}"),
                ..settled(3, 250)
            });
            let cloud = cloud.unwrap();
            let team =
                format!(r#"{{"account": {{"uuid": "me", "team": {{"uuid": "team-{name}"}}}}}}"#);
            cloud.break_with(FaultRule::new(Fault::Body(team)).path("/v2/account"));
            (*name, cloud)
        };
        let agency = Self {
            // An empty variable counts as unset.
            sandbox: Sandbox::new().with("ARCHIVER_DB", ""),
            clouds: (1..).zip(names).map(start).collect(),
        };
        let pairs: Vec<_> = names.iter().map(|name| (*name, *name)).collect();
        agency.configure(top, &pairs, "");
        agency
    }

    /// Writes the configuration: for each name the account whose API and token it has, and then `rest`.
    fn configure(&self, top: &str, pairs: &[(&str, &str)], rest: &str) {
        let mut text = format!("{top}\n");
        for (name, of) in pairs {
            let (cloud, file) = (&self.clouds[of], self.token_file(of));
            fs::write(&file, cloud.token()).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            let (url, file) = (cloud.url(), file.display());
            text += &format!("[accounts.{name}]\napi_url = '{url}'\ntoken_file = '{file}'\n");
        }
        let path = self.sandbox.config_file();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text + rest).unwrap();
    }

    fn token_file(&self, name: &str) -> PathBuf {
        self.sandbox.folder().join(format!("{name}.token"))
    }

    fn db(&self, name: &str) -> PathBuf {
        let folder = self.sandbox.folder().join("home/.local/share/archiver");
        folder.join(format!("{name}.db"))
    }

    #[track_caller]
    fn archive(&self, name: &str) -> Archive {
        Archive::open(&self.db(name))
    }

    fn start(&self, words: &[&str]) -> Running {
        Running::start(self.sandbox.command(words))
    }

    fn run(&self, words: &[&str]) -> Run {
        self.start(words).end()
    }

    /// Syncs all accounts.
    fn sync(&self, flags: &[&str]) -> Run {
        self.run(&[&["sync", "--account", "all"], flags].concat())
    }

    #[track_caller]
    fn each_equals_its_cloud(&self) {
        for (name, cloud) in &self.clouds {
            self.archive(name).equals(cloud);
        }
    }
}
