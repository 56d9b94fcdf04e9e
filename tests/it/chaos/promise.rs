//! The properties of an archive after any sync, and after a complete sync.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use archiver::archive::open_read_only;
use archiver::query::verify::{Depth, verify};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::archive::Archive;
use crate::cloud::{Action, Cloud};
use crate::process::Run;
use crate::sandbox::Sandbox;
use crate::shown::Shown;

/// The actions that a scope lists at one moment.
pub(super) struct Listed {
    watched: Option<BTreeSet<i64>>,
    actions: BTreeMap<i64, Action>,
    /// The watched droplet that lists an action.
    droplets: BTreeMap<i64, i64>,
}

impl Listed {
    pub(super) fn now(cloud: &Cloud, watched: Option<&BTreeSet<i64>>) -> Self {
        let mut listed = Self {
            watched: watched.cloned(),
            actions: BTreeMap::new(),
            droplets: BTreeMap::new(),
        };
        let Some(ids) = watched else {
            let actions = cloud.actions().into_iter();
            listed.actions = actions.map(|action| (action.id, action)).collect();
            return listed;
        };
        for droplet in ids {
            for action in cloud.actions_of(*droplet) {
                listed.droplets.insert(action.id, *droplet);
                listed.actions.insert(action.id, action);
            }
        }
        listed
    }

    /// These actions as an answer of the API. Of watched droplets, only the actions that say so: no sync asks for others.
    pub(super) fn as_file(&self) -> String {
        let row = |it: &Action| {
            serde_json::json!({
                "id": it.id, "status": it.status, "type": it.kind, "started_at": it.started_at,
                "completed_at": it.completed_at, "resource_id": it.resource_id,
                "resource_type": it.resource_type, "region_slug": it.region_slug,
            })
        };
        let says_so = |it: &&Action| it.resource_type.as_deref() == Some("droplet");
        let actions = self.actions.values();
        let actions = actions.filter(|it| self.watched.is_none() || says_so(it));
        serde_json::json!({ "actions": actions.map(row).collect::<Vec<_>>() }).to_string()
    }

    /// The actions that the API attributes to the scope. No listing has the volume actions of a gone droplet under that
    /// droplet's id.
    fn has<'a>(&'a self, gone: &'a BTreeSet<i64>) -> impl Iterator<Item = &'a Action> {
        self.actions.values().filter(move |action| {
            let says_so = action.resource_type.as_deref() == Some("droplet");
            let droplet = self.droplets.get(&action.id);
            says_so || droplet.is_none_or(|droplet| !gone.contains(droplet))
        })
    }

    /// The archive has only actions that are listed, or that were listed until they were removed.
    #[track_caller]
    pub(super) fn is_all_there_is(&self, archive: &Archive, cloud: &Cloud) {
        let removed = self.removed(cloud);
        for action in archive.actions().values() {
            let was_removed = removed.get(&action.id);
            if !was_removed.is_some_and(|it| is_or_was(action, it)) {
                assert_eq!(self.actions.get(&action.id), Some(action));
            }
        }
    }

    /// The actions that the scope listed once.
    fn removed(&self, cloud: &Cloud) -> BTreeMap<i64, Action> {
        let removed = match &self.watched {
            Some(ids) => ids
                .iter()
                .flat_map(|id| cloud.removed_actions_of(*id))
                .collect(),
            None => cloud.removed_actions(),
        };
        removed
            .into_iter()
            .map(|action| (action.id, action))
            .collect()
    }
}

/// A copy of the archive with all files that a killed sync left beside it; `None` when no archive exists yet.
fn copy(sandbox: &Sandbox) -> Option<(TempDir, Connection)> {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["", "-wal", "-journal"] {
        let name = format!("archive.db{ending}");
        match fs::copy(
            sandbox.db().with_file_name(&name),
            folder.path().join(&name),
        ) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            copied => assert!(copied.is_ok(), "{copied:?}"),
        }
    }
    let path = folder.path().join("archive.db");
    if !path.exists() {
        return None;
    }
    let connection = Connection::open(&path).unwrap();
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'coverage'";
    let tables: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    (tables == 1).then_some((folder, connection))
}

/// The archived state of each listing, for the chronicle: total, total proven complete, and covered positions.
pub(super) fn ledger(sandbox: &Sandbox) -> String {
    let Some((_folder, connection)) = copy(sandbox) else {
        return String::new();
    };
    let sql = "
        SELECT printf('%s: total %s, complete %s, followed from %s, covers %s', path,
                      ifnull(total, '-'), ifnull(complete_total, '-'), ifnull(followed_from, '-'),
                      ifnull((SELECT group_concat(start_position || '..' || end_position, ' ')
                                FROM coverage WHERE listing_id = listings.id), '-'))
          FROM listings";
    let mut statement = connection.prepare(sql).unwrap();
    let lines = statement.query_map([], |row| row.get::<_, String>(0));
    lines
        .unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>()
        .join("\n")
}

