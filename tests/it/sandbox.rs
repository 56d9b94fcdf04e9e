//! A user's machine in a temporary folder: a home, an archive, and an environment with only the necessary variables.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::archive::Archive;
use crate::cloud::Cloud;
use crate::process::{Run, Running};

/// A configuration without pacing, so that no test waits for the next minute.
pub(crate) const UNPACED: &str =
    "[limits]\nrequests_per_minute = 4000000000\nrequests_per_hour = 4000000000\n";

/// The environment has only the variables that a test sets.
pub(crate) struct Sandbox {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// Adds this environment variable.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Writes this configuration to its usual place.
    pub(crate) fn configured(self, text: &str) -> Self {
        let path = self.config_file();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder().join("home/.config/archiver/config.toml")
    }

    /// The path of the archive, unless a test sets another.
    pub(crate) fn db(&self) -> PathBuf {
        self.folder().join("data/archive.db")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_archiver"), arguments)
    }

    /// Any program in the same environment.
    pub(crate) fn command_of(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.folder().join("home"))
            .env("ARCHIVER_DB", self.db());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        Running::start(self.command(arguments)).end()
    }

    /// Runs the program for a reader that closes the pipe after one line, which is not an error.
    #[track_caller]
    pub(crate) fn is_read_for_one_line(&self, arguments: &[&str]) {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::with_capacity(16, child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let ended = (output.status.code(), stderr.as_str());
        assert_eq!(ended, (Some(0), ""), "{arguments:?}");
    }

    pub(crate) fn query(&self, flags: &[&str]) -> Run {
        self.run(&[&["query"], flags].concat())
    }

    /// `archiver sync` against this cloud, with its token.
    pub(crate) fn sync(&self, cloud: &Cloud, flags: &[&str]) -> Run {
        self.start_sync(cloud, flags).end()
    }

    pub(crate) fn start_sync(&self, cloud: &Cloud, flags: &[&str]) -> Running {
        Running::start(self.sync_command(cloud, flags))
    }

    pub(crate) fn sync_command(&self, cloud: &Cloud, flags: &[&str]) -> Command {
        let mut command = self.command(&[&["sync"], flags].concat());
        command
            .env("DIGITALOCEAN_API_URL", cloud.url())
            .env("DIGITALOCEAN_TOKEN", cloud.token());
        command
    }

    /// The archive, which must be sound.
    #[track_caller]
    pub(crate) fn archive(&self) -> Archive {
        Archive::open(&self.db())
    }

    /// The names of the files beside the archive, itself included.
    pub(crate) fn files_at_rest(&self) -> Vec<String> {
        let folder = self.db().parent().unwrap().to_owned();
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// Every file in a folder and its subfolders.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
