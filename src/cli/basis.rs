//! What an answer is based on. Each reason why an answer may be wrong is one line on stderr, and they decide the exit
//! status of `--exit-code`.
//!
//! `Context::open_archive` reads whether the archive is complete, so that no question forgets it.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use archiver::archive::LockState;
use archiver::core::model::DropletId;
use archiver::core::threads::lock;
use archiver::core::time::Timestamp;
use archiver::query::status::{self, ago, counted};
use archiver::query::{self, Choice, DropletSelector, Filter};
use rusqlite::Connection;

use super::exit::Failure;
use super::terminal::Terminal;

/// The basis of the answer of one command.
#[derive(Clone, Default)]
pub(super) struct Basis {
    archive: Arc<OnceLock<status::Basis>>,
    remarks: Arc<Mutex<Vec<Remark>>>,
}

/// A line about the droplets of an answer.
struct Remark {
    text: String,
    /// True when an answer without rows may be wrong.
    is_doubt: bool,
}

/// A table says when the last complete sync is older.
const OLD_SECONDS: i64 = 24 * 3600;

impl Basis {
    /// Reads whether the archive is complete.
    pub(super) fn read(&self, connection: &Connection, path: &Path) -> Result<(), Failure> {
        let sync = LockState::of(path);
        let basis = status::basis(connection, &sync, Timestamp::now())?;
        // A command asks one archive.
        let _ = self.archive.set(basis);
        Ok(())
    }

    /// Notes which of the droplets of an answer are not archived; `None`: of all droplets. When the user named them, an
    /// answer without rows may be wrong; otherwise it is about the archived ones.
    pub(super) fn note_unarchived(
        &self,
        connection: &Connection,
        droplets: Option<&[DropletId]>,
        are_named: bool,
    ) -> Result<(), Failure> {
        let is_told = |basis: &status::Basis| basis.missing.is_some() && basis.is_of_account;
        if are_named && self.archive.get().is_some_and(is_told) {
            return Ok(());
        }
        let unarchived = query::not_archived(connection, droplets)?;
        if !unarchived.is_empty() {
            lock(&self.remarks).push(Remark {
                text: in_words(connection, &unarchived)?,
                is_doubt: are_named,
            });
        }
        Ok(())
    }

    /// True when actions of the scope are missing.
    pub(super) fn is_incomplete(&self) -> bool {
        self.missing().is_some()
    }

    /// True when an answer without rows may be wrong.
    pub(super) fn is_doubtful(&self) -> bool {
        self.is_incomplete() || lock(&self.remarks).iter().any(|remark| remark.is_doubt)
    }

    fn missing(&self) -> Option<&String> {
        self.archive.get()?.missing.as_ref()
    }

    /// Prints each line.
    pub(super) fn tell(&self, terminal: Terminal) {
        if let Some(missing) = self.missing() {
            terminal.warning(&format!("archive incomplete: {missing}"));
        }
        for remark in lock(&self.remarks).iter() {
            terminal.warning(&remark.text);
        }
    }

    /// Prints the age of an old archive.
    pub(super) fn tell_age(&self, terminal: Terminal) {
        let fresh_at = self.archive.get().and_then(|basis| basis.fresh_at);
        let Some(age) = fresh_at.map(|at| at.age_at(Timestamp::now())) else {
            return;
        };
        if age.is_none_or(|seconds| seconds > OLD_SECONDS) {
            let text = format!("the last complete sync began {}", ago(age));
            terminal.note(&text);
        }
    }
}

/// `3 droplets are not archived: 7, 8, 9`; `not archived completely` when some of their actions are.
fn in_words(connection: &Connection, droplets: &[DropletId]) -> Result<String, Failure> {
    const MOST: usize = 5;
    let filter = Filter {
        droplets: Choice::any_of(droplets.iter().map(|id| DropletSelector::Id(*id))),
        ..Filter::default()
    };
    let is_in_part = query::count(connection, &filter, Timestamp::now())? > 0;
    let how = if is_in_part { " completely" } else { "" };
    let ids: Vec<_> = droplets.iter().map(ToString::to_string).collect();
    Ok(match droplets {
        [id] => format!("droplet {id} is not archived{how}"),
        _ => {
            let number = counted(ids.len() as u64, "droplet");
            let list = if ids.len() <= MOST {
                format!(": {}", ids.join(", "))
            } else {
                String::new()
            };
            format!("{number} are not archived{how}{list}")
        }
    })
}