/// True when the archive has any action of a droplet. A sync may be at work: then the copy may be torn, and the answer
/// is false.
pub(super) fn is_known(sandbox: &Sandbox, droplet: i64) -> bool {
    let Ok(archive) =
        Connection::open_with_flags(sandbox.db(), rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
    else {
        return false;
    };
    let sql = "SELECT EXISTS (SELECT 1 FROM actions WHERE resource_type = 'droplet' AND resource_id = ?1)";
    archive
        .query_row(sql, [droplet], |row| row.get(0))
        .unwrap_or(false)
}

/// All archived actions. The archive must be sound after any event.
fn archived(sandbox: &Sandbox) -> BTreeMap<i64, Action> {
    let Some((folder, connection)) = copy(sandbox) else {
        return BTreeMap::new();
    };
    drop(connection);
    let path = folder.path().join("archive.db");
    vouches_for_no_row_that_is_not_there(&path);
    Archive::open(&path).actions()
}

/// All covered actions are archived, for any answer of the API and any moment of a kill.
#[track_caller]
fn vouches_for_no_row_that_is_not_there(path: &Path) {
    let archive = open_read_only(path).unwrap();
    let now = "2026-01-01T12:00:00Z".parse().unwrap();
    let verification = verify(&archive, Depth::Full, now).unwrap();
    assert!(verification.is_sound, "{verification:#?}");
}

/// The actions that the listings have shown, during this sync and before it, and whether the answers may be out of
/// date.
pub(super) struct Evidence<'a> {
    pub(super) shown: &'a Shown,
    pub(super) earlier: &'a Shown,
    pub(super) may_be_stale: bool,
}

impl Evidence<'_> {
    /// The listed actions that must be archived.
    fn promised<'a>(
        &'a self,
        listed: &'a Listed,
        gone: &'a BTreeSet<i64>,
    ) -> impl Iterator<Item = &'a Action> {
        let droplet_of = |action: &Action| listed.droplets.get(&action.id).copied();
        listed
            .has(gone)
            .filter(move |action| self.promises(droplet_of(action), action, gone))
    }

    /// All actions of an existing droplet are promised when no possibly outdated listing answered.
    fn promises(&self, droplet: Option<i64>, action: &Action, gone: &BTreeSet<i64>) -> bool {
        let (shown, earlier) = (self.shown, self.earlier);
        let is_unheard = droplet.is_some_and(|id| shown.is_silent_about(id) && !gone.contains(&id));
        if self.may_be_stale && !is_unheard {
            shown.promises(earlier, droplet, action)
        } else {
            shown.promises_up_to_date(earlier, droplet, action)
        }
    }
}

/// Checks the result of a sync: the file is sound, nothing is invented, and an incomplete sync says so. A sync that
/// claims to be complete has archived everything that was listed at its start and shown, except what was removed since.
#[track_caller]
pub(super) fn check(
    sandbox: &Sandbox,
    cloud: &Cloud,
    listed: &Listed,
    evidence: &Evidence<'_>,
    run: &Run,
) {
    let archived = archived(sandbox);
    let truth = Listed::now(cloud, listed.watched.as_ref()).actions;
    let removed = listed.removed(cloud);
    for action in archived.values() {
        let is_true = truth
            .get(&action.id)
            .or_else(|| removed.get(&action.id))
            .is_some_and(|it| is_or_was(action, it));
        assert!(is_true, "archived but not true: {action:?}\n{run}");
    }
    match run.status.code() {
        None => {}
        Some(0) => {
            let gone = cloud.destroyed_droplets().into_iter();
            let gone = gone.map(|droplet| droplet.id).collect();
            for action in evidence.promised(listed, &gone) {
                let found = archived.get(&action.id);
                let was_right = |found| evidence.may_be_stale && is_or_was(found, action);
                let is_right = found == Some(action)
                    || found.is_some() && found == truth.get(&action.id)
                    || found.is_some_and(was_right)
                    || removed.contains_key(&action.id);
                assert!(
                    is_right,
                    "listed: {action:?}, {}\narchived: {found:?}\n{run}",
                    place(cloud, action.id)
                );
            }
        }
        Some(_) => assert!(run.stderr.contains("error: "), "no words: {run}"),
    }
}

/// The place of an action in the account's listing.
fn place(cloud: &Cloud, id: i64) -> String {
    let actions = cloud.actions();
    let newer = actions.iter().position(|action| action.id == id);
    format!("{newer:?} of {} are newer", actions.len())
}

/// True when an action is archived as it is, or as it was before it ended.
fn is_or_was(archived: &Action, truth: &Action) -> bool {
    let before = Action {
        status: Some("in-progress".to_owned()),
        completed_at: None,
        ..truth.clone()
    };
    archived == truth || *archived == before
}
