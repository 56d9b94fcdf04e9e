//! The basis of an answer. Each reason why an answer may be wrong is one line on stderr, and decides about the exit
//! status of `--exit-code`.
//!
//! `Context::open_archive` reads whether the archive is complete, so that no question forgets it.

use std::path::Path;
use std::sync::{Arc, Mutex};

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
pub(super) struct Basis(Arc<Mutex<Facts>>);

#[derive(Default)]
struct Facts {
    /// `None` until an archive is open.
    archive: Option<status::Basis>,
    /// Lines about the droplets of the answer.
    remarks: Vec<String>,
    /// True when a remark says that an answer without rows may be wrong.
    is_doubtful: bool,
    is_about_absence: bool,
}

/// The part of an answer that may be wrong because actions are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    Nothing,
    /// An answer without rows.
    NoRows,
    /// Rows too: one may say that something did not happen.
    Rows,
}

/// A table says when the last complete sync is older.
const OLD_SECONDS: i64 = 24 * 3600;

impl Basis {
    /// Reads whether the archive is complete.
    pub(super) fn read(&self, connection: &Connection, path: &Path) -> Result<(), Failure> {
        let basis = status::basis(connection, &LockState::of(path), Timestamp::now())?;
        lock(&self.0).archive = Some(basis);
        Ok(())
    }

    /// Notes that a missing action may be the one that a row says did not happen.
    pub(super) fn note_absence(&self) {
        lock(&self.0).is_about_absence = true;
    }

    /// Notes which of the droplets of an answer are not archived; `None`: of all droplets. When the user named them, an
    /// answer without rows may be wrong; otherwise it is about the archived ones.
    pub(super) fn note_unarchived(
        &self,
        connection: &Connection,
        droplets: Option<&[DropletId]>,
        are_named: bool,
    ) -> Result<(), Failure> {
        let mut facts = lock(&self.0);
        let is_told = |basis: &status::Basis| basis.missing.is_some() && basis.is_of_account;
        if are_named && facts.archive.as_ref().is_some_and(is_told) {
            return Ok(());
        }
        let unarchived = query::not_archived(connection, droplets)?;
        if !unarchived.is_empty() {
            facts.remarks.push(in_words(connection, &unarchived)?);
            facts.is_doubtful |= are_named;
        }
        Ok(())
    }

    /// True when actions of the scope are missing.
    pub(super) fn is_incomplete(&self) -> bool {
        lock(&self.0).missing().is_some()
    }

    pub(super) fn doubt(&self) -> Doubt {
        let facts = lock(&self.0);
        match facts.missing() {
            Some(_) if facts.is_about_absence => Doubt::Rows,
            None if !facts.is_doubtful => Doubt::Nothing,
            _ => Doubt::NoRows,
        }
    }

    /// Prints each line.
    pub(super) fn tell(&self, terminal: Terminal) {
        let facts = lock(&self.0);
        if let Some(missing) = facts.missing() {
            terminal.warning(&format!("archive incomplete: {missing}"));
        }
        terminal.warnings(&facts.remarks);
    }

    /// Prints the age of an old archive.
    pub(super) fn tell_age(&self, terminal: Terminal) {
        let fresh_at = lock(&self.0).archive.as_ref().and_then(|it| it.fresh_at);
        let Some(age) = fresh_at.map(|at| at.age_at(Timestamp::now())) else {
            return;
        };
        if age.is_none_or(|seconds| seconds > OLD_SECONDS) {
            terminal.note(&format!("the last complete sync began {}", ago(age)));
        }
    }
}

impl Facts {
    fn missing(&self) -> Option<&String> {
        self.archive.as_ref()?.missing.as_ref()
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
    let number = counted(ids.len() as u64, "droplet");
    Ok(match ids.len() {
        1 => format!("droplet {} is not archived{how}", ids[0]),
        2..=MOST => format!("{number} are not archived{how}: {}", ids.join(", ")),
        _ => format!("{number} are not archived{how}"),
    })
}
