//! The common parts of all measurements: selected rows, corpus size, places of files.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

use crate::Outcome;
use crate::figure::Row;
use crate::peers::Peers;

/// Rows that are measured together.
pub(crate) struct Group {
    /// The names for their selection.
    pub(crate) rows: &'static [&'static str],
    pub(crate) measure: fn(&Bench) -> Outcome<Vec<Row>>,
}

impl Group {
    /// The selected rows. After a failed measurement, one row gives the reason.
    pub(crate) fn measured(&self, bench: &Bench) -> Vec<Row> {
        let wanted: Vec<&str> = self
            .rows
            .iter()
            .copied()
            .filter(|name| bench.wants(name))
            .collect();
        if wanted.is_empty() {
            return Vec::new();
        }
        eprintln!("measuring {}", wanted.join(", "));
        let measured = (self.measure)(bench);
        let rows = measured.unwrap_or_else(|error| {
            eprintln!("{error}");
            vec![Row::failed(wanted[0], &error.to_string())]
        });
        rows.into_iter()
            .filter(|row| bench.wants(row.name))
            .collect()
    }
}

/// One run of the benchmark.
pub(crate) struct Bench {
    pub(crate) peers: Peers,
    wanted: Vec<String>,
    quick: bool,
    scratch: TempDir,
}

impl Bench {
    pub(crate) fn new(quick: bool, wanted: Vec<String>) -> Outcome<Self> {
        fs::create_dir_all(kept())?;
        Ok(Self {
            peers: Peers::found(),
            wanted,
            quick,
            // On the disk of the target folder: a file system in memory writes nothing.
            scratch: tempfile::tempdir_in(kept())?,
        })
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|part| name.contains(part.as_str()))
    }

    pub(crate) fn is_about_growth(&self) -> bool {
        self.wanted.iter().any(|word| word == "growth")
    }

    /// This number of actions, or a tenth of it with `--quick`.
    pub(crate) fn sized(&self, actions: usize) -> usize {
        if self.quick { actions / 10 } else { actions }
    }

    /// The number of counted rounds for a measurement that takes seconds.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 2 } else { 3 }
    }

    /// A path for a file that is removed after the run.
    pub(crate) fn scratch(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// A description of the machine.
    pub(crate) fn machine(&self) -> String {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        // The other load of the machine; only Linux reports it this way.
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').nth(1).unwrap_or_default();
        let load = match load {
            "" => String::new(),
            load => format!(" with a load of {load}"),
        };
        let corpus = if self.quick {
            "a tenth of the corpus"
        } else {
            "the whole corpus"
        };
        format!(
            "archiver {}, {} {}, {processors} processors{load}, {corpus}. {}",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            self.peers.versions()
        )
    }
}

/// The folder for costly inputs that later runs use again.
pub(crate) fn kept() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("figures")
}

/// A number that changes with the content of any of these files and folders of the project.
pub(crate) fn fingerprint(paths: &[&str]) -> Outcome<String> {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    for path in paths {
        let mut files = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path))?;
        files.sort();
        for file in files {
            for byte in fs::read(file)? {
                state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    Ok(format!("{state:016x}"))
}

fn files_below(path: &Path) -> Outcome<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path)? {
        files.extend(files_below(&entry?.path())?);
    }
    Ok(files)
}

/// The path of a kept file with this name and fingerprint. Removes the file that it replaces.
pub(crate) fn kept_file(name: &str, fingerprint: &str, extension: &str) -> Outcome<PathBuf> {
    fs::create_dir_all(kept())?;
    for entry in fs::read_dir(kept())? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let other = stem
            .rsplit_once('-')
            .filter(|(other, _)| *other == name)
            .map(|(_, fingerprint)| fingerprint);
        if other.is_some_and(|other| other != fingerprint) {
            fs::remove_file(&path)?;
        }
    }
    Ok(kept().join(format!("{name}-{fingerprint}.{extension}")))
}
