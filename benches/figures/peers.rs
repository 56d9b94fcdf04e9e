//! The peers of `archiver`, as far as this machine has them.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// An installed program.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) program: PathBuf,
    version: String,
}

/// A program, or a hint about its installation.
pub(crate) type Found = Result<Peer, &'static str>;

/// All peers.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) sqlite3: Found,
    pub(crate) curl: Found,
    pub(crate) python: Found,
}

impl Peers {
    pub(crate) fn found() -> Self {
        let plain = |program: &str, reason| {
            let version = output(program, &["--version"]).ok_or(reason)?;
            Ok(Peer {
                program: program.into(),
                version: version
                    .split_whitespace()
                    .find(|word| word.starts_with(char::is_numeric))
                    .unwrap_or_default()
                    .to_owned(),
            })
        };
        Self {
            sqlite3: plain("sqlite3", "no sqlite3 shell: install the package `sqlite3`"),
            curl: plain("curl", "no curl: install the package `curl`"),
            python: python(),
        }
    }

    /// The versions of the installed programs, for the line above the table.
    pub(crate) fn versions(&self) -> String {
        let found = [
            ("sqlite3", &self.sqlite3),
            ("curl", &self.curl),
            ("python3", &self.python),
        ];
        let words = found.map(|(name, peer)| match peer {
            Ok(peer) => format!("{name} {}", peer.version),
            Err(_) => format!("no {name}"),
        });
        words.join(", ")
    }
}

/// The interpreter itself: the command in the path may be a script that searches for it.
fn python() -> Found {
    let script =
        "import sys, requests, sqlite_utils; print(sys.executable, sys.version.split()[0])";
    let missing = "no python3 with requests and sqlite-utils: `pip install requests sqlite-utils`";
    let words = output("python3", &["-c", script]).ok_or(missing)?;
    let (program, version) = words.trim().rsplit_once(' ').ok_or(missing)?;
    Ok(Peer {
        program: program.into(),
        version: version.to_owned(),
    })
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
