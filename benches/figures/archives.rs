//! Measured syncs, and archives for questions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rusqlite::{Connection, OpenFlags};

use crate::Outcome;
use crate::bench::{self, Bench, fingerprint};
use crate::corpus::Corpus;
use crate::measure::{self, Usage, command};
use crate::recording::TOKEN;
use crate::serve::Server;

/// The sources that determine an archive.
const MADE_BY: [&str; 6] = [
    "migrations",
    "src/api",
    "src/archive",
    "src/sync",
    "examples/simulator",
    "benches/figures/corpus.rs",
];

/// The measured binary.
pub(crate) fn archiver(arguments: &[&str]) -> Command {
    let mut command = command(env!("CARGO_BIN_EXE_archiver"));
    command.args(arguments);
    command
}

/// A question to an archive.
pub(crate) fn question(archive: &Path, arguments: &[&str]) -> Command {
    let mut command = archiver(arguments);
    command.env("ARCHIVER_DB", archive);
    command
}

/// Syncs of one account, without its limits on the rate of requests.
#[derive(Debug)]
pub(crate) struct Syncs {
    server: Server,
    config: PathBuf,
}

impl Syncs {
    /// Of the whole account, or of its droplets one by one.
    pub(crate) fn of(bench: &Bench, corpus: Corpus) -> Outcome<Self> {
        let server = Server::start(corpus)?;
        let config = bench.scratch(&format!("{}.toml", corpus.name()));
        let mut text = String::new();
        if corpus.by_droplet {
            text = format!("[sync]\ndroplets = {:?}\n", corpus.recording()?.droplets());
        }
        text.push_str(
            "[limits]\nrequests_per_minute = 4000000000\nrequests_per_hour = 4000000000\n",
        );
        fs::write(&config, text)?;
        Ok(Self { server, config })
    }

    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// Runs one more sync into this file.
    pub(crate) fn again(&self, archive: &Path) -> Outcome<Usage> {
        let mut command = question(archive, &["sync"]);
        command
            .env("ARCHIVER_CONFIG", &self.config)
            .env("DIGITALOCEAN_API_URL", self.url())
            .env("DIGITALOCEAN_TOKEN", TOKEN);
        measure::usage(&command)
    }

    /// Runs the first sync into this file.
    pub(crate) fn first(&self, archive: &Path) -> Outcome<Usage> {
        forget(archive)?;
        self.again(archive)
    }
}

/// Removes a database and its possible companion files.
pub(crate) fn forget(database: &Path) -> Outcome<()> {
    for suffix in ["", "-wal", "-shm", "-journal", ".lock"] {
        let mut path = database.as_os_str().to_owned();
        path.push(suffix);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// The archive of an account, from an earlier run or synced now.
pub(crate) fn kept(bench: &Bench, corpus: Corpus) -> Outcome<PathBuf> {
    let path = bench::kept_file(
        &format!("archive-{}", corpus.name()),
        &fingerprint(&MADE_BY)?,
        "db",
    )?;
    if !path.exists() {
        eprintln!("archiving {} actions, once", corpus.actions);
        let unfinished = bench.scratch("unfinished.db");
        Syncs::of(bench, corpus)?.first(&unfinished)?;
        fs::rename(unfinished, &path)?;
    }
    Ok(path)
}

/// The size of a file in bytes.
pub(crate) fn size(path: &Path) -> Outcome<f64> {
    Ok(fs::metadata(path)?.len() as f64)
}

/// An archive, opened for inspection.
pub(crate) fn open(archive: &Path) -> Outcome<Connection> {
    Ok(Connection::open_with_flags(
        archive,
        OpenFlags::SQLITE_OPEN_READ_ONLY,
    )?)
}
